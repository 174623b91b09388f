"""Walk the chain over the audit trail and find the first link that is broken: docs/decisions/0021-audit-chain.md.

What is hashed is read as text and hashed here. Nothing asks the database's own function, which whoever changed an entry
could have changed as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection

from promotion.domain.audit_chain import Break, Fault, Head, Link, Walk
from promotion.errors import InvalidInput
from promotion.models import AuditEntry

#: Rows that are held at a time.
BATCH = 2_000
_HEAD = re.compile(r"(?:(?P<number>[1-9][0-9]{0,17}):)?(?P<digest>[0-9a-f]{64})")
_LINKS = """
    SELECT seal.number, seal.digest, seal.entry_id, entry.id IS NULL,
           entry.id::text, trunc(extract(epoch FROM entry.at) * 1000000)::text, entry.actor_id::text, entry.actor_name,
           entry.origin, entry.verb, entry.object_type, entry.object_id, entry.object_label, entry.reason,
           entry.before::text, entry.after::text
    FROM promotion_auditseal seal LEFT JOIN promotion_auditentry entry ON entry.id = seal.entry_id
    ORDER BY seal.number
"""


@dataclass(frozen=True, slots=True)
class Walked:
    """How many entries fit, the last of their digests, and what does not fit: None where the chain is whole."""

    entries: int
    digest: str
    broken: Break | None

    @property
    def head(self) -> str:
        """What `parse_head` reads: to be kept where whoever writes to the database cannot write."""
        return f"{self.entries}:{self.digest}"


def parse_head(text: str) -> Head:
    """Return the head that an earlier run printed, `NUMBER:DIGEST` or the digest alone. Raises InvalidInput."""
    found = _HEAD.fullmatch(text.strip().lower())
    if found is None:
        raise InvalidInput("That is no head of the chain.", "Give NUMBER:DIGEST, as `head` of an earlier run says.")
    number = found["number"]
    return Head(int(number) if number else None, found["digest"])


def walk(expected: Head | None = None) -> Walked:
    """Follow the chain from its first seal to its last, and look for entries without a seal.

    With `expected` the chain has to hold that head too: one that was cut off or made anew does not. Memory does not
    grow with the trail.
    """
    walk = Walk(expected)
    broken = walk.first_break(_links()) or _not_sealed()
    return Walked(walk.number, walk.digest, broken)


def _not_sealed() -> Break | None:
    """Return the first entry that no seal is of: it came past the trigger, or its seal is gone from the end."""
    entry = AuditEntry.objects.filter(seal__isnull=True).order_by("pk").values_list("pk", flat=True).first()
    return None if entry is None else Break(Fault.NOT_SEALED, None, entry)


def _links() -> Iterator[Link]:
    """Yield the seals with their entries, all as one moment has them."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(_LINKS)
        while rows := cursor.fetchmany(BATCH):
            for number, digest, entry, gone, *texts in rows:
                yield Link(number, digest, entry, None if gone else texts)
