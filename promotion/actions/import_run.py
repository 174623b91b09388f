"""Read an imported file from its first entry to its last, in chunks that are written as they come.

A worker that takes over starts anew: what was written of the file before is removed first. So no position in a file
has to be trusted, and an import that ends well has read every entry exactly once.
"""

from __future__ import annotations

from django.db.models import Max
from django.utils import timezone

from promotion.actions.export_chunk import RECORDS, Chunk
from promotion.actions.export_write import write
from promotion.actions.import_entries import PARTITION, Entries
from promotion.actions.import_schemas import FileSchemas
from promotion.actions.lease import Lease
from promotion.actions.schema_source import open_schemas
from promotion.actions.upload_lines import Line, write_lines
from promotion.actions.uploaded import UploadedFile
from promotion.domain.files.items import Format
from promotion.errors import LeaseLost, PromotionError
from promotion.models import Export, ExportPartition, Installation, Promotion, Upload

#: Entries of which the report says why they were not taken; the counts have all of them.
MOST_REPORTED = 100_000


def run(lease: Lease) -> None:
    """Import the file of the lease's job. Raises BadFile where it cannot be read to its end, Unreachable and the like.

    Entries that cannot be used are no error: they are counted and named, and the good ones are kept.
    """
    promotion = Promotion.objects.with_environments().get(pk=lease.promotion.pk)
    file = Upload.objects.get(pk=lease.job.arguments["upload"])
    lease.progress(0, file.size, "Reading the file")
    _clear(lease, promotion, file)
    try:
        _read(lease, promotion, file)
    except LeaseLost:
        raise
    except PromotionError:
        _clear(lease, promotion, file)  # a file is imported as a whole
        raise


def _read(lease: Lease, promotion: Promotion, file: Upload) -> None:
    stored = UploadedFile(file)
    row = _begin(lease, promotion, file, stored.format)
    with open_schemas(promotion.target) as registry:
        entries = Entries(promotion, stored.format, FileSchemas(registry, promotion.target))
        chunk = Chunk()
        for item in stored.items():
            lease.check()
            entries.take(item, chunk)
            if chunk.due:
                _write(lease, file, row, entries, chunk)
                lease.progress(stored.bytes, octets=stored.bytes)
                chunk = Chunk()
        _write(lease, file, row, entries, chunk)
    stored.check_format(entries.verdicts)
    _finish(lease, promotion, file, entries)


def _clear(lease: Lease, promotion: Promotion, file: Upload) -> None:
    """Remove what an attempt has written, in parts: no transaction may be longer than a lease."""
    with lease.writing():
        Export.objects.filter(pk=promotion.pk).delete()
        lines = file.lines.all()
        lines._raw_delete(lines.db)
    highest = promotion.events.aggregate(highest=Max("offset"))["highest"] or 0
    for first in range(0, highest + 1, RECORDS):
        events = promotion.events.filter(partition=PARTITION, offset__gte=first, offset__lt=first + RECORDS)
        with lease.writing():
            events._raw_delete(events.db)  # nothing refers to them yet: no revision, no plan


def _begin(lease: Lease, promotion: Promotion, file: Upload, form: Format) -> ExportPartition:
    """Return the row of the file's one partition."""
    with lease.writing():
        Upload.objects.filter(pk=file.pk).update(format=form.value)
        here = f"file {promotion.pk} of {Installation.objects.get()}"
        export = Export.objects.create(promotion=promotion, cluster_id=here, topic="file")
        return ExportPartition.objects.create(export=export, partition=PARTITION, start=1, end=1, position=1)


def _write(lease: Lease, file: Upload, row: ExportPartition, entries: Entries, chunk: Chunk) -> None:
    chunk.positions[PARTITION] = entries.number + 1
    with lease.writing():
        ExportPartition.objects.filter(pk=row.pk).update(end=entries.number + 1)
        write({PARTITION: row.pk}, chunk, {PARTITION: entries.highest})
        if excluded := entries.excluded():
            file.promotion.events.filter(partition=PARTITION, offset__in=excluded).set_excluded(True)
        reported = entries.reported(MOST_REPORTED)
        write_lines(file.pk, (Line(number, verdict, problems=problems) for number, verdict, problems in reported))


def _finish(lease: Lease, promotion: Promotion, file: Upload, entries: Entries) -> None:
    now = timezone.now()
    with lease.writing():
        Export.objects.filter(pk=promotion.pk).update(finished_at=now)
        Upload.objects.filter(pk=file.pk).update(counts=dict(entries.verdicts), compared_at=now, applied_at=now)
        file.chunks.all().delete()
