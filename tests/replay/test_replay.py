import hashlib
import json
from collections import defaultdict

import pytest

from promotion.actions import edit
from promotion.actions.connect import registry_connection
from promotion.domain.decode import read
from promotion.domain.json_codec import to_json
from promotion.domain.keys import java_partition
from promotion.domain.provenance import read_provenance
from promotion.domain.record import unpack_headers
from promotion.domain.schema import parse
from promotion.domain.wire import unframe
from promotion.kafka.registry import Registry
from promotion.models import Plan, Promotion, Receipt
from promotion.states import JobState, PlanState, PromotionState
from tests import cast
from tests.replay import stage
from tests.replay.stage import consumed, exported

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def by_origin(records):
    """Records by the source position that their headers name."""
    found = {}
    for record in records:
        hop = read_provenance(record.headers).source
        assert (hop.partition, hop.offset) not in found, "an event arrived twice"
        found[hop.partition, hop.offset] = record
    return found


def test_exactly_the_outgoing_events_arrive_keyed_and_placed_as_java_would(clusters, source, dev, sit, replay):
    source.many(60)
    source.produce()
    promotion = exported(dev, sit)
    out, edited = list(promotion.events.in_order())[:2]
    manager = cast.user("manager")
    edit.exclude(manager, promotion, [out.pk])
    tree = json.loads(to_json(parse(edited.schema.text), unframe(bytes(edited.value))[1]))
    tree["hostId"] = "another host"
    edit.edit(manager, edited, 0, json.dumps(tree))

    job = replay(promotion, nonce="keep")

    assert (job.state, job.error, job.problems) == (JobState.SUCCEEDED, "", [])
    promotion.refresh_from_db()
    assert promotion.state == PromotionState.REPLAYED
    arrived = consumed(clusters["sit"], sit.topic)
    found = by_origin(arrived)
    outgoing = {(e.partition, e.offset): e for e in promotion.events.outgoing()}
    assert found.keys() == outgoing.keys()
    with Registry(registry_connection(sit)) as registry:
        for where, record in found.items():
            event = outgoing[where]
            schema_id, body = unframe(record.value)
            schema = parse(registry.schema_by_id(schema_id))
            assert schema.full_name == event.event_type.full_name
            tree = read(schema, body)
            assert record.key == tree["hostId"].encode()
            assert record.partition == java_partition(record.key, 3)
            assert record.timestamp == event.timestamp
            assert record.headers[: len(unpack_headers(event.headers))] == unpack_headers(event.headers)
            said = read_provenance(record.headers)
            assert said.promotion_id == str(promotion.pk)
            assert said.source == said.origin
            assert said.source.cluster_id == promotion.export.cluster_id
            assert (said.source.environment, said.source.topic) == ("dev", dev.topic)
            assert said.source.value_sha256 == hashlib.sha256(bytes(event.value)).hexdigest()
            if where == (edited.partition, edited.offset):
                assert tree["hostId"] == "another host"
            else:
                assert body == unframe(bytes(event.value))[1]
    assert_order_kept(arrived)
    receipts = {(r.partition, r.offset): r.ordinal for r in Receipt.objects.committed()}
    assert receipts.keys() == {(r.partition, r.offset) for r in arrived}


def assert_order_kept(arrived):
    """In each target partition the events of one source partition follow each other as they did there."""
    offsets = defaultdict(list)
    for record in arrived:
        hop = read_provenance(record.headers).source
        offsets[record.partition, hop.partition].append(hop.offset)
    assert offsets
    assert all(seen == sorted(seen) for seen in offsets.values())


def test_partitions_are_merged_by_the_highest_timestamp_so_far(clusters, dev, source, replay):
    target = stage.environment("sit", clusters["sit"], partitions=1)
    source.many(40)
    source.add(source.api(), timestamp=stage.START - 5_000)  # goes back in time: its place in its partition stays
    source.produce()
    promotion = exported(dev, target)
    assert replay(promotion, accept_partitions=True).state == JobState.SUCCEEDED
    said = [read_provenance(r.headers).source for r in consumed(clusters["sit"], target.topic)]
    assert [(s.partition, s.offset) for s in said] == list(
        promotion.events.in_order().values_list("partition", "offset")
    )
    assert_order_kept(consumed(clusters["sit"], target.topic))


def test_a_schema_that_the_target_has_keeps_the_body_under_the_targets_id(clusters, source, dev, sit, replay):
    with Registry(registry_connection(sit)) as registry:
        for n in range(3):  # so that the ids differ
            registry.register(f"{source.namespace}.Other{n}", stage.schema(f"{source.namespace}.Other{n}").text)
        known = registry.register(source.api().full_name, source.api().text)
    source.add(source.api())
    source.produce()
    promotion = exported(dev, sit)
    assert replay(promotion, nonce="keep").state == JobState.SUCCEEDED
    (record,) = consumed(clusters["sit"], sit.topic)
    assert unframe(record.value)[0] == known != unframe(bytes(promotion.events.get().value))[0]
    assert unframe(record.value)[1] == unframe(bytes(promotion.events.get().value))[1]


