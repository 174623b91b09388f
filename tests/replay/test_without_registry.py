"""Environments without a registry, on real clusters: what people gave is what is read, written and read again.

The clusters do have a registry, which the console is not told of: it makes the ids, and is how other consumers read.
"""

import json

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from promotion.actions import stale
from promotion.actions.connect import registry_connection
from promotion.actions.environment_schemas import add, change
from promotion.actions.import_file import import_file
from promotion.actions.replay_start import request_replay
from promotion.actions.request import request_job
from promotion.domain.connection import KafkaConnection
from promotion.domain.decode import read
from promotion.domain.files.items import FileEvent, Format
from promotion.domain.files.writing import write
from promotion.domain.schema import Schema, parse
from promotion.domain.wire import frame, unframe
from promotion.errors import Stale
from promotion.kafka.producer import PlainRecord, produce_all
from promotion.kafka.registry import Registry
from promotion.models import Environment, Plan, PromotionJob
from promotion.states import Decision, JobKind, JobState, PlanState, PromotionState, VerificationVerdict
from tests import cast
from tests.plans import stage as roles
from tests.replay import stage
from tests.replay.running import run_job
from tests.replay.stage import consumed, exported
from tests.verify.target import verified

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def forget_registry(environment: Environment) -> None:
    """Let the console know nothing of the environment's registry from now on."""
    Environment.objects.filter(pk=environment.pk).update(schema_source="set", registry_url="")
    environment.refresh_from_db()


def give(environment: Environment, *schemas: tuple[Schema, int | None]) -> None:
    """Give the environment these schemas with these ids."""
    files = [
        (f"{schema.full_name}{'' if schema_id is None else f'.{schema_id}'}.avsc", schema.text.encode())
        for schema, schema_id in schemas
    ]
    add(cast.user("curator"), environment, files)
    environment.refresh_from_db()


def registered(environment: Environment, *schemas: Schema) -> list[int]:
    """Register schemas in the real registry of the environment's cluster, as somebody else would."""
    with Registry(registry_connection(environment)) as registry:
        return [registry.register(schema.full_name, schema.text) for schema in schemas]


@pytest.fixture
def promotion(source, dev, sit):
    source.many(12)
    source.produce()
    return exported(dev, sit)


def test_an_export_reads_with_the_ids_that_were_given_and_quarantines_the_others(source, dev, sit):
    api, role, stranger = source.api(), source.role(), source.hostless()
    source.many(12)
    source.add(stranger)
    source.produce()
    produce_all(
        KafkaConnection(dev.bootstrap_servers), dev.topic, [PlainRecord(b"k", frame(987_654, b"x"), stage.START)]
    )
    for schema in (api, role):
        cast.event_type(schema.full_name, Decision.PROMOTABLE, schema=cast.store_schema(schema.text))
    ids, stranger_id = [source.register(schema) for schema in (api, role)], source.register(stranger)
    forget_registry(dev)
    give(dev, (api, ids[0]), (role, ids[1]), (stranger, None))
    made = cast.promotion(source=dev, target=sit)

    job = run_job(request_job(made.owner, made, JobKind.EXPORT))

    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    kept = made.events.filter(quarantine_reason="")
    assert {(event.schema.text, unframe(bytes(event.value))[0]) for event in kept} == {
        (api.text, ids[0]), (role.text, ids[1]),
    }  # fmt: skip
    assert kept.count() == 12
    assert all(event.host and event.document for event in kept)
    reasons = set(made.events.exclude(quarantine_reason="").values_list("quarantine_reason", flat=True))
    assert reasons == {
        f"Nobody has said which schema has the id {unknown} on dev, which has no registry: give it that id among the "
        "schemas of dev."
        for unknown in (987_654, stranger_id)
    }


