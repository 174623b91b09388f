"""Words that several pages share: what a promotion's state is called, where an event comes from, how a job ended."""

from __future__ import annotations

from promotion.models import Event, Plan, Promotion, PromotionJob, Verification
from promotion.states import JobKind, JobState, Origin, PlanState, PromotionState, VerificationVerdict

#: What "Exported" is called where the events were not read from a topic.
_EXPORTED = {Origin.FILE: "Imported", Origin.AMENDMENTS: "Proposed"}
#: A job that went through, and what one is called that did not.
_DONE: dict[str, tuple[str, str]] = {
    JobKind.EXPORT: ("Exported", "Export"),
    JobKind.REFRESH: ("Read what is new", "Reading of what is new"),
    JobKind.IMPORT: ("Imported", "Import"),
    JobKind.PREVIEW_RULES: ("Rules previewed", "Preview of rules"),
    JobKind.REWRITE: ("Rules applied", "Applying of rules"),
    JobKind.AMEND: ("Amendments proposed", "Proposal of amendments"),
    JobKind.PLAN: ("Planned", "Plan"),
    JobKind.CHECK_PLAN: ("Plan checked", "Check of the plan"),
    JobKind.REPLAY: ("Replayed", "Replay"),
    JobKind.VERIFY: ("Verified", "Verification"),
    JobKind.UPLOAD: ("File compared", "Comparison of the file"),
}
_ENDED = {JobState.FAILED: "failed", JobState.REFUSED: "refused", JobState.CANCELLED: "cancelled"}
#: A job that went through and found something that people have to look at.
_FOUND = {
    VerificationVerdict.FAILED: "Verification found faults",
    VerificationVerdict.INCOMPLETE: "Verified in part",
}


def state_word(promotion: Promotion) -> str:
    """Return what the state of `promotion` is called where its events come from."""
    if promotion.state == PromotionState.EXPORTED:
        return _EXPORTED.get(Origin(promotion.origin), PromotionState.EXPORTED.label)
    return PromotionState(promotion.state).label


def place_word(promotion: Promotion, partition: int, offset: int) -> str:
    """Return where an event of `promotion` stands: its number in a file or among amendments, else its position."""
    match promotion.origin:
        case Origin.FILE:
            return f"entry {offset}"
        case Origin.AMENDMENTS:
            return f"amendment {offset}"
        case _:
            return f"{partition}:{offset}"


def place_of(event: Event, promotion: Promotion) -> str:
    """Return where `event` stands in the source of its `promotion`."""
    return place_word(promotion, event.partition, event.offset)


def ended(job: PromotionJob) -> tuple[bool, str]:
    """Return whether an ended job of a promotion went well, and that in two or three words."""
    done, noun = _DONE.get(job.kind, (job.get_kind_display(), job.get_kind_display()))
    if job.state != JobState.SUCCEEDED:
        return False, f"{noun} {_ENDED.get(JobState(job.state), 'ended')}"
    if job.kind == JobKind.VERIFY:
        newest = Verification.objects.filter(replay__plan__promotion=job.promotion_id).first()
        verdict = VerificationVerdict(newest.verdict) if newest is not None else VerificationVerdict.VERIFIED
        return verdict != VerificationVerdict.FAILED, _FOUND.get(verdict, done)
    if job.kind in {JobKind.PLAN, JobKind.CHECK_PLAN}:
        plan = Plan.objects.filter(promotion=job.promotion_id).order_by("-created_at").first()
        if plan is not None and plan.state in {PlanState.REFUSED, PlanState.STALE}:
            return False, f"Plan {PlanState(plan.state).label.lower()}"
    return True, done


def ended_words(job: PromotionJob) -> str:
    """Return how an ended job went, for who hears it."""
    return ended(job)[1]


def ended_title(job: PromotionJob) -> str:
    """Return the tab's title after a job that the page has watched: seen at a glance among many tabs."""
    well, words = ended(job)
    return f"{'✓' if well else '✗'} {words} · {job.promotion} · Promotion Console"
