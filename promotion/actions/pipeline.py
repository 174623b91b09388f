"""Between which environments events travel: the order of the pipeline, and what was verified between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db.models import Max, Q

from promotion.domain.filters import ExportFilter
from promotion.models import Environment, Export, ExportPartition, Promotion
from promotion.models.promotion import PromotionQuerySet
from promotion.states import Origin, VerificationVerdict

#: How far back it is looked for a partition's end that the newest promotion did not read.
PROMOTIONS = 20


@dataclass(frozen=True)
class Beyond:
    """What a promotion that goes on behind the last verified one has to read. `base` is that one, None for none.

    `starts` are offsets by partition; a partition that is not named is read from its beginning. `since` is the time
    before which `base` took everything, where it took nothing later: then there are no `starts`.
    """

    base: Promotion | None = None
    starts: tuple[tuple[int, int], ...] = ()
    since: int | None = None

    def filters(self, partitions: Sequence[int]) -> ExportFilter:
        """Return the filter of such a promotion, on a topic that has `partitions`."""
        if not self.starts:
            return ExportFilter(since=self.since)
        starts = dict(self.starts)
        return ExportFilter(offsets={p: (starts.get(p, 0), None) for p in sorted({*partitions, *starts})})


def next_target(source: Environment, environments: Sequence[Environment]) -> Environment | None:
    """Return the first target behind `source` among `environments`, which are in the pipeline's order."""
    return next((each for each in environments if each.may_be_target and each.order > source.order), None)


def pairs() -> list[tuple[Environment, Environment]]:
    """Return source and target of every pair that matters: each next hop, and whatever else was verified once."""
    environments = list(Environment.objects.all())
    by_id = {each.pk: each for each in environments}
    hops = [(each, next_target(each, environments)) for each in environments if each.may_be_source]
    found = [(source, target) for source, target in hops if target is not None]
    ways = verified_between().order_by("source__order", "target__order").values_list("source", "target").distinct()
    known = {(source.pk, target.pk) for source, target in found}
    return found + [(by_id[s], by_id[t]) for s, t in ways if (s, t) not in known and s in by_id and t in by_id]


def verified_between(source: Environment | None = None, target: Environment | None = None) -> PromotionQuerySet:
    """Return the promotions from a topic whose target was read back and found whole, the last that was replayed first.

    Not those whose verification was asked for last: reading an old one back again does not make it the newest.
    """
    rows = Promotion.objects.filter(
        Q(source=source) if source else Q(source__isnull=False),
        Q(target=target) if target else Q(),
        origin=Origin.CLUSTER,
        plans__replay__verifications__verdict=VerificationVerdict.VERIFIED,
    )
    return rows.annotate(replayed_at=Max("plans__replay__finished_at")).order_by("-replayed_at", "-pk")


def beyond(source: Environment, target: Environment, cluster_id: str) -> Beyond:
    """Return what lies behind the last verified promotion between the two, as `source` is now on `cluster_id`.

    Promotions of another topic or another cluster say nothing about this one.
    """
    rows = verified_between(source, target).filter(export__topic=source.topic, export__cluster_id=cluster_id)
    done = list(rows.select_related("export")[:PROMOTIONS])
    if not done:
        return Beyond()
    if (until := _time_limit(done[0])) is not None:
        return Beyond(done[0], since=until)
    return Beyond(done[0], tuple(sorted(_ends(done).items())))


def moved_on(promotion: Promotion) -> ExportFilter:
    """Return the filter of `promotion`, moved on to begin where it ended.

    Without offsets and times where nothing was read, or where its source is another topic now.
    """
    filters = ExportFilter.from_json(promotion.filters)
    export = Export.objects.filter(pk=promotion.pk).first()
    source = promotion.cluster_source
    if export is None or export.topic != source.topic or source.cluster_id not in ("", export.cluster_id):
        return replace(filters, since=None, until=None, offsets={})
    if (until := _time_limit(promotion)) is not None:
        return replace(filters, since=until, until=None, offsets={})
    offsets = {p: (end, None) for p, end in sorted(_ends([promotion]).items())}
    return replace(filters, until=None, offsets=offsets)


def _time_limit(promotion: Promotion) -> int | None:
    """The time that ended the export, where its ends did not: they were pinned later than that."""
    until = ExportFilter.from_json(promotion.filters).until
    return until if until is not None and until <= promotion.export.pinned_at.timestamp() * 1000 else None


def _ends(promotions: Sequence[Promotion]) -> dict[int, int]:
    """Where the first of them that has read a partition ended there."""
    rows = ExportPartition.objects.filter(export__in=[each.pk for each in promotions])
    by_promotion: dict[int, dict[int, int]] = {each.pk: {} for each in promotions}
    for promotion, partition, end in rows.values_list("export", "partition", "end"):
        by_promotion[promotion][partition] = end
    ends: dict[int, int] = {}
    for each in promotions:
        ends = by_promotion[each.pk] | ends
    return ends
