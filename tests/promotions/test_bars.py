"""The pictures of a promotion: what became of each type, and how a replay lies over the target's partitions."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from promotion.models import ExportCount, Promotion, PromotionJob, Replay, Verification
from promotion.states import JobKind, JobState, Origin, PlanState, PromotionState, VerificationVerdict
from promotion.views.arrival import arrivals
from promotion.views.type_bars import LEAST, WIDTH, bars, type_url
from tests import cast

pytestmark = pytest.mark.django_db
COLUMNS = [("kept", "Kept"), ("not_promotable", "Not promotable"), ("quarantined", "Quarantined")]


def row(name: str, *cells: int) -> dict[str, object]:
    return {
        "name": name,
        "short": name.rpartition(".")[2],
        "url": type_url(name),
        "cells": list(cells),
        "sum": sum(cells),
    }


def viewer() -> Client:
    client = Client()
    client.force_login(cast.user("viewer"))
    return client


def test_bars_are_as_long_as_their_numbers_and_nothing_that_is_there_vanishes() -> None:
    rows = [row("a.Few", 3, 0, 1), row("a.Many", 250_000, 750_000, 0), row("", 0, 5, 0)]
    drawn = bars(cast.promotion(), rows, COLUMNS)
    many, nameless, few = drawn["bars"]
    assert [(part.kind, part.x, part.width) for part in many.segments] == [
        ("kept", 0, WIDTH // 4), ("not_promotable", WIDTH // 4, WIDTH * 3 // 4),
    ]  # fmt: skip
    assert [part.width for part in few.segments] == [LEAST, LEAST]
    assert few.says == "3 kept, 1 quarantined"
    assert (few.kept, few.left) == (3, 1)
    assert (nameless.url, nameless.left_url) == ("", "")
    assert [label for _, label in drawn["legend"]] == ["Kept", "Not promotable", "Quarantined"]


def test_only_the_largest_types_have_a_bar_and_the_table_has_all() -> None:
    promotion = cast.exported()
    partition = promotion.export.partitions.get()
    ExportCount.objects.bulk_create(
        ExportCount(partition=partition, disposition="not_promotable", type_name=f"t.T{n:03}Event", count=n)
        for n in range(2, 60)
    )
    page = viewer().get(promotion.get_absolute_url()).content.decode()
    picture, table = page.split('id="types-table"')
    assert picture.count('class="bar-line"') == 20
    assert "T059Event" in picture
    assert "T002Event" not in picture
    assert "and 39 more types" in table
    assert "T002Event" in table


def test_each_bar_leads_to_its_events_and_to_what_was_decided() -> None:
    promotion = cast.exported()
    name = "net.lightapi.portal.market.ApiCreatedEvent"
    partition = promotion.export.partitions.get()
    ExportCount.objects.create(partition=partition, disposition="derived", type_name=name, count=2)
    page = viewer().get(promotion.get_absolute_url()).content.decode()
    events = f"{reverse('promotion:events', args=[promotion.pk])}?type={name}"
    assert f'href="{events}"' in page
    assert f'href="{reverse("promotion:event_type", args=[name])}" aria-label="2 left out' in page
    assert viewer().get(events).context["number"] == 1
    assert 'aria-label="1 kept, 2 derived"' in page


def test_hostile_type_names_stay_text() -> None:
    promotion = cast.exported()
    partition = promotion.export.partitions.get()
    ExportCount.objects.create(
        partition=partition, disposition="undecided", type_name="a.b<script>alert(1)</script>", count=9
    )
    page = viewer().get(promotion.get_absolute_url()).content.decode()
    assert "<script>alert" not in page


def replayed(committed: int, planned: int, positions: dict[str, list[int]] | None) -> Replay:
    promotion = cast.exported()
    Promotion.objects.update(state=PromotionState.REPLAYED)
    plan = cast.plan(promotion, PlanState.REPLAYED, steps_count=planned)
    if positions is not None:
        job(promotion, JobKind.REPLAY, positions=positions)
    return Replay.objects.create(plan=plan, started_by=cast.user("manager"), committed=committed)


def job(promotion: Promotion, kind: JobKind, **fields: object) -> PromotionJob:
    return PromotionJob.objects.create(
        kind=kind, promotion=promotion, requested_by=cast.user("manager"), state=JobState.SUCCEEDED, **fields
    )


def verification(replay: Replay, found: int) -> None:
    Verification.objects.create(
        replay=replay, requested_by=replay.started_by, verdict=VerificationVerdict.VERIFIED, starts={}, ends={},
        expected=found, found=found, arrived_prefix=found,
    )  # fmt: skip


def test_a_replay_is_shown_by_partition_with_what_was_verified() -> None:
    replay = replayed(30_000, 30_000, {"0": [20_000, 20_000, 20_000], "1": [10_000, 10_000, 10_000]})
    shown = arrivals(replay)
    assert shown is not None
    assert [(each.partition, each.planned, each.committed, each.verified) for each in shown["rows"]] == [
        (0, 20_000, 20_000, None), (1, 10_000, 10_000, None),
    ]  # fmt: skip
    job(replay.plan.promotion, JobKind.VERIFY, arguments={"found": {"0": 20_000, "1": 9_999}})
    verification(replay, 29_999)
    page = viewer().get(replay.plan.promotion.get_absolute_url()).content.decode()
    assert 'aria-label="10,000 planned, 10,000 committed, 9,999 verified"' in page
    assert re.search(r'class="bar bar-verified" y="9" width="499"', page)


def test_numbers_that_do_not_agree_with_the_replay_are_not_shown() -> None:
    assert arrivals(replayed(30_000, 30_000, {"0": [7, 7, 30_000]})) is None


def test_a_small_replay_without_kept_numbers_is_counted_from_its_steps() -> None:
    promotion = cast.exported(3)
    plan = cast.plan(promotion)
    for event in promotion.events.all():
        cast.judgement(plan, event)
    replay = Replay.objects.create(plan=plan, started_by=cast.user("manager"), committed=2)
    shown = arrivals(replay)
    assert shown is not None
    assert [(each.partition, each.planned, each.committed) for each in shown["rows"]] == [(1, 3, 2)]


@pytest.mark.parametrize(
    ("origin", "word", "place"),
    [
        (Origin.CLUSTER, "Exported", "0:5"),
        (Origin.FILE, "Imported", "entry 5"),
        (Origin.AMENDMENTS, "Proposed", "amendment 5"),
    ],
)
def test_where_events_come_from_decides_the_words(origin: Origin, word: str, place: str) -> None:
    from promotion.views.wording import place_word, state_word

    promotion = Promotion(origin=origin, state=PromotionState.EXPORTED)
    assert (state_word(promotion), place_word(promotion, 0, 5)) == (word, place)
