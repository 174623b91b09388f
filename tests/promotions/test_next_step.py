"""What comes next: every state of a promotion and of its plan, on every kind of target, for every role.

The table says the primary button (None: nobody has one here) and how its heading begins. What is not in the table may
not happen: a combination that nobody thought of fails.
"""

from __future__ import annotations

import re
from itertools import product

import pytest
from django.test import Client

from promotion.models import Environment, Plan, Promotion
from promotion.states import Approach, PlanState, PromotionState
from promotion.views.next_step import NextStep, Situation, next_step
from promotion.views.plan_state import EXPIRED, Standing
from tests import cast

pytestmark = pytest.mark.django_db
State = PromotionState
ROLES = ("viewer", "manager", "approver", "curator", "admin")
MANAGERS = ("manager", "admin")
PLANS = (None, *PlanState, EXPIRED)
Said = tuple[str | None, str]

#: Of states in which the plan does not matter: who manages, then everybody else.
BY_STATE: dict[State, tuple[Said, Said]] = {
    State.DRAFT: (("Start the export", "Next: export from dev"), (None, "Next: export from dev")),
    State.EXPORT_FAILED: (("Go on with the export", "Next: go on with"), (None, "Next: go on with the export")),
    State.EXPORT_CANCELLED: (("Go on with the export", "Next: go on with"), (None, "Next: go on with the export")),
    State.IMPORT_FAILED: (("Import another file", "Next: import"), (None, "Next: import the file again")),
    State.REPLAY_FAILED: (("Go on with the replay to sit", "Next: go on"), ("See what has arrived", "Next: go on")),
    State.PARTLY_REPLAYED: (("Go on with the replay to sit", "Next: go on"), ("See what has arrived", "Next: go on")),
    State.REPLAYED: (("See the receipt", "Done: replayed to sit"), ("See the receipt", "Done: replayed to sit")),
    State.ARCHIVED: ((None, "Archived"), (None, "Archived")),
    **{
        state: ((None, f"{state.label}: waiting for a worker"), (None, f"{state.label}: waiting for a worker"))
        for state in (
            State.EXPORTING,
            State.IMPORTING,
            State.REWRITING,
            State.AMENDING,
            State.PLANNING,
            State.REPLAYING,
        )
    },
}
NEW = ("Make a new plan", "Next: make a new plan"), ("See the plan", "Next: make a new plan")
REPLAY = ("Replay to sit", "Next: replay 1 event to sit"), ("See the plan", "Next: replay 1 event to sit")
SUBMITTED = ("See the plan", "Next: the plan waits for approval"), ("See the plan", "Next: the plan waits for approval")
#: Of an exported promotion, by how its newest plan stands.
BY_PLAN: dict[str | None, tuple[Said, Said]] = {
    None: (("Edit the events", "Next: look through 1 event"), ("See the events", "Next: look through 1 event")),
    PlanState.REFUSED: (
        ("See what is refused", "Next: see what"),
        ("See what is refused", "Next: see what is refused"),
    ),
    PlanState.READY: REPLAY,
    PlanState.SUBMITTED: SUBMITTED,
    PlanState.APPROVED: REPLAY,
    PlanState.REJECTED: (("See why it was rejected", "Next: see why"), ("See why it was rejected", "Next: see why")),
    PlanState.STALE: NEW,
    EXPIRED: NEW,
    PlanState.STARTED: (("Replay to sit", "Next: start the replay"), ("See the plan", "Next: start the replay again")),
    PlanState.SUPERSEDED: NEW,
    PlanState.REPLAYED: NEW,
}
PROTECTED = {
    PlanState.READY: (("Submit the plan", "Next: submit the plan"), ("See the plan", "Next: submit the plan")),
}


def situation(promotion: Promotion, role: str, plan: Plan | None, state: str | None) -> Situation:
    stands = Standing(state, "", ["Something came."]) if state is not None else None
    events = {"outgoing": 1, "edited": 0, "excluded": 0}
    return Situation(promotion, cast.user(role), plan, stands, events=events, totals={"kept": 1})


def expected(state: State, plan: str | None, protected: bool, role: str) -> Said:
    if state == State.EXPORTED and plan == PlanState.SUBMITTED and role in {"approver", "admin"}:
        return "Approve or reject the plan", "Next: the plan waits for approval"
    rows = BY_STATE.get(state) or (protected and PROTECTED.get(plan)) or BY_PLAN[plan]
    return rows[0 if role in MANAGERS else 1]


def acts(step: NextStep) -> bool:
    """Whether the primary button is something that only some people may do."""
    return step.primary is not None and not step.primary.label.startswith("See ")


