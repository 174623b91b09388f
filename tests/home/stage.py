"""What the home page tells about: promotions that were verified, surveys and drifts as rows."""

from typing import Any

from django.utils import timezone

from promotion.models import (
    Drift,
    Environment,
    Export,
    ExportPartition,
    Promotion,
    Replay,
    TopicSurvey,
    Verification,
)
from promotion.states import PlanState, PromotionState, VerificationVerdict
from tests import cast

DAY = 86_400_000
#: Monday, 2025-11-03, 00:00 UTC.
MONDAY = 1_762_128_000_000


def verify(promotion: Promotion, verdict: VerificationVerdict = VerificationVerdict.VERIFIED) -> Promotion:
    """Write down that `promotion` was replayed now, and what reading the target back has shown."""
    plan = cast.plan(promotion, PlanState.REPLAYED)
    replay = Replay.objects.create(plan=plan, started_by=promotion.owner, finished_at=timezone.now())
    Verification.objects.create(replay=replay, requested_by=promotion.owner, verdict=verdict)
    Promotion.objects.filter(pk=promotion.pk).update(state=PromotionState.REPLAYED)
    promotion.refresh_from_db()
    return promotion


def verified(source: Environment, target: Environment, ends: dict[int, int], **fields: Any) -> Promotion:
    """Return a verified promotion of the source's topic, whose export was pinned at `ends`, on the cluster `c`."""
    made = cast.promotion(fields.pop("title", "Release 1"), source=source, target=target, **fields)
    export = Export.objects.create(promotion=made, cluster_id="c", topic=source.topic)
    for partition, end in ends.items():
        ExportPartition.objects.create(export=export, partition=partition, start=0, end=end, position=end)
    return verify(made)


def survey(environment: Environment, *counts: int, **fields: Any) -> TopicSurvey:
    """Return a survey of one partition whose bars, one a day from MONDAY on, hold `counts` offsets."""
    ends = [sum(counts[:n]) for n in range(len(counts) + 1)]
    values: dict[str, Any] = {
        "topic": environment.topic,
        "cluster_id": "c",
        "partitions": [{"partition": 0, "low": 0, "high": ends[-1]}],
        "bars": [[MONDAY + n * DAY, {"0": end}] for n, end in enumerate(ends)] if counts else [],
        "surveyed_at": timezone.now(),
        "tried_at": timezone.now(),
        **fields,
    }
    return TopicSurvey.objects.update_or_create(environment=environment, defaults=values)[0]


def drift(source: Environment, target: Environment, counts: dict[str, int], **fields: Any) -> Drift:
    """Return a whole count, of one partition, of what is on `source` and not on `target`."""
    values: dict[str, Any] = {
        "topic": source.topic,
        "cluster_id": "c",
        "positions": {"0": 100},
        "ends": {"0": 100},
        "counts": counts,
        "counted_at": timezone.now(),
        **fields,
    }
    return Drift.objects.update_or_create(source=source, target=target, defaults=values)[0]
