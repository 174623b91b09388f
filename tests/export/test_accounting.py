import uuid
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal_admin.embedded.stack import Cluster
from promotion.actions.export_decisions import decisions
from promotion.actions.lease import Lease, claim
from promotion.actions.request import request_job
from promotion.actions.schemas import store_schema
from promotion.domain.filters import ExportFilter
from promotion.domain.order import running_max
from promotion.domain.record import unpack_headers
from promotion.domain.wire import frame
from promotion.models import EventType, ExportCount
from promotion.states import Decision, JobKind, PromotionState
from tests import cast
from tests.export.conftest import Export
from tests.export.source import FIRST, KINDS, Source
from tests.kafka.conftest import everything

pytestmark = pytest.mark.django_db

PREFIX = "net.lightapi.portal.test."


def test_every_record_has_exactly_one_disposition(source: Source, export: Export) -> None:
    source.decide()
    source.mixture(1200)
    promotion = source.promotion()
    job = export(promotion)
    assert (job.state, job.error) == ("succeeded", "")
    assert promotion.state == PromotionState.EXPORTED
    assert promotion.export.totals() == {
        "read": 1200,
        "kept": 300,
        "not_promotable": 100,
        "undecided": 200,
        "derived": 100,
        "filtered": 0,
        "tombstones": 100,
        "quarantined": 400,
    }
    assert promotion.events.count() == 700
    assert promotion.export.finished_at is not None
    assert (job.done, job.total) == (1200, 1200)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(KINDS), min_size=1, max_size=60), st.sets(st.sampled_from(["host-1", "host-2"])))
def test_whatever_stands_in_a_topic_the_sums_match(
    clusters: dict[str, Cluster], export: Export, kinds: list[str], hosts: set[str]
) -> None:
    source = Source(clusters["dev"])
    source.decide()
    source.mixture(len(kinds), kinds)
    promotion = source.promotion(ExportFilter(hosts=frozenset(hosts)))
    assert export(promotion).state == "succeeded"
    totals = promotion.export.totals()
    assert totals.pop("read") == len(kinds) == sum(totals.values())
    expected = Counter(becomes(kind, hosts) for kind in kinds)
    assert {name: count for name, count in totals.items() if count} == expected


def becomes(kind: str, hosts: set[str]) -> str:
    """What becomes of a record of `mixture`, in words of the specification alone."""
    host = {"kept": "host-1", "nul": "a\0b", "other host": "host-2"}.get(kind)
    if host is not None:
        return "kept" if not hosts or host in hosts else "filtered"
    settled = {"derived": "derived", "log": "not_promotable", "open": "undecided", "stranger": "undecided"}
    return {**settled, "tombstone": "tombstones"}.get(kind, "quarantined")


def test_the_sums_match_what_was_read_in_each_partition_and_for_each_type(source: Source, export: Export) -> None:
    source.decide()
    source.mixture(601)
    promotion = source.promotion(ExportFilter(hosts=frozenset({"host-1"})))
    export(promotion)
    for partition in promotion.export.partitions.all():
        assert sum(partition.counts.values_list("count", flat=True)) == partition.read
        assert partition.position == partition.end
        assert promotion.events.filter(partition=partition.partition).count() == sum(
            partition.counts.filter(disposition__in=["kept", "quarantined"]).values_list("count", flat=True)
        )
    by_type = Counter()
    for disposition, name, count in ExportCount.objects.values_list("disposition", "type_name", "count"):
        by_type[disposition, name.removeprefix(PREFIX)] += count
    assert sum(by_type.values()) == 601
    assert by_type["filtered", "KeptEvent"] == 100  # U+0000 and host-2
    assert by_type["quarantined", "KeptEvent"] == 50
    assert by_type["undecided", "StrangerEvent"] == 50


def test_what_is_kept_is_what_stands_in_the_topic_byte_for_byte(source: Source, export: Export) -> None:
    source.decide()
    source.mixture(240)
    promotion = source.promotion()
    export(promotion)
    there = {
        (record.partition, record.offset): record
        for record in everything(source.connection, source.topic)
        if record.value is not None
    }
    events = list(promotion.events.all())
    assert events
    for event in events:
        record = there[event.partition, event.offset]
        assert bytes(event.value) == record.value
        assert (None if event.key is None else bytes(event.key)) == record.key
        assert unpack_headers(event.headers) == record.headers
        assert event.timestamp == record.timestamp


def test_the_order_of_replay_is_the_highest_timestamp_so_far_of_everything_read(source: Source, export: Export) -> None:
    source.decide()
    source.mixture(240)
    promotion = source.promotion()
    export(promotion)
    for partition in range(source.partitions):
        records = [r for r in everything(source.connection, source.topic) if r.partition == partition]
        highest = dict(zip((r.offset for r in records), running_max(r.timestamp for r in records), strict=True))
        events = promotion.events.filter(partition=partition).values_list("offset", "merge_timestamp")
        assert dict(events) == {offset: highest[offset] for offset, _ in events}
    order = list(promotion.events.in_order().values_list("merge_timestamp", "partition", "offset"))
    assert order == sorted(order)


def test_a_quarantined_record_says_why(source: Source, export: Export) -> None:
    source.decide()
    source.mixture(12)
    promotion = source.promotion()
    export(promotion)
    reasons = {bytes(e.value)[:6]: e for e in promotion.events.exclude(quarantine_reason="")}
    assert "JSON" in reasons[b'{"outb'].quarantine_reason
    assert "0 bytes" in reasons[b""].quarantine_reason
    assert "987654321" in reasons[b"\x00" + (987_654_321).to_bytes(4) + b"x"].quarantine_reason
    cut = promotion.events.exclude(quarantine_reason="").get(event_type__isnull=False)
    assert cut.event_type.full_name == f"{PREFIX}KeptEvent"
    assert all(event.document is None for event in reasons.values())


