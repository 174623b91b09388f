"""Store the receipts of a transaction, before its commit is asked for: a committed attempt has them all."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from struct import Struct

from django.db import connection, transaction

from promotion.actions.lease import Lease
from promotion.errors import Cancelled
from promotion.kafka.receipts import Receipts
from promotion.models import PromotionJob, ReplayAttempt

COPY = 'COPY promotion_receipt (attempt_id, ordinal, partition, "offset") FROM STDIN (FORMAT BINARY)'
#: A row of it: the number of columns, then of each its bytes and its value, big-endian. Row by row the driver needs
#: four times as long: it looks for a type's writer anew each time, and these are four integers.
_ROW = Struct(">hiqiiiiiq")
#: What goes before the first row (no flags, no extension) and behind the last. Source: PostgreSQL, COPY, File Formats.
_BEGIN = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_PIECE = 10_000


def store_receipts(lease: Lease, attempt: ReplayAttempt, receipts: Receipts) -> None:
    """Write the receipts of `attempt`, all or none. Raises LeaseLost; Cancelled where somebody has asked to stop."""
    with transaction.atomic():
        with connection.cursor() as cursor, cursor.copy(COPY) as copy:
            for piece in rows(attempt.pk, receipts):
                copy.write(piece)
        # The lease last: its row stays locked until the end, and its holder must be able to renew it meanwhile.
        with lease.writing():
            if PromotionJob.objects.filter(pk=lease.job.pk, cancel_requested_by__isnull=False).exists():
                raise Cancelled("Cancelled on request.")  # until here, every cancel is in time
            ReplayAttempt.objects.filter(pk=attempt.pk).update(produced=len(receipts))


def rows(attempt: int, receipts: Receipts) -> Iterator[bytes]:
    """Yield what COPY reads, some thousand rows at a time: `attempt` and offset as int8, ordinal and partition int4."""
    yield _BEGIN
    for at in range(0, len(receipts), _PIECE):
        ordinals, partitions, offsets = (
            column[at : at + _PIECE] for column in (receipts.ordinals, receipts.partitions, receipts.offsets)
        )
        given = repeat(4), repeat(8), repeat(attempt), repeat(4), ordinals, repeat(4), partitions, repeat(8), offsets
        yield b"".join(map(_ROW.pack, *given))
    yield _END
