"""The catalogue: Avro schemas, event types, and what people decided about them."""

from __future__ import annotations

from collections import Counter, defaultdict

from django.conf import settings
from django.db import models
from django.db.models import Case, Count, Q, When
from django.urls import reverse

from promotion.states import Category, Decision

#: (aggregate, dotted paths) -> the ids of the types that have them.
KeyFields = dict[tuple[str, tuple[str, ...]], list[int]]


class AvroSchema(models.Model):
    """A schema's text as it was met, once. `fingerprint` is the SHA-256 of its Parsing Canonical Form."""

    sha256 = models.CharField(max_length=64, unique=True)
    full_name = models.CharField(max_length=500, db_index=True)
    fingerprint = models.CharField(max_length=64)
    text = models.TextField()

    def __str__(self) -> str:
        return f"{self.full_name} {self.fingerprint[:12]}"


class EventTypeQuerySet(models.QuerySet["EventType"]):
    """Queries over event types."""

    def promotable(self) -> EventTypeQuerySet:
        """Types a person decided may travel."""
        return self.filter(decision=Decision.PROMOTABLE)

    def undecided(self) -> EventTypeQuerySet:
        """Types nobody has decided on: they never travel."""
        return self.filter(decision=Decision.UNDECIDED)

    def undecided_first(self) -> EventTypeQuerySet:
        """In a curator's order: what waits for a decision, then by name."""
        waits = Case(When(decision=Decision.UNDECIDED, then=0), default=1)
        return self.order_by(waits, "full_name")

    def matching(self, text: str = "", **exact: object) -> EventTypeQuerySet:
        """Types whose name or reason holds `text`, in any case; empty values of `exact` do not restrict."""
        wanted = Q(full_name__icontains=text) | Q(proposal_reason__icontains=text) | Q(decision_reason__icontains=text)
        return self.filter(wanted if text else Q(), **{field: value for field, value in exact.items() if value != ""})

    def decision_counts(self) -> dict[str, int]:
        """Return how many types stand at each decision, zeros included."""
        counted = dict(self.order_by().values_list("decision").annotate(n=Count("pk")))
        return {decision.value: counted.get(decision.value, 0) for decision in Decision}

    def key_fields(self) -> KeyFields:
        """Return the types that have key fields: (aggregate, its dotted paths) -> ids."""
        found: KeyFields = defaultdict(list)
        for each in self.only("aggregate", "key_fields", "proposed_key_fields").order_by("full_name"):
            if paths := each.identity_fields:
                found[each.aggregate, tuple(paths)].append(each.pk)
        return dict(found)

    def identities(self) -> dict[str, tuple[str, ...]]:
        """Return aggregate -> the dotted paths that most of its types have: what ReferenceMap is made of."""
        votes: dict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
        for (aggregate, paths), ids in self.key_fields().items():
            votes[aggregate][paths] += len(ids)
        return {aggregate: counted.most_common(1)[0][0] for aggregate, counted in votes.items()}


class EventType(models.Model):
    """A record type by its full name. `decision` repeats the newest `TypeDecision`; a proposal decides nothing."""

    full_name = models.CharField(max_length=500, unique=True)
    namespace = models.CharField(max_length=400)
    aggregate = models.CharField(max_length=200)
    action = models.CharField(max_length=100)
    schema = models.ForeignKey(AvroSchema, on_delete=models.PROTECT, related_name="event_types")
    category = models.CharField(max_length=20, choices=Category.choices, default=Category.UNDECIDED)
    proposal_reason = models.CharField(max_length=300, blank=True)
    in_catalogue = models.BooleanField(default=True, help_text="From schemas/; otherwise met on a topic.")
    decision = models.CharField(max_length=20, choices=Decision.choices, default=Decision.UNDECIDED)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_reason = models.TextField(blank=True)
    added_at = models.DateTimeField(auto_now_add=True)
    proposed_key_fields = models.JSONField(
        default=list, help_text="What the schema suggests as the aggregate's identity: dotted paths, in order."
    )
    key_fields = models.JSONField(
        null=True, blank=True, help_text="What a curator made of the proposal; none where nobody corrected it."
    )
    key_fields_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    key_fields_at = models.DateTimeField(null=True, blank=True)
    key_fields_reason = models.TextField(blank=True)
    proposed_sensitive_fields = models.JSONField(
        default=list, help_text="What the schema's names suggest to be sensitive: dotted paths, `[]` for every item."
    )
    sensitive_fields = models.JSONField(
        null=True, blank=True, help_text="What a curator made of the proposal; none where nobody corrected it."
    )
    sensitive_fields_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    sensitive_fields_at = models.DateTimeField(null=True, blank=True)
    sensitive_fields_reason = models.TextField(blank=True)

    objects = EventTypeQuerySet.as_manager()

    class Meta:
        ordering = ["full_name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(decision=Decision.UNDECIDED)
                | (Q(decided_by__isnull=False, decided_at__isnull=False) & ~Q(decision_reason="")),
                name="event_type_decided_by_somebody_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(key_fields__isnull=True)
                | (Q(key_fields_by__isnull=False, key_fields_at__isnull=False) & ~Q(key_fields_reason="")),
                name="event_type_keys_corrected_by_somebody_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(sensitive_fields__isnull=True)
                | (
                    Q(sensitive_fields_by__isnull=False, sensitive_fields_at__isnull=False)
                    & ~Q(sensitive_fields_reason="")
                ),
                name="event_type_sensitive_fields_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.full_name

    def get_absolute_url(self) -> str:
        """The page of this type."""
        return reverse("promotion:event_type", args=[self.full_name])

    @property
    def identity_fields(self) -> list[str]:
        """The dotted paths whose values name the aggregate; empty where events of this type are judged alone."""
        return list(self.proposed_key_fields if self.key_fields is None else self.key_fields)

    @property
    def masked_fields(self) -> list[str]:
        """The dotted paths whose values are masked: what a curator said, else what was proposed."""
        return list(self.proposed_sensitive_fields if self.sensitive_fields is None else self.sensitive_fields)

    @property
    def short_name(self) -> str:
        """The name without its namespace."""
        return self.full_name.rpartition(".")[2]


class TypeDecision(models.Model):
    """One decision about one type: append-only (a trigger refuses changes), the newest one counts."""

    event_type = models.ForeignKey(EventType, on_delete=models.PROTECT, related_name="decisions")
    decision = models.CharField(max_length=20, choices=Decision.choices)
    reason = models.TextField()
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-decided_at", "-id"]
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="type_decision_has_a_reason")]

    def __str__(self) -> str:
        return f"{self.event_type_id} {self.decision}"
