"""Export: read the source from the pinned starts to the pinned ends, keep what may travel, account for the rest.

What a chunk of records became is written in one transaction with the position behind it (export_write), so a worker
killed at any moment is followed by one that neither loses nor repeats a record: docs/decisions/0008-export.md.
"""

from __future__ import annotations

from django.utils import timezone

from promotion.actions.connect import kafka_connection
from promotion.actions.export_chunk import Chunk
from promotion.actions.export_classify import Classifier
from promotion.actions.export_decisions import decisions
from promotion.actions.export_pin import pinned
from promotion.actions.export_rules import RuleBook
from promotion.actions.export_write import write
from promotion.actions.lease import Lease
from promotion.actions.rewrite import redo
from promotion.actions.schema_source import open_schemas
from promotion.domain.filters import ExportFilter
from promotion.kafka.reader import Reader, open_reader
from promotion.models import Export, ExportPartition, RuleList


def run(lease: Lease) -> None:
    """Export the promotion of the lease's job, from the beginning or from where an earlier attempt ended.

    Raises Refused and InvalidInput where something forbids it, Unreachable, Incomplete where the topic was cut or
    made anew, and what `Lease.check` raises.
    """
    promotion = lease.promotion
    filters = ExportFilter.from_json(promotion.filters)
    source = promotion.cluster_source
    kafka = kafka_connection(source)
    lease.progress(0, phase="Connecting", octets=lease.job.octets)
    with open_reader(kafka, source.topic) as reader, open_schemas(source) as schemas:
        export = pinned(lease, reader, kafka, filters)
        partitions = list(export.partitions.all())
        rules = RuleBook(schemas, decisions(lease), filters, lease.check)
        highest = {each.partition: each.highest_timestamp for each in partitions}
        classifier = Classifier(promotion.pk, rules, filters, highest)
        _read(lease, reader, partitions, classifier)
    if RuleList.objects.applied(promotion.pk):
        redo(lease)
    with lease.writing():
        Export.objects.filter(pk=export.pk).update(finished_at=timezone.now())


def _read(lease: Lease, reader: Reader, partitions: list[ExportPartition], classifier: Classifier) -> None:
    progress = _Progress(lease, partitions)
    at = {each.partition: each.position for each in partitions if not each.done}
    ends = {each.partition: each.end for each in partitions}
    progress.begin()
    chunk = Chunk()
    for batch in reader.read(at, ends):
        lease.check()
        classifier.take(batch.raw, chunk)
        chunk.move(batch.positions, batch.truncated)
        if chunk.due:
            progress.write(chunk, classifier)
            chunk = Chunk()
    progress.write(chunk, classifier)


class _Progress:
    """Writes chunks, and says with each how far the export is: by partition, from where it began at first."""

    def __init__(self, lease: Lease, partitions: list[ExportPartition]) -> None:
        self._lease = lease
        self._rows = {each.partition: each.pk for each in partitions}
        self._spans = {each.partition: [each.start, each.position, each.end] for each in partitions}
        self._octets = lease.job.octets  # what an attempt before this one has read counts as well

    def begin(self) -> None:
        total = sum(end - start for start, _, end in self._spans.values())
        self._lease.progress(self._done, total, "Reading", octets=self._octets, positions=self._spans)

    def write(self, chunk: Chunk, classifier: Classifier) -> None:
        if not chunk.positions and not chunk.truncated:
            return
        for partition, position in chunk.positions.items():
            self._spans[partition][1] = position
        self._octets += chunk.read_bytes
        with self._lease.writing():
            write(self._rows, chunk, classifier.highest)
            self._lease.tell(self._done, octets=self._octets, positions=self._spans)

    @property
    def _done(self) -> int:
        return sum(position - start for start, position, _ in self._spans.values())
