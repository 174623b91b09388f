"""What a verification expects: the steps of the plan, and what the receipts say of those that are not found."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from django.db import transaction

from promotion.actions.hold import Hold
from promotion.actions.lease import Lease
from promotion.actions.read_rows import stream_rows
from promotion.domain.digest import NO_TIMESTAMP
from promotion.domain.packed_headers import HeaderUnpacker
from promotion.domain.verify import Kind, Matcher, Shape, Window
from promotion.models import PlanStep, Receipt, Replay
from promotion.states import AttemptOutcome

CHUNK = 5_000


def expected(lease: Hold, replay: Replay) -> Matcher:
    """Return a matcher that expects every step of the replay's plan."""
    plan = replay.plan
    export = plan.promotion.export
    matcher = Matcher(str(plan.promotion_id), export.cluster_id, export.topic)
    columns = ("ordinal", "event__partition", "event__offset", "record_digest")
    # One cursor on the server: PostgreSQL may answer a query for each chunk by reading all events each time.
    with transaction.atomic():
        steps = stream_rows(plan.steps.order_by("ordinal").values_list(*columns), CHUNK)
        while rows := list(islice(steps, CHUNK)):
            lease.check()
            # Plans of an older version have no digests of their own: their steps have all that one is made of.
            missing = [row[0] for row in rows if not row[3]]
            made = {n: shape.digest() for n, shape in planned(replay, missing)} if missing else {}
            for ordinal, partition, offset, digest in rows:
                matcher.expect(partition, offset, digest or made[ordinal])
    return matcher


def planned(replay: Replay, ordinals: list[int]) -> Iterator[tuple[int, Shape]]:
    """Yield some steps by their ordinals, as they were planned."""
    steps, unpacker = PlanStep.objects.filter(plan=replay.plan_id, ordinal__in=ordinals), HeaderUnpacker()
    columns = ("ordinal", "key", "partition", "timestamp", "headers", "schema__fingerprint", "body")
    for ordinal, key, partition, timestamp, headers, fingerprint, body in steps.values_list(*columns):
        stamp = NO_TIMESTAMP if replay.plan.append_time else timestamp
        found = tuple(unpacker.unpack(bytes(headers)))
        yield ordinal, Shape(bytes(key), partition, stamp, found, fingerprint, bytes(body))


def judge_absent(lease: Lease, replay: Replay, matcher: Matcher, window: Window, committed: int) -> None:
    """Count what was not found: as expired where retention has taken it, else as missing below `committed`.

    The receipts say where a committed step stood. Of a step without one (nobody knows yet whether it has arrived)
    only its partition is known: once retention has deleted there, nothing proves that it never came.
    """
    absent = matcher.absent()
    overtaken = set(window.overtaken)
    while chunk := list(islice(absent, CHUNK)):
        lease.check()
        placed = _receipts(replay, chunk)
        partitions = dict(_partitions(replay, chunk)) if overtaken and replay.finished_at is None else {}
        for ordinal in chunk:
            where = placed.get(ordinal)
            if where is not None and where[1] < window.lows.get(where[0], 0):
                matcher.fault(Kind.EXPIRED, ordinal, where, "Retention has deleted it.")
            elif where is None and partitions.get(ordinal) in overtaken:
                matcher.fault(Kind.EXPIRED, ordinal, None, "Retention has deleted records of its partition.")
            elif ordinal < committed:
                matcher.fault(Kind.MISSING, ordinal, where, "It is not there.")


def _receipts(replay: Replay, ordinals: list[int]) -> dict[int, tuple[int, int]]:
    """Where the receipts say that steps stand. A later attempt's word is the newer one."""
    attempts = replay.attempts.filter(outcome=AttemptOutcome.COMMITTED).values_list("pk", flat=True)
    rows = Receipt.objects.filter(attempt__in=list(attempts), ordinal__in=ordinals).order_by("attempt_id")
    columns = rows.values_list("ordinal", "partition", "offset")
    return {ordinal: (partition, offset) for ordinal, partition, offset in columns}


def _partitions(replay: Replay, ordinals: list[int]) -> Iterator[tuple[int, int]]:
    steps = PlanStep.objects.filter(plan=replay.plan_id, ordinal__in=ordinals)
    return steps.values_list("ordinal", "partition").iterator()
