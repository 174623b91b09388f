"""What resolving does to events of one schema for another, said by type and before any event is looked at.

`resolve` decides event by event; here both schemas are compared, so that people read once what becomes of each field,
and what they have to supply by an edit or a rule.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from promotion.domain.avro_match import TO_FLOATING, branch_for, matches, other_meaning, same_name, targets
from promotion.domain.avro_type import AvroField, AvroType
from promotion.domain.encode import Encoder, Path, TooMuch, render
from promotion.domain.event_id import FIELD, Generation, generation_of
from promotion.domain.limits import DEFAULT_LIMITS
from promotion.domain.octets import visible
from promotion.domain.schema import Schema

#: Steps that are listed, and pairs of types that are compared for them. A real type has some ten.
MOST_STEPS, MOST_PAIRS = 200, 20_000
MOST_NAMED = 20
MAX_SHOWN = 80
Action = dict[str, Any]


class What(StrEnum):
    """What becomes of a place in the event."""

    DEFAULT = "default"
    RENAMED = "renamed"
    WIDENED = "widened"
    UNION = "union"
    REORDERED = "reordered"
    LOGICAL = "logical"
    #: Fits or does not, depending on the value.
    DEPENDS = "depends"
    #: What follows needs a person, except for a type that moved and is found by its alias.
    MOVED = "moved"
    EVENT_ID = "event_id"
    REMOVED = "removed"
    ADDED = "added"
    BAD_DEFAULT = "bad_default"
    TYPE = "type"
    NAME = "name"
    SYMBOLS = "symbols"
    MEANING = "meaning"
    TOO_MUCH = "too_much"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that resolving does, or that a person has to do, at `path` (`$.tags[*].name`, `$.labels{*}`).

    `detail` says it in plain words. `when` names the branch of a union that the value has to be of; empty: always.
    `needs_person`: events that have the place are refused as they are. `rule` is the action of a rule that could
    do something about it, as domain.rewrite reads it, None where none is at hand; a None in it is for a person to fill
    in.
    """

    path: str
    what: What
    detail: str
    needs_person: bool = False
    when: str = ""
    rule: Action | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it for a plan."""
        return {
            "path": self.path,
            "what": self.what.value,
            "detail": self.detail,
            "needs_person": self.needs_person,
            "when": self.when,
            "rule": self.rule,
            "help": rule_words(self.rule),
        }


def rule_words(rule: Action | None) -> str:
    """Return what `rule` would do, to follow "A rule can supply it:"; empty for None."""
    match rule:
        case {"do": "drop", "path": path}:
            return f"drop {path}."
        case {"do": "rename", "path": path, "to": to}:
            return f"rename {path} to {to}."
        case {"do": "map", "path": path}:
            return f"map the values of {path} to others."
        case {"do": "set", "path": path}:
            return f"set {path}."
        case {"do": "retype", "to": to}:
            return f"write the events as the target's {to}."
        case {"do": "event_id"}:
            return "bring EventId to the target's generation."
        case _:
            return ""


def describe(writer: Schema, reader: Schema) -> list[Step]:
    """Return what `resolve` does to events of `writer` for `reader`, in the order of the writer's fields.

    Where no step needs a person and none depends on the value, `resolve` refuses no event. Bounded: 200 steps, the
    last of which then says that there are more.
    """
    if writer.reads_like(reader):
        return []
    describer = _Describer(reader.full_name)
    try:
        describer.root(writer.root, reader.root)
    except _Enough:
        said = "The schemas differ in more places than are listed here."
        describer.steps.append(Step("$", What.TOO_MUCH, said, needs_person=True))
    return describer.steps


def changes_identity(writer: Schema, reader: Schema) -> bool:
    """Whether EventId.id would stop being the user: the reader's generation has a userId, and the writer's has none."""
    before, after = _event_id_of(writer.root), _event_id_of(reader.root)
    if before is None or after is None:
        return False
    return generation_of(before) != Generation.LATER and generation_of(after) == Generation.LATER


class _Enough(Exception):
    pass


@dataclass
class _Describer:
    to: str
    steps: list[Step] = field(default_factory=list)
    _pairs: int = 0
    _open: set[tuple[int, int]] = field(default_factory=set)

    def root(self, writer: AvroType, reader: AvroType) -> None:
        if writer.kind != "record" or reader.kind != "record" or same_name(writer, reader):
            self._compare(writer, reader, None, 0, "")
            return
        # Whoever makes it the other type wants to know what else that one needs.
        self._other_name(writer, reader, None, "")
        self._inside(writer, reader, None, 0, "")

    def _compare(self, writer: AvroType, reader: AvroType, path: Path, depth: int, when: str) -> None:
        self._pairs += 1
        if self._pairs > MOST_PAIRS:
            raise _Enough
        if depth > DEFAULT_LIMITS.max_depth:
            return  # no value is as deep
        if writer.kind == "union":
            self._branches(writer, reader, path, depth, when)
        elif reader.kind == "union":
            self._into_union(writer, reader, path, depth, when)
        elif not matches(writer, reader):
            self._misfit(writer, reader, path, when)
        elif other_meaning(writer.logical, reader.logical):
            self._add(path, What.MEANING, _meaning(writer, reader), True, when)
        else:
            if writer.name != reader.name:
                self._other_name(writer, reader, path, when)
            self._inside(writer, reader, path, depth, when)

    def _branches(self, writer: AvroType, reader: AvroType, path: Path, depth: int, when: str) -> None:
        several = len(writer.inner) > 1
        for branch in writer.inner:
            inside = branch.tag if several and not when else when
            if reader.kind == "union" and (index := branch_for(branch, reader)) is not None:
                self._compare(branch, reader.inner[index], path, depth + 1, inside)
            else:
                self._compare(branch, reader, path, depth + 1, inside)
        if reader.kind == "union" and _moved([b.tag for b in writer.inner], [b.tag for b in reader.inner]):
            self._add(path, What.REORDERED, "The branches stand in another order; each value keeps its own.", when=when)

    def _into_union(self, writer: AvroType, reader: AvroType, path: Path, depth: int, when: str) -> None:
        index = branch_for(writer, reader)
        if index is None:
            self._misfit(writer, reader, path, when)
            return
        self._add(path, What.UNION, f"Becomes the {reader.inner[index].tag} of {_type(reader)}.", when=when)
        self._compare(writer, reader.inner[index], path, depth + 1, when)

    def _inside(self, writer: AvroType, reader: AvroType, path: Path, depth: int, when: str) -> None:
        if writer.logical != reader.logical:
            self._add(path, What.LOGICAL, _logical_on_one_side(writer, reader), when=when)
        match writer.kind:
            case "record":
                self._record(writer, reader, path, depth + 1, when)
            case "array" | "map":
                each = "[*]" if writer.kind == "array" else "{*}"
                self._compare(writer.inner[0], reader.inner[0], (path, each), depth + 1, when)
            case "enum":
                self._enum(writer, reader, path, when)
            case _ if writer.kind != reader.kind:
                self._other_kind(writer, reader, path, when)

    def _record(self, writer: AvroType, reader: AvroType, path: Path, depth: int, when: str) -> None:
        pair = id(writer), id(reader)
        if pair in self._open:
            return  # a record inside itself: it is described where it begins
        self._open.add(pair)
        found = targets(writer, reader)
        taken = {item.name for item in found.values()}
        gone = [item for item in writer.fields if item.name not in found]
        added = [item for item in reader.fields if item.name not in taken]
        if path == (None, f".{FIELD}") and (gone or added):
            self._event_id(writer, reader, gone, added, path, when)
            gone = added = []
        renamed = _renaming(gone, added)
        for item in writer.fields:
            inside, target = (path, f".{item.name}"), found.get(item.name)
            if target is not None:
                self._field(item, target, inside, depth, when)
            elif item in gone:
                self._removed(item, renamed, inside, when)
        if _moved([found[f.name].name for f in writer.fields if f.name in found], [f.name for f in reader.fields]):
            self._add(path, What.REORDERED, "The fields stand in another order; each value keeps its own.", when=when)
        for item in added:
            self._added(item, (path, f".{item.name}"), when)
        self._open.discard(pair)

    def _field(self, item: AvroField, target: AvroField, path: Path, depth: int, when: str) -> None:
        if item.name != target.name:
            self._add(path, What.RENAMED, f"Becomes {target.name}, which names it as its alias.", when=when)
        self._compare(item.type, target.type, path, depth, when)

    def _removed(self, item: AvroField, renamed: AvroField | None, path: Path, when: str) -> None:
        rule: Action = {"do": "drop", "path": _rule_path(path)}
        more = ""
        if renamed is not None:
            rule = {"do": "rename", "path": rule["path"], "to": renamed.name}
            more = f" The target has {renamed.name} instead, which may be the same under another name."
        said = f"The target has no such field: the {_type(item.type)} would be lost.{more} Drop or rename it by a rule."
        self._add(path, What.REMOVED, said, True, when, rule)

    def _added(self, item: AvroField, path: Path, when: str) -> None:
        if not item.has_default:
            said = f"The target needs this {_type(item.type)} and has no default for it."
            rule = {"do": "set", "path": _rule_path(path), "value": None}
            self._add(path, What.ADDED, said, True, when, rule)
        elif _default_fits(item):
            self._add(path, What.DEFAULT, f"Gets the target's default, {_shown(item.default)}.", when=when)
        else:
            said = f"The target's default, {_shown(item.default)}, is no {_type(item.type)}: mend its schema."
            self._add(path, What.BAD_DEFAULT, said, True, when)

    def _event_id(
        self, writer: AvroType, reader: AvroType, gone: list[AvroField], added: list[AvroField], path: Path, when: str
    ) -> None:
        names = {each.name for each in writer.fields}, {each.name for each in reader.fields}
        identity = "userId" not in names[0] and "userId" in names[1]
        missing = [each for each in added if not (each.has_default and _default_fits(each))]
        said = [f"EventId has {_names(writer.fields)} here and {_names(reader.fields)} in the target."]
        if given := [each for each in added if each not in missing]:
            said += [f"{each.name} gets the target's default, {_shown(each.default)}." for each in given[:MOST_NAMED]]
        if missing:
            said.append(f"The target needs {_names(missing)}.")
        if gone:
            said.append(f"{_names(gone)} would be lost.")
        if identity:
            said.append("EventId.id is the user here, and there the event's own id: the user goes into userId.")
        needs = bool(missing or gone or identity)
        if needs:
            said.append("A rule brings EventId to the target's generation.")
        self._add(path, What.EVENT_ID, " ".join(said), needs, when, {"do": "event_id"} if needs else None)

    def _enum(self, writer: AvroType, reader: AvroType, path: Path, when: str) -> None:
        absent = [symbol for symbol in writer.symbols if symbol not in reader.symbols]
        if absent:
            said = f"The target's enum does not have {_listed(absent)}: events that have it need another value."
            table = dict.fromkeys(absent[:MOST_NAMED])
            rule = {"do": "map", "path": _rule_path(path), "table": table}
            self._add(path, What.SYMBOLS, said, True, when or f"one of {_listed(absent)}", rule)
        if _moved(list(writer.symbols), list(reader.symbols)):
            self._add(path, What.REORDERED, "The symbols stand in another order; each value keeps its own.", when=when)

    def _other_kind(self, writer: AvroType, reader: AvroType, path: Path, when: str) -> None:
        pair = writer.kind, reader.kind
        if pair == ("bytes", "string"):
            said = "The bytes become a string; those that are not UTF-8 are refused."
            self._add(path, What.DEPENDS, said, when=when)
        elif pair in TO_FLOATING and pair not in {("int", "double"), ("float", "double")}:
            said = f"The {writer.kind} becomes a {reader.kind}; one with more digits than that has is refused."
            self._add(path, What.DEPENDS, said, when=when)
        else:
            self._add(path, What.WIDENED, f"The {writer.kind} becomes a {reader.kind}, without a loss.", when=when)

    def _other_name(self, writer: AvroType, reader: AvroType, path: Path, when: str) -> None:
        """A named type of another name, with the alias that makes it the same, or without."""
        known = writer.name in reader.aliases
        what = What.MOVED if _short(writer) == _short(reader) else What.RENAMED if known else What.NAME
        if known:
            said = f"The {writer.name} becomes the target's {reader.name}, which names it as its alias."
            self._add(path, what, said, when=when)
            return
        said = (
            f"The target has {reader.name}, and this is {writer.name}: another type, unless the target's schema names "
            "this one as its alias or a rule writes the events as the target's type."
        )
        self._add(path, what, said, True, when, {"do": "retype", "to": self.to})

    def _misfit(self, writer: AvroType, reader: AvroType, path: Path, when: str) -> None:
        if writer.kind == reader.kind and writer.name and writer.name != reader.name and writer.size == reader.size:
            self._other_name(writer, reader, path, when)
            return
        said = f"The target has {_type(reader)} here, and this is {_type(writer)}: it needs another value."
        rule = {"do": "set", "path": _rule_path(path), "value": None}
        self._add(path, What.TYPE, said, True, when, rule)

    def _add(
        self, path: Path, what: What, detail: str, needs: bool = False, when: str = "", rule: Action | None = None
    ) -> None:
        if len(self.steps) >= MOST_STEPS - 1:
            raise _Enough
        self.steps.append(Step(render(path), what, detail, needs, when, rule))


def _renaming(gone: list[AvroField], added: list[AvroField]) -> AvroField | None:
    """The field that the only one that is gone may be called now: the only new one that needs a value, if it fits."""
    needed = [each for each in added if not each.has_default]
    if len(gone) == 1 and len(needed) == 1 and matches(gone[0].type, needed[0].type):
        return needed[0]
    return None


def _default_fits(item: AvroField) -> bool:
    encoder = Encoder(DEFAULT_LIMITS)
    try:
        encoder.write_default(item, None, 0)
    except TooMuch:
        return False
    return encoder.failures == 0


def _moved(names: list[str], others: list[str]) -> bool:
    """Whether those that both lists have stand in another order."""
    known = set(names) & set(others)
    return [name for name in names if name in known] != [name for name in others if name in known]


def _meaning(writer: AvroType, reader: AvroType) -> str:
    return (
        f"This is {_logical(writer)}, and the target's is {_logical(reader)}: the same bytes would mean something "
        "else. Convert the value by a rule or an edit, or change the target's schema."
    )


def _logical_on_one_side(writer: AvroType, reader: AvroType) -> str:
    if writer.logical:
        return f"The target does not say that it is {_logical(writer)}. The value stays the same."
    return f"The target calls it {_logical(reader)}. The value stays the same."


def _logical(node: AvroType) -> str:
    return f"{node.kind} {visible(node.logical)}" if node.logical else f"a plain {node.kind}"


def _type(node: AvroType) -> str:
    return f"{node} of {node.size} bytes" if node.kind == "fixed" else str(node)[: 4 * MAX_SHOWN]


def _event_id_of(root: AvroType) -> list[str] | None:
    found = next((item.type for item in root.fields if item.name == FIELD and item.type.kind == "record"), None)
    return None if found is None else [item.name for item in found.fields]


def _names(fields: tuple[AvroField, ...] | list[AvroField]) -> str:
    return _listed([each.name for each in fields])


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(name[:MAX_SHOWN] for name in names[:MOST_NAMED]) + more


def _shown(default: object) -> str:
    text = json.dumps(default)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _short(node: AvroType) -> str:
    return node.name.rpartition(".")[2]


def _rule_path(path: Path) -> str:
    return render(path).removeprefix("$").removeprefix(".")
