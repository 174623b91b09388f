"""The form with which somebody says how much of a replay has arrived."""

from __future__ import annotations

from django import forms


class ReconcileForm(forms.Form):
    """`committed` is the number that the page has shown; another one is refused where the evidence has changed."""

    committed = forms.IntegerField(min_value=0, max_value=2**31 - 1, widget=forms.HiddenInput)
    # Not a one-line input: Enter in one would press the button.
    reason = forms.CharField(
        max_length=2_000,
        label="Reason",
        help_text="What you looked at, and why you believe it. It stays in the audit trail.",
        error_messages={"required": "Reconciling needs a reason: say what you looked at."},
        widget=forms.Textarea(attrs={"rows": 2}),
    )
