"""What becomes of each entry of a file: the rules of an export, and a name for everything that is not taken."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b, sha256

from promotion.actions.export_chunk import Chunk
from promotion.actions.import_schemas import FileSchemas, NoSchemaFits
from promotion.actions.masking import Masks
from promotion.domain.decode import read
from promotion.domain.event_id import event_id
from promotion.domain.files.duplicates import DIGEST_BYTES, Duplicates
from promotion.domain.files.items import BadEntry, FileEvent, Format, Item
from promotion.domain.masks import refuse_masks, veiled_texts
from promotion.domain.octets import visible
from promotion.domain.provenance import ORIGIN, Hop, hop_headers
from promotion.domain.record import pack_headers
from promotion.domain.search_document import search_json
from promotion.domain.wire import MalformedValue, frame
from promotion.errors import InvalidInput
from promotion.models import EventType, LineVerdict, Promotion
from promotion.states import Decision, Disposition

#: A file is one partition, whose offsets are the numbers of its entries.
PARTITION = 0
MAX_PROBLEMS = 20
_NOT_YET_DECIDED = "Nobody has decided whether events of this type may travel: a curator does, in the event types."


@dataclass(frozen=True, slots=True)
class _Type:
    id: int
    full_name: str
    decision: str


class Entries:
    """Takes entry by entry. `number` is the last one's, `highest` the highest timestamp so far (ms), -1 for none.

    `verdicts` counts what became of them. Raises Unreachable and the like where the target's registry is asked.
    """

    def __init__(self, promotion: Promotion, form: Format, schemas: FileSchemas) -> None:
        self.number, self.highest = 0, -1
        self.verdicts: Counter[str] = Counter()
        self._promotion_id, self._form, self._schemas = promotion.pk, form, schemas
        self._types, self._short = _types()
        self._duplicates, self._masks = Duplicates(), Masks()
        self._lines: list[tuple[int, str, list[str]]] = []
        self._excluded: list[int] = []
        self._said = 0
        self._now = time.time_ns() // 1_000_000

    def take(self, item: Item, chunk: Chunk) -> None:
        """Add what becomes of one entry to `chunk`."""
        match item:
            case BadEntry():
                self._leave(
                    item.number, item.line, chunk, Disposition.QUARANTINED, "", LineVerdict.INVALID, [str(item)]
                )
            case FileEvent():
                self._event(item, chunk)

    def reported(self, most: int) -> Iterator[tuple[int, str, list[str]]]:
        """Yield number, verdict and reasons of what was not taken since the last call, at most `most` in all."""
        yield from self._lines[: max(0, most - self._said)]
        self._said += len(self._lines)
        self._lines.clear()

    def excluded(self) -> list[int]:
        """Return the numbers of what the file itself excludes, since the last call."""
        found, self._excluded = self._excluded, []
        return found

    def _event(self, event: FileEvent, chunk: Chunk) -> None:
        place = event.number, event.line
        kind, why = self._type(event.type_name or "")
        if kind is None:
            self._leave(*place, chunk, Disposition.UNDECIDED, "", LineVerdict.LEFT_OUT, [why])
        elif kind.decision == Decision.NOT_PROMOTABLE:
            why = "Events of this type never travel: a curator has decided so."
            self._leave(*place, chunk, Disposition.NOT_PROMOTABLE, kind.full_name, LineVerdict.LEFT_OUT, [why])
        elif kind.decision == Decision.UNDECIDED:
            self._leave(*place, chunk, Disposition.UNDECIDED, kind.full_name, LineVerdict.LEFT_OUT, [_NOT_YET_DECIDED])
        elif event.value is None:
            why = "The entry says only that it is excluded."
            self._leave(*place, chunk, Disposition.FILTERED, kind.full_name, LineVerdict.LEFT_OUT, [why])
        else:
            self._promotable(event, kind, chunk)

    def _promotable(self, event: FileEvent, kind: _Type, chunk: Chunk) -> None:
        place, name = (event.number, event.line), kind.full_name
        try:
            refuse_masks(event.value)  # there is no event yet whose value one could stand for
            written = self._schemas.encode(name, event)
            tree = read(written.body.schema, written.body.data)
        except (InvalidInput, MalformedValue) as error:
            problems = self._reasons(name, error)
            self._leave(*place, chunk, Disposition.QUARANTINED, name, LineVerdict.INVALID, problems)
            return
        about, value = event_id(tree), frame(0, written.body.data)
        if about.derived:
            why = "It was derived by an event processor: the target's makes it again."
            self._leave(*place, chunk, Disposition.DERIVED, name, LineVerdict.LEFT_OUT, [why])
            return
        first = self._duplicates.first(event.number, _digest(event.key, name, value))
        if first != event.number:
            why = f"It is exactly the same as entry {first:,}."
            self._leave(*place, chunk, Disposition.FILTERED, name, LineVerdict.REPEATED, [why])
            return
        timestamp = event.timestamp or about.timestamp or self._now
        self.highest = max(self.highest, timestamp)
        document = search_json(written.body.schema, tree)
        chunk.rows.append((
            self._promotion_id, PARTITION, event.number, timestamp, self.highest, event.key, value, _origin(value),
            kind.id, written.schema_id, _clean(about.host), _clean(about.user), document, "", False, 0,
        ))  # fmt: skip
        chunk.bytes += len(value) + len(document)
        if event.excluded:
            self._excluded.append(event.number)
        self._count(event.number, chunk, Disposition.KEPT, name, LineVerdict.IMPORTED)

    def _reasons(self, name: str, error: InvalidInput | MalformedValue) -> list[str]:
        """What is wrong with an entry of a type, without what it holds at marked places."""
        if isinstance(error, NoSchemaFits) and (marks := self._masks.named(name)):
            return veiled_texts(error.problems, marks)
        return getattr(error, "problems", []) or [str(error)]

    def _type(self, name: str) -> tuple[_Type | None, str]:
        """The type that a full name says, or a short one that only one type has."""
        found = self._types.get(name)
        if found is not None:
            return found, ""
        candidates = self._short.get(name, [])
        if len(candidates) == 1:
            return candidates[0], ""
        shown = visible(name[:200])
        if candidates:
            return None, f"Several event types are called {shown}: give the full name."
        return (
            None,
            f"There is no event type '{shown}' in the table: a curator adds it, and decides whether it may travel.",
        )

    def _leave(
        self,
        number: int,
        line: int,
        chunk: Chunk,
        disposition: Disposition,
        type_name: str,
        verdict: LineVerdict,
        problems: list[str],
    ) -> None:
        where = "" if line in (0, number) else f"Line {line:,}: "
        said = [f"{where}{visible(problem)}"[:500] for problem in problems[:MAX_PROBLEMS]]
        self._lines.append((number, verdict.value, said))
        self._count(number, chunk, disposition, type_name, verdict)

    def _count(self, number: int, chunk: Chunk, disposition: Disposition, type_name: str, verdict: LineVerdict) -> None:
        self.number = number
        self.verdicts[verdict.value] += 1
        chunk.counts[PARTITION, (disposition.value, type_name)] += 1
        chunk.records += 1


def _types() -> tuple[dict[str, _Type], dict[str, list[_Type]]]:
    by_name: dict[str, _Type] = {}
    by_short: dict[str, list[_Type]] = {}
    for pk, name, decision in EventType.objects.values_list("pk", "full_name", "decision"):
        kind = by_name[name] = _Type(pk, name, decision)
        by_short.setdefault(name.rpartition(".")[2], []).append(kind)
    return by_name, by_short


def _digest(key: bytes | None, name: str, value: bytes) -> bytes:
    parts = (b"-" if key is None else b"%d;%b" % (len(key), key), name.encode(), value)
    return blake2b(b"\n".join(parts), digest_size=DIGEST_BYTES).digest()


def _origin(value: bytes) -> str:
    """An event of a file is itself wherever it stands in whichever file: that tells a second import from the first."""
    return pack_headers(tuple(hop_headers(ORIGIN, Hop("file", "file", "file", 0, 0, sha256(value).hexdigest()))))


def _clean(text: str | None) -> str:
    return (text or "").replace("\0", "\ufffd")
