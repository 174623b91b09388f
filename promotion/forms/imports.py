"""The form that makes a promotion of a file, and the one that reads the file once more."""

from __future__ import annotations

from typing import Any

from django import forms

from promotion.domain.keys import Tenancy
from promotion.forms.promotions import EnvironmentField
from promotion.forms.uploads import FormatField
from promotion.models import Environment


class ImportForm(forms.Form):
    """What is to travel where to, and what its file is."""

    title = forms.CharField(max_length=200, help_text="What this is for, as others will find it in the list.")
    target = EnvironmentField(label="To", empty_label=None)
    file = forms.FileField(
        label="File of events", help_text="From another console, or of the older and newer tools of Light Portal."
    )
    format = FormatField()
    keys = forms.ChoiceField(
        required=False,
        label="The keys in the file are",
        choices=[
            ("", "Unknown, or there are none"),
            (Tenancy.MULTI.value, "Ids of hosts"),
            (Tenancy.SINGLE.value, "Ids of users"),
        ],
        help_text="Counts only for events that name no host or user themselves.",
    )

    def __init__(self, data: Any = None, files: Any = None, initial: Any = None) -> None:
        super().__init__(data, files, initial=initial)
        self.fields["target"].queryset = Environment.objects.targets()  # type: ignore[attr-defined]

    @property
    def tenancy(self) -> Tenancy | None:
        """What the keys are, of a valid form; None where nobody knows."""
        said = self.cleaned_data["keys"]
        return Tenancy(said) if said else None


class ImportAgainForm(forms.Form):
    """How the stored file is to be read this time."""

    format = FormatField()
