"""The forms of a plan: what is chosen for it, what its list shows, and what is sent all the same."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from django import forms
from django.db.models import Q, QuerySet

from promotion.domain.keys import KEYLESS
from promotion.domain.plan_choices import MOST_BATCH, MOST_PAUSE_SECONDS, MOST_RATE, Mode, PlanChoices, Policy
from promotion.forms.events import ANY, IdsField, types_of
from promotion.models import EventType, Judgement, Plan
from promotion.states import FORCIBLE, REFUSING, Verdict

DEFAULTS = PlanChoices()
#: What may stand in the address of the page, so that a link proposes it.
PROPOSED = ("mode", "batch_size")
KEEP_OR_REPLAY = [
    (Policy.KEEP.value, "Keep the source's"),
    (Policy.REPLAY.value, "The time of replay, fixed when the plan is made"),
]


class PlanForm(forms.Form):
    """What people choose for a plan; `choices` is it, where the form is valid."""

    nonce = forms.ChoiceField(
        label="Nonces",
        widget=forms.RadioSelect,
        choices=[
            (Policy.CONTINUE.value, "Continue the target's sequence of each user"),
            (Policy.KEEP.value, "Keep the source's"),
        ],
        help_text="A user's nonces are consecutive on each environment. Continued, they follow the target's highest.",
    )
    kafka_timestamp = forms.ChoiceField(
        label="Kafka's timestamps",
        widget=forms.RadioSelect,
        choices=KEEP_OR_REPLAY,
        help_text="What retention and the order of a later promotion go by.",
    )
    event_timestamp = forms.ChoiceField(
        label="The events' own timestamps (EventId)",
        widget=forms.RadioSelect,
        choices=KEEP_OR_REPLAY,
        help_text="Kept, an unedited event stays what it was to the last byte.",
    )
    mode = forms.ChoiceField(
        label="How they are committed",
        widget=forms.RadioSelect,
        choices=[
            (
                Mode.ALL.value,
                "All or nothing: one transaction. A crash or a cancel leaves nothing, and readers of committed records "
                "see all of it at once; they wait for it meanwhile, so a very large plan is refused.",
            ),
            (
                Mode.BATCHES.value,
                "In batches: one transaction after the other. Readers wait only for a batch, and any number of events "
                "can go; a cancel leaves the batches before it there, and the rest can go later.",
            ),
        ],
    )
    batch_size = forms.IntegerField(
        required=False, min_value=1, max_value=MOST_BATCH, label="Events a batch", help_text="In batches only."
    )
    rate = forms.IntegerField(
        required=False, min_value=0, max_value=MOST_RATE, label="Events a second", help_text="At most; 0: no limit."
    )
    pause_seconds = forms.FloatField(
        required=False,
        min_value=0,
        max_value=MOST_PAUSE_SECONDS,
        label="Seconds between two batches",
        help_text="So that slow consumers keep up.",
    )
    register_versions = forms.BooleanField(
        required=False,
        label="Register new schema versions",
        help_text="Where the target's registry has the subject but not this schema, add it as a new version if its "
        "compatibility level allows that, and add a type beside the one that it seems to have moved to. Otherwise such "
        "events are resolved to the latest version, or refused.",
    )
    accept_incomplete = forms.BooleanField(
        required=False,
        label="Plan although the export is incomplete",
        help_text="The records that retention deleted before they were read will be missing in the target.",
    )
    accept_partitions = forms.BooleanField(
        required=False,
        label="Accept another number of partitions",
        help_text="Each key keeps its order. Keys are spread anew: which of them share a partition changes.",
    )

    choices: PlanChoices = DEFAULTS

    @classmethod
    def proposing(cls, choices: PlanChoices, query: Mapping[str, str]) -> PlanForm:
        """Return an unbound form with `choices`, and with what a link to the page proposes instead."""
        return cls(initial=choices.to_json() | {name: query[name] for name in PROPOSED if query.get(name)})

    def clean(self) -> dict[str, Any]:
        """Make the choices of it; a number that was left out has its default."""
        given = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.choices = PlanChoices.from_json({k: v for k, v in given.items() if v is not None})
            except ValueError as error:
                self.add_error(None, str(error))
        return given


#: What becomes of an event -> the judgements that say so.
SHOWN: dict[str, tuple[str, Q]] = {
    "going": ("Goes out", Q(ordinal__isnull=False)),
    "stays": ("Stays behind", Q(ordinal__isnull=True)),
    "refused": ("Refused", Q(verdict__in=REFUSING, forced=False)),
    "forced": ("Forced", Q(forced=True)),
    "keyless": ("Has no key", Q(verdict=Verdict.INVALID, problem__in=KEYLESS)),
}


class JudgementFilterForm(forms.Form):
    """What the list of a plan shows, from the URL: a view can be shared."""

    text = forms.CharField(required=False, max_length=200, label="Thing", widget=forms.SearchInput)
    verdict = forms.ChoiceField(required=False, choices=[ANY, *Verdict.choices])
    type = forms.ChoiceField(required=False, label="Type", choices=[ANY])
    show = forms.ChoiceField(
        required=False, label="What becomes of it", choices=[ANY, *((name, said) for name, (said, _) in SHOWN.items())]
    )

    def __init__(self, data: Any, plan: Plan) -> None:
        super().__init__(data)
        self._plan = plan
        # Asked for when shown or checked only, and then once.
        self.fields["type"].choices = cache(lambda: types_of(plan.promotion))  # type: ignore[attr-defined]

    def judgements(self) -> QuerySet[Judgement] | None:
        """Return what to show, None where the form is not valid."""
        if not self.is_valid():
            return None
        given, found = self.cleaned_data, self._plan.judgements.all()
        if given["verdict"]:
            found = found.filter(verdict=given["verdict"])
        if given["type"]:
            # By its id and within the promotion: a rare type is found by the events' index, a frequent one in order.
            kind = EventType.objects.filter(full_name=given["type"]).values_list("pk", flat=True).first()
            found = found.filter(event__promotion=self._plan.promotion_id, event__event_type=kind)
        if given["show"]:
            found = found.filter(SHOWN[given["show"]][1]) if self._may_have(given["show"]) else found.none()
        return found.filter(aggregate__icontains=given["text"]) if given["text"] else found

    def _may_have(self, what: str) -> bool:
        """Whether the plan's counts leave room for such judgements: to find none, all would be looked at."""
        numbers = {"refused": self._plan.number_of(*REFUSING), "forced": self._plan.counts.get("forced")}
        return what not in numbers or bool(numbers[what])


