"""What is to be amended: replayed events, all that match a filter, or a thing by its ids; and by which action."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from promotion.domain.names import ACTIONS
from promotion.forms.events import IdsField
from promotion.forms.things import REF_LENGTH
from promotion.states import Approach

UPDATED = "Updated"
_ACTIONS = [(each, each) for each in sorted(ACTIONS, key=lambda each: (each != UPDATED, each))]


class AmendForm(forms.Form):
    """The events, by their ids or all that match the filter `query` (then `count` is how many were shown)."""

    event = IdsField(required=False)
    everything = forms.BooleanField(required=False)
    count = forms.IntegerField(required=False, min_value=0, max_value=2**63 - 1)
    query = forms.CharField(required=False, max_length=8_000)
    action = forms.ChoiceField(choices=_ACTIONS, initial=UPDATED, required=False, label="By which event")

    def clean_action(self) -> str:
        """Updated where nothing was chosen."""
        return self.cleaned_data["action"] or UPDATED


class ThingForm(forms.Form):
    """One thing of the target: its kind, and a value for each of the fields that name it (`paths`).

    `thing` is one that was chosen on a page: masks among the values stand for its own.
    """

    kind = forms.CharField(max_length=200, widget=forms.HiddenInput)
    thing = forms.RegexField(rf"^[0-9a-f]{{{REF_LENGTH}}}\Z", required=False, widget=forms.HiddenInput)
    action = forms.ChoiceField(label="By which event")

    def __init__(self, data: Any, kind: str, paths: Sequence[str], actions: Sequence[str], initial: Any = None) -> None:
        super().__init__(data, auto_id="thing_%s", initial={"kind": kind, **(initial or {})})
        self.fields["action"].choices = [(each, each) for each in actions]  # type: ignore[attr-defined]
        self.names = [f"value_{number}" for number, _ in enumerate(paths)]
        for name, path in zip(self.names, paths, strict=True):
            self.fields[name] = forms.CharField(label=path, max_length=1_000, strip=False)

    @property
    def values(self) -> list[Any]:
        """The fields for the ids, in the order of the key fields."""
        return [self[name] for name in self.names]

    def given(self) -> tuple[str, ...]:
        """Return the ids of a valid form."""
        return tuple(self.cleaned_data[name] for name in self.names)


class KindForm(forms.Form):
    """Which kind of thing, from the URL; `thing` names one that a page of things has shown."""

    kind = forms.ChoiceField(required=False, label="Kind of thing")
    thing = forms.RegexField(rf"^[0-9a-f]{{{REF_LENGTH}}}\Z", required=False)

    def __init__(self, data: Any, kinds: Sequence[str]) -> None:
        super().__init__(data)
        self.fields["kind"].choices = [("", "Choose one"), *((kind, kind) for kind in kinds)]  # type: ignore[attr-defined]


class ApproachForm(forms.Form):
    """Which approach a promotion takes."""

    approach = forms.ChoiceField(choices=Approach.choices)
