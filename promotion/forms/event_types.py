"""The filter bar of the catalogue, and the form that decides."""

from __future__ import annotations

from typing import Any

from django import forms

from promotion.models import Environment, EventType
from promotion.models.event_type import EventTypeQuerySet
from promotion.states import Category, Decision

ANY = ("", "Any")


class EventTypeFilter(forms.Form):
    """What the list shows, from the URL. `sightings` is what `ExportCountQuerySet.sightings` returns."""

    q = forms.CharField(required=False, max_length=500, label="Name or reason", widget=forms.SearchInput)
    decision = forms.ChoiceField(required=False, label="Decision", choices=[ANY, *Decision.choices])
    category = forms.ChoiceField(required=False, label="Proposed", choices=[ANY, *Category.choices])
    namespace = forms.ChoiceField(required=False, label="Namespace", choices=[ANY])
    aggregate = forms.ChoiceField(required=False, label="Aggregate", choices=[ANY])
    action = forms.ChoiceField(required=False, label="Action", choices=[ANY])
    met = forms.ChoiceField(required=False, label="Met in", choices=[ANY])
    catalogue = forms.ChoiceField(
        required=False, label="Catalogue", choices=[ANY, ("yes", "In it"), ("no", "Not in it")]
    )

    def __init__(self, data: Any, sightings: dict[str, dict[str, int]]) -> None:
        super().__init__(data)
        self._sightings = sightings
        known = EventType.objects.order_by().values_list("namespace", "aggregate", "action").distinct()
        for field, values in zip(("namespace", "aggregate", "action"), zip(*known, strict=True), strict=False):
            self._choose(field, sorted(set(values) - {""}))
        self._choose("met", list(Environment.objects.values_list("name", flat=True)))

    def _choose(self, field: str, values: list[str]) -> None:
        self.fields[field].choices = [ANY, *((value, value) for value in values)]  # type: ignore[attr-defined]

    def types(self) -> EventTypeQuerySet:
        """Return the types that fit, undecided ones first; what is not valid in the URL does not restrict."""
        self.is_valid()
        given = self.cleaned_data.get
        exact = {field: given(field, "") for field in ("decision", "category", "namespace", "aggregate", "action")}
        if given("catalogue"):
            exact["in_catalogue"] = given("catalogue") == "yes"
        if given("met"):
            exact["full_name__in"] = [name for name, seen in self._sightings.items() if given("met") in seen]
        return EventType.objects.matching(given("q", ""), **exact).undecided_first()


class NamesField(forms.MultipleChoiceField):
    """Full names; whether there are such types is the action's to say. U+0000 is none that a database can look up."""

    def valid_value(self, value: str) -> bool:
        """Take any name that can be asked for."""
        return "\0" not in value


class DecideForm(forms.Form):
    """A decision about one type or many, with its reason."""

    names = NamesField(error_messages={"required": "Select at least one event type."})
    decision = forms.ChoiceField(choices=Decision.choices)
    # Not a one-line input: Enter in one would press the first button, and decide.
    reason = forms.CharField(
        max_length=2_000,
        error_messages={"required": "A decision needs a reason: say why, for those who read it in a year."},
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "Why?"}),
    )


class KeyFieldsForm(forms.Form):
    """Which fields name the thing that events of a type are about, for this type or for its whole aggregate."""

    name = forms.CharField(max_length=500, widget=forms.HiddenInput)
    paths = forms.CharField(
        required=False,
        max_length=2_000,
        label="Key fields",
        help_text="Paths with spaces between: host, roleId, address.city. None: its events are judged alone.",
    )
    scope = forms.ChoiceField(
        label="For",
        choices=[("type", "This type"), ("aggregate", "All types of the aggregate that have these fields")],
        initial="aggregate",
        widget=forms.RadioSelect,
    )
    keys_reason = forms.CharField(
        max_length=2_000,
        label="Reason",
        error_messages={"required": "A correction needs a reason: say why, for those who read it in a year."},
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "Why?"}),
    )
    make = forms.ChoiceField(choices=[("correction", "Correct"), ("proposal", "Back to the proposal")])

    def clean_paths(self) -> list[str]:
        """Split at spaces, line ends and commas."""
        return str(self.cleaned_data["paths"]).replace(",", " ").split()


class SensitiveFieldsForm(forms.Form):
    """Which fields of a type are masked."""

    name = forms.CharField(max_length=500, widget=forms.HiddenInput)
    paths = forms.CharField(
        required=False,
        max_length=20_000,
        label="Sensitive fields",
        help_text="Paths with spaces between: password, users[].email for each item, labels[] for each value of a map. "
        "None: nothing is masked.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    sensitive_reason = forms.CharField(
        max_length=2_000,
        label="Reason",
        error_messages={"required": "A correction needs a reason: say why, for those who read it in a year."},
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "Why?"}),
    )
    make = forms.ChoiceField(choices=[("correction", "Correct"), ("proposal", "Back to the proposal")])

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, auto_id="sensitive_%s", **options)

    def clean_paths(self) -> list[str]:
        """Split at spaces, line ends and commas."""
        return str(self.cleaned_data["paths"]).replace(",", " ").split()
