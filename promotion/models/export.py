"""An export's pinned ends, its position in each partition, and what became of every record it read."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q, Sum

from promotion.models.promotion import Promotion
from promotion.states import Disposition


class Export(models.Model):
    """The one export of a promotion. `cluster_id` and `topic` are what was really read."""

    promotion = models.OneToOneField(Promotion, on_delete=models.CASCADE, related_name="export", primary_key=True)
    cluster_id = models.CharField(max_length=100)
    topic = models.CharField(max_length=249)
    pinned_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"export of {self.promotion_id}"

    @property
    def truncated(self) -> bool:
        """Whether retention took records before they were read."""
        return self.partitions.filter(truncated_from__isnull=False).exists()

    def totals(self) -> dict[str, int]:
        """Return `read` and a number for each disposition; the dispositions add up to `read`."""
        counted = dict(
            ExportCount.objects.filter(partition__export=self).values_list("disposition").annotate(n=Sum("count"))
        )
        totals = {disposition.value: counted.get(disposition.value, 0) for disposition in Disposition}
        read = self.partitions.aggregate(n=Sum("read"))["n"] or 0
        return {"read": read, **totals}


class ExportPartition(models.Model):
    """One source partition: [start, end) was pinned, `position` is the next offset to read.

    `held_back` is how many offsets an open transaction kept beyond `end` when it was pinned (high watermark minus last
    stable offset). `highest_timestamp` is the running maximum that the merge order needs after a resume. Where
    retention overtook the export, `truncated_from` is the first offset missed and `truncated_to` the first one there.
    """

    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="partitions")
    partition = models.PositiveIntegerField()
    start = models.BigIntegerField()
    end = models.BigIntegerField()
    held_back = models.BigIntegerField(default=0)
    position = models.BigIntegerField()
    read = models.BigIntegerField(default=0)
    highest_timestamp = models.BigIntegerField(default=-1)
    truncated_from = models.BigIntegerField(null=True)
    truncated_to = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["partition"]
        constraints = [
            models.UniqueConstraint(fields=["export", "partition"], name="export_partition_once"),
            models.CheckConstraint(
                condition=Q(start__lte=F("position"), position__lte=F("end")), name="export_position_within_ends"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.export_id}/{self.partition} {self.position} of {self.end}"

    @property
    def done(self) -> bool:
        """Whether everything up to the pinned end was read."""
        return self.position >= self.end


class ExportCountQuerySet(models.QuerySet["ExportCount"]):
    """Queries over what became of records."""

    def sightings(self) -> dict[str, dict[str, int]]:
        """Return {type's full name: {source environment: number of records}}, whatever became of them.

        What counts is each environment's newest export that ended well; where none did, the newest one.
        """
        newest = (
            Export.objects.filter(promotion__source__isnull=False)
            .order_by("promotion__source_id", F("finished_at").desc(nulls_last=True), "-pinned_at")
            .distinct("promotion__source_id")
            .values("pk")
        )
        counted = (
            self.filter(partition__export__in=newest)
            .exclude(type_name="")
            .values_list("type_name", "partition__export__promotion__source__name")
            .annotate(n=Sum("count"))
            .order_by("partition__export__promotion__source__order", "partition__export__promotion__source__name")
        )
        sightings: dict[str, dict[str, int]] = {}
        for type_name, environment, number in counted:
            sightings.setdefault(type_name, {})[environment] = number
        return sightings


class ExportCount(models.Model):
    """How many records of one partition and type got one disposition. `type_name` is empty where none was known."""

    partition = models.ForeignKey(ExportPartition, on_delete=models.CASCADE, related_name="counts")
    disposition = models.CharField(max_length=20, choices=Disposition.choices)
    type_name = models.CharField(max_length=500, blank=True)
    count = models.BigIntegerField(default=0)

    objects = ExportCountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partition", "disposition", "type_name"], name="export_count_once")
        ]

    def __str__(self) -> str:
        return f"{self.disposition} {self.type_name}: {self.count}"
