"""Write what the rules make of a chunk of events: set-based, in the pass's one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from promotion.actions.copy_rows import ScratchRows
from promotion.states import RevisionKind

_ROWS = ScratchRows("rewritten", {
    "event_id": "int8", "excluded": "bool", "body": "bytea", "schema_id": "int8", "rules": "jsonb", "base_id": "int8",
    "document": "jsonb", "host": "text", "user": "text",
})  # fmt: skip
#: A body makes a revision, whose parent is what the rules were done to; without one the event is its base again.
_WRITE = """
WITH made AS (
    INSERT INTO promotion_revision
        (event_id, number, parent_id, kind, schema_id, body, rules, author_id, created_at, note)
    SELECT event_id,
        1 + coalesce((SELECT max(number) FROM promotion_revision AS r WHERE r.event_id = rewritten.event_id), 0),
        base_id, %s, schema_id, body, rules, %s, now(), %s
    FROM rewritten WHERE body IS NOT NULL
    RETURNING id, event_id
)
UPDATE promotion_event AS event SET
    revision_id = coalesce(made.id, rewritten.base_id),
    rule_excluded = rewritten.excluded,
    excluded = coalesce(event.hand_excluded, rewritten.excluded, false),
    document = rewritten.document,
    host = rewritten.host,
    "user" = rewritten."user",
    version = event.version + 1
FROM rewritten LEFT JOIN made ON made.event_id = rewritten.event_id
WHERE event.id = rewritten.event_id
"""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What becomes of one event: `body` in the schema row `schema_id`, None for what it was before the rules.

    `rules` are the ids of those that did it, `base_id` is the revision they were done to (None: the original),
    `excluded` what they say of it. `document` is JSON text of what goes out, for searching, as `host` and `user` are.
    """

    event_id: int
    excluded: bool | None
    body: bytes | None
    schema_id: int | None
    rules: Sequence[str]
    base_id: int | None
    document: str
    host: str
    user: str


def write(author_id: int, changes: Sequence[Rewritten], note: str) -> None:
    """Write `changes`, each a version further, in the name of a user; inside a transaction."""
    with connection.cursor() as cursor:
        _ROWS.write(
            (
                each.event_id, each.excluded, each.body, each.schema_id, json.dumps(list(each.rules)), each.base_id,
                each.document, each.host, each.user,
            )
            for each in changes
        )  # fmt: skip
        cursor.execute(_WRITE, [RevisionKind.RULES.value, author_id, note])
