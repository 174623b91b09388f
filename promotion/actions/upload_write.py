"""Write what an applied file makes of a batch of events: set-based, in the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from django.db import connection

from promotion.actions.copy_rows import ScratchRows
from promotion.states import RevisionKind

_ROWS = ScratchRows("uploaded", {
    "event_id": "int8", "excluded": "bool", "parent_id": "int8", "schema_id": "int8", "body": "bytea", "note": "text",
    "document": "jsonb", "host": "text", "user": "text",
})  # fmt: skip
#: A body makes a revision; without one only what a person says of the event changes.
_WRITE = """
WITH made AS (
    INSERT INTO promotion_revision
        (event_id, number, parent_id, kind, schema_id, body, rules, author_id, created_at, note)
    SELECT event_id,
        1 + coalesce((SELECT max(number) FROM promotion_revision AS r WHERE r.event_id = uploaded.event_id), 0),
        parent_id, %s, schema_id, body, %s::jsonb, %s, now(), note
    FROM uploaded WHERE body IS NOT NULL
    RETURNING id, event_id
)
UPDATE promotion_event AS event SET
    excluded = uploaded.excluded,
    hand_excluded = CASE WHEN uploaded.excluded = event.excluded THEN event.hand_excluded ELSE uploaded.excluded END,
    version = event.version + 1,
    revision_id = coalesce(made.id, event.revision_id),
    document = coalesce(uploaded.document, event.document),
    host = coalesce(uploaded.host, event.host),
    "user" = coalesce(uploaded."user", event."user")
FROM uploaded LEFT JOIN made ON made.event_id = uploaded.event_id
WHERE event.id = uploaded.event_id
"""


class Uploaded(NamedTuple):
    """What becomes of one event: `excluded` as a person says it, and a new `body` in a schema's row, None for none.

    `parent_id` is the revision before it. `document` is JSON text of the body, for searching, as `host` and `user` are;
    they are None without a body.
    """

    event_id: int
    excluded: bool
    parent_id: int | None = None
    schema_id: int | None = None
    body: bytes | None = None
    note: str = ""
    document: str | None = None
    host: str | None = None
    user: str | None = None


def write(author_id: int, changes: Sequence[Uploaded], rules: Sequence[str]) -> int:
    """Write `changes`, each a version further, in the name of a user; return how many events there were.

    `rules` are the ids of those whose work is in the bodies already.
    """
    with connection.cursor() as cursor:
        _ROWS.write(changes)
        cursor.execute(_WRITE, [RevisionKind.UPLOAD.value, json.dumps(list(rules)), author_id])
        return int(cursor.rowcount)
