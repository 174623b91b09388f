"""The forms with which a plan is submitted, approved, rejected and taken back."""

from __future__ import annotations

from typing import Any

from django import forms

from promotion.models import Environment

MAX_REASON = 2_000


class ReasonForm(forms.Form):
    """A reason, which everything but a submission needs."""

    # Not a one-line input: Enter in one would press the first button, and decide.
    reason = forms.CharField(
        max_length=MAX_REASON,
        label="Reason",
        help_text="Say why, for those who read it in a year.",
        error_messages={"required": "A reason is needed."},
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class SubmitForm(ReasonForm):
    """What the approvers should know."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = False
        self.fields["reason"].label = "What the approvers should know"
        self.fields["reason"].help_text = ""


class RejectForm(ReasonForm):
    """A reason, and the digest of the plan that the page showed."""

    digest = forms.CharField(max_length=64, widget=forms.HiddenInput)


class ApproveForm(RejectForm):
    """A reason, the digest, and for a protected `target` its name, typed."""

    typed_name = forms.CharField(max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, *args: Any, target: Environment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._target = target
        typed = self.fields["typed_name"]
        typed.required = target.protected
        typed.label = f"Type {target.name} to approve"
        typed.error_messages["required"] = f"Type the target's name: {target.name}"
        typed.widget.attrs["data-confirm"] = target.name

    def clean_typed_name(self) -> str:
        """Hold to the target's exact name; the action checks it again."""
        typed = str(self.cleaned_data["typed_name"])
        if self._target.protected and typed != self._target.name:
            raise forms.ValidationError(f"This is not the target's name. Type: {self._target.name}")
        return typed
