"""What the forms of rules propose while somebody types: types, hosts and users of the promotion's events."""

from __future__ import annotations

from collections import Counter

from django.db.models import Exists, OuterRef

from promotion.domain.octets import visible
from promotion.models import Event, EventType, Promotion

MOST = 50
#: Hosts and users are counted among so many events from either end: all of them would take too long for a page.
SAMPLE = 2_000


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
