"""The rule in the database itself, and what happens at one moment on two connections."""

import threading
import time
from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, connections, transaction

from promotion.actions import approve as actions
from promotion.errors import PromotionError, Refused
from promotion.models import Approval, Plan, Promotion
from promotion.states import ApprovalVerdict, PlanState
from tests import cast
from tests.approvals.stage import WHY, ann, approve, bob, state, submitted, words

INSERT = (
    "INSERT INTO promotion_approval (plan_id, digest, verdict, reason, by_id, at) VALUES (%s, %s, %s, 'x', %s, now())"
)


def insert(plan: Plan, user_id: int, digest: str = "", verdict: str = "approve") -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(INSERT, [plan.pk, digest or plan.digest, verdict, user_id])


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["created_by", "submitted_by", "editor"])
def test_the_database_takes_no_approval_of_who_asked_or_edited(who: str) -> None:
    user = cast.user("admin")
    plan = submitted(**({} if who == "editor" else {who: user}))
    if who == "editor":
        Promotion.objects.changed(plan.promotion_id, user.pk)
    with pytest.raises(IntegrityError, match="nobody approves what they asked for or edited"):
        insert(plan, user.pk)
    insert(plan, ann().pk)
    assert words(plan) == [("ann", "approve")]


@pytest.mark.django_db
def test_the_database_takes_no_approval_of_another_digest_and_changes_none() -> None:
    plan = submitted()
    with pytest.raises(IntegrityError, match="digest"):
        insert(plan, ann().pk, digest="0" * 64)
    insert(plan, ann().pk)
    for change in (
        lambda: Approval.objects.update(verdict="reject"),
        lambda: Approval.objects.all().delete(),
    ):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            change()
    with pytest.raises(IntegrityError, match="approval_has_a_reason"), transaction.atomic():
        Approval.objects.create(plan=plan, digest=plan.digest, verdict="approve", by=bob())


@pytest.mark.django_db
def test_what_the_database_refuses_is_refused_in_words() -> None:
    plan = submitted(created_by=ann())
    bob()
    with pytest.raises(Refused, match="nobody approves what they asked for or edited") as refused:
        actions.say(ann(), plan, ApprovalVerdict.APPROVE, WHY)
    assert refused.value.hint == "Who could: bob."
    assert words(plan) == []


def at_once(*acts: Callable[[], object]) -> list[PromotionError | None]:
    """Do all of it at one moment, each on a connection of its own; return what each was refused with."""
    barrier = threading.Barrier(len(acts))
    outcomes: list[PromotionError | None] = [None] * len(acts)

    def run(number: int, act: Callable[[], object]) -> None:
        barrier.wait()
        try:
            act()
        except PromotionError as error:
            outcomes[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("_", range(5))
def test_of_an_approval_and_a_rejection_at_once_the_rejection_stands(_: int) -> None:
    plan, one, other = submitted(), ann(), bob()
    approving, rejecting = at_once(lambda: approve(plan, one), lambda: actions.reject(other, plan, plan.digest, WHY))
    assert rejecting is None
    assert state(plan) == PlanState.REJECTED
    if approving is None:
        assert words(plan) == [("ann", "approve"), ("bob", "reject")]
    else:
        assert "rejected" in approving.message
        assert words(plan) == [("bob", "reject")]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_of_two_last_approvals_at_once_both_count_and_of_one_persons_two_one_does() -> None:
    plan, one, other = submitted(approvers=2), ann(), bob()
    refused = at_once(lambda: approve(plan, one), lambda: approve(plan, one), lambda: approve(plan, other))
    assert sorted(words(plan)) == [("ann", "approve"), ("bob", "approve")]
    assert sum(each is not None for each in refused) == 1
    assert state(plan) == PlanState.APPROVED


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_word_waits_for_the_transaction_that_holds_the_plan() -> None:
    """Whoever starts the replay moves the plan in a transaction: what is said meanwhile sees the state after it."""
    plan, one = submitted(), ann()
    refused: list[PromotionError] = []

    def reject() -> None:
        try:
            actions.reject(one, plan, plan.digest, WHY)
        except PromotionError as error:
            refused.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=reject)
    with transaction.atomic():
        Plan.objects.move(plan.pk, frozenset({PlanState.SUBMITTED}), PlanState.STARTED)
        thread.start()
        wait_until_somebody_waits()
    thread.join()
    assert "in replay" in refused[0].message
    assert (state(plan), words(plan)) == (PlanState.STARTED, [])


def wait_until_somebody_waits() -> None:
    """Return when a connection waits for a lock that this one holds."""
    until = time.monotonic() + 30
    with connection.cursor() as cursor:
        while time.monotonic() < until:
            # Not pg_stat_activity: within one transaction it never changes.
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waits")
