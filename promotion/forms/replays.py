"""The form that starts a replay: it chooses nothing, the plan says everything."""

from __future__ import annotations

from typing import Any

from django import forms

from promotion.models import Environment


class ReplayForm(forms.Form):
    """What somebody saw: `digest` is the plan's. For a protected target they type its name."""

    digest = forms.CharField(widget=forms.HiddenInput, max_length=64)
    target = forms.CharField(required=False, max_length=40, widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, target: Environment, data: Any = None) -> None:
        super().__init__(data)
        self._name = target.name
        if target.protected:
            typed = self.fields["target"]
            typed.required, typed.label = True, f"Type {target.name} to confirm"
            typed.widget.attrs["data-confirm"] = target.name

    def clean_target(self) -> str:
        """The name has to be the target's, where it is asked for."""
        typed: str = self.cleaned_data["target"]
        if self.fields["target"].required and typed.strip() != self._name:
            raise forms.ValidationError(f"Type {self._name}, the name of the target.")
        return typed
