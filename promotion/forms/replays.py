"""The form that starts a replay."""

from __future__ import annotations

from django import forms


class ReplayForm(forms.Form):
    """What somebody chooses, and what they saw: `fingerprint` is that of the outgoing events that the page showed."""

    register_versions = forms.BooleanField(
        required=False,
        label="Register new schema versions",
        help_text="Where the target's registry has the subject but not this schema, add it as a new version if its "
        "compatibility level allows that. Otherwise such events are resolved to the latest version, or refused.",
    )
    accept_incomplete = forms.BooleanField(
        required=False,
        label="Replay although the export is incomplete",
        help_text="The records that retention deleted before they were read will be missing in the target.",
    )
    fingerprint = forms.CharField(widget=forms.HiddenInput, max_length=100)