def test_a_replay_writes_the_ids_that_were_given_and_the_targets_own_consumers_read_them(
    clusters, promotion, source, sit, replay
):
    api, role = source.api(), source.role()
    registered(sit, source.hostless())  # so that the ids of the two clusters differ
    ids = registered(sit, api, role)
    forget_registry(sit)
    give(sit, (api, ids[0]), (role, ids[1]))

    job = replay(promotion)

    assert (job.state, job.error, job.problems) == (JobState.SUCCEEDED, "", [])
    arrived = consumed(clusters["sit"], sit.topic)
    assert {unframe(record.value)[0] for record in arrived} == set(ids)
    # None of ours: the client's own deserializer, with the registry that the console was not told of.
    registry = SchemaRegistryClient({"url": clusters["sit"].registry_url, "timeout": 10})
    reader = AvroDeserializer(registry, conf={"subject.name.strategy": lambda ctx, name, *_: name})
    apis = [reader(record.value, SerializationContext(sit.topic, MessageField.VALUE)) for record in arrived]
    outgoing = promotion.events.outgoing()
    expected = [read(parse(event.schema.text), unframe(bytes(event.value))[1]) for event in outgoing]
    assert sorted(each.get("apiId") or each["roleId"] for each in apis) == sorted(
        each.get("apiId") or each["roleId"] for each in expected
    )
    promotion.refresh_from_db()
    found = verified(promotion)
    assert (found.verdict, found.found, found.altered) == (VerificationVerdict.VERIFIED, 12, 0)
    assert promotion.state == PromotionState.REPLAYED


def test_a_replay_between_two_environments_without_a_registry_needs_none(clusters, promotion, source, dev, sit, replay):
    for environment in (dev, sit):
        forget_registry(environment)
        give(environment, (source.api(), 7), (source.role(), 2**31 - 1))
    job = replay(promotion)
    assert (job.state, job.error, job.problems) == (JobState.SUCCEEDED, "", [])
    arrived = consumed(clusters["sit"], sit.topic)
    assert {unframe(record.value)[0] for record in arrived} == {7, 2**31 - 1}
    assert verified(promotion).verdict == VerificationVerdict.VERIFIED


def test_a_type_without_an_id_refuses_the_plan_and_says_what_to_do(clusters, promotion, source, sit, planned, replay):
    api, role = source.api(), source.role()
    forget_registry(sit)
    give(sit, (api, 7), (role, None))
    plan = planned(promotion)
    assert plan.state == PlanState.REFUSED
    said = f"{role.full_name} has no schema with an id on sit, which has no registry"
    assert any(said in problem for problem in plan.problems), plan.problems
    (refused,) = (each for each in plan.subjects if each["what"] == "refused")
    assert (refused["type"], refused["level"], said in refused["messages"][0]) == (role.full_name, "", True)
    assert consumed(clusters["sit"], sit.topic) == []
    # Once the id is given, a new plan goes.
    give(sit, (role, 9))
    assert planned(promotion).state == PlanState.READY
    assert replay(promotion).state == JobState.SUCCEEDED


def test_new_versions_cannot_be_registered_where_there_is_no_registry(promotion, source, sit, planned):
    other = stage.schema(
        source.api().full_name, ("hostId", "string"), ("apiId", "string"), ("size", "long"), ("x", "string", "")
    )
    forget_registry(sit)
    give(sit, (other, 7), (source.role(), 9))
    plan = planned(promotion, register_versions=True)
    assert plan.state == PlanState.REFUSED
    assert any("sit has no registry, so the choice to register" in problem for problem in plan.problems)


def test_events_are_resolved_to_the_schema_that_has_an_id(clusters, promotion, source, sit, replay):
    older = stage.schema(
        source.api().full_name, ("hostId", "string"), ("apiId", "string"), ("size", "long"), ("x", "string", "")
    )
    newer = stage.schema(
        source.api().full_name, ("hostId", "string"), ("apiId", "string"), ("size", "long"), ("y", "string", "new")
    )
    forget_registry(sit)
    give(sit, (older, 7), (newer, 8), (source.role(), 9))
    job = replay(promotion)
    assert (job.state, job.problems) == (JobState.SUCCEEDED, [])
    plan = Plan.objects.of(promotion)
    assert {each["type"]: (each["what"], each["id"]) for each in plan.subjects} == {
        newer.full_name: ("resolved", 8), source.role().full_name: ("exact", 9),
    }  # fmt: skip
    bodies = [unframe(record.value) for record in consumed(clusters["sit"], sit.topic)]
    assert {read(newer, body)["y"] for schema_id, body in bodies if schema_id == 8} == {"new"}


