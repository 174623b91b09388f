"""The search index of a large promotion: what it finds, when it is made, and what becomes of it."""

import json
import os
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promotion import jobs
from promotion.actions import edit, edit_together, search_index
from promotion.actions.apply_upload import apply
from promotion.actions.download import download
from promotion.actions.edit_together import Wanted
from promotion.actions.search_index import INDEXES, is_ready, keep, set_aside
from promotion.actions.upload import upload
from promotion.domain.search_document import shown_value
from promotion.errors import Refused
from promotion.models import Event, Promotion, PromotionJob
from promotion.models.event import EventFilter
from promotion.states import JobKind, JobState, PromotionState
from tests import cast
from tests.events import stage

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

OTHERS = (
    "event_in_order", "event_of_type", "event_of_host", "event_of_user", "event_outgoing", "event_excluded",
    "event_quarantined", "event_edited",
)  # fmt: skip
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "100%",
        "a_b",
        "back\\slash",
        'say "no"',
        "ÄÖÜ straße",
        "Ωmega σς",
        "İstanbul",
        "line\nend",
        "\x01\x1f",
        "\u2028",
        "5",
    ]
)
NAMES = st.sampled_from(["a", "b", "apiId", "0", "1", "-1", "x y", 'q"', "\\", "ä"])
LEAVES = (
    TEXT | st.integers(-(2**70), 2**70) | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    LEAVES, lambda of: st.lists(of, max_size=3) | st.dictionaries(NAMES, of, max_size=3), max_leaves=8
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, min_size=1, max_size=4)


def ids(promotion: Promotion, wanted: EventFilter, *, walking: bool = False) -> set[int]:
    return set(promotion.events.matching(wanted, walking=walking).values_list("pk", flat=True))


def through_the_index(promotion: Promotion, wanted: EventFilter) -> set[int]:
    """With nothing else to read the events by than the search indexes."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("ALTER TABLE promotion_event DROP CONSTRAINT event_once")
        for name in OTHERS:
            cursor.execute(f"DROP INDEX {name}")
        found = promotion.events.matching(wanted)
        assert any(prefix in found.explain() for prefix in INDEXES)
        result = set(found.values_list("pk", flat=True))
        transaction.set_rollback(True)
    return result


def places(document: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Every value of a document and the path to it."""
    inside = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [(path, document), *(each for name, value in inside for each in places(value, (*path, str(name))))]


def write(promotion: Promotion, documents: list[Any]) -> list[Event]:
    events = list(promotion.events.order_by("pk"))
    for event, document in zip(events, documents, strict=False):
        event.document = document
    Event.objects.bulk_update(events, ["document"])
    return events


def test_a_text_is_found_with_the_index_as_without(large: Promotion) -> None:
    keep()

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(DOCUMENTS, min_size=3, max_size=6), st.data())
    def holds(documents: list[Any], data: st.DataObject) -> None:
        write(large, documents)
        written = json.dumps(documents[0], ensure_ascii=False)
        part = st.integers(0, len(written)).flatmap(lambda at: st.just(written[at : at + 9]))
        text = data.draw(TEXT | part | part.map(str.swapcase))
        wanted = EventFilter(text=text)
        expected = ids(large, wanted, walking=True)
        assert ids(large, wanted) == expected
        if text:
            assert through_the_index(large, wanted) == expected

    holds()


def test_a_value_is_found_with_the_index_as_without(large: Promotion) -> None:
    keep()

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(DOCUMENTS, min_size=3, max_size=6), st.data())
    def holds(documents: list[Any], data: st.DataObject) -> None:
        events = write(large, documents)
        path, _ = data.draw(st.sampled_from(places(documents[0])[1:]))
        if any("." in name for name in path):
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT document #>> %s FROM promotion_event WHERE id = %s", [list(path), events[0].pk])
            [value] = cursor.fetchone() or [None]
        wanted = EventFilter(path=".".join(path), value=value or data.draw(TEXT))
        expected = ids(large, wanted, walking=True)
        assert value is None or events[0].pk in expected
        assert ids(large, wanted) == expected
        assert through_the_index(large, wanted) == expected

    holds()


def test_a_value_that_is_a_number_is_found_however_it_is_written(large: Promotion) -> None:
    keep()
    events = write(large, [{"n": 5}, {"n": "5"}, {"n": 5.0}, {"n": [5]}, {"n": {"0": 5}}, {"n": 55}, {"n": True}])
    at = {event.pk: number for number, event in enumerate(events)}

    def found(path: str, value: str) -> set[int]:
        return {at[pk] for pk in through_the_index(large, EventFilter(path=path, value=value))}

    assert found("n", "5") == {0, 1}
    assert found("n", "5.0") == {2}
    assert found("n.0", "5") == {3, 4}
    assert found("n", "true") == {6}
    assert found("n", "[5]") == {3}


