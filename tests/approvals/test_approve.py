"""Submit, approve, reject, withdraw: who may, what it does, and what is refused."""

import json
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User

from promotion.actions import approval_rule as rule
from promotion.actions import approve as actions
from promotion.actions.apply_upload import apply
from promotion.actions.download import download
from promotion.actions.edit import edit, exclude
from promotion.errors import InvalidInput, PromotionError, Refused, Stale
from promotion.models import AuditEntry, Environment, Plan, Promotion, Replay, Upload
from promotion.states import PlanState
from tests import cast
from tests.approvals import stage
from tests.approvals.stage import WHY, ann, approve, bob, state, submitted, words

pytestmark = pytest.mark.django_db


def in_both_groups(name: str) -> User:
    """A release manager who may approve as well."""
    made = cast.user("manager", name)
    made.groups.add(Group.objects.get(name="approver"))
    return made


def test_a_plan_is_submitted_and_approved_by_somebody_else() -> None:
    plan = cast.plan(stage.promotion())
    waiting = actions.submit(cast.user("manager"), plan, "Release 7.")
    assert (waiting.state, waiting.submitted_by, waiting.submit_reason) == (
        "submitted",
        cast.user("manager"),
        "Release 7.",
    )
    assert waiting.submitted_at
    approved = approve(plan, ann())
    assert approved.state == PlanState.APPROVED
    rule.check_approved(plan)
    said = AuditEntry.objects.filter(object_type="promotion", object_id=str(plan.promotion_id)).order_by("id")
    assert [(entry.verb, entry.actor_name, entry.reason) for entry in said] == [
        ("submit", "manager", "Release 7."),
        ("approve", "ann", WHY),
    ]
    assert said[1].after == {"plan": str(plan.pk), "digest": plan.digest, "state": "approved"}


@pytest.mark.parametrize("who", ["created_by", "submitted_by", "owner"])
@pytest.mark.parametrize("role", ["approver", "admin"])
def test_who_asked_for_it_does_not_approve_it_not_even_a_superuser(who: str, role: str) -> None:
    user = cast.user(role)
    owner = {"owner": user} if who == "owner" else {}
    plan = cast.plan(
        stage.promotion(**owner),
        PlanState.SUBMITTED,
        **({"created_by": cast.user("manager")} if who == "owner" else {who: user}),
    )
    ann()
    with pytest.raises(Refused, match="nobody approves what they asked for or edited") as refused:
        approve(plan, user)
    assert "ann" in refused.value.hint
    assert user.get_username() not in refused.value.hint
    assert (state(plan), words(plan)) == ("submitted", [])


def _edits(user: User, promotion: Promotion) -> None:
    event = promotion.events.get()
    edit(user, event, event.version, '{"apiId": "y"}')


def _excludes(user: User, promotion: Promotion) -> None:
    exclude(user, promotion, [promotion.events.get().pk])


def _uploads(user: User, promotion: Promotion) -> None:
    from promotion import jobs
    from promotion.actions.upload import upload

    lines = [json.loads(line) for line in download(None, promotion)]
    lines[1]["value"] = {"apiId": "z"}
    _, job = upload(user, promotion, "f.jsonl", [("\n".join(json.dumps(line) for line in lines) + "\n").encode()])
    jobs.run(str(job.pk))
    apply(user, Upload.objects.get(), False)


@pytest.mark.parametrize("changes", [_edits, _excludes])
@pytest.mark.parametrize("role", ["both", "admin"])
def test_who_edited_does_not_approve_not_even_a_superuser(
    changes: Callable[[User, Promotion], None], role: str
) -> None:
    editor = cast.user("admin") if role == "admin" else in_both_groups("editor")
    promotion = stage.promotion()
    changes(editor, promotion)
    plan = cast.plan(promotion, PlanState.SUBMITTED)
    with pytest.raises(Refused, match="edited what goes out"):
        approve(plan, editor)
    assert approve(plan, ann()).state == PlanState.APPROVED


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_who_uploaded_does_not_approve() -> None:
    editor, promotion = in_both_groups("editor"), stage.promotion()
    _uploads(editor, promotion)
    with pytest.raises(Refused, match="edited what goes out"):
        approve(cast.plan(promotion, PlanState.SUBMITTED), editor)


@pytest.mark.parametrize("role", ["viewer", "manager", "curator"])
def test_without_the_permission_nobody_approves_or_rejects(role: str) -> None:
    plan, user = submitted(), cast.user(role, "somebody")
    for act in (lambda: approve(plan, user), lambda: actions.reject(user, plan, plan.digest, WHY)):
        with pytest.raises(Refused, match="may not approve plans"):
            act()


def test_two_approvers_are_two_people() -> None:
    plan = submitted(approvers=2)
    assert approve(plan, ann()).state == PlanState.SUBMITTED
    with pytest.raises(Refused, match="1 of 2 approvals"):
        rule.check_approved(plan)
    with pytest.raises(Refused, match="one person counts once"):
        approve(plan, ann())
    assert len(rule.standing(plan)) == 1
    assert approve(plan, bob()).state == PlanState.APPROVED
    rule.check_approved(plan)
    with pytest.raises(Refused, match="approved: only one that waits"):
        approve(plan, cast.user("approver", "cy"))


