"""What an export and the creation of a promotion refuse, and what they say."""

import threading

import pytest
from confluent_kafka import Producer

from promotion.actions.create import create
from promotion.actions.request import request_job
from promotion.domain.filters import ExportFilter
from promotion.errors import Conflict, InvalidInput, NotFound, Refused
from promotion.models import Environment, Promotion
from promotion.states import JobKind, JobState, PromotionState
from tests import cast
from tests.export.conftest import Export
from tests.export.source import FIRST, Source
from tests.kafka.conftest import delete_records

pytestmark = pytest.mark.django_db


def test_a_promotion_belongs_to_who_created_it_and_nothing_runs_yet() -> None:
    manager = cast.user("manager")
    filters = ExportFilter(hosts=frozenset({"h"}), since=5)
    made = create(manager, cast.environment("dev"), cast.environment("sit"), "  Release 7 ", filters)
    assert (made.title, made.owner, made.state) == ("Release 7", manager, PromotionState.DRAFT)
    assert ExportFilter.from_json(made.filters) == filters
    assert not made.jobs.exists()


@pytest.mark.parametrize("role", ["viewer", "approver", "curator"])
def test_only_a_release_manager_creates_a_promotion(role: str) -> None:
    with pytest.raises(Refused, match="release manager"):
        create(cast.user(role), cast.environment("dev"), cast.environment("sit"), "T", ExportFilter())


