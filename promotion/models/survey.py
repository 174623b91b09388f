"""What the periodic process knows of topics without anybody's promotion: events over time, and drift between two."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from promotion.models.environment import Environment
from promotion.models.promotion import Promotion


class TopicSurvey(models.Model):
    """An environment's topic as it was looked at last. `error` says why the newest look failed; what stands is older.

    `partitions` is a list of {"partition", "low", "high"} (watermarks). `bars` is a list of [start in ms since the
    epoch, {partition: first offset at or after it}], in order: two neighbours tell how many offsets lie between them.
    """

    environment = models.OneToOneField(Environment, on_delete=models.CASCADE, related_name="survey", primary_key=True)
    topic = models.CharField(max_length=249)
    cluster_id = models.CharField(max_length=100, blank=True)
    partitions = models.JSONField(default=list)
    bars = models.JSONField(default=list)
    surveyed_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"survey of {self.environment_id}"


class Drift(models.Model):
    """What stands on `source` beyond the ends of the last verified promotion to `target` (`base`, none: everything).

    `positions` is the next offset to look at by partition, `ends` the end that was seen last. `counts` is how many
    records up to there an export would keep, by the type's full name. `catalogue` is the digest of what was promotable
    then: another one, or another base, starts the count anew.
    """

    source = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="drift_from")
    target = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="drift_to")
    base = models.ForeignKey(Promotion, null=True, on_delete=models.SET_NULL, related_name="+")
    catalogue = models.CharField(max_length=64, blank=True)
    topic = models.CharField(max_length=249, blank=True)
    cluster_id = models.CharField(max_length=100, blank=True)
    positions = models.JSONField(default=dict)
    ends = models.JSONField(default=dict)
    counts = models.JSONField(default=dict)
    counted_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "target"], name="drift_once_a_pair"),
            models.CheckConstraint(condition=~Q(source=F("target")), name="drift_between_two"),
        ]

    def __str__(self) -> str:
        return f"drift {self.source_id} -> {self.target_id}"

    @property
    def behind(self) -> int:
        """How many offsets were not looked at yet: 0 where the count is whole."""
        return sum(max(0, end - self.positions.get(partition, 0)) for partition, end in self.ends.items())
