"""The plan: exactly what would happen on the target, frozen as bytes before the first record goes out."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from promotion.models.event import Event, Revision
from promotion.models.event_type import AvroSchema
from promotion.models.promotion import Promotion
from promotion.states import FORCIBLE, OPEN_PLANS, PlanState, Verdict


class PlanQuerySet(models.QuerySet["Plan"]):
    """Queries over plans; `move` is the only way a state changes."""

    def move(self, plan_id: uuid.UUID, states: frozenset[PlanState], to: PlanState, **values: Any) -> bool:
        """Set the state to `to`, and `values` with it, if it is one of `states` now. Return whether this did it."""
        return self.filter(pk=plan_id, state__in=states).update(state=to, **values) == 1

    def of(self, promotion: Promotion) -> Plan | None:
        """Return the plan of `promotion` that counts: the newest one."""
        related = ("promotion__source", "promotion__target", "created_by", "submitted_by")
        return self.filter(promotion=promotion).select_related(*related).order_by("-created_at").first()


class Plan(models.Model):
    """A frozen, ordered set of outgoing records with its SHA-256. A change makes a new plan, never another digest.

    `choices` is what domain.plan_choices.PlanChoices reads and writes. `inputs` names what it was made of on our side,
    `target_state` where the target's topic stood: {"cluster_id", "topic", "ends": {partition: offset}, ...}. `counts`
    has a number for each verdict. `problems` are refusals of the plan as a whole, `warnings` what people should know,
    `subjects` what would become of each schema in the target's registry. `timestamp` is the frozen time of replay, in
    milliseconds; `cuts` the ordinals at which one transaction ends and the next begins. `rules` are the promotion's
    rules as they were applied, part of the digest; `keys` says what becomes of the records' keys.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    promotion = models.ForeignKey(Promotion, on_delete=models.CASCADE, related_name="plans")
    state = models.CharField(max_length=20, choices=PlanState.choices, default=PlanState.READY)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(default=timezone.now)
    choices = models.JSONField(default=dict)
    inputs = models.JSONField(default=dict)
    target_state = models.JSONField(default=dict)
    timestamp = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=64)
    steps_count = models.PositiveIntegerField()
    bytes_count = models.BigIntegerField()
    cuts = models.JSONField(default=list)
    counts = models.JSONField(default=dict)
    problems = models.JSONField(default=list)
    warnings = models.JSONField(default=list)
    subjects = models.JSONField(default=list)
    rules = models.JSONField(default=list)
    keys = models.JSONField(default=dict)
    cluster_id = models.CharField(max_length=100)
    topic = models.CharField(max_length=249)
    partitions = models.PositiveIntegerField()
    append_time = models.BooleanField(default=False, help_text="The target's topic replaces every timestamp.")
    register_versions = models.BooleanField(
        default=False, help_text="Somebody chose to add a version to an existing subject where the schema is not there."
    )
    submitted_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    submitted_at = models.DateTimeField(null=True)
    submit_reason = models.TextField(blank=True)
    stale_at = models.DateTimeField(null=True)
    stale_reasons = models.JSONField(default=list)

    objects = PlanQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["promotion"], condition=Q(state__in=OPEN_PLANS), name="plan_one_open_a_promotion"
            ),
            models.CheckConstraint(condition=Q(state__in=PlanState.values), name="plan_state_known"),
            models.CheckConstraint(
                condition=~Q(state=PlanState.SUBMITTED) | Q(submitted_by__isnull=False, submitted_at__isnull=False),
                name="plan_submitted_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"plan {self.digest[:12]}"

    def expired(self, now: datetime) -> bool:
        """Whether its time is over at `now`."""
        return self.expires_at <= now

    def number_of(self, *verdicts: Verdict) -> int:
        """Return how many events got one of `verdicts`."""
        return sum(self.counts.get(verdict.value, 0) for verdict in verdicts)


class PlanStep(models.Model):
    """One record to be produced. `body` is Avro without a schema id: the id is the target registry's.

    The number of steps before it is its `ordinal`. Without a `registry_id` the subject, or this version of it, is
    registered when the replay starts. `record_digest` is domain.digest.record_digest over all that will be there.
    `headers` is a segment of domain.packed_headers, which reads what older versions stored there too.
    """

    pk = models.CompositePrimaryKey("plan_id", "ordinal")
    # No index of its own, since the primary key begins with it: right after a plan was made, before PostgreSQL has
    # counted its rows, it would read the whole plan by that index for each chunk of it.
    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="steps", db_index=False)
    ordinal = models.PositiveIntegerField()
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="+")
    revision = models.ForeignKey(Revision, null=True, on_delete=models.PROTECT, related_name="+")
    partition = models.PositiveIntegerField()
    timestamp = models.BigIntegerField()
    key = models.BinaryField()
    headers = models.BinaryField(default=bytes)
    subject = models.CharField(max_length=750)
    schema = models.ForeignKey(AvroSchema, on_delete=models.PROTECT, related_name="+", db_index=False)
    registry_id = models.BigIntegerField(
        null=True, help_text="The schema id in the target registry; none where it has to be registered first."
    )
    body = models.BinaryField()
    record_digest = models.BinaryField(default=bytes)

    class Meta:
        ordering = ["ordinal"]

    def __str__(self) -> str:
        return f"{self.plan_id} step {self.ordinal}"


class Judgement(models.Model):
    """What a plan says of one event, in the order of replay (`position`). `ordinal` is its step's, none if it stays.

    `aggregate` names the thing it is about, `identity` is 16 bytes of it, `origin` 16 bytes of where the record first
    came from. `changes` are field-level differences [{"path", "from", "to"}], `found` a place on the target that
    explains the verdict ("partition:offset").
    """

    pk = models.CompositePrimaryKey("plan_id", "position")
    # No index of its own: as for PlanStep.
    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="judgements", db_index=False)
    position = models.PositiveIntegerField()
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="+")
    verdict = models.CharField(max_length=20, choices=Verdict.choices)
    forced = models.BooleanField(default=False)
    ordinal = models.PositiveIntegerField(null=True)
    aggregate = models.CharField(max_length=300, blank=True)
    identity = models.BinaryField(null=True)
    origin = models.BinaryField(default=bytes)
    changes = models.JSONField(null=True)
    found = models.CharField(max_length=40, blank=True)
    problem = models.TextField(blank=True)
    hint = models.TextField(blank=True)

    class Meta:
        ordering = ["position"]
        indexes = [models.Index(fields=["plan", "verdict", "position"], name="judgement_by_verdict")]

    def __str__(self) -> str:
        return f"{self.plan_id} {self.position}: {self.verdict}"


class Override(models.Model):
    """Somebody's word that an event goes out although a plan would leave it out or refuse it, and why."""

    promotion = models.ForeignKey(Promotion, on_delete=models.CASCADE, related_name="overrides")
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="+")
    verdict = models.CharField(max_length=20, choices=Verdict.choices)
    reason = models.TextField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["promotion", "event", "verdict"], name="override_once"),
            models.CheckConstraint(condition=~Q(reason=""), name="override_has_a_reason"),
            models.CheckConstraint(condition=Q(verdict__in=sorted(FORCIBLE)), name="override_of_what_can_be_forced"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} in spite of {self.verdict}"
