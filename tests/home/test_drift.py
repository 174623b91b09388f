"""What stands on a source and not on its target, counted on a real cluster."""

import pytest

from promotion import periodic
from promotion.actions import drift as drifting
from promotion.actions.drift import drift_all, look
from promotion.actions.pipeline import beyond, moved_on, pairs
from promotion.domain.filters import ExportFilter
from promotion.kafka.cluster import cluster_id
from promotion.models import AuditEntry, Drift, Environment, EventType, ExportCount, Promotion
from promotion.states import Decision, Disposition, VerificationVerdict
from tests import cast
from tests.export.source import FIRST, KINDS, Source
from tests.home.stage import verified, verify

pytestmark = pytest.mark.django_db
KEPT = "net.lightapi.portal.test.KeptEvent"


@pytest.fixture
def dev(source: Source) -> Environment:
    return source.environment("dev", order=10)


@pytest.fixture
def sit() -> Environment:
    return cast.environment("sit", order=20)


def counted(source: Environment, target: Environment) -> dict[str, int]:
    """The count, after as many slices as it takes."""
    while look(source, target):
        pass
    row = Drift.objects.get(source=source, target=target)
    assert (row.error, row.behind) == ("", 0)
    return row.counts


def more(source: Source, count: int, name: str = "KeptEvent") -> None:
    source.produce(
        {"value": source.value(name, n), "partition": n % 2, "timestamp": FIRST + 60_000 + n} for n in range(count)
    )


def promote(dev: Environment, sit: Environment, export, filters: ExportFilter | None = None) -> Promotion:
    """A promotion whose export really read the topic, and whose verification found everything."""
    made = cast.promotion(source=dev, target=sit, filters=(filters or ExportFilter()).to_json())
    job = export(made)
    assert job.error == ""
    return verify(made)


def test_it_counts_what_an_export_would_keep_and_nothing_else(source: Source, dev, sit, export) -> None:
    source.decide()
    source.mixture(10 * len(KINDS))
    before = EventType.objects.count(), AuditEntry.objects.count()
    found = counted(dev, sit)
    # A type that nobody has heard of is not put into the table by looking.
    assert (EventType.objects.count(), AuditEntry.objects.count()) == before
    promotion = cast.promotion(source=dev, target=sit)
    export(promotion)
    kept = ExportCount.objects.filter(partition__export=promotion.pk, disposition=Disposition.KEPT)
    assert found == {KEPT: sum(kept.values_list("count", flat=True))}
    assert found[KEPT] == 30


def test_after_a_verified_promotion_only_what_came_since_is_counted(source: Source, dev, sit, export) -> None:
    source.decide()
    source.mixture(24)
    assert counted(dev, sit)[KEPT] == 6
    promotion = promote(dev, sit, export)
    assert counted(dev, sit) == {}
    assert Drift.objects.get().base == promotion
    more(source, 5)
    assert counted(dev, sit) == {KEPT: 5}
    positions = Drift.objects.get().positions
    more(source, 2)
    assert counted(dev, sit) == {KEPT: 7}
    assert sum(Drift.objects.get().positions.values()) == sum(positions.values()) + 2


@pytest.mark.parametrize("verdict", [VerificationVerdict.FAILED, VerificationVerdict.INCOMPLETE])
def test_a_promotion_that_was_not_found_whole_is_no_base(source: Source, dev, sit, export, verdict) -> None:
    source.decide()
    source.mixture(24)
    made = cast.promotion(source=dev, target=sit)
    export(made)
    verify(made, verdict)
    assert counted(dev, sit) == {KEPT: 6}
    assert Drift.objects.get().base is None


def test_reading_an_old_promotion_back_again_does_not_make_it_the_newest(source: Source, dev, sit, export) -> None:
    source.decide()
    source.mixture(12)
    older = promote(dev, sit, export)
    more(source, 3)
    newer = promote(dev, sit, export)
    replay = older.plans.get().replay
    replay.verifications.create(requested_by=older.owner, verdict=VerificationVerdict.VERIFIED)
    assert counted(dev, sit) == {}
    assert Drift.objects.get().base == newer


def test_a_promotion_to_elsewhere_is_no_base(source: Source, dev, sit, export) -> None:
    source.decide()
    source.mixture(24)
    promote(dev, cast.environment("uat", order=30), export)
    assert counted(dev, sit) == {KEPT: 6}


def test_a_decision_starts_the_count_anew_from_the_bases_ends(source: Source, dev, sit, export) -> None:
    source.decide()
    source.mixture(12)
    promote(dev, sit, export)
    more(source, 4)
    more(source, 3, "OpenEvent")
    assert counted(dev, sit) == {KEPT: 4}
    cast.decide(EventType.objects.get(full_name__endswith=".OpenEvent"), Decision.PROMOTABLE)
    assert counted(dev, sit) == {KEPT: 4, "net.lightapi.portal.test.OpenEvent": 3}
    cast.decide(EventType.objects.get(full_name=KEPT), Decision.NOT_PROMOTABLE)
    assert counted(dev, sit) == {"net.lightapi.portal.test.OpenEvent": 3}


def test_a_slice_ends_early_and_the_next_goes_on_behind_it(source: Source, dev, sit, monkeypatch) -> None:
    source.type("KeptEvent")
    more(source, 500)
    monkeypatch.setattr(drifting, "SLICE_RECORDS", 100)
    assert look(dev, sit) is True
    row = Drift.objects.get()
    assert 0 < row.behind < 500
    assert sum(row.counts.values()) == 500 - row.behind
    assert counted(dev, sit) == {KEPT: 500}