def test_whatever_strategy_the_registry_would_have_a_set_goes_by_full_names(promotion, source, sit, replay):
    Environment.objects.filter(pk=sit.pk).update(subject_strategy="topic")
    forget_registry(sit)
    give(sit, (source.api(), 7), (source.role(), 9))
    promotion.refresh_from_db()
    assert replay(promotion).state == JobState.SUCCEEDED


def test_a_set_that_changes_makes_the_plan_stale(promotion, source, sit, planned):
    forget_registry(sit)
    give(sit, (source.api(), 7), (source.role(), 9))
    plan = planned(promotion)
    assert stale.local_reasons(plan) == []
    change(cast.user("curator"), sit, {sit.schemas.last().pk: 10}, [], None)
    (reason,) = stale.local_reasons(plan)
    assert reason == "The target environment was changed, or the schemas that were given for it."
    with pytest.raises(Stale):
        request_replay(cast.user("manager"), promotion)
    assert not PromotionJob.objects.filter(kind=JobKind.REPLAY).exists()


def test_what_is_on_the_target_is_read_with_the_set_and_unknown_ids_are_named(promotion, source, sit, planned, replay):
    forget_registry(sit)
    give(sit, (source.api(), 7), (source.role(), 9))
    assert replay(promotion).state == JobState.SUCCEEDED
    again = exported(promotion.source, sit, "Release 2")
    assert planned(again).counts["already_promoted"] == 12
    change(cast.user("curator"), sit, {row.pk: (row.registry_id or 0) + 1 for row in sit.schemas.all()}, [], None)
    plan = planned(again)
    assert any("schema ids that nobody has given for sit: 7, 9." in warning for warning in plan.warnings), plan.warnings


def test_a_file_is_encoded_without_ids_and_goes_out_only_with_them(clusters, source, sit, planned, replay):
    created = roles.role(source, "Created")
    forget_registry(sit)
    give(sit, (created, None))
    event_id = {"id": "ann", "nonce": 1, "timestamp": stage.START, "derived": False}
    value = {"EventId": event_id, "hostId": "h1", "roleId": "r", "roleDesc": "x"}
    event = FileEvent(1, value, created.full_name, key=b"h1", timestamp=stage.START)
    pieces = [each.encode() for each in write(Format.JSON, [event], {})]
    made, _, job = import_file(cast.user("manager"), sit, "From a file", "events", pieces, "")
    assert run_job(job).state == JobState.SUCCEEDED
    assert made.events.get().document["roleId"] == "r"
    plan = planned(made)
    assert any("no schema with an id on sit" in problem for problem in plan.problems), plan.problems
    give(sit, (created, 12))
    assert planned(made).state == PlanState.READY
    assert replay(made).state == JobState.SUCCEEDED
    assert [unframe(record.value)[0] for record in consumed(clusters["sit"], sit.topic)] == [12]


def test_a_type_that_moved_on_a_target_without_a_registry_is_found_by_its_alias(promotion, source, sit, planned):
    text = json.loads(source.api().text)
    moved = parse(json.dumps(text | {"namespace": f"{source.namespace}.moved", "aliases": [source.api().full_name]}))
    cast.event_type(moved.full_name, Decision.PROMOTABLE, schema=cast.store_schema(moved.text))
    forget_registry(sit)
    give(sit, (moved, 7), (source.role(), 9))
    plan = planned(promotion)
    assert plan.problems == []
    assert {each["subject"]: (each["what"], each["id"]) for each in plan.subjects} == {
        moved.full_name: ("resolved", 7), source.role().full_name: ("exact", 9),
    }  # fmt: skip