def test_two_words_of_one_person_in_the_database_count_once() -> None:
    from promotion.models import Approval

    plan = submitted(approvers=2)
    for _ in range(2):
        Approval.objects.create(plan=plan, digest=plan.digest, verdict="approve", reason=WHY, by=ann())
    Plan.objects.filter(pk=plan.pk).update(state=PlanState.APPROVED)
    assert len(rule.standing(plan)) == 1
    with pytest.raises(Refused, match="1 of 2 approvals"):
        rule.check_approved(plan)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"digest": "0" * 64}, Stale),
        ({"reason": "  "}, InvalidInput),
        ({"reason": "x" * 2_001}, InvalidInput),
        ({"reason": "a\0b"}, InvalidInput),
        ({"typed_name": "Prod"}, InvalidInput),
        ({"typed_name": "prod "}, InvalidInput),
        ({"typed_name": ""}, InvalidInput),
    ],
)
def test_an_approval_needs_its_digest_a_reason_and_the_targets_name(
    changes: dict[str, str], error: type[PromotionError]
) -> None:
    plan = submitted()
    with pytest.raises(error):
        approve(plan, ann(), **changes)
    assert (state(plan), words(plan)) == ("submitted", [])


@pytest.mark.parametrize("now", [PlanState.STALE, PlanState.SUPERSEDED])
def test_approvals_die_with_their_plan(now: PlanState) -> None:
    plan = submitted(approvers=2)
    approve(plan, ann())
    Plan.objects.filter(pk=plan.pk).update(state=now, stale_reasons=["It was edited."])
    with pytest.raises(Refused):
        rule.check_approved(plan)
    for act in (
        lambda: approve(plan, bob()),
        lambda: actions.reject(bob(), plan, plan.digest, WHY),
        lambda: actions.withdraw(ann(), plan, WHY),
        lambda: actions.submit(cast.user("manager"), plan),
    ):
        with pytest.raises(Stale):
            act()
    newer = cast.plan(plan.promotion, PlanState.SUBMITTED)
    assert rule.standing(newer) == []
    assert approve(newer, ann()).state == PlanState.SUBMITTED


def test_an_edit_after_the_submission_makes_the_plan_stale_and_nobody_approves_it() -> None:
    plan = submitted()
    _edits(cast.user("manager"), plan.promotion)
    with pytest.raises(Stale):
        approve(plan, ann())
    assert state(plan) == PlanState.STALE


def test_another_number_of_approvers_makes_the_plan_stale() -> None:
    plan = submitted(approvers=2)
    approve(plan, ann())
    Environment.objects.filter(name="prod").update(approvers=1)
    with pytest.raises(Stale):
        approve(plan, bob())


@pytest.mark.parametrize("lost", ["inactive", "permission", "edited", "digest"])
def test_at_the_replay_an_approval_counts_only_while_its_author_could_give_it(lost: str) -> None:
    plan, user = submitted(), ann()
    approve(plan, user)
    match lost:
        case "inactive":
            User.objects.filter(pk=user.pk).update(is_active=False)
        case "permission":
            user.groups.clear()
        case "edited":
            Promotion.objects.changed(plan.promotion_id, user.pk)
        case "digest":
            Plan.objects.filter(pk=plan.pk).update(digest="0" * 64)
    with pytest.raises(Refused, match="0 of 1 approvals") as refused:
        rule.check_approved(plan)
    assert len(refused.value.problems) == (lost != "digest")
    assert lost != "inactive" or "no longer active" in refused.value.problems[0]


@pytest.mark.parametrize("now", [PlanState.APPROVED, PlanState.STARTED])
def test_an_approval_that_counts_no_longer_can_be_replaced_also_in_a_replay(now: PlanState) -> None:
    plan = submitted()
    approve(plan, ann())
    Plan.objects.filter(pk=plan.pk).update(state=now)
    with pytest.raises(Refused, match="only one that waits"):
        approve(plan, bob())
    User.objects.filter(username="ann").update(is_active=False)
    with pytest.raises(Refused) as refused:
        rule.check_approved(plan)
    assert "Who could: bob." in refused.value.hint
    assert approve(plan, bob()).state == now
    rule.check_approved(plan)


def test_a_plan_that_is_not_approved_is_not_taken_for_one() -> None:
    for now in (PlanState.READY, PlanState.SUBMITTED, PlanState.REJECTED, PlanState.REFUSED):
        plan = cast.plan(stage.promotion(title=now), now)
        with pytest.raises(Refused, match="not approved"):
            rule.check_approved(plan)


def test_a_target_that_is_not_protected_needs_no_approval() -> None:
    plan = cast.plan(cast.exported())
    rule.check_approved(plan)
    with pytest.raises(Refused, match="needs no approval"):
        actions.submit(cast.user("manager"), plan)


