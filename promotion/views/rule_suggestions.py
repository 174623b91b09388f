"""What the forms of rules propose while somebody types: types, hosts and users of the promotion's events."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db.models import Exists, OuterRef

from promotion.domain.json_text import MalformedJson, parse_json
from promotion.domain.limits import Limits
from promotion.domain.octets import visible
from promotion.domain.rewrite import rules_from_json
from promotion.errors import InvalidInput
from promotion.models import Event, EventType, Promotion

MOST = 50
#: Hosts and users are counted among so many events from either end: all of them would take too long for a page.
SAMPLE = 2_000
#: What a plan suggests, and what each action has beside its name.
SUGGESTED = {
    "drop": {"path"}, "rename": {"path", "to"}, "map": {"path", "table"}, "set": {"path", "value"}, "retype": {"to"},
    "event_id": set[str](),
}  # fmt: skip
#: What the plan's page puts into a link is far smaller.
LINK = Limits(max_json_bytes=8_192, max_json_depth=20)


def suggestions(promotion: Promotion) -> dict[str, list[str]]:
    """Return the names that the promotion's events have, the most frequent first where they are counted."""
    used = Event.objects.filter(promotion=promotion, event_type=OuterRef("pk"))
    types = list(EventType.objects.filter(Exists(used)).order_by("full_name")[:500])
    hosts, users = _counted(promotion)
    return {
        "types": [row.short_name for row in types],
        "aggregates": sorted({row.aggregate for row in types if row.aggregate}),
        "actions": sorted({row.action for row in types if row.action}),
        "hosts": hosts,
        "users": users,
    }


def _counted(promotion: Promotion) -> tuple[list[str], list[str]]:
    hosts, users = Counter[str](), Counter[str]()
    rows = promotion.events.filter(quarantine_reason="").values_list("host", "user")
    for order in (("merge_timestamp",), ("-merge_timestamp",)):
        for host, user in rows.order_by(*order)[:SAMPLE]:
            hosts[host] += 1
            users[user] += 1
    return _frequent(hosts), _frequent(users)


def _frequent(counted: Counter[str]) -> list[str]:
    """The most frequent ones that can be typed as they are shown."""
    return [text for text, _ in counted.most_common(2 * MOST) if text and visible(text) == text and len(text) < 200][
        :MOST
    ]


def suggested(link: str) -> dict[str, Any] | None:
    """Return the rule that a link begins: `[full name of a type, action]`, or conditions in place of the type.

    None for anything else.
    It only fills in the form: whoever saves it has it checked like everything that is typed.
    """
    try:
        match parse_json(link, LINK) if link else None:
            case [str(full_name), {"do": str(kind), **rest}] if rest.keys() == SUGGESTED.get(kind):
                return _begun([{"is": "type", "any": [full_name]}], full_name.rpartition(".")[2], kind, rest)
            case [[*conditions], {"do": str(kind), **rest}] if rest.keys() == SUGGESTED.get(kind):
                rule = _begun(conditions, "", kind, rest)
                rules_from_json([{**rule, "id": None}])
                return rule
    except (MalformedJson, InvalidInput):
        pass
    return None


def _begun(when: list[Any], of: str, kind: str, rest: dict[Any, Any]) -> dict[str, Any]:
    at = str(rest.get("path") or rest.get("to") or "")
    name = f"{f'{of}: ' if of else ''}{kind.replace('_', ' ')} {at}".strip()[:200]
    return {"id": "", "name": name, "when": when, "then": [{"do": kind, **rest}], "on_invalid": "refuse"}
