"""Rules of Light Portal's event importers, old and new: replacement and enrichment entries, as rules of ours.

Source: `EventMutator` of Light Portal and `event::mutator` of its successor, and what their READMEs show. The first
reads `fieldName`, `fromValue` and `toValue`, the READMEs write `field`, `from` and `to`, and the second takes both.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from promotion.domain.rewrite.actions import Action, Generate, MapGenerate, Regex, Replace, Scope
from promotion.domain.rewrite.path import InvalidPath, Path, parse_path
from promotion.domain.rewrite.reader import InvalidRules, Reader
from promotion.domain.rewrite.rule import MAX_RULES, Rule, id_of_name

#: The keys of an entry without case, underscores and hyphens.
_KEYS = {
    "field": "field", "fieldname": "field", "from": "from", "fromvalue": "from", "to": "to", "tovalue": "to",
    "action": "action", "source": "source", "sourcefield": "source",
}  # fmt: skip
_GENERATE = {"generate", "generateuuid"}
_MAP_GENERATE = {"mapgenerate", "mapandgenerate"}
_SECTIONS = {"replacement": "replacement", "replacements": "replacement", "enrichment": "enrichment",
             "enrichments": "enrichment"}  # fmt: skip


def is_older(value: Any) -> bool:
    """Whether a JSON value looks like a file of the older importers: entries, or an object of such lists."""
    if isinstance(value, dict):
        return any(_bare(key) in _SECTIONS for key in value)
    return isinstance(value, list) and any(
        isinstance(entry, dict)
        and "then" not in entry
        and {_bare(key) for key in entry} & {"field", "fieldname", "from", "fromvalue"}
        for entry in value
    )


def older_rules(value: Any) -> tuple[Rule, ...]:
    """Return the rules of such a file, replacements first. InvalidRules names every entry that is none."""
    problems: list[str] = []
    entries = _entries(value, problems)
    if len(entries) > MAX_RULES:
        problems.append(f"There are more than {MAX_RULES} entries.")
    rules = tuple(_rule(place, raw, problems) for place, raw in entries[:MAX_RULES])
    if problems:
        raise InvalidRules(problems)
    return rules


def _entries(value: Any, problems: list[str]) -> list[tuple[str, Any]]:
    """Return entries with their places; the older importers replace first and enrich afterwards."""
    if isinstance(value, list):
        named = [(f"entry {number}", entry) for number, entry in enumerate(value, 1)]
        return sorted(named, key=lambda item: _enriches(item[1]))
    found: dict[str, list[tuple[str, Any]]] = {"replacement": [], "enrichment": []}
    for key, entries in value.items():
        section = _SECTIONS.get(_bare(key))
        if section is not None and isinstance(entries, list):
            found[section] += [(f"{section} {number}", entry) for number, entry in enumerate(entries, 1)]
        elif _bare(key) != "schemaversion":
            problems.append(f"The key {ascii(key)[:60]} is not known, or holds no list.")
        elif entries != 1:
            problems.append("The schemaVersion is another one than 1.")
    return found["replacement"] + found["enrichment"]


def _enriches(entry: Any) -> bool:
    return isinstance(entry, dict) and "action" in entry


def _rule(place: str, raw: Any, problems: list[str]) -> Rule:
    reader = Reader(_normal(raw, place, problems), place, problems)
    action = _enrichment(reader) if reader.has("action") else _replacement(reader)
    reader.end()
    name = f"{place[0].upper()}{place[1:]} of an older file"
    return Rule(id_of_name(name), name, (), (action,))


def _normal(raw: Any, place: str, problems: list[str]) -> Any:
    if not isinstance(raw, dict):
        return raw
    entry: dict[str, Any] = {}
    for key, value in raw.items():
        known: str = _KEYS.get(_bare(key)) or key
        if known in entry:
            problems.append(f"{place}: {known} stands there in two spellings.")
        entry[known] = value
    return entry


def _replacement(reader: Reader) -> Action:
    old, new = reader.text("from"), reader.value("to")
    if not isinstance(new, str):
        reader.problem("to: a text is expected.")
        new = ""
    if reader.has("field"):
        return Replace(_field(reader, "field"), old, new)
    if old and new and not (_is_uuid(old) and _is_uuid(new)):
        reader.problem("without a field, from and to are UUIDs.")
    return Regex(Path((), everywhere=True), _literally(old) or "-", new.replace("\\", "\\\\"))


def _enrichment(reader: Reader) -> Action:
    path, action = _field(reader, "field"), reader.text("action")
    source = _field(reader, "source") if reader.has("source") else None
    if _bare(action) in _MAP_GENERATE:
        return MapGenerate(path, source, Scope.PROMOTION)
    if action and _bare(action) not in _GENERATE:
        reader.problem("action: generateUUID or mapGenerate is expected.")
    return Generate(path)


def _field(reader: Reader, key: str) -> Path:
    """Return the path `**.field`: the older importers look for a field wherever it is."""
    name = reader.text(key, 255)
    try:
        return parse_path(f"**.{name}") if name else Path(())
    except InvalidPath:
        reader.problem(f"{key}: the name of a field is expected.")
        return Path(())


def _bare(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _is_uuid(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


def _literally(uuid: str) -> str:
    """Return a pattern of a UUID as it stands; braces, which UUID() takes too, would be a repetition."""
    return uuid.replace("{", r"\{").replace("}", r"\}")