class ForceForm(forms.Form):
    """Which events go out although the plan would leave them out or refuse them, and why.

    `plan` is the one that the page showed. Chosen rows, or `everything` of one verdict.
    """

    plan = forms.UUIDField()
    event = IdsField(required=False)
    everything = forms.ChoiceField(
        required=False, choices=[(each.value, each.label) for each in Verdict if each in FORCIBLE]
    )
    reason = forms.CharField(
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 1}),
        label="Reason",
        error_messages={"required": "Say why they are sent all the same."},
    )
    query = forms.CharField(required=False, max_length=8_000)

    def clean(self) -> dict[str, Any]:
        """Something has to be chosen."""
        given = super().clean() or self.cleaned_data
        if not given.get("event") and not given.get("everything") and not {"event", "everything"} & set(self.errors):
            raise forms.ValidationError("Choose the events that are to be sent all the same.")
        return given


class UnforceForm(forms.Form):
    """Whose force is taken back: chosen rows, or `everything`."""

    plan = forms.UUIDField()
    event = IdsField(required=False)
    everything = forms.BooleanField(required=False)
    query = forms.CharField(required=False, max_length=8_000)

    def clean(self) -> dict[str, Any]:
        """Something has to be chosen."""
        given = super().clean() or self.cleaned_data
        if not given.get("event") and not given.get("everything") and "event" not in self.errors:
            raise forms.ValidationError("Choose the events that are no longer to be forced.")
        return given
