"""The form that creates a promotion, and the filter bar over the list of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, cast

from django import forms
from django.contrib.auth.models import User
from django.db.models import Q

from promotion.domain.filter_text import offsets
from promotion.domain.filters import ExportFilter
from promotion.models import Environment, EventType, Promotion
from promotion.models.promotion import PromotionQuerySet
from promotion.states import Approach, Origin, PromotionState

ANY = ("", "Any")
#: Sources that are no environment; no environment is called so.
ELSEWHERE = [(f":{each.value}", each.label.capitalize()) for each in Origin if each != Origin.CLUSTER]
MAX_LINES = 64 * 1024
FILTERS = ("types", "hosts", "users", "since", "until", "offsets")
TIMES = ("since", "until")


class EnvironmentField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not a generic when it runs
    """Chooses an environment by its name; says which ones are protected."""

    def __init__(self, **options: Any) -> None:
        super().__init__(queryset=Environment.objects.none(), to_field_name="name", **options)

    def to_python(self, value: Any) -> Any:
        """Return the environment; what the database cannot even look for is none."""
        return super().to_python("?" if isinstance(value, str) and "\0" in value else value)

    def label_from_instance(self, environment: Any) -> str:
        """Return the name, and whether it is protected."""
        return f"{environment.name} (protected)" if environment.protected else str(environment.name)


class MomentField(forms.DateTimeField):
    """A time in UTC, as milliseconds since the epoch."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S")

    def clean(self, value: Any) -> Any:
        """Return milliseconds, None where nothing was given."""
        moment: datetime | None = super().clean(value)
        return None if moment is None else round(moment.astimezone(UTC).timestamp() * 1000)


