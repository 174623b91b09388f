"""The one thing to do next on a promotion, and who can: never two, and never none without a word why.

What `actions` and `states` allow decides it; tests/promotions/test_next_step.py walks through every combination.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.urls import reverse

from promotion.actions import approval_rule
from promotion.models import Archive, Plan, Promotion
from promotion.policy import APPROVE, CURATE, MANAGE, Actor, may
from promotion.states import Approach, Origin, PlanState, VerificationVerdict
from promotion.states import PromotionState as State
from promotion.views.plan_state import EXPIRED, Standing

#: People who are named where somebody else has to act.
MOST_NAMED = 3
_GROUP = {MANAGE: "A release manager", APPROVE: "An approver", CURATE: "A curator"}


@dataclass(frozen=True, slots=True)
class Button:
    """A link, or with `post` a form of one button. `hidden` are its fields; `form` names a form that is on the page."""

    label: str
    icon: str
    url: str
    post: bool = False
    hidden: tuple[tuple[str, str], ...] = ()
    form: str = ""


@dataclass(frozen=True, slots=True)
class NextStep:
    """What stands at the top: `title`, what it `says`, the primary button, others, and `who` has to act if not me.

    Without a primary button `who` or `says` tells why there is none.
    """

    title: str
    says: str
    primary: Button | None = None
    others: tuple[Button, ...] = ()
    who: str = ""


@dataclass(frozen=True, slots=True)
class Situation:
    """All that decides what comes next. `events` and `totals` are numbers, as the page of the promotion has them.

    `file_kept` says whether an imported file can be read again; `report` is the page of what it did not give.
    `doubt` is what reconciling shows (None where nothing is in doubt), `verdict` what the newest verification found.
    """

    promotion: Promotion
    user: Actor
    plan: Plan | None = None
    standing: Standing | None = None
    events: Mapping[str, int] = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)
    same: tuple[tuple[str, str], ...] = ()
    filtered: bool = False
    read: bool = False
    file_kept: bool = False
    report: str = ""
    doubt: Mapping[str, Any] | None = None
    verdict: str = ""
    amended: bool = False

    @property
    def manages(self) -> bool:
        """Whether who looks may act on promotions."""
        return may(self.user, MANAGE)

    def at(self, name: str) -> str:
        """The URL `name` of the promotion."""
        return reverse(f"promotion:{name}", args=[self.promotion.pk])

    def link(self, label: str, icon: str, name: str, anchor: str = "") -> Button:
        """A link to a page of the promotion."""
        return Button(label, icon, self.at(name) + anchor)

    def mine(self, button: Button) -> Button | None:
        """The button for those who may act on promotions."""
        return button if self.manages else None

    def who(self, permission: str = MANAGE) -> str:
        """Who could act, where it is not who looks."""
        return "" if may(self.user, permission) else who_could(permission)


def who_could(permission: str) -> str:
    """Return a sentence with the names of some who have `permission`."""
    people = User.objects.with_perm(permission).order_by("username").values_list("username", flat=True)
    names = list(people[: MOST_NAMED + 1])
    said = ", ".join(names[:MOST_NAMED]) + (" and others" if len(names) > MOST_NAMED else "")
    group = _GROUP[permission]
    return f"{group} does that: {said}." if names else f"{group} does that, and there is none: an admin names one."


def next_step(now: Situation) -> NextStep:
    """Return what comes next where no job runs."""
    match State(now.promotion.state):
        case State.DRAFT | State.EXPORT_FAILED | State.EXPORT_CANCELLED if now.promotion.source_id is not None:
            return _export(now)
        case State.IMPORT_FAILED:
            return _import(now)
        case State.EXPORTED:
            return _exported(now)
        case State.REPLAY_FAILED | State.PARTLY_REPLAYED:
            return _go_on(now)
        case State.REPLAYED:
            return _replayed(now)
        case State.ARCHIVED:
            return _archived(now)
        case _:
            says = "Nothing runs at this moment; a worker takes it up again by itself, and this page then shows it."
            return NextStep(f"{State(now.promotion.state).label}: waiting for a worker", says)


def _export(now: Situation) -> NextStep:
    source = now.promotion.source_label
    if now.promotion.state == State.DRAFT:
        title, label = f"Next: export from {source}", "Start the export"
        says = (
            "A worker reads the topic up to where it ends now, keeps what may travel and accounts for every other "
            "record. Nothing is written to any topic."
        )
    else:
        title, label = "Next: go on with the export", "Go on with the export"
        says = (
            "It goes on where it stopped, up to the same pinned ends. What was read is kept; nothing is read twice."
            if now.read
            else "Nothing was read yet."
        )
    return NextStep(title, says, now.mine(Button(label, "play", now.at("export"), post=True)), who=now.who())


def _import(now: Situation) -> NextStep:
    given = urlencode({"target": now.promotion.target.name, "title": now.promotion.title})
    another = Button("Import another file", "upload", f"{reverse('promotion:import')}?{given}")
    kept = "It is kept here as it was uploaded." if now.file_kept else "It is no longer kept here."
    says = f"Nothing of the file is an event yet: a file is imported as a whole. {kept}"
    title = "Next: read the file again, or import another one" if now.file_kept else "Next: import the file again"
    if not now.manages:
        return NextStep(title, says, who=now.who())
    again = Button("Read it again", "refresh", now.at("import_again"), post=True, form="again")
    return NextStep(title, says, again, (another,)) if now.file_kept else NextStep(title, says, another)


def _exported(now: Situation) -> NextStep:
    if not now.events.get("outgoing"):
        return _nothing_goes_out(now)
    return _unplanned(now) if now.plan is None or now.standing is None else _planned(now, now.plan, now.standing)


def _nothing_goes_out(now: Situation) -> NextStep:
    promotion = now.promotion
    if now.totals.get("kept") and now.events.get("excluded"):
        says = "No event would go out. Include some again, or leave this promotion."
        label = "Include events again" if now.manages else "See the events"
        return NextStep("Everything is excluded", says, now.link(label, "edit", "events"), who=now.who())
    if promotion.origin == Origin.AMENDMENTS:
        says = f"Choose events that were replayed, or things on {promotion.target}."
        choose = now.mine(now.link("Choose what to amend", "edit", "amend"))
        return NextStep("Nothing is proposed yet", says, choose, who=now.who())
    types = Button("See the event types", "layers", reverse("promotion:event_types"))
    if promotion.origin == Origin.FILE:
        says = "No entry of the file became an event. The report says why of each; a curator decides which may travel."
        report = Button("See the report", "list", now.report) if now.report else types
        return NextStep("Nothing to promote", says, report, (types,) if now.report else (), now.who(CURATE))
    fits = " and fits the filters" if now.filtered else ""
    says = f"No record that was read may travel{fits}. What became of each stands below; a curator decides about types."
    return NextStep("Nothing to promote", says, types, who=now.who(CURATE))


def _unplanned(now: Situation) -> NextStep:
    promotion, number = now.promotion, now.events["outgoing"]
    as_it_was = "as it was proposed" if promotion.amends_id else "as it was read"
    bytes_too = "byte for byte " if promotion.source_id is not None else ""
    says = (
        f"{now.events.get('edited', 0):,} edited, {now.events.get('excluded', 0):,} excluded. What you leave alone "
        f"goes out {bytes_too}{as_it_was}. The plan says what exactly would happen on {promotion.target}."
    )
    edits = now.manages and promotion.approach == Approach.EDIT_FIRST
    look = now.link("Edit the events" if edits else "See the events", "edit", "events")
    rules = now.link("Change many by rules" if now.manages else "See the rules", "layers", "rules")
    plan = (now.link("Make the plan", "list", "plan"),) if now.manages else ()
    title = f"Next: look through {_events(number)}, then make the plan"
    return NextStep(title, says, look, (rules, *plan, *_files(now)), now.who())


def _planned(now: Situation, plan: Plan, stands: Standing) -> NextStep:
    target, state = now.promotion.target, stands.state
    see = now.link("See the plan", "list", "plan")
    around = (
        now.link("Edit the events" if now.manages else "See the events", "edit", "events"),
        now.link("Change many by rules" if now.manages else "See the rules", "layers", "rules"),
        *_files(now),
    )
    goes = _events(plan.steps_count)
    if stands.stale or state in {PlanState.SUPERSEDED, PlanState.REPLAYED}:
        why = "The plan has expired." if state == EXPIRED else "The plan no longer fits."
        says = " ".join([why, *stands.reasons[:1]])
        again = Button("Make a new plan", "refresh", now.at("plan"), post=True, hidden=now.same)
        primary, others = (again, (see, *around)) if now.manages else (see, around)
        return NextStep("Next: make a new plan", says, primary, others, now.who())
    if state == PlanState.REFUSED:
        says = f"The plan says why nothing can go to {target} as it is, and what to do about each reason."
        refused = now.link("See what is refused", "list", "plan")
        return NextStep("Next: see what is refused", says, refused, around, now.who())
    if state == PlanState.REJECTED:
        says = "Change what was criticised, then make a new plan."
        rejected = now.link("See why it was rejected", "list", "plan", "#approval")
        return NextStep("Next: see why the plan was rejected", says, rejected, around, now.who())
    if state == PlanState.SUBMITTED:
        return _submitted(now, plan, see, around)
    if state == PlanState.READY and target.protected:
        says = f"{target} is protected: nobody acts alone there. {goes} would go out."
        submit = now.link("Submit the plan", "shield", "plan", "#approval")
        primary, others = (submit, around) if now.manages else (see, around)
        return NextStep("Next: submit the plan for approval", says, primary, others, now.who())
    if state == PlanState.STARTED:
        title, says = "Next: start the replay again", "Nothing of it has arrived yet."
    else:
        approved = "approved" if state == PlanState.APPROVED else "ready"
        title = f"Next: replay {goes} to {target}"
        says = f"The plan is {approved}. What it says is what arrives."
    replay = now.link(f"Replay to {target}", "promote", "replay")
    primary, others = (replay, (see, *around)) if now.manages else (see, around)
    return NextStep(title, says, primary, others, now.who())


def _submitted(now: Situation, plan: Plan, see: Button, around: tuple[Button, ...]) -> NextStep:
    says = f"{now.promotion.target} is protected: who has not worked on it approves or rejects exactly this plan."
    title = "Next: the plan waits for approval"
    if not approval_rule.why_not(now.user, plan):
        decide = now.link("Approve or reject the plan", "shield", "plan", "#approval")
        return NextStep(title, says, decide, (see, *around))
    return NextStep(title, says, see, around, approval_rule.who_could_say(plan))


def _go_on(now: Situation) -> NextStep:
    promotion, target = now.promotion, now.promotion.target
    see = now.link("See what has arrived", "document", "receipt")
    if now.doubt is not None and not now.doubt["said"]:
        # The card below has the one button: to read the target, then to say what has arrived.
        title, says = "Next: find out what has arrived", "Nothing more is sent before that is known."
        return NextStep(title, says, others=(see,), who=now.who())
    arrived = ""
    if promotion.state == State.PARTLY_REPLAYED and now.plan is not None and hasattr(now.plan, "replay"):
        arrived = f"{now.plan.replay.committed:,} of {_events(now.plan.steps_count)} have arrived. "
    says = f"{arrived}It finds out in {target} what has arrived, and repeats nothing."
    go_on = now.link(f"Go on with the replay to {target}", "promote", "replay")
    primary, others = (go_on, (see,)) if now.manages else (see, ())
    return NextStep("Next: go on with the replay", says, primary, others, now.who())


def _replayed(now: Situation) -> NextStep:
    target = now.promotion.target
    receipt, events = now.link("See the receipt", "document", "receipt"), now.link("See the events", "eye", "events")
    amend = now.link(f"Amend on {target}", "edit", "amend")
    originals = now.promotion.approach == Approach.ORIGINALS_FIRST
    others = (events, *((amend,) if originals and now.manages else ()))
    if now.amended or now.promotion.amends_id is not None:
        others = (*others, now.link("The whole story", "history", "story"))
    if now.promotion.source_id is not None and now.manages:
        again = f"{reverse('promotion:promotion_create')}?again={now.promotion.pk}"
        others = (*others, Button("Promote again", "refresh", again))
    if now.verdict == VerificationVerdict.FAILED:
        says = f"Reading {target} back found what was not planned. Nothing is repaired by itself: the receipt names it."
        wrong = now.link("See what is wrong", "warning", "receipt")
        return NextStep(f"Replayed to {target}, and something is wrong", says, wrong, others)
    proof = {
        VerificationVerdict.VERIFIED: f"{target} was read back: every event is there once, in order, as planned.",
        VerificationVerdict.INCOMPLETE: f"{target} was read back as far as retention has left it.",
    }.get(VerificationVerdict(now.verdict)) if now.verdict else f"{target} was not read back yet."  # fmt: skip
    says = f"{proof} The receipt says where each event stands."
    if originals and not now.amended and now.verdict == VerificationVerdict.VERIFIED and now.manages:
        others = (receipt, *(each for each in others if each is not amend))
        return NextStep(f"Next: amend on {target}", f"The originals are there. {says}", amend, others)
    return NextStep(f"Done: replayed to {target}", says, receipt, others)


def _archived(now: Situation) -> NextStep:
    kept = Archive.objects.select_related("archived_by").filter(pk=now.promotion.pk).first()
    file = f"the file {kept.file}, by {kept.archived_by.get_username()}" if kept else "a file"
    says = (
        f"Its events, the steps of its plans and its receipts were put into {file}. What was decided and proven stands "
        "here. manage.py promotion restore FILE reads the rest back."
    )
    return NextStep(
        "Archived", says, others=(now.link("See the plan", "list", "plan"),) if now.plan else (), who=now.who()
    )


def _files(now: Situation) -> tuple[Button, ...]:
    download = now.link("Download", "download", "download")
    return (download, now.link("Upload", "upload", "upload")) if now.manages else (download,)


def _events(number: int) -> str:
    return f"{number:,} event{'' if number == 1 else 's'}"
