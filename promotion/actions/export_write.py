"""Write a chunk: its events, its counts and the positions behind it become true together, or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from django.db import connection

from promotion.actions.copy_rows import CopyRows
from promotion.actions.export_chunk import Chunk

#: What a row of a chunk holds, and where it goes.
EVENTS = CopyRows("promotion_event", {
    "promotion_id": "int8", "partition": "int4", "offset": "int8", "timestamp": "int8", "merge_timestamp": "int8",
    "key": "bytea", "value": "bytea", "headers": "text", "event_type_id": "int8", "schema_id": "int8",
    "host": "text", "user": "text", "document": "jsonb", "quarantine_reason": "text", "excluded": "bool",
    "version": "int4",
})  # fmt: skip

_COUNTS = """
INSERT INTO promotion_exportcount (partition_id, disposition, type_name, count)
SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[])
ON CONFLICT (partition_id, disposition, type_name)
DO UPDATE SET count = promotion_exportcount.count + EXCLUDED.count
"""

# LEAST and GREATEST pass over NULL: the first gap stays the beginning, the last one the end of what is missing.
_POSITIONS = """
UPDATE promotion_exportpartition AS p SET
    position = v.position,
    read = p.read + v.read,
    highest_timestamp = GREATEST(p.highest_timestamp, v.highest),
    truncated_from = LEAST(p.truncated_from, v.truncated_from),
    truncated_to = GREATEST(p.truncated_to, v.truncated_to)
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
    AS v(id, position, read, highest, truncated_from, truncated_to)
WHERE p.id = v.id
"""


def write(rows: Mapping[int, int], chunk: Chunk, highest: Mapping[int, int]) -> None:
    """Write `chunk` inside of `Lease.writing`, whose transaction makes all of it true or nothing.

    `rows` has the id of each partition's row, `highest` the highest timestamp so far.
    """
    if chunk.rows:
        EVENTS.write(chunk.rows)
    _count(rows, chunk)
    _move(rows, chunk, highest)


def _count(rows: Mapping[int, int], chunk: Chunk) -> None:
    if not chunk.counts:
        return
    columns = zip(*((rows[partition], *outcome, n) for (partition, outcome), n in chunk.counts.items()), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, [list(column) for column in columns])


def _move(rows: Mapping[int, int], chunk: Chunk, highest: Mapping[int, int]) -> None:
    read: Counter[int] = Counter()
    for (partition, _), count in chunk.counts.items():
        read[partition] += count
    nothing = (None, None)
    columns = zip(
        *(
            (rows[p], position, read[p], highest[p], *chunk.truncated.get(p, nothing))
            for p, position in chunk.positions.items()
        ),
        strict=True,
    )
    with connection.cursor() as cursor:
        cursor.execute(_POSITIONS, [list(column) for column in columns])
