"""Compare an uploaded file with the promotion's events, entry by entry, before anything is applied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import F
from django.utils import timezone

from promotion.actions.compare_find import Among, Events, Unknown
from promotion.actions.lease import Lease
from promotion.actions.loaded_events import LoadedEvent
from promotion.actions.masking import Masks, encoded
from promotion.actions.outgoing import Body, changes
from promotion.actions.upload_lines import Line, write_lines
from promotion.actions.uploaded import UploadedFile
from promotion.domain.event_id import FIELD
from promotion.domain.files.event_ids import whole_value
from promotion.domain.files.items import BadEntry, FileEvent, Format, Item, Manifest
from promotion.domain.files.objects import changed_fixed
from promotion.domain.json_codec import to_json_value
from promotion.domain.json_text import exact_text
from promotion.domain.masks import may_hold_mask
from promotion.domain.octets import visible
from promotion.errors import InvalidInput
from promotion.models import LineVerdict, Promotion, Upload

#: Entries judged at a time, and the bytes that they come from: whichever is reached first.
BATCH, BATCH_BYTES = 500, 4 * 1024 * 1024
#: More entries than any promotion has events.
MAX_ENTRIES = 3_000_000
#: Problems kept of one entry: the rest would not be read.
MAX_PROBLEMS = 20


def run(lease: Lease) -> None:
    """Write an UploadLine for every entry, and the counts. A second run starts anew. Raises BadFile.

    Where the file cannot be read to its end nothing of it can be applied.
    """
    upload = Upload.objects.select_related("promotion").get(pk=lease.job.arguments["upload"])
    lease.progress(0, upload.size, "Comparing the file")
    stored = UploadedFile(upload)
    with lease.writing():
        lines = upload.lines.all()
        lines._raw_delete(lines.db)  # nothing refers to them
        upload.format = stored.format.value
        upload.save(update_fields=["format"])
    comparison = Comparison(lease, upload)
    for batch in _batches(stored):
        lease.progress(stored.bytes, octets=stored.bytes)
        comparison.add(batch)
    stored.check_format(comparison.counts)
    comparison.finish()


def _batches(stored: UploadedFile) -> Iterator[list[Item]]:
    batch: list[Item] = []
    begun = count = 0
    for count, item in enumerate(stored.items(editing=True), start=1):
        batch.append(item)
        if len(batch) == BATCH or stored.bytes - begun >= BATCH_BYTES:
            yield batch
            batch, begun = [], stored.bytes
        if count > MAX_ENTRIES:
            raise InvalidInput(f"The file has more than {MAX_ENTRIES:,} entries.", "Split it, and upload the parts.")
    if batch:
        yield batch


class Comparison:
    """The verdicts so far. What is about an event that was mentioned before is a duplicate, whatever it says."""

    def __init__(self, lease: Lease, upload: Upload) -> None:
        self.counts: Counter[str] = Counter()
        self._lease = lease
        self._upload = upload
        self._promotion: Promotion = upload.promotion
        self._events = Events(upload.promotion)
        self._entry = Format(upload.format or Format.JSONL).entry.capitalize()
        self._mentioned = 0
        self._masks = Masks()

    def add(self, batch: Sequence[Item]) -> None:
        """Judge a batch of entries and write a row for each but manifests."""
        for item in batch:
            if isinstance(item, Manifest):
                self._check(item)
        entries = [item for item in batch if isinstance(item, FileEvent)]
        events = self._events.find(entries)
        seen = self._seen(events)
        rows = [self._bad(item) for item in batch if isinstance(item, BadEntry)]
        rows += [self._judge(entry, events[entry.number], seen) for entry in entries]
        self.counts.update(row.verdict for row in rows)
        with self._lease.writing():
            write_lines(self._upload.pk, rows)

    def finish(self) -> None:
        """Write the counts, and how many outgoing events the file does not mention. Its bytes are not needed again."""
        with self._lease.writing():
            missing = self._promotion.events.outgoing().count() - self._mentioned
            Upload.objects.filter(pk=self._upload.pk).update(
                counts=dict(self.counts), missing=max(0, missing), compared_at=timezone.now()
            )
            self._upload.chunks.all().delete()

    def _check(self, manifest: Manifest) -> None:
        """Positions say nothing of a promotion: the same ones exist in every promotion of a source."""
        if manifest.promotion not in (None, self._promotion.pk):
            raise InvalidInput(
                f"The file was downloaded from promotion {manifest.promotion}, this is promotion {self._promotion.pk}.",
                "Upload it there. To use it here anyway, take out where it says so (the manifest, or promotionid).",
            )

    def _seen(self, events: dict[int, LoadedEvent | Unknown]) -> dict[int, int]:
        """Return the numbers of earlier entries about these events, by the event's id."""
        ids = [event.pk for event in events.values() if isinstance(event, LoadedEvent)]
        return dict(self._upload.lines.filter(Among(F("event_id"), ids)).values_list("event", "number"))

    def _bad(self, entry: BadEntry) -> Line:
        return self._row(entry, LineVerdict.INVALID, problems=[str(entry)])

    def _judge(self, entry: FileEvent, event: LoadedEvent | Unknown, seen: dict[int, int]) -> Line:
        if isinstance(event, Unknown):
            return self._row(entry, LineVerdict.UNKNOWN, problems=[event.why])
        first = seen.setdefault(event.pk, entry.number)
        if first != entry.number:
            problem = f"{self._entry} {first:,} is about the same event."
            return self._row(entry, LineVerdict.DUPLICATE, problems=[problem])
        self._mentioned += not event.excluded
        if entry.version is not None and entry.version != event.version:
            problem = "The event was changed here after the file was downloaded."
            return self._row(entry, LineVerdict.STALE, event, problems=[problem])
        return self._compare(entry, event)

    def _compare(self, entry: FileEvent, event: LoadedEvent) -> Line:
        now = event.outgoing
        assert now is not None, "one in quarantine is not found"
        if problems := _unchangeable(entry, event, now):
            return self._row(entry, LineVerdict.INVALID, event, problems=problems)
        try:
            body = now.data if entry.value is None else self._body(event, now, _whole(entry, now))
        except InvalidInput as error:
            return self._row(entry, LineVerdict.INVALID, event, problems=error.problems or [str(error)])
        changed = changes(now, body)
        return self._row(entry, _verdict(entry, event, changed), event, body if changed else None)

    def _body(self, event: LoadedEvent, now: Body, value: Any) -> bytes:
        """Return the body of an entry's value. Where its text is the event's own, as of most, that is known already."""
        text = exact_text(value)
        if not may_hold_mask(text) and text == exact_text(to_json_value(now.schema, now.data)):
            return now.data
        return encoded(event, now, value, masks=self._masks)

    def _row(
        self,
        entry: FileEvent | BadEntry,
        verdict: LineVerdict,
        event: LoadedEvent | None = None,
        body: bytes | None = None,
        problems: Sequence[str] = (),
    ) -> Line:
        where = "" if entry.line in (0, entry.number) else f"Line {entry.line:,}: "
        return Line(
            entry.number,
            verdict,
            event.pk if event else None,
            event.version if event else None,
            body,
            [f"{where}{visible(problem)}"[:500] for problem in problems[:MAX_PROBLEMS]],
        )


