"""Give every record that an export reads exactly one disposition, in a loop that is kept lean.

The order of precedence, first match wins (docs/decisions/0008-export.md): tombstone; unreadable frame or unknown
schema: quarantined; not promotable; undecided; type filtered out; not decodable: quarantined; derived; time, host or
user filtered out; kept. Only records of a promotable type are decoded.
"""

from __future__ import annotations

from collections.abc import Sequence

from promotion.actions.export_chunk import Chunk, Outcome
from promotion.actions.export_rules import Rule, RuleBook
from promotion.domain.decode import read
from promotion.domain.event_id import acting
from promotion.domain.filters import ExportFilter
from promotion.domain.record import Headers, pack_headers
from promotion.domain.search_document import search_json
from promotion.domain.wire import MalformedValue
from promotion.kafka.reader import RawRecord
from promotion.states import Disposition

#: Of a record with a value: partition, timestamp (-1 for none), value, headers.
_Parts = tuple[int, int, bytes, Headers]

_TOMBSTONE: Outcome = (Disposition.TOMBSTONES.value, "")
_QUARANTINED = Disposition.QUARANTINED.value
_DERIVED = Disposition.DERIVED.value
_FILTERED = Disposition.FILTERED.value


class Classifier:
    """Sorts the records of one promotion. `highest` is the highest timestamp so far by partition, -1 for none."""

    def __init__(self, promotion_id: int, rules: RuleBook, filters: ExportFilter, highest: dict[int, int]) -> None:
        self.highest = highest
        self._promotion_id = promotion_id
        self._rules = rules
        self._filters = filters
        self._narrow = filters != ExportFilter(types=filters.types, offsets=filters.offsets)  # asks what records hold

    def take(self, records: Sequence[RawRecord], chunk: Chunk) -> None:
        """Add what becomes of `records`, in the order of each partition, to `chunk`."""
        counts, framed, highest = chunk.counts, self._rules.framed, self.highest
        for raw in records:
            partition: int = raw.partition()  # type: ignore[assignment]  # a record has one
            kind, timestamp = raw.timestamp()
            if not kind:
                timestamp = -1
            elif timestamp > highest[partition]:
                highest[partition] = timestamp
            value = raw.value()
            if value is None:
                counts[partition, _TOMBSTONE] += 1
                continue
            headers = raw.headers()
            rule = None if headers else framed.get(value[:5])
            if rule is None:
                rule = self._rules.of(value, tuple(headers or ()))
            if rule.schema is None and not rule.reason:
                counts[partition, rule.outcome] += 1
            else:
                record = partition, timestamp, value, tuple(headers or ())
                counts[partition, self._examine(raw, record, rule, chunk)] += 1
        chunk.records += len(records)
        chunk.read_bytes += sum(map(len, records))

    def _examine(self, raw: RawRecord, record: _Parts, rule: Rule, chunk: Chunk) -> Outcome:
        """Decode the record if its rule says so, and keep or quarantine it if that is what becomes of it."""
        if rule.schema is None:
            self._keep(raw, record, rule, chunk, reason=rule.reason)
            return rule.outcome
        _, timestamp, value, _ = record
        try:
            tree = read(rule.schema, value[rule.body_at :])
        except MalformedValue as malformed:
            self._keep(raw, record, rule, chunk, reason=malformed.message)
            return _QUARANTINED, rule.outcome[1]
        derived, host, user = acting(tree)
        if derived:
            return _DERIVED, rule.outcome[1]
        if self._narrow and not (self._filters.takes_time(timestamp) and self._filters.takes(host, user)):
            return _FILTERED, rule.outcome[1]
        self._keep(raw, record, rule, chunk, _clean(host), _clean(user), search_json(rule.schema, tree))
        return rule.outcome

    def _keep(
        self,
        raw: RawRecord,
        record: _Parts,
        rule: Rule,
        chunk: Chunk,
        host: str = "",
        user: str = "",
        document: str | None = None,
        reason: str = "",
    ) -> None:
        partition, timestamp, value, headers = record
        key = raw.key()
        chunk.rows.append((
            self._promotion_id, partition, raw.offset(), timestamp, self.highest[partition], key, value,
            pack_headers(headers) if headers else "", rule.event_type_id, rule.schema_id, host, user, document, reason,
            False, 0,
        ))  # fmt: skip
        chunk.bytes += len(value) + len(key or b"") + len(document or "")


def _clean(text: str) -> str:
    """What PostgreSQL's text takes; lone surrogates cannot come out of UTF-8."""
    return text.replace("\0", "\ufffd") if "\0" in text else text
