"""Read a part of an export: some partitions, from where they are to their pinned ends, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from promotion.actions.export_chunk import Chunk
from promotion.actions.export_classify import Classifier
from promotion.actions.export_rules import RuleBook
from promotion.actions.export_write import write
from promotion.actions.part_lease import PartLease
from promotion.actions.parts import Beat, Portion
from promotion.domain.filters import ExportFilter
from promotion.domain.shares import shares
from promotion.kafka.reader import Batch, Reader
from promotion.models import ExportPartition

#: To open a topic costs another worker what reading some ten thousand records costs: docs/decisions/0029.
LEAST_OFFSETS = 50_000
MOST_PARTS = 32


def portions(partitions: Iterable[ExportPartition]) -> Iterator[Portion]:
    """Yield what to divide the reading of `partitions` into, the largest part first: partitions, as a whole each."""
    rows = {each.partition: each for each in partitions}
    left = {partition: each.end - each.position for partition, each in rows.items()}
    for group in shares(left, LEAST_OFFSETS, MOST_PARTS):
        spans = {partition: _span(rows[partition]) for partition in sorted(group)}
        done, total = (sum(at[to] - at[0] for at in spans.values()) for to in (1, 2))
        yield Portion(sorted(group), done, total, spans)


def read_part(part: PartLease, reader: Reader, rules: RuleBook, filters: ExportFilter, beat: Beat) -> None:
    """Do a part to its end, from where it is, and call `beat` with each batch.

    Raises what that raises, what the reader and the rules raise, and what `PartLease.check` does.
    """
    # Looked up now that the part is held: whoever held it before has written his last.
    rows = ExportPartition.objects.filter(export=part.promotion.pk, partition__in=part.part.what)
    work = _Part(part, list(rows), rules, filters)
    for batch in reader.read(work.positions, work.ends):
        part.check()
        beat()
        work.take(batch)
    work.write()
    part.finish()


class _Part:
    """Gathers what is read into chunks and writes those, and says with each how far the part is."""

    def __init__(
        self, part: PartLease, partitions: list[ExportPartition], rules: RuleBook, filters: ExportFilter
    ) -> None:
        self.positions = {each.partition: each.position for each in partitions if not each.done}
        self.ends = {each.partition: each.end for each in partitions}
        self._part = part
        self._rows = {each.partition: each.pk for each in partitions}
        self._spans = {each.partition: _span(each) for each in partitions}
        self._octets = part.part.octets  # what was read by whoever held it before counts as well
        highest = {each.partition: each.highest_timestamp for each in partitions}
        self._classifier = Classifier(part.promotion.pk, rules, filters, highest)
        self._chunk = Chunk()

    def take(self, batch: Batch) -> None:
        """Take what was read, and write when there is enough. Raises LeaseLost."""
        self._classifier.take(batch.raw, self._chunk)
        self._chunk.move(batch.positions, batch.truncated)
        if self._chunk.due:
            self.write()

    def write(self) -> None:
        """Write what was gathered. Raises LeaseLost."""
        chunk, self._chunk = self._chunk, Chunk()
        if not chunk.positions and not chunk.truncated:
            return
        for partition, position in chunk.positions.items():
            self._spans[partition][1] = position
        self._octets += chunk.read_bytes
        done = sum(position - start for start, position, _ in self._spans.values())
        with self._part.writing():
            write(self._rows, chunk, self._classifier.highest)
            self._part.tell(done, self._octets, self._spans)


def _span(partition: ExportPartition) -> list[int]:
    """Where it began at first, where it is, where it ends."""
    return [partition.start, partition.position, partition.end]
