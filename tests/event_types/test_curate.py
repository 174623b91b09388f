"""A decision is a person's, has a reason, and stays in the history."""

import threading

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from promotion.actions.curate import decide
from promotion.errors import InvalidInput, NotFound, Refused
from promotion.models import AuditEntry, EventType, TypeDecision
from promotion.states import Decision
from tests import cast
from tests.event_types.conftest import API, ORDER

pytestmark = pytest.mark.django_db


def test_a_decision_is_written_with_its_history_and_its_audit_entry() -> None:
    curator, api = cast.user("curator"), cast.event_type(API)
    assert decide(curator, [API], Decision.PROMOTABLE, "  A release carries it. ") == 1
    api.refresh_from_db()
    made = TypeDecision.objects.get(event_type=api)
    assert (api.decision, api.decision_reason) == (Decision.PROMOTABLE, "A release carries it.")
    assert (api.decided_by, api.decided_at) == (curator, made.decided_at)
    entry = AuditEntry.objects.get(verb="decide")
    assert (entry.actor, entry.object_label, entry.reason) == (curator, API, "A release carries it.")
    assert (entry.before["decision"], entry.after["decision"]) == ("undecided", "promotable")


@pytest.mark.parametrize("role", ["viewer", "manager", "approver"])
def test_only_a_curator_decides(role: str) -> None:
    cast.event_type(API)
    with pytest.raises(Refused, match="'curator'"):
        decide(cast.user(role), [API], Decision.PROMOTABLE, "Please.")


@pytest.mark.parametrize("reason", ["", "   ", "\n\t"])
def test_a_decision_without_a_reason_is_refused(reason: str) -> None:
    cast.event_type(API)
    with pytest.raises(InvalidInput, match="reason"):
        decide(cast.user("curator"), [API], Decision.PROMOTABLE, reason)


def test_a_reason_of_a_book_is_refused() -> None:
    cast.event_type(API)
    with pytest.raises(InvalidInput, match="2,000"):
        decide(cast.user("curator"), [API], Decision.PROMOTABLE, "x" * 2_001)


def test_every_unknown_name_is_named_and_nothing_is_decided() -> None:
    api = cast.event_type(API)
    with pytest.raises(NotFound, match=r"a\.B, c\.D"):
        decide(cast.user("curator"), ["c.D", API, "a.B"], Decision.PROMOTABLE, "All of them.")
    api.refresh_from_db()
    assert api.decision == Decision.UNDECIDED
    assert not AuditEntry.objects.exists()


def test_the_same_decision_for_a_new_reason_is_recorded() -> None:
    api = cast.event_type(API, Decision.PROMOTABLE)
    assert decide(cast.user("curator"), [API], Decision.PROMOTABLE, "Reviewed again.") == 1
    assert [each.reason for each in api.decisions.all()] == ["Reviewed again.", "For this test."]


def test_the_same_decision_for_the_same_reason_is_recorded_once() -> None:
    api = cast.event_type(API, Decision.PROMOTABLE)
    assert decide(cast.user("curator"), [API], Decision.PROMOTABLE, "For this test.") == 0
    assert api.decisions.count() == 1
    assert decide(cast.user("curator", "second"), [API], Decision.PROMOTABLE, "For this test.") == 1


def test_a_decision_can_be_taken_back_to_undecided() -> None:
    api = cast.event_type(API, Decision.PROMOTABLE)
    decide(cast.user("curator"), [API], Decision.UNDECIDED, "We have to ask.")
    api.refresh_from_db()
    assert api.decision == Decision.UNDECIDED
    assert not EventType.objects.promotable().exists()
    assert api.decisions.count() == 2


def test_the_history_of_decisions_cannot_be_changed() -> None:
    cast.event_type(API, Decision.PROMOTABLE)
    for change in (lambda: TypeDecision.objects.update(reason="other"), lambda: TypeDecision.objects.all().delete()):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            change()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_curators_with_the_same_types_in_another_order_both_decide() -> None:
    names = [cast.event_type(f"a.Type{number:02}CreatedEvent").full_name for number in range(40)]
    barrier, failures = threading.Barrier(2), []

    def work(username: str, chosen: list[str], decision: Decision) -> None:
        try:
            curator = cast.user("curator", username)
            barrier.wait(timeout=30)
            for turn in range(3):
                decide(curator, chosen, decision, f"Turn {turn}.")
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=work, args=("one", names, Decision.PROMOTABLE)),
        threading.Thread(target=work, args=("two", names[::-1], Decision.NOT_PROMOTABLE)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    assert TypeDecision.objects.count() == AuditEntry.objects.count() == 240
    for event_type in EventType.objects.all():
        newest = event_type.decisions.first()
        assert (newest.decision, newest.decided_by_id) == (event_type.decision, event_type.decided_by_id)


def test_rows_are_locked_by_name_whatever_the_order_of_the_names() -> None:
    cast.event_type(API)
    with CaptureQueriesContext(connection) as captured:
        decide(cast.user("curator"), [API], Decision.PROMOTABLE, "Agreed.")
    [locking] = [query["sql"] for query in captured if "FOR UPDATE" in query["sql"]]
    assert locking.endswith('ORDER BY "promotion_eventtype"."full_name" ASC FOR UPDATE')


def test_a_row_cannot_be_promotable_without_a_person_and_a_reason() -> None:
    cast.event_type(ORDER)
    with pytest.raises(IntegrityError, match="decided_by_somebody"), transaction.atomic():
        EventType.objects.update(decision=Decision.PROMOTABLE)
