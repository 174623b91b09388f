"""Which kind of thing, which one, and what to do with all that was gathered around it."""

from __future__ import annotations

from typing import Any

from django import forms

#: Characters of what names a thing in a URL: a SHA-256.
REF_LENGTH = 64


class ThingFilterForm(forms.Form):
    """What the list of things shows, from the URL. `kinds` are aggregates, each with its number of events."""

    kind = forms.ChoiceField(required=False, label="Kind")
    text = forms.CharField(required=False, max_length=200, label="Id or name", widget=forms.SearchInput)

    def __init__(self, data: Any, kinds: dict[str, int]) -> None:
        super().__init__(data)
        named = [(kind, f"{kind} ({number:,} event{'' if number == 1 else 's'})") for kind, number in kinds.items()]
        self.fields["kind"].choices = [("", "Choose one"), *named]  # type: ignore[attr-defined]


class GatherForm(forms.Form):
    """One thing by the `ref` that EventQuerySet.by_thing gives it, and whether what belongs to it comes along."""

    kind = forms.CharField(max_length=200)
    thing = forms.RegexField(rf"^[0-9a-f]{{{REF_LENGTH}}}\Z")
    parts = forms.ChoiceField(required=False, choices=[("yes", "Yes"), ("no", "No")])


class GatheredForm(GatherForm):
    """What to do with the gathered events. `count` is how many would change when the button was shown."""

    action = forms.ChoiceField(choices=[("keep", "Keep only these"), ("include", "Include"), ("exclude", "Exclude")])
    count = forms.IntegerField(min_value=0, max_value=2**63 - 1)
