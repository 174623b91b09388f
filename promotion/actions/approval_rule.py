"""The rule of four eyes: who may approve a plan, whose approvals stand, and what is missing. It binds superusers too.

The words about a plan are append-only, and what stands follows from their order: nothing is stored twice.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib.auth.models import User

from promotion.errors import Refused
from promotion.models import Approval, Plan
from promotion.policy import APPROVE, MANAGE, Actor, may
from promotion.states import ApprovalVerdict, PlanState

#: Approvals are given, taken back and refused in these states; a replay ends that.
WAITING = frozenset({PlanState.SUBMITTED, PlanState.APPROVED})
#: An approval that counts no longer can be replaced by another in these, so that no half done replay is stuck.
REPLACING = frozenset({PlanState.APPROVED, PlanState.STARTED})
#: A plan in these states has been approved by enough people once. Whether it still is, `check_approved` says.
_WAS_APPROVED = frozenset({PlanState.APPROVED, PlanState.STARTED, PlanState.REPLAYED})


def standing(plan: Plan) -> list[Approval]:
    """Return the approvals that stand, the oldest first: of each person the newest word counts.

    Who takes back what they never approved takes back the submission, and all approvals die with that.
    """
    words: dict[int, Approval] = {}
    for word in plan.approvals.all():
        had = words.pop(word.by_id, None)
        if word.verdict == ApprovalVerdict.APPROVE and word.digest == plan.digest:
            words[word.by_id] = word
        elif word.verdict == ApprovalVerdict.WITHDRAW and had is None:
            words.clear()
    return list(words.values())


def excluded(plan: Plan) -> dict[int, str]:
    """Return the ids of the users who may not approve `plan` whatever they are, with what each did."""
    found = dict.fromkeys(plan.promotion.editors.values_list("user_id", flat=True), "edited what goes out")
    found[plan.promotion.owner_id] = "asked for this promotion"
    found[plan.created_by_id] = "made this plan"
    if plan.submitted_by_id is not None:
        found[plan.submitted_by_id] = "submitted this plan"
    return found


def void(word: Approval, out: Mapping[int, str]) -> str:
    """Return why a standing approval counts no longer, empty where it does; `out` is `excluded` of its plan."""
    if not word.by.is_active:
        return "is no longer active"
    if not may(word.by, APPROVE):
        return "may no longer approve plans"
    return out.get(word.by_id, "")


def counting(plan: Plan) -> list[Approval]:
    """Return the standing approvals of people who may still give one."""
    out = excluded(plan)
    return [word for word in standing(plan) if not void(word, out)]


def enough(plan: Plan) -> bool:
    """Whether as many approvals count as the target needs."""
    return len(counting(plan)) >= plan.promotion.target.approvers


def who_could(plan: Plan) -> list[User]:
    """Return the active users who may approve `plan` and have not, by name."""
    out = excluded(plan).keys() | {word.by_id for word in standing(plan)}
    return list(User.objects.with_perm(APPROVE).exclude(pk__in=out).order_by("username"))


def who_could_say(plan: Plan) -> str:
    """Return the sentence that a refusal ends with."""
    names = ", ".join(user.get_username() for user in who_could(plan))
    return f"Who could: {names}." if names else "Nobody else could: an admin adds people to the group 'approver'."


def why_not(actor: Actor, plan: Plan) -> str:
    """Return why `actor` may not approve `plan` now, as a sentence; empty where they may."""
    name = actor.get_username()
    if not may(actor, APPROVE):
        return f"{name} may not approve plans."
    if did := excluded(plan).get(actor.pk):
        return f"{name} {did}: nobody approves what they asked for or edited."
    if plan.state not in WAITING | REPLACING or (plan.state in REPLACING and enough(plan)):
        return f"The plan is {plan.get_state_display().lower()}: only one that waits for approval can be approved."
    if any(word.by_id == actor.pk for word in standing(plan)):
        return f"{name} has approved this plan already, and one person counts once."
    return ""


def takes_back(actor: Actor, plan: Plan) -> str:
    """Return what `actor` would take back: "approval", their own, else "submission"; empty where neither is theirs."""
    if any(word.by_id == actor.pk for word in standing(plan)):
        return "approval"
    return "submission" if actor.pk == plan.submitted_by_id or may(actor, MANAGE) else ""


def check_approved(plan: Plan) -> None:
    """Raise Refused, with everything that is missing, unless `plan` may go to its target as far as people decide that.

    It is read anew. An approval counts for the plan's digest only, and while its author is active, may approve and has
    not edited. A target that is not protected needs none.
    """
    now = Plan.objects.select_related("promotion__target").get(pk=plan.pk)
    target, out = now.promotion.target, excluded(now)
    if not target.protected:
        return
    words = standing(now)
    gone = {word: said for word in words if (said := void(word, out))}
    found, needed = len(words) - len(gone), target.approvers
    if now.state in _WAS_APPROVED and found >= needed:
        return
    problems = [] if now.state in _WAS_APPROVED else [f"The plan is {now.get_state_display().lower()}."]
    problems += [
        f"The approval of {word.by.get_username()} counts no longer: they {_they(said)}." for word, said in gone.items()
    ]
    raise Refused(
        f"{target.name} is protected, and the plan {now.digest[:12]} is not approved: {found} of {needed} approvals.",
        f"Somebody who neither asked for it nor edited approves it. {who_could_say(now)}",
        problems,
    )


def _they(said: str) -> str:
    return said.replace("is no longer", "are no longer", 1) if said.startswith("is ") else said