def _unchangeable(entry: FileEvent, event: LoadedEvent, now: Body) -> list[str]:
    """Return what the entry would change that no file can. A short name is what CloudEvents call a type."""
    problems = changed_fixed(entry.fixed, event.timestamp, event.key)
    full_name = now.schema.full_name or ""
    if entry.type_name not in (None, full_name, full_name.rpartition(".")[2]):
        problems.insert(0, f"The type is {full_name}: a file cannot change it.")
    return problems


def _whole(entry: FileEvent, now: Body) -> Any:
    """Return the entry's value. Where it has no EventId, that is the event's, with what the attributes say of it."""
    value = whole_value(now.schema, entry)
    if FIELD not in value or FIELD in entry.value:
        return value
    current = to_json_value(now.schema, now.data)
    return value | {FIELD: current[FIELD] | value[FIELD]}


def _verdict(entry: FileEvent, event: LoadedEvent, changed: bool) -> LineVerdict:
    """What becomes of an event that the entry fits. One that says nothing of exclusion leaves it as it is."""
    if entry.excluded is not None and entry.excluded != event.excluded:
        return LineVerdict.EXCLUDED if entry.excluded else LineVerdict.INCLUDED
    return LineVerdict.CHANGED if changed else LineVerdict.UNCHANGED
