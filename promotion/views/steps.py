"""Where a promotion stands: the steps across the top of its pages, from its state and its newest plan's."""

from __future__ import annotations

from django.urls import reverse

from promotion.models import Archive, Promotion, RuleList, Verification
from promotion.states import Approach, Origin, PlanState, PromotionState, VerificationVerdict
from promotion.views.plan_state import EXPIRED, Standing

State = PromotionState
DONE, CURRENT, TODO, FAILED = "done", "current", "todo", "failed"
#: The marks of Export, Edit, Plan, Approve, Replay, Verify.
Marks = tuple[str, str, str, str, str, str]
BY_STATE: dict[PromotionState, Marks] = {
    State.DRAFT: (CURRENT, TODO, TODO, TODO, TODO, TODO),
    State.EXPORTING: (CURRENT, TODO, TODO, TODO, TODO, TODO),
    State.EXPORT_FAILED: (FAILED, TODO, TODO, TODO, TODO, TODO),
    State.EXPORT_CANCELLED: (FAILED, TODO, TODO, TODO, TODO, TODO),
    State.IMPORTING: (CURRENT, TODO, TODO, TODO, TODO, TODO),
    State.IMPORT_FAILED: (FAILED, TODO, TODO, TODO, TODO, TODO),
    State.EXPORTED: (DONE, CURRENT, TODO, TODO, TODO, TODO),
    State.REWRITING: (DONE, CURRENT, TODO, TODO, TODO, TODO),
    State.AMENDING: (DONE, CURRENT, TODO, TODO, TODO, TODO),
    State.PLANNING: (DONE, DONE, CURRENT, TODO, TODO, TODO),
    State.REPLAYING: (DONE, DONE, DONE, DONE, CURRENT, TODO),
    State.REPLAY_FAILED: (DONE, DONE, DONE, DONE, FAILED, TODO),
    State.PARTLY_REPLAYED: (DONE, DONE, DONE, DONE, CURRENT, TODO),
    State.REPLAYED: (DONE, DONE, DONE, DONE, DONE, CURRENT),
}
#: The marks of an exported promotion, by how its newest plan stands.
BY_PLAN: dict[str, Marks] = {
    PlanState.REFUSED: (DONE, DONE, FAILED, TODO, TODO, TODO),
    PlanState.STALE: (DONE, DONE, CURRENT, TODO, TODO, TODO),
    EXPIRED: (DONE, DONE, CURRENT, TODO, TODO, TODO),
    PlanState.READY: (DONE, DONE, DONE, CURRENT, TODO, TODO),
    PlanState.SUBMITTED: (DONE, DONE, DONE, CURRENT, TODO, TODO),
    PlanState.APPROVED: (DONE, DONE, DONE, DONE, CURRENT, TODO),
    PlanState.REJECTED: (DONE, DONE, DONE, FAILED, TODO, TODO),
    PlanState.STARTED: (DONE, DONE, DONE, DONE, CURRENT, TODO),
}
#: States in which there are events to look at.
EXPORTED = frozenset({
    State.EXPORTED, State.REWRITING, State.AMENDING, State.PLANNING, State.REPLAYING, State.REPLAY_FAILED,
    State.PARTLY_REPLAYED, State.REPLAYED,
})  # fmt: skip
#: What the first step is called.
_FIRST = {Origin.CLUSTER: "Export", Origin.FILE: "Import", Origin.AMENDMENTS: "Propose"}
_VERIFIED = {VerificationVerdict.VERIFIED: DONE, VerificationVerdict.FAILED: FAILED}


def steps(promotion: Promotion, plan: Standing | None) -> list[dict[str, str]]:
    """Return the steps, each with its state and where it leads. `plan` is how the newest plan stands.

    Only a protected target has the step Approve.
    """
    export, edit, planned, approve, replay, verify = _marks(promotion, plan)
    exported, protected, at = promotion.state in EXPORTED, promotion.target.protected, [promotion.pk]
    plan_url = reverse("promotion:plan", args=at)
    if not protected and approve == CURRENT:
        replay = CURRENT
    rows = [
        (
            _FIRST[Origin(promotion.origin)],
            export,
            promotion.get_absolute_url(),
            promotion.source_label if promotion.amends_id else f"from {promotion.source_label}",
            True,
        ),
        (_second(promotion), edit, reverse("promotion:events", args=at), _edit_note(promotion), exported),
        ("Plan", planned, plan_url, "what would happen", exported),
        ("Approve", approve, f"{plan_url}#approval", "by somebody else", exported and plan is not None),
        ("Replay", replay, reverse("promotion:replay", args=at), f"to {promotion.target}", exported),
        ("Verify", verify, reverse("promotion:receipt", args=at), "what arrived", promotion.state == State.REPLAYED),
    ]
    if promotion.approach == Approach.ORIGINALS_FIRST:
        rows.append(_amend(promotion, verify))
    return [
        {"label": label, "state": state, "url": url if leads else "", "note": note}
        for label, state, url, note, leads in rows
        if protected or label != "Approve"
    ]


def _second(promotion: Promotion) -> str:
    """What is done to the events before they go: originals are at most given the target's keys."""
    return "Re-key" if promotion.approach == Approach.ORIGINALS_FIRST else "Edit"


def _amend(promotion: Promotion, verify: str) -> tuple[str, str, str, str, bool]:
    """The step that follows the originals: done when every round of amendments has been replayed."""
    rounds = set(promotion.amendments.values_list("state", flat=True))
    mark = TODO
    if promotion.state == State.REPLAYED and verify == DONE:
        mark = DONE if rounds == {State.REPLAYED} else CURRENT
    url = reverse("promotion:story" if rounds else "promotion:amend", args=[promotion.pk])
    return "Amend", mark, url, f"on {promotion.target}", promotion.state == State.REPLAYED


def _edit_note(promotion: Promotion) -> str:
    number = len(RuleList.objects.applied(promotion.pk))
    return f"what goes out, {number:,} rule{'' if number == 1 else 's'}" if number else "what goes out"


def _marks(promotion: Promotion, plan: Standing | None) -> Marks:
    if promotion.state == State.ARCHIVED:
        return _marks_before(promotion)
    if promotion.state == State.EXPORTED and plan is not None:
        return BY_PLAN.get(plan.state, BY_STATE[State.EXPORTED])
    return _of_state(promotion, PromotionState(promotion.state))


def _of_state(promotion: Promotion, state: PromotionState) -> Marks:
    marks = BY_STATE[state]
    if state != State.REPLAYED:
        return marks
    newest = Verification.objects.filter(replay__plan__promotion=promotion).first()
    return (*marks[:-1], _VERIFIED.get(VerificationVerdict(newest.verdict), CURRENT) if newest else CURRENT)


def _marks_before(promotion: Promotion) -> Marks:
    """The marks that the promotion had when it was archived."""
    kept = Archive.objects.filter(pk=promotion.pk).first()
    return _of_state(promotion, PromotionState(kept.state) if kept else State.DRAFT)
