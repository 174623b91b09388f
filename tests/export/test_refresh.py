import pytest

from promotion.actions.refresh import refresh
from promotion.errors import Refused
from promotion.states import Origin, PromotionState
from tests import cast
from tests.export.conftest import Export
from tests.export.source import Source

pytestmark = pytest.mark.django_db


def test_what_came_since_is_added_and_what_was_read_stays_as_it_is(source: Source, export: Export) -> None:
    source.decide()
    source.mixture(120)
    promotion = source.promotion()
    assert export(promotion).state == "succeeded"
    before = dict(promotion.events.values_list("pk", "version"))
    first = promotion.export.totals()
    source.mixture(60)
    job = export(promotion, refresh)
    assert (job.state, job.error) == ("succeeded", "")
    assert promotion.state == PromotionState.EXPORTED
    totals = promotion.export.totals()
    assert totals["read"] == first["read"] + 60
    assert totals["kept"] > first["kept"]
    now = dict(promotion.events.values_list("pk", "version"))
    assert {pk: now[pk] for pk in before} == before
    assert len(now) == totals["kept"] + totals["quarantined"]
    assert promotion.changes == 1


def test_a_refresh_that_finds_nothing_new_changes_no_event(source: Source, export: Export) -> None:
    source.decide()
    source.mixture(24)
    promotion = source.promotion()
    export(promotion)
    first = promotion.export.totals()
    assert export(promotion, refresh).state == "succeeded"
    assert promotion.export.totals() == first
    assert promotion.changes == 0


def test_a_promotion_from_a_file_has_no_topic_to_read_again() -> None:
    promotion = cast.promotion(origin=Origin.FILE, source=None, source_name="x.jsonl", state=PromotionState.EXPORTED)
    with pytest.raises(Refused, match="no topic"):
        refresh(promotion.owner, promotion)
    promotion.refresh_from_db()
    assert promotion.state == PromotionState.EXPORTED
