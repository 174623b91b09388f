"""The plan: exactly what would be produced, frozen as bytes before the first record goes out."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from promotion.models.event import Event, Revision
from promotion.models.event_type import AvroSchema
from promotion.models.promotion import Promotion


class Plan(models.Model):
    """A frozen, ordered set of outgoing records with its SHA-256. A change makes a new plan, never another digest."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    promotion = models.ForeignKey(Promotion, on_delete=models.CASCADE, related_name="plans")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    digest = models.CharField(max_length=64)
    steps_count = models.PositiveIntegerField()
    bytes_count = models.BigIntegerField()
    cluster_id = models.CharField(max_length=100)
    topic = models.CharField(max_length=249)
    partitions = models.PositiveIntegerField()
    register_versions = models.BooleanField(
        default=False, help_text="Somebody chose to add a version to an existing subject where the schema is not there."
    )

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"plan {self.digest[:12]}"


class PlanStep(models.Model):
    """One record to be produced. `body` is Avro without a schema id: the id is the target registry's.

    The number of steps before it is its `ordinal`. Without a `registry_id` the subject, or this version of it, is
    registered when the replay starts.
    """

    pk = models.CompositePrimaryKey("plan_id", "ordinal")
    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="steps")
    ordinal = models.PositiveIntegerField()
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="+")
    revision = models.ForeignKey(Revision, null=True, on_delete=models.PROTECT, related_name="+")
    partition = models.PositiveIntegerField()
    timestamp = models.BigIntegerField()
    key = models.BinaryField()
    headers = models.TextField(blank=True)
    subject = models.CharField(max_length=750)
    schema = models.ForeignKey(AvroSchema, on_delete=models.PROTECT, related_name="+")
    registry_id = models.BigIntegerField(
        null=True, help_text="The schema id in the target registry; none where it has to be registered first."
    )
    body = models.BinaryField()

    class Meta:
        ordering = ["ordinal"]

    def __str__(self) -> str:
        return f"{self.plan_id} step {self.ordinal}"
