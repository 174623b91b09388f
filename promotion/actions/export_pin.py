"""Pin an export: where each partition begins and ends for it, decided once and kept through every resume."""

from __future__ import annotations

from django.utils import timezone

from promotion.actions.create import is_same_topic
from promotion.actions.lease import Lease
from promotion.domain.connection import KafkaConnection
from promotion.domain.filters import ExportFilter
from promotion.errors import InvalidInput, Refused
from promotion.kafka.cluster import cluster_id
from promotion.kafka.reader import PinnedPartition, Reader
from promotion.models import Export, ExportPartition, Promotion, PromotionJob
from promotion.states import JobKind


def pinned(lease: Lease, reader: Reader, kafka: KafkaConnection, filters: ExportFilter) -> Export:
    """Return the export of the lease's promotion with its partitions, made now if this is the first attempt.

    Raises Refused where the source turns out to be the target, or another topic than the export began with, and
    InvalidInput for a partition that the topic does not have.
    """
    promotion = lease.promotion
    live = cluster_id(kafka)
    _check_route(promotion, live)
    export = Export.objects.filter(pk=promotion.pk).first()
    if export is not None:
        _check_unchanged(promotion, export, live)
        if lease.job.kind == JobKind.REFRESH and "extended" not in lease.job.arguments:
            _extend(lease, reader, filters, export)
        return export
    spans = _spans(reader, filters)
    with lease.writing():
        export = Export.objects.create(promotion=promotion, cluster_id=live, topic=reader.topic)
        for span in spans:
            span.export = export
        ExportPartition.objects.bulk_create(spans)
    return export


def check_pinned(promotion: Promotion, kafka: KafkaConnection) -> None:
    """Raise Refused where `kafka` is not the cluster, or the topic not the one, that the export was pinned on."""
    _check_unchanged(promotion, Export.objects.get(pk=promotion.pk), cluster_id(kafka))


def _extend(lease: Lease, reader: Reader, filters: ExportFilter, export: Export) -> None:
    """Pin the ends as they are now, once for the job; partitions that the topic has got since are read as well."""
    known = {each.partition: each for each in export.partitions.all()}
    spans = {each.partition: each for each in _spans(reader, filters)}
    with lease.writing():
        for partition, span in spans.items():
            if (row := known.get(partition)) is None:
                span.export = export
                span.save()
            elif span.end > row.end:
                export.partitions.filter(pk=row.pk).update(end=span.end, held_back=span.held_back)
        Export.objects.filter(pk=export.pk).update(finished_at=None, pinned_at=timezone.now())
        if any(p not in known or span.end > known[p].end for p, span in spans.items()):
            Promotion.objects.changed(export.pk, lease.job.requested_by_id)
        lease.job.arguments |= {"extended": True}
        PromotionJob.objects.filter(pk=lease.job.pk).update(arguments=lease.job.arguments)


def _check_route(promotion: Promotion, live: str) -> None:
    source, target = promotion.cluster_source, promotion.target
    source.cluster_id = live
    if is_same_topic(source, target.cluster_id, target):
        raise Refused(
            f"{source.name} and {target.name} are the same topic of the same cluster: {source.topic}.",
            "Nothing was read. A curator has to correct one of the two environments.",
        )


def _check_unchanged(promotion: Promotion, export: Export, live: str) -> None:
    source = promotion.cluster_source
    if (export.cluster_id, export.topic) != (live, source.topic):
        raise Refused(
            f"The export began with topic {export.topic} of cluster {export.cluster_id}; {source.name} is "
            f"now topic {source.topic} of cluster {live}.",
            "The two cannot be mixed: create a new promotion.",
        )


def _spans(reader: Reader, filters: ExportFilter) -> list[ExportPartition]:
    wanted = sorted(filters.offsets) if filters.offsets else reader.partitions
    unknown = set(wanted) - set(reader.partitions)
    if unknown:
        raise InvalidInput(
            f"Topic {reader.topic} has no partition {min(unknown)}; it has {len(reader.partitions)}.",
            "Create a promotion whose offsets name partitions that are there.",
        )
    since = reader.start_offsets_for(filters.since) if filters.since is not None else {}
    return [_span(pin, filters, since.get(pin.partition, 0)) for pin in reader.pin(wanted)]


def _span(pin: PinnedPartition, filters: ExportFilter, since: int) -> ExportPartition:
    """Where offsets were asked for by number and are gone, they are missing and it is said."""
    first, last = filters.offsets.get(pin.partition, (None, None))
    end = pin.end if last is None else min(last, pin.end)
    start = min(max(pin.low, first or 0, since), end)
    gone = first is not None and max(first, since) < pin.low and (last is None or max(first, since) < last)
    return ExportPartition(
        partition=pin.partition,
        start=start,
        end=end,
        position=start,
        held_back=pin.held_back if last is None else max(0, min(last, pin.high) - pin.end),
        truncated_from=max(first or 0, since) if gone else None,
        truncated_to=min(pin.low, end) if gone else None,
    )