def test_only_a_ready_plan_without_problems_is_submitted_and_by_a_manager() -> None:
    plan = cast.plan(stage.promotion(), PlanState.READY, problems=["The topic is compacted."])
    with pytest.raises(Refused) as refused:
        actions.submit(cast.user("manager"), plan)
    assert refused.value.problems == ["The topic is compacted."]
    Plan.objects.update(problems=[])
    with pytest.raises(Refused, match="may not create"):
        actions.submit(ann(), plan)
    actions.submit(cast.user("manager"), plan)
    with pytest.raises(Refused, match="waiting for approval"):
        actions.submit(cast.user("manager"), plan)


def test_a_rejection_is_final_and_also_stops_what_others_approved() -> None:
    plan = submitted()
    approve(plan, ann())
    rejected = actions.reject(bob(), plan, plan.digest, "Not before Monday.")
    assert rejected.state == PlanState.REJECTED
    with pytest.raises(Refused):
        rule.check_approved(plan)
    for act in (
        lambda: approve(plan, cast.user("approver", "cy")),
        lambda: actions.withdraw(bob(), plan, WHY),
        lambda: actions.withdraw(cast.user("manager"), plan, WHY),
        lambda: actions.submit(cast.user("manager"), plan),
        lambda: actions.reject(bob(), plan, plan.digest, WHY),
    ):
        with pytest.raises(Refused):
            act()
    assert words(plan) == [("ann", "approve"), ("bob", "reject")]


def test_an_approver_takes_their_approval_back_and_gives_it_again() -> None:
    plan = submitted(approvers=2)
    approve(plan, ann())
    assert approve(plan, bob()).state == PlanState.APPROVED
    assert actions.withdraw(ann(), plan, "I looked again.").state == PlanState.SUBMITTED
    assert [word.by for word in rule.standing(plan)] == [bob()]
    with pytest.raises(Refused):
        rule.check_approved(plan)
    with pytest.raises(Refused, match="has not approved"):
        actions.withdraw(ann(), plan, WHY)
    assert approve(plan, ann()).state == PlanState.APPROVED


@pytest.mark.parametrize("who", ["manager", "a colleague"])
def test_a_submission_is_taken_back_by_any_manager_and_all_approvals_with_it(who: str) -> None:
    plan = submitted(approvers=2)
    approve(plan, ann())
    back = actions.withdraw(cast.user("manager", who), plan, "One more edit.")
    assert (back.state, back.submitted_by, back.submitted_at) == (PlanState.READY, None, None)
    assert rule.standing(plan) == []
    actions.submit(cast.user("manager"), plan)
    assert rule.standing(plan) == []
    assert approve(plan, ann()).state == PlanState.SUBMITTED


def test_who_approved_and_then_submits_it_anew_has_not_approved() -> None:
    plan, both = submitted(approvers=1), in_both_groups("both")
    approve(plan, both)
    actions.withdraw(both, plan, "First my approval,")
    actions.withdraw(both, plan, "then the submission.")
    actions.submit(both, plan)
    assert rule.standing(plan) == []
    with pytest.raises(Refused, match="submitted this plan"):
        approve(plan, both)


def test_who_has_nothing_to_take_back_is_told() -> None:
    plan = submitted()
    with pytest.raises(Refused, match="has not approved this plan"):
        actions.withdraw(ann(), plan, WHY)
    with pytest.raises(InvalidInput):
        actions.withdraw(cast.user("manager"), plan, " ")


def test_once_the_replay_has_begun_nothing_is_taken_back_or_rejected() -> None:
    plan = submitted()
    approve(plan, ann())
    Replay.objects.create(plan=plan, started_by=cast.user("manager"))
    for act in (
        lambda: actions.withdraw(ann(), plan, WHY),
        lambda: actions.withdraw(cast.user("manager"), plan, WHY),
        lambda: actions.reject(bob(), plan, plan.digest, WHY),
    ):
        with pytest.raises(Refused, match="has begun"):
            act()
    assert state(plan) == PlanState.APPROVED
    rule.check_approved(plan)


def test_who_could_names_active_people_with_the_permission_who_have_nothing_to_do_with_it() -> None:
    plan = submitted(approvers=2)
    User.objects.filter(pk=cast.user("approver", "gone").pk).update(is_active=False)
    editor = in_both_groups("editor")
    Promotion.objects.changed(plan.promotion_id, editor.pk)
    cast.user("viewer"), cast.user("admin"), bob(), ann()
    assert [user.get_username() for user in rule.who_could(plan)] == ["admin", "ann", "bob"]
    Plan.objects.update(inputs={**plan.inputs, "changes": 1})
    approve(plan, ann())
    assert [user.get_username() for user in rule.who_could(plan)] == ["admin", "bob"]
    User.objects.update(is_active=False)
    assert rule.who_could_say(plan).startswith("Nobody else could")