class CreateForm(forms.Form):
    """What is to travel from where to where. The filters are optional; none means everything promotable."""

    title = forms.CharField(max_length=200, help_text="What this is for, as others will find it in the list.")
    source = EnvironmentField(label="From", empty_label=None)
    target = EnvironmentField(label="To", empty_label=None)
    approach = forms.ChoiceField(
        choices=Approach.choices,
        initial=Approach.EDIT_FIRST,
        required=False,
        widget=forms.RadioSelect,
        help_text="It can be changed until the events are on their way.",
    )
    types = forms.MultipleChoiceField(
        required=False,
        label="Event types",
        widget=forms.CheckboxSelectMultiple,
        help_text="None ticked: every promotable type.",
    )
    hosts = forms.CharField(
        required=False, max_length=MAX_LINES, widget=forms.Textarea(attrs={"rows": 3}), help_text="One a line."
    )
    users = forms.CharField(
        required=False, max_length=MAX_LINES, widget=forms.Textarea(attrs={"rows": 3}), help_text="One a line."
    )
    since = MomentField(required=False, label="From this time on", help_text="In UTC, by the record's timestamp.")
    until = MomentField(required=False, label="Before this time", help_text="In UTC; this time itself is left out.")
    offsets = forms.CharField(
        required=False,
        max_length=MAX_LINES,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "0:100-200"}),
        help_text="One partition a line: PARTITION:START-END, the end left out of it. Other partitions are not read.",
    )

    again = forms.ModelChoiceField(Promotion.objects.none(), required=False, widget=forms.HiddenInput)
    rules = forms.BooleanField(
        required=False,
        label="Take its rules along",
        help_text="As a draft: they do nothing before you have looked at them and applied them.",
    )

    def __init__(self, data: Any = None, initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        self.fields["again"].queryset = Promotion.objects.filter(origin=Origin.CLUSTER)  # type: ignore[attr-defined]
        self.fields["source"].queryset = Environment.objects.sources()  # type: ignore[attr-defined]
        self.fields["target"].queryset = Environment.objects.targets()  # type: ignore[attr-defined]
        names = EventType.objects.promotable().values_list("full_name", flat=True)
        self.fields["types"].choices = _by_area(names)  # type: ignore[attr-defined]

    @property
    def filtered(self) -> bool:
        """Whether one of the folded filters holds something, so that they are shown open."""
        return any(self[name].value() or self[name].errors for name in FILTERS if name not in TIMES)

    def clean_approach(self) -> Approach:
        """Return the approach; where nothing is chosen, the events are edited first."""
        return Approach(self.cleaned_data["approach"] or Approach.EDIT_FIRST)

    def clean_offsets(self) -> dict[str, list[int | None]]:
        """Return the ranges by partition."""
        return cast(
            dict[str, list[int | None]], _checked(lambda: {"offsets": offsets(self._lines("offsets"))})["offsets"]
        )

    def clean_hosts(self) -> list[str]:
        """Return the hosts."""
        return cast(list[str], _checked(lambda: {"hosts": self._lines("hosts")})["hosts"])

    def clean_users(self) -> list[str]:
        """Return the users."""
        return cast(list[str], _checked(lambda: {"users": self._lines("users")})["users"])

    def clean(self) -> dict[str, Any]:
        """Make the filter of it; the environments must differ."""
        given = super().clean() or self.cleaned_data
        if given.get("source") is not None and given.get("source") == given.get("target"):
            self.add_error("target", "It is the source already: choose another environment.")
        since, until = given.get("since"), given.get("until")
        if since is not None and until is not None and since >= until:
            self.add_error("until", "The time range ends before it starts.")
        return given

    def wanted(self) -> ExportFilter:
        """Return the filter that a valid form describes."""
        return ExportFilter.from_json({name: self.cleaned_data[name] for name in FILTERS})

    def _lines(self, name: str) -> list[str]:
        return [line.strip() for line in self.cleaned_data[name].split("\n") if line.strip()]


def _checked(make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return a part of the filter if it can be one; say at its field why not otherwise."""
    try:
        part = make()
        ExportFilter.from_json(part)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from error
    return part


def _by_area(names: Iterable[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return choices in groups: each namespace with the short names in it."""
    return [
        (namespace or "no namespace", [(name, name.rpartition(".")[2]) for name in group])
        for namespace, group in groupby(names, lambda name: name.rpartition(".")[0])
    ]


class PromotionFilterForm(forms.Form):
    """What the list of promotions shows, from the URL."""

    text = forms.CharField(required=False, max_length=200, label="Title or number", widget=forms.SearchInput)
    state = forms.ChoiceField(required=False, choices=[ANY, *PromotionState.choices])
    source = forms.ChoiceField(required=False, label="From", choices=[ANY])
    target = forms.ChoiceField(required=False, label="To", choices=[ANY])
    owner = forms.ChoiceField(required=False, choices=[ANY])

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        names = [(name, name) for name in Environment.objects.values_list("name", flat=True)]
        self.fields["target"].choices = [ANY, *names]  # type: ignore[attr-defined]
        self.fields["source"].choices = [ANY, *names, *ELSEWHERE]  # type: ignore[attr-defined]
        owners = User.objects.filter(promotions__isnull=False).distinct().order_by("username")
        self.fields["owner"].choices = [ANY, *((name, name) for name in owners.values_list("username", flat=True))]  # type: ignore[attr-defined]

    def promotions(self) -> PromotionQuerySet:
        """Return the promotions that fit; what is not valid in the URL does not restrict."""
        self.is_valid()
        given = {key: value for key, value in self.cleaned_data.items() if value}
        found = Promotion.objects.with_environments()
        for field, lookup in (
            ("state", "state"), ("source", "source__name"), ("target", "target__name"), ("owner", "owner__username"),
        ):  # fmt: skip
            if field in given and given[field] not in dict(ELSEWHERE):
                found = found.filter(**{lookup: given[field]})
        if given.get("source") in dict(ELSEWHERE):
            found = found.filter(origin=given["source"].removeprefix(":"))
        return found.filter(_like(given["text"])) if "text" in given else found


def _like(text: str) -> Q:
    number = text.removeprefix("#")
    by_number = Q(pk=int(number)) if number.isascii() and number.isdigit() and len(number) < 19 else Q()
    return Q(title__icontains=text) | by_number
