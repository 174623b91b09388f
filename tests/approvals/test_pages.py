"""The queue, the part of a plan's page, and the number in the navigation."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from promotion.actions import approval_queue as queue
from promotion.actions import approve as actions
from promotion.models import Plan, Promotion
from promotion.states import PlanState
from tests import cast
from tests.approvals.stage import WHY, ann, approve, bob, promotion, state, submitted

pytestmark = pytest.mark.django_db
HOSTILE = '<script>alert("x")</script>'


def seen_by(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text_of(answer: Any) -> str:
    """The page's text, its white space as one."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def post(plan: Plan, user: User, verb: str, **values: str) -> Any:
    return seen_by(user).post(reverse(f"promotion:plan_{verb}", args=[plan.promotion_id, plan.pk]), values)


def test_the_queue_shows_what_i_may_approve_and_nothing_else() -> None:
    mine, one = submitted(), ann()
    asked = cast.plan(promotion(title="Asked"), PlanState.SUBMITTED, created_by=one)
    owned = cast.plan(promotion(title="Owned", owner=one), PlanState.SUBMITTED, created_by=cast.user("manager"))
    edited = promotion(title="Edited")
    Promotion.objects.changed(edited.pk, one.pk)
    cast.plan(edited, PlanState.SUBMITTED)
    cast.plan(promotion(title="Ready"), PlanState.READY)
    cast.plan(promotion(title="Over"), PlanState.SUBMITTED, expires_at=mine.created_at)
    assert queue.waiting_for(one) == [mine]
    assert queue.requests_of(one) == [asked, owned]
    assert len(queue.waiting_for_others(one)) == 3
    assert queue.waiting_for(cast.user("manager")) == []
    page = text_of(seen_by(one).get("/approvals/"))
    assert "3 plans wait for other people." in page
    for title in ("Edited", "Ready", "Over"):
        assert title not in page


def test_the_queue_forgets_what_i_approved_and_brings_it_back_when_i_take_that_back() -> None:
    plan, one = submitted(approvers=2), ann()
    approve(plan, one)
    assert queue.waiting_for(one) == []
    assert queue.waiting_for(bob()) == [plan]
    actions.withdraw(one, plan, WHY)
    assert queue.waiting_for(one) == [plan]


def test_who_asked_sees_who_could_approve() -> None:
    submitted()
    manager = seen_by(cast.user("manager"))
    assert "Nobody else could" in text_of(manager.get("/approvals/"))
    ann(), bob()
    page = text_of(manager.get("/approvals/"))
    assert "Who could approve: ann, bob" in page
    assert "You do not approve plans" in page


def test_navigation_and_home_say_what_waits_for_me() -> None:
    plan = submitted(steps_count=4_808)
    page = text_of(seen_by(ann()).get("/"))
    assert "Approvals (1) waiting for you" in page
    assert "Approve 4,808 events to prod" in page
    approve(plan, ann())
    for user in (ann(), cast.user("manager"), cast.user("viewer")):
        page = text_of(seen_by(user).get("/"))
        assert "waiting for you" not in page
        assert "Approve 4,808" not in page


def test_an_approver_approves_and_is_led_back_to_the_plan() -> None:
    plan = submitted()
    answer = post(plan, ann(), "approve", reason=WHY, typed_name="prod", digest=plan.digest)
    assert (answer.status_code, answer.url) == (302, reverse("promotion:plan", args=[plan.promotion_id]))
    assert state(plan) == PlanState.APPROVED


