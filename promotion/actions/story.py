"""The whole story of a promotion in order: its own replay, then each round of amendments with what it changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import F, QuerySet

from promotion.actions import receipt as receipts
from promotion.actions.amend import root_of
from promotion.actions.masking import Masks
from promotion.models import (
    Amendment,
    Approval,
    Event,
    Judgement,
    Plan,
    PlanStep,
    Promotion,
    PromotionEditor,
    Receipt,
    Replay,
    Verification,
)

#: Amendments of a round that are told one by one; the round's own pages have all of them.
MOST_TOLD = 200
Position = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Told:
    """One amendment: what it changes according to the newest plan, and where it stands on the target by now."""

    event: Event
    amendment: Amendment
    verdict: str
    changes: list[dict[str, Any]]
    target: Position | None


@dataclass(frozen=True, slots=True)
class Chapter:
    """One promotion of the story. `plan` is its newest one, `arrived` how many of its events are on the target."""

    promotion: Promotion
    plan: Plan | None
    replay: Replay | None
    verification: Verification | None
    approvals: list[Approval]
    editors: list[str]
    events: int
    arrived: int
    told: list[Told] = field(default_factory=list)

    @property
    def more(self) -> int:
        """How many amendments are not told one by one."""
        return self.events - len(self.told) if self.promotion.amends_id else 0


def story(promotion: Promotion, masks: Masks) -> list[Chapter]:
    """Return the chapters in order: what was replayed first, then the rounds. A round has the story of its parent.

    What amendments are about and change has masks where values are sensitive.
    """
    parent = root_of(promotion)
    rounds = Promotion.objects.with_environments().filter(amends=parent).order_by("pk")
    return [_chapter(each, masks) for each in (parent, *rounds)]


def target_of(events: Iterable[int]) -> dict[int, Position]:
    """Return where events stand on the target, as brokers acknowledged it: event's id -> (partition, offset)."""
    steps = PlanStep.objects.filter(event__in=list(events), ordinal__lt=F("plan__replay__committed"))
    rows = steps.values_list("event_id", "ordinal", "plan__replay")
    wanted = {(replay, ordinal): event for event, ordinal, replay in rows}
    found = Receipt.objects.committed().filter(
        attempt__replay__in={replay for replay, _ in wanted}, ordinal__in={ordinal for _, ordinal in wanted}
    )
    places = found.values_list("attempt__replay", "ordinal", "partition", "offset")
    return {
        wanted[replay, ordinal]: (partition, offset)
        for replay, ordinal, partition, offset in places
        if (replay, ordinal) in wanted
    }


def _chapter(promotion: Promotion, masks: Masks) -> Chapter:
    plan, replay = Plan.objects.of(promotion), receipts.replay_of(promotion)
    editors = PromotionEditor.objects.filter(promotion=promotion).order_by("first_at")
    return Chapter(
        promotion=promotion,
        plan=plan,
        replay=replay,
        verification=replay.verifications.first() if replay is not None else None,
        approvals=list(plan.approvals.select_related("by")) if plan is not None else [],
        editors=list(editors.values_list("user__username", flat=True)),
        events=promotion.events.outgoing().count(),
        arrived=replay.committed if replay is not None else 0,
        told=_told(promotion, plan, masks) if promotion.amends_id else [],
    )


def _told(promotion: Promotion, plan: Plan | None, masks: Masks) -> list[Told]:
    rows = list(_amendments(promotion)[:MOST_TOLD])
    ids = [row.pk for row in rows]
    judged = _judged(plan, ids) if plan is not None else {}
    places = target_of(ids)
    told = []
    for row in rows:
        row.thing = masks.label(row.thing)
        verdict, changes = judged.get(row.pk, ("", []))
        shown = masks.changes(masks.of(row.event), changes)
        told.append(Told(row.event, row, verdict, shown, target=places.get(row.pk)))
    return told


def _amendments(promotion: Promotion) -> QuerySet[Amendment]:
    rows = Amendment.objects.filter(event__promotion=promotion, event__excluded=False)
    unused = [f"{event}__{name}" for event in ("event", "amends") for name in ("document", "value", "headers")]
    order = [f"event__{name}" for name in ("merge_timestamp", "partition", "offset")]
    related = ("event__event_type", "event__revision__schema", "amends")
    return rows.select_related(*related).defer("current", "event__revision__body", *unused).order_by(*order)


def _judged(plan: Plan, ids: Sequence[int]) -> dict[int, tuple[str, list[dict[str, Any]]]]:
    rows = Judgement.objects.filter(plan=plan, event__in=ids).values_list("event_id", "verdict", "changes")
    return {event: (verdict, changes or []) for event, verdict, changes in rows}


def to_json(promotion: Promotion, masks: Masks) -> list[dict[str, Any]]:
    """Return the story as `promotion show` prints it; docs/automation.md promises the keys."""
    return [_chapter_json(each) for each in story(promotion, masks)]


def _chapter_json(chapter: Chapter) -> dict[str, Any]:
    replay, verification = chapter.replay, chapter.verification
    return {
        "promotion": chapter.promotion.pk,
        "origin": chapter.promotion.origin,
        "state": chapter.promotion.state,
        "owner": chapter.promotion.owner.get_username(),
        "editors": chapter.editors,
        "events": chapter.events,
        "arrived": chapter.arrived,
        "digest": chapter.plan and chapter.plan.digest,
        "approvals": [
            {"by": each.by.get_username(), "verdict": each.verdict, "reason": each.reason, "at": each.at}
            for each in chapter.approvals
        ],
        "replayed_by": replay and replay.started_by.get_username(),
        "replayed_at": replay and replay.finished_at,
        "verdict": verification and verification.verdict,
        "amendments": [_told_json(each) for each in chapter.told],
        "more": chapter.more,
    }


def _told_json(told: Told) -> dict[str, Any]:
    amends, event = told.amendment.amends, told.event
    return {
        "event": str(event),
        "type": event.event_type.full_name if event.event_type else "",
        "thing": told.amendment.thing,
        "amends": amends and {"promotion": amends.promotion_id, "event": str(amends)},
        "found_at": told.amendment.found_at,
        "verdict": told.verdict,
        "changes": told.changes,
        "target": told.target and {"partition": told.target[0], "offset": told.target[1]},
    }
