"""Events for files, hostile ones included, and files cut anywhere."""

import json
from typing import Any

from hypothesis import strategies as st

from promotion.domain.files.items import FileEvent, Format
from promotion.domain.files.reading import read
from promotion.domain.files.writing import write

FORMATS = list(Format)
ABOUT = {"promotion": 7, "title": "a\u2028b\x1e", "source": "dev", "topic": "portal-event"}
_HOSTILE = ["\u2028", "\u0085", "\x1e", "^^", '"', "\\", "#", "#@ {}", "\ufeff", "\ud800", "\udfff\ud800", "\n", "\r\n",
            "NaN", "-Infinity", "[", "}", ",", "\0", "<b>", "base64:", "[B@1f", "\U0001f600", "\ufffe"]  # fmt: skip
TEXTS = st.lists(st.sampled_from(_HOSTILE) | st.text(max_size=4), max_size=4).map("".join)
BIG = st.integers(-(2**64), 2**64) | st.sampled_from([2**53 + 1, 10**390, -(10**390)])
LONGS = st.integers(0, 2**63 - 1)
KEYS = (
    st.none()
    | st.binary(max_size=12)
    | TEXTS.map(lambda text: text.encode(errors="surrogatepass"))
    | st.sampled_from([b"", b" ", b"\xef\xbb\xbfx", b"base64:eA==", b"[B@3910fe11", b"a\x1eb", b"x\n", b"#", b"host-1"])
)
_LEAVES = st.none() | st.booleans() | BIG | st.floats(allow_nan=False, allow_infinity=False) | TEXTS


def trees() -> st.SearchStrategy[Any]:
    """Values of JSON with hostile texts and keys, some of which look like an event's parts."""
    keys = st.sampled_from(["EventId", "id", "userId", "hostId", "nonce", "string", "long", "manifest", "a.B"]) | TEXTS
    return st.recursive(
        _LEAVES, lambda some: st.lists(some, max_size=3) | st.dictionaries(keys, some, max_size=4), max_leaves=6
    )


@st.composite
def events(draw: st.DrawFn) -> FileEvent:
    """Events as a promotion has them, with a position or without, excluded ones without a value included."""
    placed = draw(st.booleans())
    excluded = draw(st.none() | st.booleans())
    value = draw(trees())
    return FileEvent(
        number=0,
        value={} if value is None and not excluded else value,
        type_name=draw(st.sampled_from(["net.lightapi.portal.role.RoleCreatedEvent", "Short", "a.B", "_x.y_1.Z"])),
        key=draw(KEYS),
        timestamp=draw(st.sampled_from([None, -1, 0, 1763000000123, 2**63 - 1]) | st.integers(-(2**53), 2**53)),
        partition=draw(st.integers(0, 2**31 - 1)) if placed else None,
        offset=draw(LONGS) if placed else None,
        version=draw(st.none() | LONGS),
        excluded=excluded,
    )


def written(form: Format, some: list[FileEvent]) -> bytes:
    """A whole file."""
    return "".join(write(form, some, ABOUT)).encode()


def said(form: Format, content: bytes) -> list[FileEvent]:
    """The events of a file that has nothing wrong in it."""
    return [item for item in read(form, [content]) if isinstance(item, FileEvent)]


def core(event: FileEvent) -> list[Any]:
    """What every format has room for; values as text, so that 1 and 1.0 and True differ."""
    return [
        event.type_name, event.key, event.timestamp, event.partition, event.offset, event.version, event.excluded,
        json.dumps(event.value),
    ]  # fmt: skip


def cut(content: bytes, places: list[int]) -> list[bytes]:
    """The content as chunks, cut at `places` (whatever their size and order)."""
    ends = sorted({place % (len(content) + 1) for place in places})
    return [content[start:end] for start, end in zip([0, *ends], [*ends, len(content)], strict=True)]
