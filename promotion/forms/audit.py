"""The filter bar of the audit trail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms

from promotion.models import AuditEntry
from promotion.models.audit import AuditQuerySet

ANY = ("", "Any")


def _moment(label: str) -> forms.DateTimeField:
    widget = forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"})
    return forms.DateTimeField(required=False, label=label, widget=widget)


class AuditFilter(forms.Form):
    """What the audit trail shows, from the URL."""

    q = forms.CharField(required=False, max_length=500, label="Name or reason", widget=forms.SearchInput)
    who = forms.ChoiceField(required=False, label="Who", choices=[ANY])
    verb = forms.ChoiceField(required=False, label="Did what", choices=[ANY])
    object = forms.ChoiceField(required=False, label="To what", choices=[ANY])
    id = forms.CharField(required=False, max_length=100, label="Its id")
    since = _moment("From (UTC)")
    until = _moment("Before (UTC)")

    def __init__(self, data: Any, words: Callable[[str], str] = str) -> None:
        """Take the query. `words` says a verb as people do."""
        super().__init__(data)
        entries = AuditEntry.objects.all()
        for field, column, label in (
            ("who", "actor_name", str),
            ("verb", "verb", words),
            ("object", "object_type", str),
        ):
            choices = sorted(((value, label(value)) for value in entries.met(column)), key=lambda each: each[1].lower())
            self.fields[field].choices = [ANY, *choices]  # type: ignore[attr-defined]

    def entries(self) -> AuditQuerySet:
        """Return the entries that fit, newest first; what is not valid in the URL fits nothing, and says so."""
        if not self.is_valid():
            return AuditEntry.objects.none()
        given = self.cleaned_data
        exact = {
            "actor_name": given["who"],
            "verb": given["verb"],
            "object_type": given["object"],
            "object_id": given["id"],
            "at__gte": given["since"] or "",
            "at__lt": given["until"] or "",
        }
        return AuditEntry.objects.matching(given["q"], **exact)