@pytest.mark.parametrize("protected", [False, True])
def test_every_state_has_one_thing_to_do_or_says_who_could(protected: bool) -> None:
    promotion = cast.exported()
    Environment.objects.filter(pk=promotion.target_id).update(protected=protected)
    for role in ROLES:
        cast.user(role)
    plan = cast.plan(promotion, PlanState.SUBMITTED, steps_count=1, submitted_by=cast.user("manager"))
    wrong = []
    # The plan decides of exported ones alone: of the others with one and without.
    standing = [(state, stands) for state in State for stands in (PLANS if state == State.EXPORTED else PLANS[:2])]
    for (state, stands), role in product(standing, ROLES):
        promotion = Promotion.objects.with_environments().get(pk=promotion.pk)
        promotion.state = state
        plan.state = PlanState.STALE if stands in {None, EXPIRED} else stands
        step = next_step(situation(promotion, role, plan if stands else None, stands))
        label, heading = expected(state, stands, protected, role)
        found = step.primary.label if step.primary else None
        if found != label or not step.title.startswith(heading) or not step.says:
            wrong.append((state, stands, role, found, step.title))
        waits = "waiting for a worker" in step.title
        done = state == State.REPLAYED
        if not acts(step) and not step.who and not waits and not done and role not in MANAGERS:
            wrong.append((state, stands, role, "does not say who could"))
    assert wrong == []


@pytest.mark.parametrize("role", ROLES)
def test_the_page_has_one_primary_button_and_it_is_the_one_of_the_table(role: str) -> None:
    """Through the templates as well: nothing else of the page competes with it."""
    promotion = cast.exported()
    client = Client()
    client.force_login(cast.user(role))
    for state, stands in [*((state, None) for state in State), *((State.EXPORTED, stands) for stands in PlanState)]:
        Plan.objects.filter(promotion=promotion).delete()
        if stands is not None:
            cast.plan(promotion, stands, steps_count=1, stale_reasons=["Something came."])
        Promotion.objects.filter(pk=promotion.pk).update(state=state)
        page = client.get(promotion.get_absolute_url()).content.decode()
        label, heading = expected(state, stands, False, role)
        primary = [
            re.sub(r"<[^>]*>", "", each).strip()
            for each in re.findall(r'button primary".*?>(.*?)</(?:a|button)>', page)
        ]
        assert primary == ([label] if label else []), (state, stands)
        assert f'<h2 id="h-next">{heading}' in page, (state, stands)


def test_who_may_not_act_reads_the_names_of_some_who_may() -> None:
    promotion = cast.promotion()
    for name in ("ann", "ben", "cho", "dee"):
        cast.user("manager", name)
    step = next_step(Situation(promotion, cast.user("viewer")))
    assert step.who.startswith("A release manager does that: ann, ben, cho and others")


def test_everything_excluded_leads_to_the_events() -> None:
    promotion = cast.exported()
    none = {"outgoing": 0, "excluded": 1}
    step = next_step(Situation(promotion, cast.user("manager"), events=none, totals={"kept": 1}))
    assert (step.title, step.primary and step.primary.label) == ("Everything is excluded", "Include events again")


def test_a_file_that_is_kept_can_be_read_again() -> None:
    promotion = cast.exported()
    promotion.state = State.IMPORT_FAILED
    step = next_step(Situation(promotion, cast.user("manager"), file_kept=True))
    assert step.primary is not None
    assert (step.primary.label, step.primary.form) == ("Read it again", "again")


def test_doubt_about_what_has_arrived_comes_before_going_on() -> None:
    promotion = cast.exported()
    promotion.state = State.REPLAY_FAILED
    manager = cast.user("manager")
    step = next_step(Situation(promotion, manager, doubt={"said": None}))
    assert (step.primary, step.title) == (None, "Next: find out what has arrived")
    said = next_step(Situation(promotion, manager, doubt={"said": "a reconciliation"}))
    assert said.primary is not None


@pytest.mark.parametrize(
    ("verdict", "amended", "title", "button"),
    [
        ("", False, "Done: replayed to sit", "See the receipt"),
        ("verified", False, "Next: amend on sit", "Amend on sit"),
        ("verified", True, "Done: replayed to sit", "See the receipt"),
        ("incomplete", False, "Done: replayed to sit", "See the receipt"),
        ("failed", False, "Replayed to sit, and something is wrong", "See what is wrong"),
    ],
)
def test_the_proof_decides_whether_it_is_done(verdict: str, amended: bool, title: str, button: str) -> None:
    promotion = cast.exported(approach=Approach.ORIGINALS_FIRST)
    promotion.state = State.REPLAYED
    step = next_step(Situation(promotion, cast.user("manager"), verdict=verdict, amended=amended))
    assert step.primary is not None
    assert (step.title, step.primary.label) == (title, button)
