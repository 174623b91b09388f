"""How a plan stands as people see it: its state in the database, and what has made it stale since."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from promotion.actions.stale import local_reasons
from promotion.domain.plan_choices import PlanChoices
from promotion.models import Plan
from promotion.states import MAY_GO_STALE, PlanState

#: Its time is over, and nothing else speaks against it.
EXPIRED = "expired"
#: A plan in one of these says nothing any more: only a new one leads on.
OVER = frozenset({PlanState.STALE, PlanState.REJECTED, PlanState.REFUSED, EXPIRED})


@dataclass(frozen=True, slots=True)
class Standing:
    """`state` is a PlanState or EXPIRED, `label` its word, `reasons` why it is stale."""

    state: str
    label: str
    reasons: list[str]

    @property
    def stale(self) -> bool:
        """Whether a new plan has to be made because this one no longer fits."""
        return self.state in {PlanState.STALE, EXPIRED}


def standing(plan: Plan) -> Standing:
    """Return how `plan`, whose promotion is loaded, stands now. Cheap enough for every page view; changes nothing."""
    reasons = local_reasons(plan)
    if plan.state in MAY_GO_STALE and reasons:
        if len(reasons) == 1 and plan.expired(timezone.now()):
            return Standing(EXPIRED, "Expired", reasons)
        return Standing(PlanState.STALE, PlanState.STALE.label, reasons)
    return Standing(plan.state, PlanState(plan.state).label, reasons)


def hidden(plan: Plan) -> list[tuple[str, str]]:
    """Return the fields of PlanForm, as a browser posts them, that choose again what `plan` was made with."""
    choices = PlanChoices.from_json(plan.choices).to_json()
    return [(name, "on" if value is True else str(value)) for name, value in choices.items() if value is not False]
