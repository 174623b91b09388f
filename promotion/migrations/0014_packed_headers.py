"""The headers of a plan's steps become bytes: a segment that needs no parsing to be hashed (domain/packed_headers.py).

What is there stays the JSON that it was, as bytes, and is told apart by its first one. The table is written anew once.
Indexes that primary keys begin with go: they cost room and time, and PostgreSQL took them where the key's was meant.
"""

import json
from base64 import b64encode
from typing import Any

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models.deletion import CASCADE

BATCH = 1_000
TO_BYTES = "ALTER TABLE promotion_planstep ALTER headers TYPE bytea USING convert_to(headers, 'UTF8')"
TO_TEXT = "ALTER TABLE promotion_planstep ALTER headers TYPE text USING convert_from(headers, 'UTF8')"
PACKED = "SELECT plan_id, ordinal, headers FROM promotion_planstep WHERE substr(headers, 1, 1) NOT IN ('', '[')"
WRITE = "UPDATE promotion_planstep SET headers = %s WHERE plan_id = %s AND ordinal = %s"


def as_json(segment: bytes) -> bytes:
    """Return the headers of a segment as the version before stored them."""
    parts: list[bytes | None] = []
    at = 0
    while at < len(segment):
        end = segment.index(b";", at)
        length = None if segment[at:end] == b"-" else int(segment[at:end])
        at = end + 1 + (length or 0)
        parts.append(None if length is None else segment[end + 1 : at])
    pairs: list[list[Any]] = [
        [(name or b"").decode(), None if value is None else b64encode(value).decode()]
        for name, value in zip(parts[::2], parts[1::2], strict=True)
    ]
    return json.dumps(pairs).encode()


def unpack(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """On the way back: turn every segment into JSON."""
    connection = schema_editor.connection
    with connection.chunked_cursor() as found, connection.cursor() as cursor:
        found.execute(PACKED)
        while rows := found.fetchmany(BATCH):
            cursor.executemany(WRITE, [(as_json(bytes(data)), plan, ordinal) for plan, ordinal, data in rows])


class Migration(migrations.Migration):
    """Text becomes bytes; three indexes go."""

    dependencies = [("promotion", "0013_archive")]

    operations = [
        *(
            migrations.AlterField(
                model_name=model,
                name=name,
                field=models.ForeignKey(db_index=False, on_delete=CASCADE, related_name=related, to=to),
            )
            for model, name, related, to in (
                ("judgement", "plan", "judgements", "promotion.plan"),
                ("planstep", "plan", "steps", "promotion.plan"),
                ("receipt", "attempt", "receipts", "promotion.replayattempt"),
            )
        ),
        migrations.RunSQL(
            TO_BYTES,
            TO_TEXT,
            state_operations=[
                migrations.AlterField(model_name="planstep", name="headers", field=models.BinaryField(default=bytes))
            ],
        ),
        migrations.RunPython(migrations.RunPython.noop, unpack),
    ]
