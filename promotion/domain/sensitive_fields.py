"""Which fields of an event type are sensitive: proposed from its schema, for a curator to correct.

A proposal masks at once. So it rather names a field too many: what is masked by mistake is seen and corrected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from promotion.domain.avro_type import AvroField, AvroType
from promotion.domain.event_id import FIELD as EVENT_ID
from promotion.domain.marks import ITEMS, is_path, parts_of
from promotion.domain.schema import Schema

MOST_PATHS = 100
_DEEPEST = 12
#: Keys of records and the acting user are made of these: they are seen wherever an event is.
_NEEDED = frozenset({EVENT_ID, "hostId"})
#: Yes and no, and one of a few words, tell nothing that was to be kept secret.
_HARMLESS = frozenset({"boolean", "enum", "null"})
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
#: Words of a name, each alone or several in a row.
_SENSITIVE = re.compile(
    r"\b(passwords?|passwd|pwd|passphrase|pass ?word|secrets?|tokens?|jwt|credentials?|cvv|cvc|ssn|iban|pin|otp|dob"
    r"|(api|private|secret|client|access|signing|encryption|shared|master|session) ?keys?"
    r"|e ?mails?|(phone|mobile|cell|telephone|fax)( (number|no))?s?|social security( number)?|tax id|passport"
    r"|(credit|debit|bank|payment) ?cards?|card (number|no)|bank account|account number|auth ?codes?"
    r"|authorization code|verification code|date of birth|birth ?(date|day)|security answer)\b"
)
#: What a field's documentation says of its value. A single word there may be about another field.
_SAID = re.compile(r"\b(is|the|a|user'?s|their|hashed|encrypted) (password|secret|credentials?|e-?mail address)\b")


def propose(schema: Schema) -> list[str]:
    """Return the paths that the names of the schema's fields suggest to be sensitive, in the schema's order.

    EventId and the host are never among them. A record inside itself is proposed as a whole where it holds any.
    """
    found = list(islice(_inside(schema.root, "", ()), MOST_PATHS + 1))
    if len(found) <= MOST_PATHS:
        return list(dict.fromkeys(found))
    # A schema that repeats its records without end: what holds any is masked as a whole.
    return [item.name for item in schema.root.fields if item.name not in _NEEDED and _holds(item)]


def problem_with(schema: Schema, path: str) -> str:
    """Return a sentence that says why `path` cannot be marked, or nothing where it can."""
    if not is_path(path):
        return f"{path[:100] or 'An empty text'} is no path: write password, address.city, users[].email."
    parts = parts_of(path)
    if parts[0] in _NEEDED:
        return f"{parts[0]} cannot be masked: the keys of records are made of it."
    nodes = [schema.root]
    for part in parts:
        nodes = [each for node in nodes for each in _step(node, part)]
    return "" if nodes else f"The type has no field {path}."


def is_sensitive(name: str, doc: str = "") -> bool:
    """Whether a field of this name and documentation is proposed."""
    words = " ".join(_WORD.findall(name)).lower()
    return _SENSITIVE.search(words) is not None or _SAID.search(doc.lower()) is not None


def _inside(node: AvroType, path: str, above: tuple[AvroType, ...]) -> Iterator[str]:
    if node.kind == "record":
        for item in node.fields:
            if above or item.name not in _NEEDED:
                yield from _field(item, f"{path}.{item.name}".removeprefix("."), (*above, node))
    elif node.kind in ("array", "map"):
        yield from _inside(node.inner[0], f"{path}{ITEMS}", above)
    else:
        for branch in node.inner:
            yield from _inside(branch, path, above)


def _field(item: AvroField, path: str, above: tuple[AvroType, ...]) -> Iterator[str]:
    if _named(item):
        yield path
    elif not _holds(item):
        return
    elif _leads_back(item.type, above) or len(above) > _DEEPEST:
        yield path
    else:
        yield from _inside(item.type, path, above)


def _holds(item: AvroField) -> bool:
    """Whether a field is sensitive, or a record in it has one that is."""
    return _named(item) or any(_anything(node, set()) for node in _records(item.type))


def _named(item: AvroField) -> bool:
    names = any(is_sensitive(name) for name in (item.name, *item.aliases)) or is_sensitive("", item.doc)
    return names and not _harmless(item.type)


def _harmless(node: AvroType) -> bool:
    kinds = {branch.kind for branch in node.inner} if node.kind == "union" else {node.kind}
    return kinds <= _HARMLESS


def _leads_back(node: AvroType, above: tuple[AvroType, ...]) -> bool:
    return any(record in above for record in _records(node))


def _records(node: AvroType) -> Iterator[AvroType]:
    """Yield the records that a value of this type is, or is made of."""
    if node.kind == "record":
        yield node
    else:
        for inner in node.inner:
            yield from _records(inner)


def _anything(node: AvroType, seen: set[int]) -> bool:
    """Whether a record has a sensitive field, at any depth; those in `seen` were looked at."""
    if id(node) in seen:
        return False
    seen.add(id(node))
    return any(_named(item) or any(_anything(each, seen) for each in _records(item.type)) for item in node.fields)


def _step(node: AvroType, part: str) -> Iterator[AvroType]:
    if node.kind == "union":
        for branch in node.inner:
            yield from _step(branch, part)
    elif part == ITEMS:
        yield from node.inner if node.kind in ("array", "map") else ()
    else:
        yield from (item.type for item in node.fields if item.name == part)
