"""Uploaded files of outgoing events: stored, compared by a worker, applied only when somebody says so."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse

from promotion.models.event import Event
from promotion.models.promotion import Promotion


class LineVerdict(models.TextChoices):
    """What one line of an uploaded file would do."""

    CHANGED = "changed", "Changed"
    EXCLUDED = "excluded", "Excluded"
    INCLUDED = "included", "Included again"
    UNCHANGED = "unchanged", "Unchanged"
    UNKNOWN = "unknown", "Unknown event"
    STALE = "stale", "Changed here since the download"
    DUPLICATE = "duplicate", "Same event as an earlier line"
    INVALID = "invalid", "Invalid"
    #: Of a file that becomes a promotion: good ones are counted, only the others have a row.
    IMPORTED = "imported", "Imported"
    REPEATED = "repeated", "Exactly the same as an earlier entry"
    LEFT_OUT = "left_out", "May not travel"


class Upload(models.Model):
    """One file for one promotion. `counts` maps a verdict to its number of lines, unchanged ones included."""

    promotion = models.ForeignKey(Promotion, on_delete=models.CASCADE, related_name="uploads")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    file_name = models.CharField(max_length=200)
    size = models.BigIntegerField(default=0, help_text="In bytes.")
    format = models.CharField(max_length=20, blank=True, help_text="Empty until it is recognised.")
    counts = models.JSONField(default=dict)
    missing = models.PositiveIntegerField(default=0, help_text="Outgoing events that the file does not mention.")
    compared_at = models.DateTimeField(null=True)
    applied_at = models.DateTimeField(null=True)
    discarded_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"upload {self.pk}"

    def get_absolute_url(self) -> str:
        """The page of what this file would do."""
        return reverse("promotion:upload_report", args=[self.promotion_id, self.pk])

    @property
    def closed(self) -> bool:
        """Whether it was applied or discarded."""
        return self.applied_at is not None or self.discarded_at is not None


class UploadChunk(models.Model):
    """A piece of the file: a worker on another machine reads it from here, and never the whole at once."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["upload", "number"], name="upload_chunk_once")]

    def __str__(self) -> str:
        return f"{self.upload_id} chunk {self.number}"


class UploadLine(models.Model):
    """What one line would do. `body` is the new Avro body where the line changes the event's values.

    An excluded or included one may have it too.
    """

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="lines")
    number = models.PositiveIntegerField()
    verdict = models.CharField(max_length=20, choices=LineVerdict.choices)
    event = models.ForeignKey(Event, null=True, on_delete=models.CASCADE, related_name="+")
    event_version = models.PositiveIntegerField(null=True)
    body = models.BinaryField(null=True)
    problems = models.JSONField(default=list)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["upload", "number"], name="upload_line_once")]

    def __str__(self) -> str:
        return f"line {self.number}: {self.verdict}"
