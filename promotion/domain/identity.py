"""Which thing an event is about: the aggregate's name and the values of its type's key fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from promotion.domain.event_id import host_of
from promotion.errors import InvalidInput

DIGEST_BYTES = 16
#: A path that means the event's host wherever it stands: its own hostId, else EventId.hostId.
HOST = "host"
_LONGEST_PART = 60


class NoIdentity(InvalidInput):
    """A key field of the event's type has no value, so nobody can say which aggregate it is about."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An aggregate: its name without namespace, since types move between namespaces, and its key values in order."""

    aggregate: str
    values: tuple[str, ...]
    _digest: bytes = field(default=b"", init=False, repr=False, compare=False)

    @property
    def digest(self) -> bytes:
        """16 bytes that stand for it."""
        if not self._digest:
            object.__setattr__(self, "_digest", digest_of(self.aggregate, *self.values))
        return self._digest

    @property
    def label(self) -> str:
        """What people read: `Role 01964b05... / admin`."""
        return f"{self.aggregate} {' / '.join(_short(value) for value in self.values)}"


def digest_of(*parts: str) -> bytes:
    """Return 16 bytes of the texts `parts`; each counts with its length, so that no two sequences read the same."""
    text = "".join([f"{len(part)};{part}" for part in parts])
    return blake2b(text.encode(errors="surrogatepass"), digest_size=DIGEST_BYTES).digest()


def identity_of(aggregate: str, paths: Sequence[str], tree: Mapping[str, Any]) -> Identity | None:
    """Return the aggregate that a decoded event is about; None where its type has no key fields.

    `paths` are dotted, `host` is the event's host wherever it stands. Numbers count by their text. Raises NoIdentity
    where a value is missing, null or empty, or no single value.
    """
    if not paths:
        return None
    return Identity(aggregate, tuple([_value(tree, path) for path in paths]))


def _value(tree: Mapping[str, Any], path: str) -> str:
    found: Any = host_of(tree) if path == HOST else tree.get(path) if "." not in path else _at(tree, path)
    if type(found) is str and found:
        return found
    if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
        raise NoIdentity(
            f"The key field {path} of the event has no value.",
            "Give it one, have a curator correct the key fields of the type, or exclude the event.",
        )
    return str(found)


def _at(tree: Any, path: str) -> Any:
    for name in path.split("."):
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree


def _short(value: str) -> str:
    return value if len(value) <= _LONGEST_PART else f"{value[:_LONGEST_PART]}…"
