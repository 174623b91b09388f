"""What the periodic process sees of a topic, on a real cluster."""

import pytest

from portal_admin.embedded.stack import Cluster
from promotion import periodic
from promotion.actions import survey as surveying
from promotion.actions.survey import fits, survey, survey_all
from promotion.domain.timeline import bars
from promotion.models import Environment, TopicSurvey
from tests import cast
from tests.export.source import Source
from tests.home.stage import DAY, MONDAY
from tests.verify.target import delete_before

pytestmark = pytest.mark.django_db


@pytest.fixture
def dev(source: Source) -> Environment:
    return source.environment("dev", order=10)


def produce(source: Source, *times: int) -> None:
    """Records of these times, in turn on both partitions."""
    source.produce({"value": b"x", "partition": n % 2, "timestamp": time} for n, time in enumerate(times))


def seen(environment: Environment) -> TopicSurvey:
    survey(environment)
    return TopicSurvey.objects.get(environment=environment)


def test_the_survey_says_how_many_records_came_when(source: Source, dev: Environment) -> None:
    days = [0] * 6 + [1] * 4 + [9] * 2 + [30] * 8
    produce(source, *(MONDAY + day * DAY + n for n, day in enumerate(days)))
    found = seen(dev)
    assert found.error == ""
    assert found.partitions == [{"partition": p, "low": 0, "high": 10} for p in (0, 1)]
    assert fits(found, dev)
    counted = {(bar.start - MONDAY) / DAY: bar.count for bar in bars(found.bars) if bar.count}
    assert counted == {0: 6, 1: 4, 9: 2, 30: 8}
    assert len(found.bars) - 1 <= 60


def test_a_topic_without_records_has_no_bars(dev: Environment) -> None:
    found = seen(dev)
    assert (found.error, found.bars, [each["high"] for each in found.partitions]) == ("", [], [0, 0])


def test_every_offset_lies_in_a_bar_though_times_run_back_and_clocks_are_wrong(
    clusters: dict[str, Cluster], db: None
) -> None:
    source = Source(clusters["dev"], config={"message.timestamp.after.max.ms": str(2**62)})
    dev = source.environment("dev")
    produce(source, MONDAY, 5, MONDAY - DAY, MONDAY + 40 * DAY, MONDAY + DAY, MONDAY + 10**13, MONDAY + 2 * DAY)
    found = seen(dev)
    assert sum(bar.count for bar in bars(found.bars)) == 7
    # Neither the epoch nor the year 2342 stretches the time.
    assert found.bars[0][0] > MONDAY - 10 * DAY
    assert len(found.bars) > 2


def test_what_retention_took_is_not_counted(source: Source, dev: Environment) -> None:
    produce(source, *(MONDAY + n * DAY for n in range(20)))
    promotion = cast.promotion(source=cast.environment("from"), target=dev)
    delete_before(promotion, 0, 4)
    found = seen(dev)
    assert [each["low"] for each in found.partitions] == [4, 0]
    assert sum(bar.count for bar in bars(found.bars)) == 16


def test_nothing_is_asked_twice_where_nothing_came(
    source: Source, dev: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    produce(source, MONDAY, MONDAY + DAY)
    before = seen(dev)
    monkeypatch.setattr(surveying, "over_time", lambda *_: pytest.fail("asked again"))
    after = seen(dev)
    assert after.surveyed_at > before.surveyed_at
    assert (after.bars, after.partitions) == (before.bars, before.partitions)
    monkeypatch.undo()
    produce(source, MONDAY + 2 * DAY)
    assert sum(bar.count for bar in bars(seen(dev).bars)) == 3


def test_old_figures_stay_with_their_age_where_the_cluster_is_away_and_others_are_looked_at(
    source: Source, dev: Environment
) -> None:
    produce(source, MONDAY, MONDAY + DAY)
    before = seen(dev)
    Environment.objects.filter(pk=dev.pk).update(bootstrap_servers="127.0.0.1:9")
    cast.environment("first", order=1)
    source.environment("second", order=20)
    survey_all()
    after = TopicSurvey.objects.get(environment=dev)
    assert "127.0.0.1:9" in after.error
    assert (after.bars, after.surveyed_at) == (before.bars, before.surveyed_at)
    assert after.tried_at > before.tried_at
    assert TopicSurvey.objects.get(environment__name="first").error
    assert sum(bar.count for bar in bars(TopicSurvey.objects.get(environment__name="second").bars)) == 2


def test_a_topic_that_is_not_there_is_said(dev: Environment) -> None:
    Environment.objects.filter(pk=dev.pk).update(topic="no-such-topic")
    dev.refresh_from_db()
    found = seen(dev)
    assert "no-such-topic" in found.error
    assert not fits(found, dev)


def test_figures_of_another_topic_are_not_this_ones(source: Source, dev: Environment) -> None:
    produce(source, MONDAY)
    found = seen(dev)
    dev.topic = "another"
    assert not fits(found, dev)
    dev.topic, dev.cluster_id = found.topic, "another"
    assert not fits(found, dev)


def test_an_older_look_does_not_replace_a_newer_one(source: Source, dev: Environment) -> None:
    produce(source, MONDAY)
    found = seen(dev)
    TopicSurvey.objects.filter(pk=found.pk).update(tried_at=found.tried_at.replace(year=2100), topic="newer")
    assert seen(dev).topic == "newer"


def test_the_periodic_process_does_it() -> None:
    assert survey_all in [work for work, _ in periodic.BESIDE]
