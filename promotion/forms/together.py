"""The same field in many events: which events, which field, which value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from promotion.domain.one_field import TYPED
from promotion.forms.events import IdsField

#: A field, and how many types have it.
Groups = Sequence[tuple[str, Sequence[tuple[str, str]]]]


class ChosenForm(forms.Form):
    """Which events: ticked rows, or all that match the filter `query`. `digest` is of what was looked at."""

    event = IdsField(required=False)
    everything = forms.BooleanField(required=False)
    query = forms.CharField(required=False, max_length=8_000)
    digest = forms.CharField(required=False, max_length=64)

    def clean(self) -> dict[str, Any]:
        """One of both has to be said."""
        given = super().clean() or self.cleaned_data
        if not given.get("event") and not given.get("everything"):
            raise forms.ValidationError("No event is chosen. Tick some on the list, or take all that match a filter.")
        return given


class FieldForm(forms.Form):
    """Which field: one that the types of the events have, those of all of them first."""

    path = forms.ChoiceField(label="Field", error_messages={"invalid_choice": "None of these types has that field."})

    def __init__(self, data: Any, groups: Groups) -> None:
        super().__init__(data)
        self.fields["path"].choices = [("", "Choose a field"), *groups]  # type: ignore[attr-defined]


class ValueForm(forms.Form):
    """The new value: one of `symbols` where the field takes no others, or nothing where it may be `empty`."""

    value = forms.CharField(
        required=False,
        strip=False,
        label="New value",
        max_length=TYPED.max_json_bytes,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text='Plain text, or JSON: 42, true, ["a"]. A number that is to be text stands in quotes.',
    )
    clear = forms.BooleanField(required=False, label="Clear the field (null)")

    def __init__(self, data: Any, symbols: Sequence[str], empty: bool) -> None:
        super().__init__(data)
        if symbols:
            choices = [("", "Choose a value"), *((each, each) for each in symbols)]
            self.fields["value"] = forms.ChoiceField(required=False, label="New value", choices=choices)
        if not empty:
            del self.fields["clear"]

    def clean_value(self) -> str:
        """Undo what browsers do to line ends."""
        return str(self.cleaned_data["value"]).replace("\r\n", "\n")

    def clean(self) -> dict[str, Any]:
        """Either a value or its clearing; an empty text is a value where nothing has to be chosen."""
        given = super().clean() or self.cleaned_data
        if given.get("clear") and given.get("value"):
            self.add_error("value", "Give a value or clear the field, not both.")
        if isinstance(self.fields["value"], forms.ChoiceField) and not (given.get("value") or given.get("clear")):
            self.add_error("value", "Choose a value.")
        return given

    @property
    def text(self) -> str | None:
        """The value as it was typed, None to clear the field."""
        return None if self.cleaned_data.get("clear") else str(self.cleaned_data["value"])


class UndoForm(forms.Form):
    """The revisions that are taken back."""

    first = forms.IntegerField(min_value=1, max_value=2**63 - 1)
    last = forms.IntegerField(min_value=1, max_value=2**63 - 1)
    query = forms.CharField(required=False, max_length=8_000)
