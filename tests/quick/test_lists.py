"""Lists of very many events: the first rows in time, and numbers that are exact a moment later."""

import os
import re
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promotion.models import EventType, Promotion, PromotionJob
from promotion.models.event import EventFilter
from promotion.states import Verdict
from promotion.views import later, looking, paging
from tests import cast
from tests.events import stage

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

LOADS = re.compile(r'<caption><span aria-live="polite" hx-get="([^"]+)" hx-trigger="load"[^>]*>([\d,]+\+)</span>')


def list_of(promotion: Promotion, **query: Any) -> str:
    return reverse("promotion:events", args=[promotion.pk], query=query)


def other_session() -> psycopg.Connection:
    return psycopg.connect(os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{connection.settings_dict['NAME']}")


@pytest.fixture
def empty(transactional_db: None) -> Promotion:
    return cast.exported(0)


@pytest.fixture
def sixty(transactional_db: None) -> Promotion:
    return stage.promotion(60)


def test_a_number_that_is_not_cheap_is_a_bound_at_once_and_exact_a_moment_later(browser: Any, sixty: Promotion) -> None:
    answer = browser.get(list_of(sixty, text="role-"))
    found = LOADS.search(answer.content.decode())
    assert found is not None
    assert found[2] == "50+"
    exact = browser.get(found[1].replace("&amp;", "&"), headers={"HX-Request": "true"})
    assert exact.content.decode() == "60"


def test_a_number_that_is_cheap_is_exact_at_once(browser: Any, sixty: Promotion) -> None:
    answer = browser.get(list_of(sixty, host="host-1")).content.decode()
    assert 'hx-trigger="load"' not in answer
    assert browser.get(list_of(sixty)).context["number"] == 60


def test_more_than_ten_thousand_are_counted_a_moment_later(
    browser: Any, sixty: Promotion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging.count_up_to, "__defaults__", (40,))
    answer = browser.get(list_of(sixty, state="outgoing"))
    found = LOADS.search(answer.content.decode())
    assert found is not None
    assert found[2] == "40+"
    assert browser.get(found[1].replace("&amp;", "&")).content.decode() == "60"


def test_where_even_the_exact_number_takes_too_long_the_bound_stays_and_says_why(
    browser: Any, sixty: Promotion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "COUNT_LATER", 0.1)
    url = reverse("promotion:events_count", args=[sixty.pk])
    with other_session() as other:
        other.execute("LOCK TABLE promotion_event IN ACCESS EXCLUSIVE MODE")
        answer = browser.get(url, {"least": "50"})
    assert answer.status_code == 200
    assert "takes too long" in answer.content.decode()
    assert ">50+<" in answer.content.decode()


@pytest.mark.parametrize("least", ["", "x", "-1", "999999999999", "<b>", "²"])
def test_a_bound_that_somebody_made_up_is_not_repeated(
    browser: Any, sixty: Promotion, monkeypatch: pytest.MonkeyPatch, least: str
) -> None:
    monkeypatch.setattr(paging, "COUNT_LATER", 0.05)
    with other_session() as other:
        other.execute("LOCK TABLE promotion_event IN ACCESS EXCLUSIVE MODE")
        answer = browser.get(reverse("promotion:events_count", args=[sixty.pk]), {"least": least})
    assert ">0+<" in answer.content.decode()


def test_a_plan_counts_exactly_a_moment_later_too(browser: Any, sixty: Promotion) -> None:
    plan = cast.plan(sixty)
    for event in sixty.events.all()[:3]:
        cast.judgement(plan, event, Verdict.NEW, aggregate="Role a")
    url = reverse("promotion:plan_count", args=[sixty.pk, plan.pk])
    assert browser.get(url, {"text": "role"}).content.decode() == "3"
    assert browser.get(url, {"text": "nothing"}).content.decode() == "0"
    assert browser.get(url, {"verdict": "unheard of"}).status_code == 422


def test_a_filter_that_cannot_be_used_is_not_counted(browser: Any, sixty: Promotion) -> None:
    assert browser.get(reverse("promotion:events_count", args=[sixty.pk]), {"field": "no value"}).status_code == 422


@pytest.mark.parametrize("direction", ["next_url", "previous_url"])
def test_a_search_that_runs_out_of_time_says_so_and_goes_on_from_there(
    browser: Any, sixty: Promotion, monkeypatch: pytest.MonkeyPatch, direction: str
) -> None:
    monkeypatch.setattr(looking, "STRETCH", 7)
    monkeypatch.setattr(looking, "MOST", 0.0)
    fitting = [*sixty.events.in_order()]
    rare = {str(event) for event in fitting if str(event).endswith("5")}
    for event in fitting:
        event.document = {"says": "zq" if str(event) in rare else "nothing"}
        event.save()
    url = list_of(sixty, text="zq")
    if direction == "previous_url":
        last = fitting[-1]
        url += f"&before={last.merge_timestamp + 1}.0.0"
    found: list[str] = []
    stops = 0
    while url:
        answer = browser.get(url)
        page = answer.context["page"]
        found += [str(event) for event in page.rows]
        stops += page.stopped
        if page.stopped:
            assert "Only a part of the events was looked at" in answer.content.decode()
            assert "one or two characters" in answer.content.decode()
        url = getattr(page, direction) if page.stopped else ""
    assert stops > 3
    assert sorted(found) == sorted(rare)


def test_a_short_text_is_found_in_a_promotion_with_an_index(browser: Any, large: Promotion) -> None:
    from promotion.actions import search_index

    search_index.keep()
    event = large.events.order_by("pk")[7]
    large.events.filter(pk=event.pk).update(document={"says": "zq"})
    assert [each.pk for each in browser.get(list_of(large, text="ZQ")).context["page"].rows] == [event.pk]


def test_a_host_longer_than_what_the_index_holds_is_found_exactly(browser: Any, sixty: Promotion) -> None:
    first, second = sixty.events.order_by("pk")[:2]
    sixty.events.filter(pk=first.pk).update(host="h" * 5_000)
    sixty.events.filter(pk=second.pk).update(host="h" * 5_001)
    found = sixty.events.matching(EventFilter(host="h" * 5_000))
    assert [each.pk for each in found] == [first.pk]
    assert not sixty.events.matching(EventFilter(host="h" * 64)).exists()


def test_things_that_take_long_are_loaded_a_moment_later(
    browser: Any, sixty: Promotion, monkeypatch: pytest.MonkeyPatch
) -> None:
    EventType.objects.update(proposed_key_fields=["roleId"])
    url = reverse("promotion:things", args=[sixty.pk], query={"kind": "Role"})
    monkeypatch.setattr(later, "AT_ONCE", 0.1)
    with other_session() as other:
        other.execute("LOCK TABLE promotion_event IN ACCESS EXCLUSIVE MODE")
        frame = browser.get(url).content.decode()
    assert f'hx-get="{url}" hx-trigger="load"' in frame
    assert "role-" in browser.get(url, headers={"HX-Request": "true"}).content.decode()


def test_numbers_to_confirm_that_take_long_are_loaded_a_moment_later(browser: Any, sixty: Promotion) -> None:
    url = reverse("promotion:events_select", args=[sixty.pk], query={"action": "exclude"})
    with other_session() as other:
        other.execute("LOCK TABLE promotion_event IN ACCESS EXCLUSIVE MODE")
        frame = browser.get(url).content.decode()
    assert 'name="count"' not in frame
    assert 'name="count" value="60"' in browser.get(url, headers={"HX-Request": "true"}).content.decode()


def test_the_numbers_by_type_leave_out_what_cannot_be_read(sixty: Promotion) -> None:
    event = sixty.events.first()
    assert event is not None
    stage.quarantined(sixty)
    sixty.events.filter(pk=event.pk).update(quarantine_reason="Its schema is gone.")
    assert sixty.events.counts_by_type() == {event.event_type_id: 59}
    assert sixty.events.readable() == 59
    assert not PromotionJob.objects.exists()


@given(
    partitions=st.lists(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), max_size=6), max_size=4),
    offset=st.integers(0, 40),
    only=st.none() | st.integers(0, 3),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_from_an_offset_on_finds_all_that_lie_there_however_times_and_partitions_lie(
    empty: Promotion, partitions: list[list[tuple[int, int]]], offset: int, only: int | None
) -> None:
    empty.events.all().delete()
    expected = set()
    for partition, steps in enumerate(partitions):
        at, time = -1, -1
        for further, later_by in steps:
            at, time = at + further, time + later_by
            cast.event(empty, at, partition=partition, merge_timestamp=time)
            if at >= offset and only in (None, partition):
                expected.add((partition, at))
    found = empty.events.matching(EventFilter(offset=offset, partition=only)).values_list("partition", "offset")
    assert set(found) == expected