def test_an_absent_subject_is_registered_with_every_schema_that_goes_out_under_it(clusters, source, dev, sit, replay):
    older = source.api()
    newer = stage.schema(older.full_name, ("hostId", "string"), ("apiId", "string"), ("size", "long"), ("x", "int", 1))
    source.add(older)
    source.add(newer)
    source.produce()
    promotion = exported(dev, sit)
    assert replay(promotion, nonce="keep").state == JobState.SUCCEEDED
    with Registry(registry_connection(sit)) as registry:
        for record in consumed(clusters["sit"], sit.topic):
            schema_id, body = unframe(record.value)
            hop = read_provenance(record.headers).source
            event = promotion.events.get(partition=hop.partition, offset=hop.offset)
            assert parse(registry.schema_by_id(schema_id)).fingerprint == event.schema.fingerprint
            assert body == unframe(bytes(event.value))[1]
        assert registry.latest(older.full_name).version == 2


def test_a_plan_registers_nothing(source, dev, sit, planned):
    source.add(source.api())
    source.produce()
    assert planned(exported(dev, sit)).state == PlanState.READY
    assert Plan.objects.get().steps_count == 1
    assert Plan.objects.get().steps.get().registry_id is None
    with Registry(registry_connection(sit)) as registry:
        assert not registry.subject_exists(source.api().full_name)


def newer_api(source):
    return stage.schema(
        source.api().full_name, ("hostId", "string"), ("apiId", "string"), ("size", "long"), ("tag", "string", "none")
    )


def test_a_subject_with_another_version_has_the_event_resolved_to_it(clusters, source, dev, sit, replay):
    with Registry(registry_connection(sit)) as registry:
        known = registry.register(source.api().full_name, newer_api(source).text)
    source.add(source.api(), {"apiId": "0100"})
    source.produce()
    assert replay(exported(dev, sit)).state == JobState.SUCCEEDED
    (record,) = consumed(clusters["sit"], sit.topic)
    schema_id, body = unframe(record.value)
    assert schema_id == known
    tree = read(newer_api(source), body)
    assert (tree["apiId"], tree["tag"]) == ("0100", "none")
    with Registry(registry_connection(sit)) as registry:
        assert registry.latest(source.api().full_name).version == 1


def test_an_event_that_would_lose_a_field_is_refused_with_all_its_likes(clusters, source, dev, sit, replay):
    with Registry(registry_connection(sit)) as registry:
        registry.register(source.api().full_name, source.api().text)
    source.add(newer_api(source))
    source.add(newer_api(source))
    source.add(source.role())
    source.produce()
    promotion = exported(dev, sit)
    job = replay(promotion)
    assert job.state == JobState.REFUSED
    assert "ApiCreatedEvent" in job.problems[0]
    assert "$.tag" in job.problems[0]
    for event in promotion.events.filter(event_type__full_name__endswith="ApiCreatedEvent"):
        assert str(event) in job.problems[0]
    assert consumed(clusters["sit"], sit.topic, committed=False) == []
    assert Plan.objects.get().state == PlanState.REFUSED
    promotion.refresh_from_db()
    assert promotion.state == PromotionState.EXPORTED

    assert replay(promotion, register_versions=True).state == JobState.SUCCEEDED
    assert len(consumed(clusters["sit"], sit.topic)) == 3
    with Registry(registry_connection(sit)) as registry:
        assert registry.latest(source.api().full_name).version == 2


def test_two_hops_keep_the_origin_and_replace_the_last_hop(clusters, source, dev, sit, replay):
    uat = stage.environment("uat", clusters["dev"], partitions=2, tenancy="single")
    source.many(10)
    source.produce()
    assert replay(exported(dev, sit)).state == JobState.SUCCEEDED
    second = exported(sit, uat, "Release 2")
    job = replay(second, accept_partitions=True, nonce="keep")
    assert (job.state, job.problems) == (JobState.SUCCEEDED, [])
    at_sit = {(r.partition, r.offset): r for r in consumed(clusters["sit"], sit.topic)}
    arrived = consumed(clusters["dev"], uat.topic)
    assert len(arrived) == 10
    for record in arrived:
        said = read_provenance(record.headers)
        before = at_sit[said.source.partition, said.source.offset]
        assert said.promotion_id == str(second.pk)
        assert (said.source.environment, said.source.topic) == ("sit", sit.topic)
        assert said.origin == read_provenance(before.headers).origin
        assert (said.origin.environment, said.origin.topic) == ("dev", dev.topic)
        assert record.key.startswith(b"user-")
        assert unframe(record.value)[1] == unframe(before.value)[1]
    assert_order_kept(arrived)


def test_an_event_without_a_host_keeps_its_key_between_two_multi_tenant_environments(
    clusters, source, dev, sit, replay
):
    source.add(source.hostless(), key=b"the host of its host")
    source.produce()
    assert replay(exported(dev, sit)).state == JobState.SUCCEEDED
    assert consumed(clusters["sit"], sit.topic)[0].key == b"the host of its host"


def test_an_event_without_a_host_is_refused_from_a_single_tenant_source(clusters, sit, replay):
    single = stage.environment("dev", clusters["dev"], tenancy="single")
    source = stage.Source(single)
    source.add(source.hostless())
    source.produce()
    job = replay(exported(single, sit))
    assert job.state == JobState.REFUSED
    assert "PasswordForgotEvent" in job.problems[0]
    assert "no host" in job.problems[0]
    assert consumed(clusters["sit"], sit.topic, committed=False) == []


def test_the_same_events_have_the_same_digest_and_one_changed_byte_another(source, dev, sit, planned):
    source.many(4)
    source.produce()
    promotion = exported(dev, sit)
    first, second = planned(promotion), planned(promotion)
    edit.exclude(cast.user("manager"), promotion, [promotion.events.in_order().last().pk])
    third = planned(promotion)
    assert first.digest == second.digest != third.digest
    assert Promotion.objects.get(pk=promotion.pk).state == PromotionState.EXPORTED
