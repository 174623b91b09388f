"""Compare an uploaded file with the promotion's events, line by line, before anything is applied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from django.utils import timezone

from promotion.actions.lease import Lease
from promotion.actions.outgoing import Body, changes, outgoing, with_schemas
from promotion.domain.json_codec import from_json_value
from promotion.domain.lines import EventLine, Manifest, changed_fixed, numbered, read_line
from promotion.errors import InvalidInput
from promotion.models import Event, LineVerdict, Promotion, Upload, UploadLine

#: Lines judged at a time, and their bytes: whichever is reached first.
BATCH, BATCH_BYTES = 500, 8 * 1024 * 1024
#: More lines than any promotion has events.
MAX_LINES = 3_000_000
#: One line, in bytes: an event's JSON is larger than its Avro, and never this large.
MAX_LINE = 32 * 1024 * 1024
#: Problems kept of one line: the rest would not be read.
MAX_PROBLEMS = 20

Position = tuple[int, int]


def run(lease: Lease) -> None:
    """Write an `UploadLine` for every line, and the counts. A second run starts anew."""
    upload = Upload.objects.get(pk=lease.job.arguments["upload"])
    with lease.writing():
        upload.lines.all().delete()
    comparison = Comparison(lease, upload)
    for batch in _batches(lease, upload):
        comparison.add(batch)
    comparison.finish()


def _batches(lease: Lease, upload: Upload) -> Iterator[list[tuple[int, bytes]]]:
    batch: list[tuple[int, bytes]] = []
    size = 0
    for number, line in numbered(_lines(upload)):
        if number > MAX_LINES:
            raise InvalidInput(f"The file has more than {MAX_LINES:,} lines.", "Split it, and upload the parts.")
        batch.append((number, line))
        size += len(line)
        if len(batch) == BATCH or size >= BATCH_BYTES:
            lease.progress(number, phase="Comparing lines")
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _lines(upload: Upload) -> Iterator[bytes]:
    """Yield the file's lines. Of a line longer than MAX_LINE only so much is kept that it is refused as too long."""
    waiting = b""
    for chunk in upload.chunks.values_list("data", flat=True).iterator(chunk_size=1):
        *whole, rest = bytes(chunk).split(b"\n")
        for line in whole:
            yield waiting + line
            waiting = b""
        if len(waiting) <= MAX_LINE:
            waiting += rest
    yield waiting


class Comparison:
    """The verdicts so far. A position that was seen before is a duplicate, whatever its line says."""

    def __init__(self, lease: Lease, upload: Upload) -> None:
        self._lease = lease
        self._upload = upload
        self._promotion: Promotion = upload.promotion
        self._counts: Counter[str] = Counter()
        self._seen: dict[int, int] = {}  # an event's id: the first line about it
        self._mentioned = 0

    def add(self, batch: list[tuple[int, bytes]]) -> None:
        """Judge a batch of numbered lines and write a row for each but the manifest."""
        read = [(number, self._read(number, line)) for number, line in batch]
        events = self._events([line for _, line in read if isinstance(line, EventLine)])
        rows = [
            line if isinstance(line, UploadLine) else self._judge(number, line, events)
            for number, line in read
            if line is not None
        ]
        self._counts.update(row.verdict for row in rows)
        with self._lease.writing():
            UploadLine.objects.bulk_create(rows)

    def finish(self) -> None:
        """Write the counts, and how many outgoing events the file does not mention."""
        with self._lease.writing():
            missing = self._promotion.events.outgoing().count() - self._mentioned
            Upload.objects.filter(pk=self._upload.pk).update(
                counts=dict(self._counts), missing=max(0, missing), compared_at=timezone.now()
            )

    def _read(self, number: int, line: bytes) -> EventLine | UploadLine | None:
        if len(line) > MAX_LINE:
            return self._row(number, LineVerdict.INVALID, problems=[f"The line is longer than {MAX_LINE:,} bytes."])
        try:
            found = read_line(line)
        except InvalidInput as error:
            return self._row(number, LineVerdict.INVALID, problems=[str(error)])
        if isinstance(found, EventLine):
            return found
        self._check(found)
        return None

    def _check(self, manifest: Manifest) -> None:
        """Positions say nothing of a promotion: the same ones exist in every promotion of a source."""
        if manifest.promotion not in (None, self._promotion.pk):
            raise InvalidInput(
                f"The file was downloaded from promotion {manifest.promotion}, this is promotion {self._promotion.pk}.",
                "Upload it there. To use it here anyway, take its first line out.",
            )

    def _events(self, lines: list[EventLine]) -> dict[Position, Event]:
        """Return the events that the lines name, with one query for a batch."""
        wanted: dict[int, list[int]] = {}
        for line in lines:
            wanted.setdefault(line.partition, []).append(line.offset)
        found: dict[Position, Event] = {}
        events = self._promotion.events.select_related("revision").defer("document")
        for partition, offsets in wanted.items():
            for event in with_schemas(events.filter(partition=partition, offset__in=offsets)):
                found[event.partition, event.offset] = event
        return found

    def _judge(self, number: int, line: EventLine, events: dict[Position, Event]) -> UploadLine:
        position = (line.partition, line.offset)
        event = events.get(position)
        if event is None or event.quarantined:
            what = "is in quarantine" if event else "is not in this promotion"
            return self._row(number, LineVerdict.UNKNOWN, problems=[f"Event {line.partition}:{line.offset} {what}."])
        first = self._seen.setdefault(event.pk, number)
        if first != number:
            return self._row(number, LineVerdict.DUPLICATE, problems=[f"Line {first} is about the same event."])
        self._mentioned += not event.excluded
        if line.version is not None and line.version != event.version:
            problem = "The event was changed here after the file was downloaded."
            return self._row(number, LineVerdict.STALE, event, problems=[problem])
        return self._compare(number, line, event)

    def _compare(self, number: int, line: EventLine, event: Event) -> UploadLine:
        now = outgoing(event)
        if problems := _unchangeable(line, event, now):
            return self._row(number, LineVerdict.INVALID, event, problems=problems)
        try:
            body = now.data if line.value is None else from_json_value(now.schema, line.value)
        except InvalidInput as error:
            return self._row(number, LineVerdict.INVALID, event, problems=error.problems or [str(error)])
        changed = changes(now, body)
        return self._row(number, _verdict(line, event, changed), event, body if changed else None)

    def _row(
        self,
        number: int,
        verdict: LineVerdict,
        event: Event | None = None,
        body: bytes | None = None,
        problems: list[str] | None = None,
    ) -> UploadLine:
        return UploadLine(
            upload=self._upload,
            number=number,
            verdict=verdict,
            event=event,
            event_version=event.version if event else None,
            body=body,
            problems=[problem[:500] for problem in (problems or [])[:MAX_PROBLEMS]],
        )


def _unchangeable(line: EventLine, event: Event, now: Body) -> list[str]:
    """Return what the line would change that no file can."""
    problems = changed_fixed(line, event.timestamp, None if event.key is None else bytes(event.key))
    if line.type_name not in (None, now.schema.full_name):
        problems.insert(0, f"The type is {now.schema.full_name}: a file cannot change it.")
    return problems


def _verdict(line: EventLine, event: Event, changed: bool) -> LineVerdict:
    """What becomes of an event that the line fits. A line that says nothing of exclusion leaves it as it is."""
    if line.excluded is not None and line.excluded != event.excluded:
        return LineVerdict.EXCLUDED if line.excluded else LineVerdict.INCLUDED
    return LineVerdict.CHANGED if changed else LineVerdict.UNCHANGED
