"""Events out, in every format, as pieces of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from promotion.domain.files import cloud_events_out, line_format, objects
from promotion.domain.files.items import FileEvent, Format
from promotion.domain.files.text import compact


def write(form: Format, events: Iterable[FileEvent], about: Mapping[str, Any]) -> Iterator[str]:
    """Yield a file of format `form`, piece by piece, in ASCII; joined they are the file.

    `about` says what the file is about: `promotion`, `source`, `topic`, and what else the manifest shall hold. Whether
    unions stand with their branches is for whoever makes the values (unions.plain_json_value). Raises CannotWrite.
    """
    match form:
        case Format.LINES:
            yield line_format.header(about)
            yield from map(line_format.entry, events)
        case Format.JSONL:
            yield from (entry + "\n" for entry in _objects(events, about))
        case Format.JSON:
            yield from _array(_objects(events, about))
        case Format.CLOUDEVENTS:
            yield from _array(cloud_events_out.entry(event, about) for event in events)


def _objects(events: Iterable[FileEvent], about: Mapping[str, Any]) -> Iterator[str]:
    yield compact(objects.manifest_object(about))
    yield from (compact(objects.event_object(event)) for event in events)


def _array(entries: Iterable[str]) -> Iterator[str]:
    """Yield a JSON array with each of its elements on a line of its own, so that a line's number helps."""
    yield "["
    before = "\n"
    for entry in entries:
        yield before + entry
        before = ",\n"
    yield "\n]\n"