def test_where_a_time_ended_the_export_what_came_after_it_is_counted(source: Source, dev, sit, export) -> None:
    source.type("KeptEvent")
    more(source, 40)
    until = FIRST + 60_000 + 25
    promotion = promote(dev, sit, export, ExportFilter(until=until))
    assert counted(dev, sit) == {KEPT: 15}
    assert beyond(dev, sit, cluster_id(source.connection)).filters([0, 1]) == ExportFilter(since=until)
    assert moved_on(promotion) == ExportFilter(since=until)


def test_where_offsets_ended_the_export_what_came_after_them_is_counted(source: Source, dev, sit, export) -> None:
    source.type("KeptEvent")
    more(source, 40)
    promotion = promote(dev, sit, export, ExportFilter(offsets={0: (0, 5)}))
    assert counted(dev, sit) == {KEPT: 35}
    behind = beyond(dev, sit, cluster_id(source.connection))
    # A partition that was never promoted is taken from its beginning.
    assert behind.filters([0, 1]) == ExportFilter(offsets={0: (5, None), 1: (0, None)})
    assert moved_on(promotion) == ExportFilter(offsets={0: (5, None)})


def test_what_goes_on_is_what_was_counted(source: Source, dev, sit, export) -> None:
    source.decide()
    source.mixture(24)
    promote(dev, sit, export)
    source.mixture(24)
    found = counted(dev, sit)
    filters = beyond(dev, sit, cluster_id(source.connection)).filters([0, 1])
    again = promote(dev, sit, export, filters)
    assert again.export.totals()["kept"] == found[KEPT] == 6
    assert counted(dev, sit) == {}


def test_another_topic_of_the_environment_is_counted_from_its_beginning(
    source: Source, dev, sit, export, clusters
) -> None:
    source.decide()
    source.mixture(24)
    promote(dev, sit, export)
    assert counted(dev, sit) == {}
    other = Source(clusters["dev"])
    other.register("KeptEvent")
    more(other, 9)
    Environment.objects.filter(pk=dev.pk).update(topic=other.topic)
    dev.refresh_from_db()
    assert counted(dev, sit) == {KEPT: 9}
    assert Drift.objects.get().base is None


def test_what_an_open_transaction_holds_back_is_counted_when_it_is_committed(source: Source, dev, sit) -> None:
    from confluent_kafka import Producer

    source.type("KeptEvent")
    producer = Producer({"bootstrap.servers": dev.bootstrap_servers, "transactional.id": source.topic})
    producer.init_transactions(10)
    producer.begin_transaction()
    for n in range(3):
        producer.produce(source.topic, source.value("KeptEvent", n), partition=0)
    producer.flush(10)
    more(source, 4)
    assert counted(dev, sit) == {KEPT: 2}  # those of the other partition
    producer.commit_transaction(10)
    assert counted(dev, sit) == {KEPT: 7}


def test_a_count_of_two_processes_is_written_once(source: Source, dev, sit, monkeypatch) -> None:
    source.type("KeptEvent")
    more(source, 20)
    read = drifting._read

    def meanwhile(*args) -> None:
        monkeypatch.setattr(drifting, "_read", read)
        counted(dev, sit)
        more(source, 1)
        counted(dev, sit)
        read(*args)

    monkeypatch.setattr(drifting, "_read", meanwhile)
    look(dev, sit)
    assert Drift.objects.get().counts == {KEPT: 21}


def test_old_figures_stay_where_the_source_is_away_and_other_pairs_are_counted(source: Source, dev, sit) -> None:
    source.type("KeptEvent")
    more(source, 6)
    assert counted(dev, sit) == {KEPT: 6}
    Environment.objects.filter(pk=dev.pk).update(bootstrap_servers="127.0.0.1:9")
    second = source.environment("second", order=15, may_be_target=False)
    drift_all()
    row = Drift.objects.get(source=dev)
    assert row.counts == {KEPT: 6}
    assert "127.0.0.1:9" in row.error
    assert Drift.objects.get(source=second, target=sit).counts == {KEPT: 6}


def test_a_registry_that_is_away_is_said_and_nothing_is_counted_wrongly(source: Source, dev, sit) -> None:
    source.type("KeptEvent")
    more(source, 6)
    Environment.objects.filter(pk=dev.pk).update(registry_url="http://127.0.0.1:9")
    dev.refresh_from_db()
    assert look(dev, sit) is None
    row = Drift.objects.get()
    assert (row.counts, row.counted_at) == ({}, None)
    assert "127.0.0.1:9" in row.error


def test_each_hop_of_the_pipeline_matters_and_every_way_that_was_verified(dev, sit) -> None:
    lab = cast.environment("lab", order=25, may_be_target=False)
    prod = cast.environment("prod", order=30, may_be_source=False)
    assert pairs() == [(dev, sit), (sit, prod), (lab, prod)]
    verified(dev, prod, {0: 5})
    verified(dev, prod, {0: 6})
    verified(dev, sit, {0: 6})
    assert pairs() == [(dev, sit), (sit, prod), (lab, prod), (dev, prod)]


def test_what_was_verified_of_another_cluster_says_nothing_of_this_one(dev, sit) -> None:
    base = verified(dev, sit, {0: 5})
    assert beyond(dev, sit, "c").base == base
    assert beyond(dev, sit, "another").base is None


def test_a_promotion_whose_end_was_in_the_future_is_moved_on_to_where_it_was_pinned(dev, sit) -> None:
    filters = ExportFilter(types=frozenset({KEPT}), until=2**42)
    made = verified(dev, sit, {0: 5, 1: 7}, filters=filters.to_json())
    assert moved_on(made) == ExportFilter(types=frozenset({KEPT}), offsets={0: (5, None), 1: (7, None)})


def test_the_periodic_process_does_it() -> None:
    assert drift_all in [work for work, _ in periodic.BESIDE]
