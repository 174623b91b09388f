"""Files that give an environment its schemas: `.avsc`, a registry's export, and ids. Hostile until they are read.

Ids are never made up. They stand in a file's name (`ApiCreatedEvent.7.avsc`, `7.avsc`), in a JSON object of full names
and ids, or in the export of a registry (`[{"id": 7, "schema": "..."}]`, `{"7": "..."}`).
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from promotion.domain.given_schemas import MAX_ID, MAX_SCHEMAS, GivenFiles, GivenSchema, Heap, shown_name
from promotion.domain.json_text import parse_json
from promotion.domain.limits import Limits
from promotion.domain.schema import Schema, parse
from promotion.errors import InvalidInput

MAX_FILES = 1_000
MAX_BYTES = 16 * 1024 * 1024
#: A name of a schema that a database row takes.
MAX_NAME_LENGTH = 500
_LIMITS = Limits(max_json_bytes=MAX_BYTES, max_json_depth=80)
_ID_IN_NAME = re.compile(r"(?:(?P<name>.*)\.)?(?P<id>[0-9]{1,10})", re.DOTALL)

File = tuple[str, bytes]


def read_files(files: Iterable[File], ids_files: Iterable[File] = (), others: Iterable[GivenSchema] = ()) -> GivenFiles:
    """Read (name, content) of each file. `ids_files` hold nothing but full names and ids, of `others` as well.

    Raises InvalidInput whose `problems` name every file that is wrong, or two that contradict each other.
    """
    reader = _Reader()
    for each in _bounded(files):
        reader.take(*each, reader.any_kind)
    reader.heap.found += others
    for each in _bounded(ids_files):
        reader.take(*each, reader.only_ids)
    return reader.heap.sorted_out()


def _bounded(files: Iterable[File]) -> Iterator[File]:
    total = 0
    for number, (name, data) in enumerate(files):
        total += len(data)
        if number >= MAX_FILES or total > MAX_BYTES:
            raise InvalidInput(
                f"These are more than {MAX_FILES:,} files, or more than {MAX_BYTES:,} bytes together.",
                "Give them in several parts.",
            )
        yield name, data


class _Reader:
    def __init__(self) -> None:
        self.heap = Heap()

    def take(self, name: str, data: bytes, read: Callable[[str, str, bytes], None]) -> None:
        """Read one file with `read`; what is wrong with it is kept, so that all problems are told at once."""
        where = shown_name(name)
        try:
            read(name, where, data)
        except InvalidInput as error:
            self.heap.problems.append(f"{where}: {error.message}")

    def any_kind(self, name: str, where: str, data: bytes) -> None:
        """Recognise a file by its name's end and by its content."""
        stem, _, suffix = name.rpartition(".")
        if suffix.lower() == "avsc":
            self._add(_event(_text(data)), stem, where)
        elif suffix.lower() == "json":
            self._json(stem, where, data)
        else:
            raise InvalidInput("It is neither an .avsc nor a .json file.")

    def only_ids(self, name: str, where: str, data: bytes) -> None:
        """Read a JSON object of full names and ids."""
        value = parse_json(_text(data), _LIMITS)
        if not _is_ids(value):
            raise InvalidInput('It is not an object of full names and ids such as {"a.b.ApiCreatedEvent": 7}.')
        self._take_ids(value, where)

    def _json(self, stem: str, where: str, data: bytes) -> None:
        value = parse_json(_text(data), _LIMITS)
        match value:
            case list():
                self._export(((item, number) for number, item in enumerate(value, 1)), where)
            case dict() if value and all(re.fullmatch("[0-9]{1,10}", key) for key in value):
                entries = [{"id": int(key), "schema": item} for key, item in value.items()]
                self._export(((item, item["id"]) for item in entries), where)
            case dict() if _is_ids(value):
                self._take_ids(value, where)
            case dict() if "type" in value:
                self._add(_event(_text(data)), stem, where)
            case _:
                raise InvalidInput("It is no schema, no export of a registry, and no object of full names and ids.")

    def _export(self, entries: Iterable[tuple[Any, int]], where: str) -> None:
        for entry, number in entries:
            if len(self.heap.found) > 2 * MAX_SCHEMAS:
                raise InvalidInput(f"It holds more than {2 * MAX_SCHEMAS:,} entries.")
            try:
                self._entry(entry, where)
            except InvalidInput as error:
                self.heap.problems.append(f"{where}: entry {number}: {error.message}")

    def _entry(self, entry: Any, where: str) -> None:
        if not isinstance(entry, dict) or "schema" not in entry or not _is_id(entry.get("id")):
            raise InvalidInput(f"It is not an object with a schema and an id from 0 to {MAX_ID:,}.")
        kind = entry.get("schemaType") or "AVRO"
        if kind != "AVRO" or entry.get("references"):
            why = "refers to other schemas" if kind == "AVRO" else f"is {shown_name(str(kind)[:40])}, not Avro"
            self.heap.left_out.append(f"{where}: the schema with the id {entry['id']} {why}.")
            return
        text = entry["schema"] if isinstance(entry["schema"], str) else json.dumps(entry["schema"])
        self.heap.found.append(GivenSchema(_storable(parse(text)), entry["id"], where))

    def _add(self, schema: Schema, stem: str, where: str) -> None:
        given = _ID_IN_NAME.fullmatch(stem)
        if given is None:
            self.heap.found.append(GivenSchema(schema, None, where))
            return
        if given["name"] not in {None, schema.full_name, schema.full_name.rpartition(".")[2]}:
            raise InvalidInput(f"Its name gives an id to another type, and it holds {schema.full_name}.")
        if int(given["id"]) > MAX_ID:
            raise InvalidInput(f"The id in its name is larger than {MAX_ID:,}.")
        self.heap.found.append(GivenSchema(schema, int(given["id"]), where))

    def _take_ids(self, ids: dict[str, int], where: str) -> None:
        wrong = [name for name, value in ids.items() if not _is_id(value)]
        if wrong:
            raise InvalidInput(f"The id of {shown_name(wrong[0])} is not a number from 0 to {MAX_ID:,}.")
        self.heap.ids += ((name, value, where) for name, value in ids.items())


def _event(text: str) -> Schema:
    schema = _storable(parse(text))
    if schema.root.kind != "record":
        raise InvalidInput(f"It is the schema of a {schema.root.kind}, and an event is a record.")
    return schema


def _storable(schema: Schema) -> Schema:
    if len(schema.full_name) > MAX_NAME_LENGTH:
        raise InvalidInput(f"The schema's name is longer than {MAX_NAME_LENGTH} characters.")
    return schema


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"It is not UTF-8 text (byte {error.start}).") from None


def _is_id(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_ID


def _is_ids(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(type(each) is int for each in value.values())
