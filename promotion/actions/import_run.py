"""Read an imported file from its first entry to its last, in chunks that are written as they come.

A worker that takes over starts anew: what was written of the file before is removed first. So no position in a file
has to be trusted, and an import that ends well has read every entry exactly once.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from django.utils import timezone

from promotion.actions.export_chunk import Chunk
from promotion.actions.export_write import write
from promotion.actions.import_entries import PARTITION, Entries
from promotion.actions.import_schemas import FileSchemas
from promotion.actions.lease import Lease
from promotion.actions.schema_source import open_schemas
from promotion.domain.files.items import Format
from promotion.domain.files.reading import read
from promotion.domain.files.recognising import LOOK, recognise
from promotion.models import Export, ExportPartition, Installation, Promotion, Upload, UploadLine

#: Entries of which the report says why they were not taken; the counts have all of them.
MOST_REPORTED = 100_000


def run(lease: Lease) -> None:
    """Import the file of the lease's job. Raises BadFile where it cannot be read to its end, Unreachable and the like.

    Entries that cannot be used are no error: they are counted and named, and the good ones are kept.
    """
    promotion = Promotion.objects.with_environments().get(pk=lease.promotion.pk)
    file = Upload.objects.get(pk=lease.job.arguments["upload"])
    lease.progress(0, file.size, "Reading the file")
    pieces = _pieces(file)
    form = _format(file, pieces_seen := _Start(pieces))
    row = _anew(lease, promotion, file, form)
    with open_schemas(promotion.target) as registry:
        entries = Entries(promotion, form, FileSchemas(registry, promotion.target))
        counted = _Counted(pieces_seen.all())
        chunk = Chunk()
        for item in read(form, counted):
            lease.check()
            entries.take(item, chunk)
            if chunk.due:
                _write(lease, file, row, entries, chunk)
                lease.progress(counted.bytes)
                chunk = Chunk()
        _write(lease, file, row, entries, chunk)
    _finish(lease, promotion, file, entries)


class _Start:
    """The first bytes of a stream, looked at and given back."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.head = b""
        self._pieces = pieces
        while len(self.head) < LOOK and (piece := next(pieces, None)) is not None:
            self.head += piece

    def all(self) -> Iterator[bytes]:
        return chain([self.head], self._pieces)


class _Counted:
    """The file's bytes, and how many of them were taken."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.bytes += len(piece)
            yield piece


def _pieces(file: Upload) -> Iterator[bytes]:
    for data in file.chunks.order_by("number").values_list("data", flat=True).iterator(chunk_size=1):
        yield bytes(data)


def _format(file: Upload, start: _Start) -> Format:
    return Format(file.format) if file.format else recognise(start.head)


def _anew(lease: Lease, promotion: Promotion, file: Upload, form: Format) -> ExportPartition:
    """Remove what an earlier attempt has written, and return the row of the file's one partition."""
    with lease.writing():
        events = promotion.events.all()
        events._raw_delete(events.db)  # nothing refers to them yet: no revision, no plan
        lines = file.lines.all()
        lines._raw_delete(lines.db)
        Export.objects.filter(pk=promotion.pk).delete()
        Upload.objects.filter(pk=file.pk).update(format=form.value)
        here = f"file {promotion.pk} of {Installation.objects.get()}"
        export = Export.objects.create(promotion=promotion, cluster_id=here, topic="file")
        return ExportPartition.objects.create(export=export, partition=PARTITION, start=1, end=1, position=1)


def _write(lease: Lease, file: Upload, row: ExportPartition, entries: Entries, chunk: Chunk) -> None:
    chunk.positions[PARTITION] = entries.number + 1
    with lease.writing():
        ExportPartition.objects.filter(pk=row.pk).update(end=entries.number + 1)
        write(lease, {PARTITION: row.pk}, chunk, {PARTITION: entries.highest})
        if excluded := entries.excluded():
            file.promotion.events.filter(partition=PARTITION, offset__in=excluded).set_excluded(True)
        UploadLine.objects.bulk_create(
            UploadLine(upload=file, number=number, verdict=verdict, problems=problems)
            for number, verdict, problems in entries.reported(MOST_REPORTED)
        )


def _finish(lease: Lease, promotion: Promotion, file: Upload, entries: Entries) -> None:
    now = timezone.now()
    with lease.writing():
        Export.objects.filter(pk=promotion.pk).update(finished_at=now)
        Upload.objects.filter(pk=file.pk).update(counts=dict(entries.verdicts), compared_at=now, applied_at=now)
        file.chunks.all().delete()