@pytest.mark.parametrize("title", ["", "  ", "x" * 201, "two\nlines", "nul\0", "\u202eturned"])
def test_a_title_is_one_short_line_that_can_be_read(title: str) -> None:
    with pytest.raises(InvalidInput):
        create(cast.user("manager"), cast.environment("dev"), cast.environment("sit"), title, ExportFilter())


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        ({"may_be_source": False}, {}, "dev may not be a source"),
        ({}, {"may_be_target": False}, "sit may not be a target"),
        (
            {"cluster_id": "A", "topic": "t"},
            {"cluster_id": "A", "topic": "t", "bootstrap_servers": "x:1"},
            "same topic",
        ),
        ({"topic": "t", "bootstrap_servers": "a:1,b:1"}, {"topic": "t", "bootstrap_servers": "B:1"}, "same topic"),
    ],
)
def test_events_do_not_travel_where_they_may_not(source: dict, target: dict, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        create(
            cast.user("manager"),
            cast.environment("dev", **source),
            cast.environment("sit", **target),
            "T",
            ExportFilter(),
        )


def test_an_environment_is_never_promoted_to_itself() -> None:
    dev = cast.environment("dev")
    with pytest.raises(Refused, match="both source and target"):
        create(cast.user("manager"), dev, dev, "T", ExportFilter())


def test_a_type_that_does_not_exist_cannot_be_asked_for() -> None:
    filters = ExportFilter(types=frozenset({"no.Such", "\0"}))
    with pytest.raises(NotFound) as caught:
        create(cast.user("manager"), cast.environment("dev"), cast.environment("sit"), "T", filters)
    assert len(caught.value.problems) == 2


def test_a_second_export_of_one_promotion_is_refused(source: Source) -> None:
    promotion = source.promotion()
    request_job(promotion.owner, promotion, JobKind.EXPORT)
    with pytest.raises(Conflict):
        request_job(promotion.owner, promotion, JobKind.EXPORT)
    assert promotion.jobs.count() == 1


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_of_many_who_start_an_export_at_once_one_does() -> None:
    from django.db import connections

    promotion, manager = cast.promotion(), cast.user("manager")
    barrier, outcomes = threading.Barrier(6), []

    def start() -> None:
        barrier.wait()
        try:
            outcomes.append(request_job(manager, Promotion.objects.get(pk=promotion.pk), JobKind.EXPORT))
        except Conflict as refused:
            outcomes.append(refused)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 5
    assert promotion.jobs.count() == 1


def test_an_export_that_is_done_does_not_start_again(source: Source, export: Export) -> None:
    promotion = source.promotion()
    export(promotion)
    with pytest.raises(Refused, match="Exported"):
        request_job(promotion.owner, promotion, JobKind.EXPORT)


def test_the_export_asks_the_cluster_itself_whether_source_and_target_are_the_same(
    source: Source, export: Export
) -> None:
    """Another address of the same cluster: only its id tells."""
    from promotion.kafka.cluster import cluster_id

    connection = source.connection
    promotion = source.promotion()
    Environment.objects.filter(pk=promotion.target_id).update(topic=source.topic, cluster_id=cluster_id(connection))
    job = export(Promotion.objects.get(pk=promotion.pk))
    assert job.state == JobState.REFUSED
    assert "same topic of the same cluster" in job.error
    assert not hasattr(Promotion.objects.get(pk=promotion.pk), "export")


def test_a_partition_that_is_not_there_is_named(source: Source, export: Export) -> None:
    promotion = source.promotion(ExportFilter(offsets={7: (0, None)}))
    job = export(promotion)
    assert (job.state, job.exit_code) == (JobState.FAILED, 2)
    assert "no partition 7" in job.error


def test_a_topic_that_is_not_there_is_named(source: Source, export: Export) -> None:
    promotion = source.promotion()
    Environment.objects.filter(pk=promotion.source_id).update(topic="no-such-topic")
    job = export(Promotion.objects.get(pk=promotion.pk))
    assert "no-such-topic" in job.error
    assert job.exit_code == 2


def test_an_export_does_not_go_on_with_another_topic_than_it_began_with(source: Source, export: Export) -> None:
    promotion = _interrupted(source, export)
    other = Source(source.cluster)
    Environment.objects.filter(pk=promotion.source_id).update(topic=other.topic)
    job = export(Promotion.objects.get(pk=promotion.pk))
    assert job.state == JobState.REFUSED
    assert other.topic in job.error


def test_a_registry_that_is_down_stops_the_export_and_quarantines_nothing(source: Source, export: Export) -> None:
    promotion = _interrupted(source, export)
    assert not promotion.events.exists()
    job = export(promotion)
    assert job.state == JobState.SUCCEEDED
    assert promotion.export.totals()["kept"] == 40


def test_retention_that_overtakes_an_export_is_said(source: Source, export: Export) -> None:
    promotion = _interrupted(source, export)
    delete_records(source.connection, source.topic, before=5, partition=0)
    assert export(promotion).state == JobState.SUCCEEDED
    assert promotion.export.truncated
    gap = promotion.export.partitions.get(partition=0)
    assert (gap.truncated_from, gap.truncated_to, gap.read) == (0, 5, 15)
    assert promotion.export.totals()["read"] == 35


def test_offsets_that_were_asked_for_and_are_gone_are_missing(source: Source, export: Export) -> None:
    source.type("KeptEvent")
    source.produce({"value": source.value("KeptEvent", n), "partition": 0} for n in range(20))
    delete_records(source.connection, source.topic, before=8)
    promotion = source.promotion(ExportFilter(offsets={0: (5, 12)}))
    export(promotion)
    gap = promotion.export.partitions.get()
    assert (gap.start, gap.end, gap.truncated_from, gap.truncated_to, gap.read) == (8, 12, 5, 8, 4)


def test_records_that_retention_took_before_the_export_began_are_not_missing(source: Source, export: Export) -> None:
    source.type("KeptEvent")
    source.produce({"value": source.value("KeptEvent", n), "partition": 0} for n in range(20))
    delete_records(source.connection, source.topic, before=8)
    promotion = source.promotion()
    export(promotion)
    assert not promotion.export.truncated
    assert promotion.export.totals()["read"] == 12


def test_what_an_open_transaction_holds_back_is_counted(source: Source, export: Export) -> None:
    source.type("KeptEvent")
    source.produce({"value": source.value("KeptEvent", n), "partition": 0} for n in range(5))
    producer = Producer(
        {"bootstrap.servers": source.cluster.bootstrap_servers, "transactional.id": f"open-{source.topic}"}
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(source.topic, source.value("KeptEvent", 6), partition=0)
    producer.flush(30)
    source.produce([{"value": source.value("KeptEvent", 7), "partition": 0}])
    promotion = source.promotion()
    try:
        export(promotion)
    finally:
        producer.abort_transaction(30)
    assert [(p.end, p.held_back) for p in promotion.export.partitions.all()] == [(5, 2), (0, 0)]
    assert promotion.export.totals()["read"] == 5


def _interrupted(source: Source, export: Export) -> Promotion:
    """A promotion of 40 events whose export pinned its ends and then found the registry down."""
    source.type("KeptEvent")
    source.produce(
        {"value": source.value("KeptEvent", n), "partition": n % 2, "timestamp": FIRST + n} for n in range(40)
    )
    promotion = source.promotion()
    environments = Environment.objects.filter(pk=promotion.source_id)
    environments.update(registry_url="http://127.0.0.1:9")
    promotion = Promotion.objects.get(pk=promotion.pk)
    job = export(promotion)
    assert (job.state, job.exit_code) == (JobState.FAILED, 7)
    assert promotion.state == PromotionState.EXPORT_FAILED
    assert promotion.export.totals()["read"] == 0
    environments.update(registry_url=source.cluster.registry_url)
    return Promotion.objects.get(pk=promotion.pk)
