"""What the page of one event shows, all of it bounded: what is beyond the web's limits is explained instead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from promotion.actions.edit import WEB_LIMITS
from promotion.actions.masking import Masks, encoded
from promotion.actions.masking import texts as masked_texts
from promotion.actions.outgoing import Body, original, outgoing
from promotion.actions.rewrite_event import base_of
from promotion.domain.avro_type import AvroType
from promotion.domain.decode import read
from promotion.domain.diff import differences
from promotion.domain.json_codec import DoesNotFit, dump_json, parse_json, to_json_value
from promotion.domain.keys import Tenancy, outgoing_key
from promotion.domain.limits import Limits
from promotion.domain.marks import Marks
from promotion.domain.masks import hidden_difference
from promotion.domain.octets import Octets, hex_dump, shown, visible
from promotion.domain.record import unpack_headers
from promotion.domain.schema_description import describe_schema
from promotion.domain.shown_difference import ShownDifference, one_line, shown_differences
from promotion.domain.wire import GUID_HEADER, MalformedValue, header_schema_guid, unframe
from promotion.errors import InvalidInput
from promotion.models import Event, Revision
from promotion.states import RevisionKind
from promotion.views import rule_lines

#: Characters of JSON that an editor in a browser still handles well; the form takes no more either.
MAX_TEXT = 2 * 1024 * 1024
MAX_ROWS, MAX_HEADERS, MAX_HISTORY, MAX_FIELDS = 200, 50, 20, 200
#: The history looks at many versions: of larger ones it says only that they changed.
HISTORY_LIMITS = Limits(max_value_bytes=64 * 1024, max_values=5_000)


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the history: the revision, up to three differences from what went out before, and how many more.

    `rules` are the names of those that made it.
    """

    revision: Revision
    rows: list[ShownDifference]
    more: int
    unknown: bool
    rules: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class FieldDoc:
    """One field of the event's type, by its path."""

    path: str
    type: str
    doc: str
    default: str | None


def describe(event: Event, masks: Masks) -> dict[str, Any]:
    """Return the page's context about `event`, whose promotion, type, schema and revision are loaded."""
    by_rules = event.revision is not None and event.revision.kind == RevisionKind.RULES
    newest_by_hand = event.revisions.exclude(kind=RevisionKind.RULES).first()
    by_hand = base_of(event) is not None
    about: dict[str, Any] = {
        "by_rules": by_rules,
        "by_hand": by_hand,
        "undoable": by_hand or (newest_by_hand is not None and newest_by_hand.kind == RevisionKind.ORIGINAL),
        "rules": rule_lines.names(event.promotion_id, event.revision.rules) if by_rules and event.revision else [],
        "key": None if event.key is None else shown(bytes(event.key)),
        "size": len(event.value),
        **_headers(event),
    }
    return about | (_quarantined(event, masks) if event.quarantined else _kept(event, masks))


def theirs_and_yours(current: Event, text: str, masks: Masks) -> dict[str, Any]:
    """Return what goes out now beside `text`, which fits the event's schema, and the differences.

    Masks in the text stand for what goes out now; where the masked values have changed it is said instead.
    """
    now = outgoing(current)
    newest = current.revisions.select_related("author").first()
    about: dict[str, Any] = {"newest": newest, "schema": describe_schema(now.schema.root)}
    try:
        yours = Body(now.schema, encoded(current, now, parse_json(text, WEB_LIMITS), WEB_LIMITS))
        before, after = _value(now), _value(yours)
    except InvalidInput as error:  # theirs is beyond the limits, or has other values behind the masks
        return about | {"theirs": "", "yours": text, "rows": [], "too_large": error}
    mine, theirs = (dump_json(each) for each in masked_texts(masks, current, yours, now, WEB_LIMITS))
    return about | {"theirs": theirs, "yours": mine, "rows": _rows(before, after, MAX_ROWS, masks.of(current))}


def problems_of(error: DoesNotFit) -> list[dict[str, str]]:
    """Return the problems as the editor takes them."""
    return [
        {
            "path": found.path.removeprefix("$").removeprefix("."),
            "message": f"Expected {found.expected}, found {found.found}. {found.hint}".strip(),
        }
        for found in error.found
    ]


def difference_rows(before: Any, after: Any, marks: Marks) -> list[ShownDifference]:
    """Return the first differences between two values, fit to look at, with masks for what is marked."""
    return _rows(before, after, MAX_ROWS, marks)


