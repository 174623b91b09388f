"""Whether a rule's conditions hold, made ready for one shape of events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from promotion.domain.avro_type import AvroType
from promotion.domain.event_id import FIELD, host_of, user_of
from promotion.domain.rewrite.conditions import Among, Condition, Equals, Matches, Missing, Position, Time
from promotion.domain.rewrite.fitting import GIVEN, equal, leaf, plain
from promotion.domain.rewrite.pattern import compiled
from promotion.domain.rewrite.places import BlindPlace, Place
from promotion.domain.rewrite.rule import Rule
from promotion.domain.rewrite.work import Facts, Shape, Work

Test = Callable[[Work], bool]
_MOST_NEEDLES = 16
#: Kinds that a body does not hold as the UTF-8 of what the tree has.
_OTHER_BYTES = frozenset({"enum", "bytes", "fixed", GIVEN})


def tests(rule: Rule, shape: Shape) -> list[Test] | None:
    """Return what has to be asked of each event of `shape`, None where the rule applies to none of them.

    What costs least is asked first: positions and times, then what looks at the body, then what reads the tree.
    """
    if not rule.selects(shape.full_name, shape.aggregate, shape.action):
        return None
    ready: list[tuple[int, Test]] = []
    for condition in rule.conditions:
        made = _test(condition, shape, rule.sensitive)
        if made is None:
            return None
        ready += made
    return [test for _, test in sorted(ready, key=lambda item: item[0])]


def needle(place: Place, texts: tuple[Any, ...]) -> Test | None:
    """Return a quick look at a body that no rule has changed yet: False where none of `texts` can be at `place`.

    None where that cannot be told from the bytes.
    """
    kinds = {branch.kind for node in place.hits() for branch in (node, *node.inner)}
    if kinds & _OTHER_BYTES or not all(isinstance(text, str) and text for text in texts):
        return None
    return _looks_for(texts)


def identity(shape: Shape) -> Callable[[Any], Mapping[str, Any]]:
    """Return what makes of a tree the part that event_id.py reads host and user from, without branches."""
    fields = _fields(shape.root)
    own, part = fields.get("hostId"), fields.get(FIELD)
    wanted = {
        node: [(name, kind) for name, kind in _fields(node).items() if name in ("id", "userId", "hostId")]
        for node in ((part, *part.inner) if part is not None else ())
    }

    def view(tree: Any) -> Mapping[str, Any]:
        seen: dict[str, Any] = {}
        if own is not None:
            seen["hostId"] = plain(own, tree["hostId"])
        if part is not None:
            container, key, node = leaf(tree, FIELD, part)
            seen[FIELD] = {name: plain(kind, container[key][name]) for name, kind in wanted[node]}
        return seen

    return view


def _test(condition: Condition, shape: Shape, sensitive: bool) -> list[tuple[int, Test]] | None:
    match condition:
        case Among(what="host" | "user" as what, names=names):
            return _by_identity(what, names, shape)
        case Among():
            return []  # the rule selects this shape
        case Position():
            return [(0, _position(condition))]
        case Time():
            return [(0, _time(condition))]
        case Equals(path=path, values=values):
            return _equals(shape.seen(path, sensitive), values)
        case Matches(path=path, pattern=pattern):
            place = shape.seen(path, sensitive)
            return None if place is None else [(2, _any_leaf(place, _matcher(pattern)))]
        case Missing(path=path):
            return _missing(shape.seen(path, sensitive))


def _by_identity(what: str, names: tuple[str, ...], shape: Shape) -> list[tuple[int, Test]]:
    view, read, wanted = identity(shape), host_of if what == "host" else user_of, frozenset(names)
    ready: list[tuple[int, Test]] = [(2, lambda work: read(view(work.holder[0])) in wanted)]
    if len(names) <= _MOST_NEEDLES:
        ready.append((1, _looks_for(names)))
    return ready


def _equals(place: Place | None, values: tuple[Any, ...]) -> list[tuple[int, Test]] | None:
    if place is None:
        return None
    found: list[tuple[int, Test]] = [(2, _any_leaf(place, lambda value: any(equal(value, each) for each in values)))]
    quick = needle(place, values) if len(values) <= _MOST_NEEDLES else None
    return found if quick is None else [(1, quick), *found]


def _missing(place: Place | None) -> list[tuple[int, Test]]:
    """What must not be looked at is not said to be missing."""
    if place is None:
        return []
    empty: tuple[int, Test] = (2, lambda work: all(s.container[s.key] is None for s in place.spots(work.holder)))
    return [empty, (3, lambda work: not place.hides_any(work.holder))] if isinstance(place, BlindPlace) else [empty]


def _any_leaf(place: Place, good: Callable[[Any], bool]) -> Test:
    def test(work: Work) -> bool:
        for spot in place.spots(work.holder):
            container, key, _ = leaf(spot.container, spot.key, spot.node)
            if good(container[key]):
                return True
        return False

    return test


def _matcher(pattern: str) -> Callable[[Any], bool]:
    found_in = compiled(pattern).found_in
    return lambda value: isinstance(value, str) and found_in(value)


def _looks_for(texts: tuple[str, ...]) -> Test:
    needles = [text.encode() for text in texts]
    return lambda work: not work.pristine or any(each in work.body for each in needles)


def _position(wanted: Position) -> Test:
    start, end = wanted.start or 0, wanted.end

    def test(work: Work) -> bool:
        facts: Facts = work.facts
        if wanted.partition is not None and facts.partition != wanted.partition:
            return False
        return facts.offset >= start and (end is None or facts.offset < end)

    return test


def _time(wanted: Time) -> Test:
    since, until = wanted.since or 0, wanted.until
    return lambda work: work.facts.timestamp >= since and (until is None or work.facts.timestamp < until)


def _fields(node: AvroType) -> dict[str, AvroType]:
    return {item.name: item.type for item in node.fields}
