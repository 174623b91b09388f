"""Our own form of an event, a JSON object: a line of `jsonl`, an element of `json`."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Mapping
from typing import Any

from promotion.domain.files.items import MAX_LONG, BadLine, FileEvent, Manifest

#: What an entry holds for people to read, and why a file that says otherwise is wrong.
FIXED = {
    "key": "The key follows from the event's host or user: change those. A file cannot change it.",
    "timestamp": "The timestamp follows from the plan's policy: choose it there. A file cannot change it.",
}
FORMAT = "promotion-console/events"
VERSION = 1


def manifest_object(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first entry of a file; `about` says what the file is about."""
    return {"manifest": {"format": FORMAT, "version": VERSION, **about}}


def event_object(event: FileEvent) -> dict[str, Any]:
    """Return the entry of one event. What is None is left out, but for the key: null says that there is none."""
    found = {
        "partition": event.partition,
        "offset": event.offset,
        "timestamp": event.timestamp,
        "type": event.type_name,
        "key": key_value(event.key),
        "version": event.version,
        "excluded": event.excluded,
        "value": event.value,
    }
    needed = ("key",) if event.excluded and event.value is None else ("key", "value")
    return {name: value for name, value in found.items() if value is not None or name in needed}


def read_object(value: Any, number: int, line: int, editing: bool) -> FileEvent | Manifest:
    """Return what an entry says. Raises BadLine.

    When `editing` an existing promotion key and timestamp are not looked at: `fixed` has what stands there, and
    `changed_fixed` compares it. Otherwise they have to be right.
    """
    if not isinstance(value, dict):
        raise BadLine("The entry is not a JSON object.", "Each entry holds one event: {...}.")
    if "manifest" in value:
        return read_manifest(value["manifest"])
    excluded = optional(value, "excluded", bool)
    check_value(value, "value", excluded)
    partition, offset = position(value, "partition", "offset")
    return FileEvent(
        number=number,
        value=value.get("value"),
        type_name=optional(value, "type", str),
        key=None if editing else read_key(value.get("key")),
        timestamp=None if editing else whole(value, "timestamp"),
        partition=partition,
        offset=offset,
        version=whole(value, "version"),
        excluded=excluded,
        line=line,
        fixed={name: value[name] for name in FIXED if name in value},
    )


def read_manifest(value: object) -> Manifest:
    """Return what a manifest says. Raises BadLine where it names another format."""
    parts = value if isinstance(value, dict) else {}
    if (parts.get("format"), parts.get("version")) != (FORMAT, VERSION):
        raise BadLine("The manifest names another format.", f"Expected {FORMAT}, version {VERSION}.")
    return Manifest(whole(parts, "promotion"))


def changed_fixed(fixed: Mapping[str, Any], timestamp: int, key: bytes | None) -> list[str]:
    """Return what is wrong with an entry that gives the record another `timestamp` or `key` than it has."""
    was = {"key": key_value(key), "timestamp": timestamp}
    return [
        problem
        for name, problem in FIXED.items()
        if name in fixed and (type(fixed[name]), fixed[name]) != (type(was[name]), was[name])
    ]


def key_value(key: bytes | None) -> str | dict[str, str] | None:
    """Return a key as JSON: text, `{"base64": ...}` where it is not UTF-8, null where there is none."""
    if key is None:
        return None
    try:
        return key.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(key).decode()}


def read_key(value: object) -> bytes | None:
    """Return the key that `key_value` wrote. Raises BadLine."""
    if value is None:
        return None
    try:
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, dict) and list(value) == ["base64"] and isinstance(value["base64"], str):
            return b64decode(value["base64"], validate=True)
    except (UnicodeEncodeError, NoBase64, ValueError):
        pass
    raise BadLine("'key' has the wrong type.", 'Expected text, null or {"base64": "..."}.')


def check_value(entry: Mapping[str, Any], name: str, excluded: bool | None) -> None:
    """Raise BadLine where an entry holds no event. It need not where it only says that its event is excluded."""
    if entry.get(name) is None and (name in entry or excluded is not True):
        raise BadLine(f"'{name}' is missing.", "It holds the event itself.")


def position(entry: Mapping[str, Any], partition: str, offset: str) -> tuple[int, int] | tuple[None, None]:
    """Return partition and offset, both or none of them. Raises BadLine."""
    if entry.get(partition) is None and entry.get(offset) is None:
        return None, None
    return _place(entry, partition), _place(entry, offset)


def optional(entry: Mapping[str, Any], name: str, kind: type) -> Any:
    """Return what stands under `name`, None where nothing does. Raises BadLine where it is not of `kind`."""
    found = entry.get(name)
    if found is not None and type(found) is not kind:
        raise BadLine(f"'{name}' has the wrong type.", f"Expected {kind.__name__}.")
    return found


def whole(entry: Mapping[str, Any], name: str) -> int | None:
    """Return the whole number of 64 bits under `name`, None where nothing stands there. Raises BadLine."""
    found = optional(entry, name, int)
    if found is not None and not -MAX_LONG <= found <= MAX_LONG:
        raise BadLine(f"'{name}' has more than 64 bits.")
    return None if found is None else int(found)


def _place(entry: Mapping[str, Any], name: str) -> int:
    number = entry.get(name)
    if type(number) is not int or not 0 <= number <= MAX_LONG:
        raise BadLine(f"'{name}' is missing or not a whole number.", "partition and offset say which event it is.")
    return number
