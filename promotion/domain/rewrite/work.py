"""One event on its way through the rules, and a type of event with all that is found out once for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from promotion.domain.avro_type import AvroType
from promotion.domain.json_codec import to_json_value
from promotion.domain.marks import Marks
from promotion.domain.octets import visible
from promotion.domain.rewrite.alignment import Alignment, align
from promotion.domain.rewrite.path import Path
from promotion.domain.rewrite.places import BlindPlace, Place, Spot, locate
from promotion.domain.rewrite.rule import OnInvalid, Rule
from promotion.domain.schema import Schema

MAX_PROBLEMS = 100
UNMARKED = Marks()
#: Returns the target's latest schema of a type by its full name, None where it has none.
Targets = Callable[[str], Schema | None]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an event without its body; `timestamp` is the record's, in ms, -1 where it has none."""

    full_name: str
    aggregate: str
    action: str
    partition: int
    offset: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class Seeds:
    """What generated UUIDs are made from: one seed of the promotion, one of its pair of environments."""

    promotion: UUID
    pair: UUID


@dataclass(frozen=True, slots=True)
class Change:
    """One value that a rule changed, by the path for counting: `items[*].id`. None is also what is not there."""

    path: str
    before: Any
    after: Any


class Shape:
    """A type of event at one point of the rules: its name, and its fields as the rules before have left them."""

    def __init__(
        self,
        root: AvroType,
        full_name: str,
        aggregate: str,
        action: str,
        moved: bool = False,
        marks: Marks = UNMARKED,
        marks_of: Callable[[str], Marks] = lambda _name: UNMARKED,
    ) -> None:
        self.root = root
        self.marks, self.marks_of = marks, marks_of
        self.full_name = full_name
        self.aggregate = aggregate
        self.action = action
        self.moved = moved
        self.tests: dict[int, Any] = {}  # by the rule's position; engine.py fills both
        self.acts: dict[tuple[int, int], Any] = {}
        self._places: dict[tuple[Path, bool], Place | None] = {}
        self._derived: dict[Any, Shape] = {}
        self._alignments: dict[Schema, Alignment] = {}

    def place(self, path: Path, inside_union: bool = False) -> Place | None:
        """Return where `path` leads, None where no event of this shape has it."""
        key = path, inside_union
        if key not in self._places:
            self._places[key] = locate(self.root, path, inside_union)
        return self._places[key]

    def seen(self, path: Path, sensitive: bool, around: bool = False) -> Place | None:
        """Return `place(path)` as a rule sees it; one that is not `sensitive` passes over the sensitive fields."""
        place = self.place(path)
        return place if sensitive or place is None or not self.marks else BlindPlace(place, self.marks, around)

    def derived(self, key: Any, make: Callable[[], Shape]) -> Shape:
        """Return the shape that a change named `key` leads to, made once."""
        if key not in self._derived:
            self._derived[key] = make()
        return self._derived[key]

    def with_root(self, root: AvroType) -> Shape:
        """Return this type with other fields."""
        return Shape(root, self.full_name, self.aggregate, self.action, self.moved, self.marks, self.marks_of)

    def aligned(self, target: Schema) -> Alignment:
        """Return how events of this shape become events of `target`."""
        if target not in self._alignments:
            self._alignments[target] = align(self.root, target, self.moved)
        return self._alignments[target]


class Work:
    """The state of one event. `tree` is decoded when something asks for it, so most events never are."""

    __slots__ = (
        "_holder", "_schema", "body", "changed_by", "changes", "excluded", "facts", "matched", "problems", "refused",
        "rule", "shape", "structural", "targets", "touched", "twice",
    )  # fmt: skip

    def __init__(self, facts: Facts, shape: Shape, schema: Schema, body: bytes, targets: Targets) -> None:
        self.facts = facts
        self._schema = schema
        self.shape = shape
        self.body = body
        self.targets = targets
        self.rule: Rule
        self.matched: list[int] = []
        self.changed_by: list[int] = []
        self.changes: list[Change] = []
        self.problems: list[str] = []
        self.refused = False  # whether a rule at fault wants the event refused
        self.excluded: bool | None = None
        self.structural: list[Rule] = []  # rules that changed the event's fields or its type
        self.touched: set[tuple[int, Any]] = set()
        self.twice = False  # whether a place was changed twice, so that it may be what it was
        self._holder: list[Any] | None = None

    @property
    def pristine(self) -> bool:
        """Whether the body still says what the tree would say."""
        return not (self.touched or self.structural)

    @property
    def holder(self) -> list[Any]:
        """The tree as the only item of a list. MalformedValue where the body is not the schema's."""
        if self._holder is None:
            self._holder = [self.decoded()]
        return self._holder

    def decoded(self) -> Any:
        """Return the tree as it was before any rule."""
        return to_json_value(self._schema, self.body)

    @property
    def done(self) -> tuple[int, int, bool | None]:
        """What differs as soon as a rule has done something: numbers of changes, and what is said of exclusion."""
        return len(self.changes), len(self.structural), self.excluded

    def put(self, spot: Spot, container: Any, key: Any, value: Any, before: Any, after: Any) -> None:
        """Put `value` at `container[key]`; `before` and `after` are what to show of it."""
        container[key] = value
        self.touch(container, key)
        self.changes.append(Change(spot.path, before, after))

    def touch(self, container: Any, key: Any) -> None:
        """Note that a place was changed."""
        where = id(container), key
        self.twice = self.twice or where in self.touched
        self.touched.add(where)

    def restructured(self, shape: Shape) -> None:
        """Note that the current rule has brought the event into another shape."""
        self.shape = shape
        if not self.structural or self.structural[-1] is not self.rule:
            self.structural.append(self.rule)

    def problem(self, sentence: str, rule: Rule | None = None) -> None:
        """Note why the event is invalid by the current rule's doing; `sentence` holds no content."""
        rule = rule or self.rule
        self.refused = self.refused or rule.on_invalid is OnInvalid.REFUSE
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(f'Rule "{visible(rule.name)}": {sentence}')
