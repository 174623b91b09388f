"""Compare an uploaded file with the promotion's events, line by line, before anything is applied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from django.utils import timezone

from promotion.actions.lease import Lease
from promotion.actions.outgoing import outgoing
from promotion.domain.json_codec import from_json_value
from promotion.domain.lines import EventLine, numbered, read_line
from promotion.errors import InvalidInput
from promotion.models import Event, LineVerdict, Promotion, Upload, UploadLine

BATCH = 500
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
    for numbered_line in numbered(_lines(upload)):
        batch.append(numbered_line)
        if len(batch) == BATCH:
            lease.progress(numbered_line[0], phase="Comparing lines")
            yield batch
            batch = []
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
        self._seen: dict[Position, int] = {}
        self._mentioned = 0

    def add(self, batch: list[tuple[int, bytes]]) -> None:
        """Judge a batch of numbered lines and write a row for each."""
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
            return read_line(line)
        except InvalidInput as error:
            return self._row(number, LineVerdict.INVALID, problems=[str(error)])

    def _events(self, lines: list[EventLine]) -> dict[Position, Event]:
        """Return the events that the lines name, with one query for a batch."""
        wanted: dict[int, list[int]] = {}
        for line in lines:
            wanted.setdefault(line.partition, []).append(line.offset)
        found: dict[Position, Event] = {}
        events = self._promotion.events.select_related("schema", "revision__schema").defer("document")
        for partition, offsets in wanted.items():
            for event in events.filter(partition=partition, offset__in=offsets):
                found[event.partition, event.offset] = event
        return found

    def _judge(self, number: int, line: EventLine, events: dict[Position, Event]) -> UploadLine:
        position = (line.partition, line.offset)
        first = self._seen.setdefault(position, number)
        if first != number:
            return self._row(number, LineVerdict.DUPLICATE, problems=[f"Line {first} is about the same event."])
        event = events.get(position)
        if event is None or event.quarantined:
            what = "is in quarantine" if event else "is not in this promotion"
            return self._row(number, LineVerdict.UNKNOWN, problems=[f"Event {line.partition}:{line.offset} {what}."])
        if not event.excluded:
            self._mentioned += 1
        if line.version is not None and line.version != event.version:
            return self._row(
                number, LineVerdict.STALE, event, problems=["The event was changed here after the file was downloaded."]
            )
        return self._change(number, line, event)

    def _change(self, number: int, line: EventLine, event: Event) -> UploadLine:
        if line.excluded and not event.excluded:
            return self._row(number, LineVerdict.EXCLUDED, event)
        now = outgoing(event)
        if line.type_name not in (None, now.schema.full_name):
            problem = f"The type is {now.schema.full_name}: a file cannot change it."
            return self._row(number, LineVerdict.INVALID, event, problems=[problem])
        if line.value is None:
            return self._row(number, LineVerdict.UNCHANGED, event)
        try:
            body = from_json_value(now.schema, line.value)
        except InvalidInput as error:
            return self._row(
                number, LineVerdict.INVALID, event, problems=getattr(error, "problems", []) or [str(error)]
            )
        if body != now.data:
            return self._row(number, LineVerdict.CHANGED, event, body)
        included = line.excluded is False and event.excluded
        return self._row(number, LineVerdict.INCLUDED if included else LineVerdict.UNCHANGED, event)

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