def test_each_error_stands_at_its_field_and_what_was_typed_is_still_there() -> None:
    plan = submitted(steps_count=4_808, bytes_count=100)
    answer = post(plan, ann(), "approve", reason=f"Why {HOSTILE}", typed_name="sit", digest=plan.digest)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'id="approve_typed_name_error"' in page
    assert "Why &lt;script&gt;" in page
    assert HOSTILE not in page
    assert 'value="sit"' in page
    assert plan.digest in page
    assert "exactly 4,808 events (100 bytes) may be written to prod" in text_of(answer)
    answer = post(plan, ann(), "approve", reason="", typed_name="prod", digest=plan.digest)
    assert 'id="approve_reason_error"' in answer.content.decode()
    answer = post(plan, ann(), "reject", reason="", digest=plan.digest)
    page = answer.content.decode()
    assert 'id="approve_reason_error"' in page
    assert 'id="approve_typed_name_error"' not in page
    assert post(plan, cast.user("manager"), "withdraw", reason="").status_code == 422
    assert state(plan) == PlanState.SUBMITTED


def test_a_refused_self_approval_says_why_and_who_could_and_keeps_the_text() -> None:
    admin = cast.user("admin")
    plan = submitted(submitted_by=admin)
    bob()
    answer = post(plan, admin, "approve", reason=f"Mine {HOSTILE}", typed_name="prod", digest=plan.digest)
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "admin submitted this plan: nobody approves what they asked for or edited." in page
    assert "Who could: bob." in page
    assert "Mine &lt;script&gt;" in page
    assert HOSTILE not in page
    assert "data-confirm-needed" not in page


def test_another_digest_is_stale_and_keeps_the_text() -> None:
    plan = submitted()
    answer = post(plan, ann(), "approve", reason="I looked.", typed_name="prod", digest="0" * 64)
    assert answer.status_code == 409
    assert "its digest is another" in answer.content.decode()
    assert "I looked." in answer.content.decode()
    assert state(plan) == PlanState.SUBMITTED


def test_a_plan_that_went_stale_shows_no_form_and_keeps_the_text() -> None:
    plan = submitted()
    Promotion.objects.changed(plan.promotion_id, cast.user("manager").pk)
    answer = post(plan, ann(), "approve", reason="I looked.", typed_name="prod", digest=plan.digest)
    assert answer.status_code == 409
    assert "data-confirm-needed" not in answer.content.decode()
    assert "Nothing was done with what you typed: I looked." in text_of(answer)
    assert state(plan) == PlanState.STALE


def test_everything_can_be_done_from_the_pages() -> None:
    plan, manager = cast.plan(promotion()), cast.user("manager")
    assert post(plan, manager, "submit", reason="").status_code == 302
    assert post(plan, ann(), "approve", reason=WHY, typed_name="prod", digest=plan.digest).status_code == 302
    assert post(plan, ann(), "withdraw", reason=WHY).status_code == 302
    assert state(plan) == PlanState.SUBMITTED
    assert post(plan, manager, "withdraw", reason=WHY).status_code == 302
    assert state(plan) == PlanState.READY
    post(plan, manager, "submit", reason="Again.")
    assert post(plan, bob(), "reject", reason=WHY, digest=plan.digest).status_code == 302
    assert state(plan) == PlanState.REJECTED


def test_a_plan_of_another_promotion_is_not_there() -> None:
    plan, other = submitted(), promotion(title="Other")
    url = reverse("promotion:plan_approve", args=[other.pk, plan.pk])
    assert seen_by(ann()).post(url, {"reason": WHY, "typed_name": "prod", "digest": plan.digest}).status_code == 404


@pytest.mark.parametrize(
    ("who", "shown"),
    [
        ("ann", {"approve", "reject"}),
        ("manager", {"withdraw"}),
        ("viewer", set()),
        ("admin", {"approve", "reject", "withdraw"}),
    ],
)
def test_each_sees_the_buttons_that_are_theirs(who: str, shown: set[str]) -> None:
    plan = submitted()
    user = ann() if who == "ann" else cast.user(who)
    answer = post(plan, user, "withdraw", reason="") if "withdraw" in shown else None
    if answer is None:
        answer = post(plan, user, "reject", reason="", digest=plan.digest)
    page = answer.content.decode()
    assert {verb for verb in ("submit", "approve", "reject", "withdraw") if f"/{verb}/" in page} == shown