def test_a_large_promotion_gets_its_indexes_and_a_small_one_does_not(large: Promotion) -> None:
    small = stage.promotion(9)
    assert not is_ready(large.pk)
    keep()
    assert is_ready(large.pk)
    assert not is_ready(small.pk)
    keep()
    assert is_ready(large.pk)


def test_no_index_is_made_while_events_are_read(large: Promotion) -> None:
    Promotion.objects.filter(pk=large.pk).update(state=PromotionState.EXPORTING)
    keep()
    assert not is_ready(large.pk)
    Promotion.objects.filter(pk=large.pk).update(state=PromotionState.EXPORTED)
    job = PromotionJob.objects.create(promotion=large, kind=JobKind.REFRESH, requested_by=large.owner)
    keep()
    assert not is_ready(large.pk)
    PromotionJob.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED)
    keep()
    assert is_ready(large.pk)


def test_what_nobody_has_touched_for_long_loses_its_indexes(large: Promotion) -> None:
    keep()
    before = timezone.now() - search_index.IDLE - timedelta(days=1)
    Promotion.objects.filter(pk=large.pk).update(updated_at=before)
    job = PromotionJob.objects.create(
        promotion=large, kind=JobKind.PLAN, requested_by=large.owner, state=JobState.SUCCEEDED
    )
    keep()
    assert is_ready(large.pk)
    PromotionJob.objects.filter(pk=job.pk).update(queued_at=before)
    keep()
    assert not is_ready(large.pk)


def test_a_deleted_promotion_leaves_no_index(large: Promotion) -> None:
    keep()
    large.delete()
    keep()
    assert search_index._existing() == {}


def test_there_are_not_more_than_so_many(large: Promotion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_index, "MOST", 1)
    keep()
    newer = stage.promotion(10)
    keep()
    assert is_ready(newer.pk)
    assert not is_ready(large.pk)


@pytest.mark.parametrize("prefix", INDEXES)
def test_what_a_crash_has_left_half_made_is_made_anew(large: Promotion, prefix: str) -> None:
    keep()
    with connection.cursor() as cursor:
        name = f"{prefix}{large.pk}"
        cursor.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [name])
    assert not is_ready(large.pk)
    keep()
    assert is_ready(large.pk)


def test_two_processes_do_not_make_the_same_at_once(large: Promotion) -> None:
    with psycopg.connect(
        os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{connection.settings_dict['NAME']}"
    ) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [search_index._LOCK])
        keep()
        assert not is_ready(large.pk)
        other.execute("SELECT pg_advisory_unlock(%s)", [search_index._LOCK])
    keep()
    assert is_ready(large.pk)


def test_very_many_changes_set_the_index_aside_and_few_do_not(
    large: Promotion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_index, "BULK", 8)
    keep()
    set_aside(large.pk, 7)
    assert is_ready(large.pk)
    edit.exclude_matching(large.owner, large, large.events.all(), expected=12)
    assert not is_ready(large.pk)
    assert large.events.filter(excluded=True).count() == 12
    keep()
    assert is_ready(large.pk)


def test_the_edit_of_many_its_undo_and_an_uploaded_file_set_it_aside_too(
    large: Promotion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_index, "BULK", 8)
    keep()
    done = edit_together.apply(large.owner, large, large.events.all(), Wanted("roleDesc", "Another"))
    assert done.count == 12
    assert not is_ready(large.pk)
    keep()
    edit_together.undo(large.owner, large, done.first, done.last)
    assert not is_ready(large.pk)
    keep()
    lines = download(None, large)
    made, job = upload(large.owner, large, "events.jsonl", [lines_with(lines, "Yet another")])
    jobs.run(str(job.pk))
    made.refresh_from_db()
    assert is_ready(large.pk)
    assert apply(large.owner, made) == 12
    assert not is_ready(large.pk)


def lines_with(lines: Iterable[bytes | str], description: str) -> bytes:
    """The lines of a download with another description in each event."""
    head, *events = [json.loads(line) for line in lines]
    for event in events:
        event["value"]["roleDesc"] = {"string": description}
    return b"".join(json.dumps(line).encode() + b"\n" for line in (head, *events))


def test_one_who_may_not_change_events_sets_no_index_aside(large: Promotion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_index, "BULK", 1)
    keep()
    with pytest.raises(Refused):
        edit.exclude_matching(cast.user("viewer"), large, large.events.all(), expected=12)
    assert is_ready(large.pk)


def test_an_event_that_was_changed_is_found_by_what_it_says_now(large: Promotion) -> None:
    keep()
    event = large.events.first()
    assert event is not None
    Event.objects.filter(pk=event.pk).update(document=shown_value({"roleId": "brand new"}))
    for wanted in (EventFilter(text="BRAND NEW"), EventFilter(path="roleId", value="brand new")):
        assert through_the_index(large, wanted) == {event.pk}