def test_an_event_with_u0000_is_kept_and_can_be_searched(source: Source, export: Export) -> None:
    source.decide()
    source.mixture(4, ["nul"])
    promotion = source.promotion()
    export(promotion)
    event = promotion.events.first()
    assert event.host == "a\ufffdb"
    assert event.document["hostId"] == "a\ufffdb"
    assert b"a\0b" in bytes(event.value)


def test_a_type_that_the_table_does_not_know_is_added_undecided_and_does_not_travel(
    source: Source, export: Export
) -> None:
    source.decide()
    source.mixture(5, ["stranger"])
    promotion = source.promotion()
    export(promotion)
    met = EventType.objects.get(full_name=f"{PREFIX}StrangerEvent")
    assert met.decision == Decision.UNDECIDED
    assert not met.in_catalogue
    assert promotion.export.totals()["undecided"] == 5
    assert not promotion.events.exists()


def test_data_that_would_exhaust_the_worker_is_quarantined(source: Source, export: Export) -> None:
    items = '{"type": "array", "items": "null"}'
    nulls = f'{{"type": "record", "name": "NullsEvent", "fields": [{{"name": "n", "type": {items}}}]}}'
    deep = (
        '{"type": "record", "name": "DeepEvent", "fields": '
        '[{"name": "next", "type": ["null", "DeepEvent"]}, {"name": "n", "type": "int", "default": 0}]}'
    )
    for name, text in (("NullsEvent", nulls), ("DeepEvent", deep)):
        schema = source.register(name, text)
        cast.event_type(name, Decision.PROMOTABLE, schema=store_schema(schema))
    source.produce(
        [
            {"value": frame(source.ids["NullsEvent"], b"\x80\xc6\x86\x8f\x02"), "partition": 0},
            {"value": frame(source.ids["DeepEvent"], b"\x02" * 200_000), "partition": 0},
            {"value": frame(source.ids["DeepEvent"], b"\x00\x00"), "partition": 0},
        ]
    )
    promotion = source.promotion()
    assert export(promotion).state == "succeeded"
    assert promotion.export.totals()["quarantined"] == 2
    assert promotion.export.totals()["kept"] == 1


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        (ExportFilter(types=frozenset({f"{PREFIX}OtherEvent"})), 50),
        (ExportFilter(hosts=frozenset({"host-2"})), 50),
        (ExportFilter(users=frozenset({"user-3"})), 29),
        (ExportFilter(since=FIRST + 100_000), 100),
        (ExportFilter(until=FIRST + 100_000), 100),
        (ExportFilter(since=FIRST + 50_000, until=FIRST + 100_000), 50),
        (ExportFilter(offsets={1: (10, 30)}), 20),
        (ExportFilter(offsets={0: (90, None)}), 10),
    ],
)
def test_a_filter_takes_what_it_says(source: Source, export: Export, filters: ExportFilter, kept: int) -> None:
    source.type("KeptEvent")
    source.type("OtherEvent")
    source.produce(
        {
            "value": source.value("OtherEvent" if n % 4 == 0 else "KeptEvent", n, host="host-2" if n % 4 == 1 else "h"),
            "partition": n % 2,
            "timestamp": FIRST + n * 1000,
        }
        for n in range(200)
    )
    promotion = source.promotion(filters)
    assert export(promotion).state == "succeeded"
    totals = promotion.export.totals()
    assert totals["kept"] == kept
    assert sum(totals.values()) == 2 * totals["read"]


def test_an_empty_topic_is_exported(source: Source, export: Export) -> None:
    promotion = source.promotion()
    assert export(promotion).state == "succeeded"
    assert promotion.state == PromotionState.EXPORTED
    assert promotion.export.totals()["read"] == 0


def test_a_decision_made_while_a_job_is_resumed_does_not_split_its_export(source: Source, export: Export) -> None:
    """The decisions are read once, when the job starts."""
    open_type = source.type("OpenEvent", Decision.UNDECIDED)
    promotion = source.promotion()
    job = request_job(promotion.owner, promotion, JobKind.EXPORT)
    token = claim(job.pk)
    job.refresh_from_db()
    assert decisions(Lease(job, token))[open_type.full_name].decision == Decision.UNDECIDED
    cast.decide(open_type, Decision.PROMOTABLE)
    job.refresh_from_db()
    assert decisions(Lease(job, token))[open_type.full_name].decision == Decision.UNDECIDED


def _connection(source: Source):
    from promotion.domain.connection import KafkaConnection

    return KafkaConnection(source.cluster.bootstrap_servers)


def test_a_schema_named_by_a_guid_in_a_header_is_asked_for_and_a_malformed_one_is_quarantined(
    source: Source, export: Export
) -> None:
    """This registry knows no GUIDs: what is asked of it is not found, and the body is not taken for a framed value."""
    source.decide()
    source.register("KeptEvent")
    framed = source.value("KeptEvent", 1)
    guid = uuid.uuid4()
    source.produce(
        [
            {"value": framed, "partition": 0, "headers": [("__value_schema_id", b"\x01" + guid.bytes)]},
            {"value": framed, "partition": 0, "headers": [("__value_schema_id", b"\x01short")]},
            {"value": framed, "partition": 0, "headers": [("another", b"\x01short")]},
        ]
    )
    promotion = source.promotion()
    assert export(promotion).state == "succeeded"
    reasons = dict(promotion.events.values_list("offset", "quarantine_reason"))
    assert str(guid) in reasons[0]
    assert "__value_schema_id" in reasons[1]
    assert reasons[2] == ""