def _kept(event: Event, masks: Masks) -> dict[str, Any]:
    now, marks = outgoing(event), masks.of(event)
    about = {"fields": list(_fields(now.schema.root)), "history": _history(event, marks), "marks": marks.paths}
    about["schema"] = describe_schema(now.schema.root)
    try:
        before, after = _value(original(event)), _value(now)
        texts = [dump_json(each) for each in masked_texts(masks, event, original(event), now, WEB_LIMITS)]
    except MalformedValue as error:
        return about | {"too_large": f"{error.reason}."}
    if max(map(len, texts)) > MAX_TEXT:
        return about | {"too_large": f"Its JSON has more than {MAX_TEXT:,} characters."}
    rows = _rows(before, after, MAX_ROWS + 1, marks)
    key = _outgoing_key(event, now)
    return about | {
        "original": texts[0],
        "outgoing": texts[1],
        "rows": rows[:MAX_ROWS],
        "more_rows": len(rows) > MAX_ROWS,
        **key,
    }


def _quarantined(event: Event, masks: Masks) -> dict[str, Any]:
    value = bytes(event.value)
    if not masks.bytes_of(event):
        return {"tried": _tried(event, value), "bytes_masked": True}
    return {"tried": _tried(event, value), "dump": hex_dump(value), "text": shown(value, 4096), "dumped": 4096}


def _tried(event: Event, value: bytes) -> str:
    """Say which schema the record names."""
    try:
        guid = header_schema_guid(unpack_headers(event.headers))
        return f"The schema {guid}, from its header {GUID_HEADER}." if guid else f"Schema id {unframe(value)[0]}."
    except MalformedValue as error:
        return f"None: {error.reason}."


def _headers(event: Event) -> dict[str, Any]:
    headers = unpack_headers(event.headers)
    rows: list[tuple[str, Octets | None]] = [
        (visible(name[:200]), None if value is None else shown(value)) for name, value in headers[:MAX_HEADERS]
    ]
    return {"headers": rows, "more_headers": max(0, len(headers) - MAX_HEADERS)}


def _outgoing_key(event: Event, now: Body) -> dict[str, Any]:
    promotion = event.promotion
    source_key = None if event.key is None else bytes(event.key)
    tenancies = promotion.tenancy, Tenancy(promotion.target.tenancy)
    try:
        return {"new_key": shown(outgoing_key(read(now.schema, now.data, WEB_LIMITS), source_key, *tenancies))}
    except InvalidInput as error:
        return {"no_key": error}


def _history(event: Event, marks: Marks) -> list[Change]:
    """The newest revisions first, each with what it changed of what went out before it."""
    found = list(event.revisions.select_related("author", "schema")[: MAX_HISTORY + 1])
    return [
        _change(event, after, found[index + 1] if index + 1 < len(found) else None, marks)
        for index, after in enumerate(found[:MAX_HISTORY])
    ]


def _change(event: Event, after: Revision, before: Revision | None, marks: Marks) -> Change:
    try:
        values = [_value(_body(event, each), HISTORY_LIMITS) for each in (before, after)]
    except MalformedValue:
        return Change(after, [], 0, unknown=True, rules=_rules(event, after))
    rows = _rows(values[0], values[1], MAX_ROWS, marks)
    return Change(after, rows[:3], max(0, len(rows) - 3), unknown=False, rules=_rules(event, after))


def _rules(event: Event, made: Revision) -> Sequence[str]:
    return rule_lines.names(event.promotion_id, made.rules) if made.kind == RevisionKind.RULES else ()


def _body(event: Event, revision: Revision | None) -> Body:
    first = original(event)
    return first if revision is None or revision.body is None else Body(first.schema, bytes(revision.body))


def _value(body: Body, limits: Limits = WEB_LIMITS) -> Any:
    return to_json_value(body.schema, body.data, limits)


def _rows(before: Any, after: Any, most: int, marks: Marks) -> list[ShownDifference]:
    return shown_differences(hidden_difference(marks, each) for each in differences(before, after, most))


def _fields(node: AvroType) -> Iterator[FieldDoc]:
    """The fields of the event, and those of records in it that are not deeper than two; at most MAX_FIELDS."""
    for number, found in enumerate(_walk(node, "", 0)):
        if number == MAX_FIELDS:
            return
        yield found


def _walk(node: AvroType, prefix: str, depth: int) -> Iterator[FieldDoc]:
    for item in node.fields:
        path = f"{prefix}{item.name}"
        default = one_line(item.default, 60) if item.has_default else None
        yield FieldDoc(path, str(item.type), item.doc, default)
        inside = _record_in(item.type, item.type.inner)
        if inside is not None and depth < 2:
            yield from _walk(inside, f"{path}.", depth + 1)


def _record_in(node: AvroType, branches: Sequence[AvroType]) -> AvroType | None:
    if node.kind == "record":
        return node
    return next((each for each in branches if each.kind == "record"), None) if node.kind == "union" else None
