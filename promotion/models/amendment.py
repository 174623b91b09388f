"""Amendments: events that people write to change what a replay has brought to the target."""

from __future__ import annotations

from django.db import models

from promotion.models.event import Event


class Amendment(models.Model):
    """What one event of a promotion of amendments changes.

    `amends` is the event whose replay it follows, None where somebody chose the thing itself on the target; `thing` is
    what it is called, `found_at` where on the target its newest record stood ("partition:offset"), and `current` its
    values there when the amendment was proposed.
    """

    event = models.OneToOneField(Event, on_delete=models.CASCADE, related_name="amendment", primary_key=True)
    amends = models.ForeignKey(Event, null=True, on_delete=models.PROTECT, related_name="amended_by")
    thing = models.CharField(max_length=300)
    found_at = models.CharField(max_length=40, blank=True)
    current = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"amendment of {self.thing}"
