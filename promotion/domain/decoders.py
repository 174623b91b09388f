"""The decoders made for one schema; docs/decisions/0026-specialised-decoders.md.

They read what is sound in less than half of the Walker's time, and give up on anything else: whoever calls one catches
GAVE_UP and lets the Walker read from the start, which says what is wrong and where.
"""

from collections.abc import Callable
from functools import cached_property
from itertools import count
from typing import Any, Final

from promotion.domain.avro_type import AvroType, canonical_form
from promotion.domain.decoder_parts import GAVE_UP, PARTS, GaveUp
from promotion.domain.decoder_source import DecoderSource, Unfit
from promotion.domain.event_id import FIELD
from promotion.domain.limits import DEFAULT_LIMITS, Limits

__all__ = ["GAVE_UP", "WORTH", "Decode", "Decoders", "compiled"]

Decode = Callable[[bytes], Any]
WORTH: Final = 100  # making one takes 0.4 ms or more and saves 2 to 6 us a call


class Decoders:
    """What the Walkers would do under the default limits, in place of them from the WORTHth call on.

    `plain` returns what Walker does, `as_json` what JsonWalker does, `head` the fields up to and with EventId, and
    looks at nothing behind them, `spans` where the numbers of EventId stand: see `event_id_body.spans`. All give up
    until they are made.
    """

    def __init__(self, root: AvroType) -> None:
        self._root = root
        self.plain: Decode = self._later("plain")
        self.as_json: Decode = self._later("as_json")
        self.head: Decode = self._later("head")
        self.spans: Decode = self._later("spans")

    def make(self, *names: str) -> None:
        """Make those of these names at once, for a job that knows how much it reads."""
        for name in names:
            beginning = name in ("head", "spans")
            root = _head(self._root) if beginning else self._root
            made = compiled(
                root, DEFAULT_LIMITS, as_json=name == "as_json", whole=not beginning, placed=name == "spans"
            )
            setattr(self, name, made)

    @cached_property
    def floats(self) -> bool:
        """Whether a value can hold a float or a double. True also where only a name is one of these words."""
        return self._names("float", "double")

    @cached_property
    def as_in_json(self) -> bool:
        """Whether JSON has every value as `plain` returns it, but for the branches of unions: no bytes, no floats."""
        return not self.floats and not self._names("bytes", "fixed")

    def _names(self, *words: str) -> bool:
        form = canonical_form(self._root)
        return any(f'"{word}"' in form for word in words)

    def _later(self, name: str) -> Decode:
        calls = count(1)

        def early(data: bytes) -> Any:
            if next(calls) >= WORTH:
                self.make(name)
                return getattr(self, name)(data)
            raise GaveUp

        return early


def compiled(
    root: AvroType, limits: Limits, *, as_json: bool = False, whole: bool = True, placed: bool = False
) -> Decode:
    """Return a decoder for `root` under `limits`; one that always gives up where `root` is no record, or is unfit."""
    if root.kind != "record":
        return _give_up
    try:
        source = DecoderSource(root, limits, as_json, whole, placed)
    except Unfit:
        return _give_up
    space: dict[str, Any] = {"__builtins__": {}, "len": len, "range": range, **PARTS, **source.constants}
    exec(compile(source.text, "<decoder>", "exec"), space)  # noqa: S102  # DecoderSource says what can be in it
    made: Decode = space["decode"]
    return made


def _head(root: AvroType) -> AvroType:
    """The record `root` as far as EventId; of no kind that has a decoder where it has no such field."""
    names = [item.name for item in root.fields]
    if FIELD not in names:
        return AvroType("null")
    return AvroType("record", root.name, fields=root.fields[: names.index(FIELD) + 1])


def _give_up(_data: bytes) -> Any:
    raise GaveUp
