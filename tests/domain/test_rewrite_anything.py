"""Any rules on any events: an outcome that can be read, or problems; never an exception, never a half-changed event."""

from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.json_codec import to_json_value
from promotion.domain.rewrite import Facts, Rewriter, rules_from_json
from tests.domain.rewriting import SEEDS, do, replace, rule, schema
from tests.domain.strategies import TEXTS, Datum, data, data_of

PATHS = st.sampled_from(
    ["f0", "f1", "f0.f1", "f0[*]", "f0[*].f0", "f0[0]", "f1{*}", 'f1{""}', "f0.new", "new", "**.f0", "**.f1",
     "EventId.id", "EventId.new", "**.hostId", "hostId"],
)  # fmt: skip
TEXT_PATHS = PATHS | st.just("**")
FIELDS = st.sampled_from(["f0", "f1", "f0.f1", "f0[*].f0", "f1{*}.f0", "**.f0", "**.f1", "EventId.id", "hostId"])
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), TEXTS, st.just([]), st.just({}), st.just({"string": "x"})
)
ACTIONS = st.one_of(
    st.builds(lambda path, value: do("set", path, value=value), PATHS, VALUES),
    st.builds(lambda path, old, new: replace(path, old, new), TEXT_PATHS, st.none() | st.integers(-2, 2) | TEXTS,
              st.just("new") | VALUES.filter(lambda value: isinstance(value, dict | list))),
    st.builds(lambda path, pattern: do("regex", path, pattern=pattern, to=r"<\0>"), TEXT_PATHS,
              st.sampled_from([".", "a*", "[^a]"])),
    st.builds(lambda path, other: do("map", path, table={"RED": "BLUE", "": "x"}, otherwise=other), TEXT_PATHS,
              st.sampled_from(["keep", "invalid"])),
    st.builds(lambda path: do("rename", path, to="renamed"), FIELDS),
    st.builds(lambda path: do("drop", path), FIELDS | st.sampled_from(["f0[*]", "f0[0]", "f1{*}"])),
    st.builds(lambda path: do("generate", path), PATHS),
    st.builds(lambda path: do("map_generate", path), PATHS),
    st.builds(lambda path, source: do("map_generate", path, source=source), PATHS, PATHS),
    st.builds(lambda path: do("shift", path, by="5h"), PATHS),
    st.sampled_from([do("exclude"), do("include"), do("event_id"), do("retype", to="test.Other")]),
)  # fmt: skip
CONDITIONS = st.one_of(
    st.builds(lambda path: {"is": "missing", "path": path}, TEXT_PATHS),
    st.builds(lambda path, value: {"is": "equals", "path": path, "any": [value]}, TEXT_PATHS, st.none() | TEXTS),
    st.builds(lambda path: {"is": "matches", "path": path, "pattern": "a|RED"}, TEXT_PATHS),
    st.builds(lambda what, name: {"is": what, "any": [name]}, st.sampled_from(["host", "user"]), TEXTS.filter(bool)),
)
RULES = st.lists(
    st.builds(lambda when, then: rule(*then, when=tuple(when)), st.lists(CONDITIONS, max_size=1),
              st.lists(ACTIONS, min_size=1, max_size=3)), min_size=1, max_size=4,
)  # fmt: skip


def check(datum: Datum, raw, target) -> None:
    rules = rules_from_json([item | {"name": str(number)} for number, item in enumerate(raw)])
    facts = Facts(datum.schema.full_name, "Thing", "Created", 1, 2, 3)
    outcomes = [Rewriter(rules, SEEDS).rewrite(facts, datum.schema, datum.body, lambda _name: target) for _ in range(2)]
    assert outcomes[0] == outcomes[1]
    outcome = outcomes[0]
    assert (outcome.body is None) == (outcome.schema is None)
    assert outcome.body is None or not outcome.problems
    assert not outcome.refused or outcome.problems
    if outcome.body is not None:
        assert outcome.schema in (datum.schema, target)
        assert outcome.changes or outcome.full_name != datum.schema.full_name
        to_json_value(outcome.schema, outcome.body)


@given(data(), RULES, st.booleans())
def test_any_rules_on_any_event_end_in_an_outcome(datum: Datum, raw, known):
    check(datum, raw, datum.schema if known else None)


@given(
    st.data(), RULES, st.sampled_from(["early", "document", "later"]), st.sampled_from(["early", "document", "later"])
)
def test_any_rules_on_events_of_every_generation_end_in_an_outcome(draw, raw, source, target):
    inner = {"type": "record", "name": "t.I", "fields": [{"name": "f0", "type": "string"}]}
    own = [
        ("f0", {"type": "array", "items": inner}),
        ("f1", {"type": "map", "values": ["null", "string"]}),
        ("hostId", ["null", "string"]),
    ]
    check(draw.draw(data_of(schema(*own, generation=source))), raw, schema(*own, generation=target))
