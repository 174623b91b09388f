"""Schemas that differ on the two sides: what goes by itself, what is refused, and what the plan says of it."""

import json
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import pytest

from promotion.actions.connect import registry_connection
from promotion.domain.decode import read
from promotion.domain.json_codec import from_json_value
from promotion.domain.schema import Schema, parse
from promotion.domain.wire import unframe
from promotion.kafka.registry import Registry
from promotion.management.answers import plan_answer
from promotion.models import Event, Revision
from promotion.states import JobState, PlanState, RevisionKind
from tests import cast
from tests.plans.stage import verdicts
from tests.replay import stage
from tests.replay.stage import Source, consumed, exported

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

RED, REDDER = ({"type": "enum", "name": "x.Color", "symbols": each} for each in (["RED"], ["RED", "BLUE"]))
MILLIS, MICROS = ({"type": "long", "logicalType": f"timestamp-{unit}"} for unit in ("millis", "micros"))
CENTS, MILLS = ({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": each} for each in (2, 3))
GENERATIONS = ["early", "early derived", "document", "later"]


@dataclass(frozen=True)
class Case:
    """One field here and there, a value of it, and what stands on the target afterwards: None if it cannot go."""

    here: dict[str, Any]
    there: dict[str, Any]
    value: Any
    arrives: dict[str, Any] | None
    said: list[str]


def f(avro_type: Any, name: str = "a", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": avro_type, **more}


GOES = [
    Case(f("int"), f("long"), 5, {"a": 5}, ["widened"]),
    Case(f("string"), f(["null", "string"]), "x", {"a": "x"}, ["union"]),
    Case(f(["null", "string"]), f(["string", "null"]), None, {"a": None}, ["reordered"]),
    Case(f("string"), f("string", "b", aliases=["a"]), "x", {"b": "x"}, ["renamed"]),
    Case(f(RED), f(REDDER), "RED", {"a": "RED"}, []),
    Case(f(REDDER), f(RED), "RED", {"a": "RED"}, ["symbols"]),
    Case(f("long"), f(MILLIS), 5, {"a": 5}, ["logical"]),
    Case(f("long"), f("double"), 5, {"a": 5.0}, ["depends"]),
]
STAYS = [
    Case(f("string"), f("string", "more"), "x", None, ["removed", "added"]),
    Case(f("string"), f("int"), "x", None, ["type"]),
    Case(f(REDDER), f(RED), "BLUE", None, ["symbols"]),
    Case(f(RED), f({**RED, "name": "x.Tint"}), "RED", None, ["name"]),
    Case(f(RED), f({**RED, "name": "y.Color"}), "RED", None, ["moved"]),
    Case(f(MILLIS), f(MICROS), 5, None, ["meaning"]),
    Case(f(CENTS), f(MILLS), "\x05", None, ["meaning"]),
    Case(f("long"), f("double"), 2**53 + 1, None, ["depends"]),
    Case(f("bytes"), f("string"), "\xff", None, ["depends"]),
]


def event(full_name: str, *own: dict[str, Any], generation: str = "document", **extra: Any) -> Schema:
    text = json.loads(stage.schema(full_name, generation=generation).text)
    text["fields"] += own
    return parse(json.dumps({**text, **extra}))


def known(schema: Schema, decision: str = "promotable") -> Schema:
    cast.event_type(schema.full_name, decision, schema=cast.store_schema(schema.text))
    return schema


def as_a_rule_does(found: Event, schema: Schema, value: dict[str, Any]) -> bytes:
    """Give an event a version in another schema; return its body."""
    body = from_json_value(schema, value)
    made = Revision.objects.create(
        event=found, number=1, kind=RevisionKind.EDIT, schema=cast.store_schema(schema.text), body=body,
        author=cast.user("manager"),
    )  # fmt: skip
    Event.objects.filter(pk=found.pk).update(revision=made, version=1)
    return body


def planned_cases(cases: list[Case], source: Source, dev, sit, planned):
    target = Source(sit, source.namespace)
    for number, case in enumerate(cases):
        name = source.name(f"Thing{number}CreatedEvent")
        before = event(name, f("string", "hostId"), case.here)
        target.register(event(name, f("string", "hostId"), case.there))
        source.add(before, {"hostId": "h", "a": case.value}, timestamp=stage.START + number)
    source.produce()
    promotion = exported(dev, sit)
    return promotion, planned(promotion)


def subjects(plan) -> dict[str, dict[str, Any]]:
    return {each["type"].rpartition(".")[2]: each for each in plan.subjects}


def trees(environment, records) -> list[dict]:
    with Registry(registry_connection(environment)) as registry:
        return [read(parse(registry.schema_by_id(unframe(r.value)[0])), unframe(r.value)[1]) for r in records]


def test_what_resolving_can_do_goes_and_is_said_type_by_type(clusters, source, dev, sit, planned, replay):
    promotion, plan = planned_cases(GOES, source, dev, sit, planned)
    assert (plan.state, verdicts(plan)) == (PlanState.READY, ["new"] * len(GOES))
    said = subjects(plan)
    for number, case in enumerate(GOES):
        about = said[f"Thing{number}CreatedEvent"]
        assert [step["what"] for step in about["steps"]] == case.said, number
        assert about["what"] == "resolved"
    assert replay(promotion).state == JobState.SUCCEEDED
    arrived = trees(sit, consumed(clusters["sit"], sit.topic))
    assert [{k: v for k, v in tree.items() if k not in ("EventId", "hostId")} for tree in arrived] == [
        case.arrives for case in GOES
    ]


def test_what_needs_a_person_refuses_the_plan_and_says_what_would_help(source, dev, sit, planned):
    _, plan = planned_cases(STAYS, source, dev, sit, planned)
    assert (plan.state, verdicts(plan)) == (PlanState.REFUSED, ["invalid"] * len(STAYS))
    said = subjects(plan)
    for number, case in enumerate(STAYS):
        steps = said[f"Thing{number}CreatedEvent"]["steps"]
        assert [step["what"] for step in steps] == case.said, number
    assert said["Thing0CreatedEvent"]["steps"][0]["rule"] == {"do": "rename", "path": "a", "to": "more"}
    assert said["Thing0CreatedEvent"]["needs_person"] == 2
    assert plan_answer(plan)["subjects"] == plan.subjects


def test_the_same_schema_with_another_logical_type_is_not_the_same(source, dev, sit, planned):
    _, plan = planned_cases([STAYS[5]], source, dev, sit, planned)
    (about,) = plan.subjects
    assert (about["what"], about["steps"][0]["what"]) == ("resolved", "meaning")
    assert "timestamp-micros" in plan.judgements.get().problem


def test_a_default_is_named_on_the_page_with_what_is_missing_and_nothing_of_it_is_markup(
    client, source, dev, sit, planned
):
    name = source.name("ThingCreatedEvent")
    default = f("string", "shade", default="<script>")
    Source(sit).register(event(name, f("string", "hostId"), default, f("int", "size")))
    source.add(event(name, f("string", "hostId"), f("string", "gone")), {"hostId": "h", "gone": "x"})
    source.produce()
    promotion = exported(dev, sit)
    plan = planned(promotion)
    client.force_login(cast.user("viewer"))
    page = client.get(f"/promotions/{promotion.pk}/plan/").content.decode()
    for said in ("Gets the target&#x27;s default", "&lt;script&gt;", "A rule can supply it: drop gone.",
                 "would be lost", "2 things to supply"):  # fmt: skip
        assert said in page
    assert [step["what"] for step in plan.subjects[0]["steps"]] == ["removed", "added", "default"]


def test_every_generation_of_event_id_meets_every_other(source, dev, sit, planned):
    target, pairs = Source(sit, source.namespace), list(permutations(GENERATIONS, 2))
    for number, (before, after) in enumerate(pairs):
        name = source.name(f"Pair{number}CreatedEvent")
        target.register(event(name, f("string", "hostId"), generation=after))
        source.add(
            event(name, f("string", "hostId"), generation=before), {"hostId": "h"}, timestamp=stage.START + number
        )
    source.produce()
    plan = planned(exported(dev, sit))
    grows = {("early", "early derived"), ("early", "document"), ("early derived", "document")}
    assert verdicts(plan) == ["new" if pair in grows else "invalid" for pair in pairs]
    said = subjects(plan)
    for number, pair in enumerate(pairs):
        about = said[f"Pair{number}CreatedEvent"]
        (step,) = about["steps"]
        assert (step["path"], step["what"], step["needs_person"]) == ("$.EventId", "event_id", pair not in grows)
        assert step["rule"] == (None if pair in grows else {"do": "event_id"})
        # What would make the user's id the event's own is refused as a whole.
        identity = pair[1] == "later"
        assert about["what"] == ("refused" if identity else "resolved")


def test_what_a_rule_has_brought_to_the_targets_schema_goes_out_as_it_is(clusters, source, dev, sit, planned, replay):
    name = source.name("ThingCreatedEvent")
    there = event(name, f("string", "hostId"), generation="later")
    target_id = Source(sit).register(there)
    source.add(event(name, f("string", "hostId")), {"hostId": "h"})
    source.produce()
    promotion = exported(dev, sit)
    event_id = {"id": "e-1", "userId": "user-0", "hostId": "h", "nonce": 9, "timestamp": 5, "derived": False}
    body = as_a_rule_does(promotion.events.get(), there, {"EventId": event_id, "hostId": "h"})
    plan = planned(promotion, nonce="keep")
    (about,) = plan.subjects
    assert (about["what"], about["id"], about["steps"]) == ("exact", target_id, [])
    assert replay(promotion, nonce="keep").state == JobState.SUCCEEDED
    (record,) = consumed(clusters["sit"], sit.topic)
    assert unframe(record.value) == (target_id, body)


@pytest.fixture
def moved(source, sit):
    """An event of a type that stands elsewhere on the target: the function registers it there, and returns it."""

    def move(decision: str = "promotable", place: str = "config", **extra: Any) -> Schema:
        made = event(f"{source.namespace}.{place}.ThingCreatedEvent", f("string", "hostId"), f("long", "n"), **extra)
        Source(sit).register(made)
        return known(made, decision)

    name = source.name("ThingCreatedEvent")
    source.add(event(name, f("string", "hostId"), f("int", "n")), {"hostId": "h", "n": 5})
    source.produce()
    return move


def test_a_type_that_moved_is_found_by_the_alias_that_the_target_gives_it(
    clusters, source, moved, dev, sit, planned, replay
):
    there = moved(aliases=[source.name("ThingCreatedEvent")])
    promotion = exported(dev, sit)
    plan = planned(promotion)
    (about,) = plan.subjects
    assert (plan.state, about["what"], about["subject"]) == (PlanState.READY, "resolved", there.full_name)
    assert [(s["what"], s["needs_person"]) for s in about["steps"]] == [("moved", False), ("widened", False)]
    assert replay(promotion).state == JobState.SUCCEEDED
    records = consumed(clusters["sit"], sit.topic)
    assert [tree["n"] for tree in trees(sit, records)] == [5]
    with Registry(registry_connection(sit)) as registry:
        assert parse(registry.schema_by_id(unframe(records[0].value)[0])).full_name == there.full_name
        assert not registry.subject_exists(source.name("ThingCreatedEvent"))


def test_a_type_that_seems_to_have_moved_is_refused_until_somebody_decides(source, moved, dev, sit, planned):
    there = moved()
    promotion = exported(dev, sit)
    plan = planned(promotion)
    (about,) = plan.subjects
    assert (plan.state, verdicts(plan), about["what"]) == (PlanState.REFUSED, ["invalid"], "refused")
    assert "seems to have moved" in plan.problems[0]
    assert about["steps"][0]["rule"] == {"do": "retype", "to": there.full_name}
    assert about["steps"][0]["help"] == f"write the events as the target's {there.full_name}."
    beside = planned(promotion, register_versions=True)
    assert (beside.state, beside.subjects[0]["what"]) == (PlanState.READY, "registered")
    assert "registered beside it" in beside.warnings[0]


def test_an_event_that_a_rule_wrote_as_the_moved_type_goes_there(clusters, moved, dev, sit, planned, replay):
    there = moved()
    promotion = exported(dev, sit)
    event_id = {"id": "user-0", "nonce": 9, "timestamp": 5, "derived": False}
    body = as_a_rule_does(promotion.events.get(), there, {"EventId": event_id, "hostId": "h", "n": 6})
    plan = planned(promotion, nonce="keep")
    assert (plan.state, plan.subjects[0]["what"], plan.subjects[0]["steps"]) == (PlanState.READY, "exact", [])
    assert plan.steps.get().subject == there.full_name
    assert replay(promotion, nonce="keep").state == JobState.SUCCEEDED
    (record,) = consumed(clusters["sit"], sit.topic)
    assert unframe(record.value)[1] == body


def test_a_type_of_the_same_short_name_that_nobody_promotes_is_no_hint(moved, dev, sit, planned):
    moved(decision="not_promotable")
    plan = planned(exported(dev, sit))
    assert (plan.state, plan.subjects[0]["what"]) == (PlanState.READY, "registered")


def test_two_types_that_both_name_the_old_one_are_left_to_a_person(source, moved, dev, sit, planned):
    for place in ("config", "market"):
        moved(place=place, aliases=[source.name("ThingCreatedEvent")])
    plan = planned(exported(dev, sit))
    assert (plan.state, plan.subjects[0]["what"]) == (PlanState.REFUSED, "refused")
    assert "Several types" in plan.problems[0]


def test_with_one_subject_for_a_topic_an_alias_is_followed_too(clusters, source, dev, planned):
    sit = stage.environment("sit", clusters["sit"], subject_strategy="topic")
    name = source.name("ThingCreatedEvent")
    source.add(event(name, f("string", "hostId")), {"hostId": "h"})
    source.produce()
    other = f"{source.namespace}.config.ThingCreatedEvent"
    Source(sit).register(event(other, f("string", "hostId"), f("int", "n", default=1)))
    promotion = exported(dev, sit)
    plan = planned(promotion)
    assert (plan.state, plan.subjects[0]["what"]) == (PlanState.REFUSED, "refused")
    assert plan.subjects[0]["steps"][0]["rule"] == {"do": "retype", "to": other}
    Source(sit).register(event(other, f("string", "hostId"), f("long", "n", default=1), aliases=[name]))
    plan = planned(promotion)
    assert (plan.state, plan.subjects[0]["what"]) == (PlanState.READY, "resolved")
    assert [step["what"] for step in plan.subjects[0]["steps"]] == ["moved", "default"]
