"""A promotion whose events, plans' steps and receipts were put into a file and taken out of the database."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from promotion.models.promotion import Promotion
from promotion.states import PromotionState


class Archive(models.Model):
    """The file of one archived promotion. `rows` is how many rows of each table are in it.

    `sha256` is that of the file's bytes: another file is not read back. `state` is where the promotion stood.
    """

    promotion = models.OneToOneField(Promotion, on_delete=models.CASCADE, related_name="archive", primary_key=True)
    file = models.CharField(max_length=300)
    sha256 = models.CharField(max_length=64)
    octets = models.BigIntegerField()
    rows = models.JSONField()
    state = models.CharField(max_length=20, choices=PromotionState.choices)
    archived_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    archived_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.file
