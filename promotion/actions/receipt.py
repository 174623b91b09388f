"""The receipt of a promotion: where each of its events stands on the target, and which attempts did not make it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from promotion.domain.packed_headers import HeaderUnpacker
from promotion.domain.provenance import read_provenance
from promotion.errors import NotFound
from promotion.models import Approval, Promotion, Receipt, Replay, ReplayAttempt, Verification
from promotion.states import AttemptOutcome

CHUNK = 1_000
#: What the download says of a verification; docs/automation.md promises the keys.
VERIFICATION = (
    "verdict", "at", "expected", "found", "missing", "duplicated", "reordered", "altered", "expired", "foreign",
    "starts", "ends", "arrived_prefix", "arrived_beyond", "faults",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One event: (partition, offset) on the source and on the target. `sha256` is of the whole source value.

    `key` is the target's, as text; bytes that are no UTF-8 are escaped. `target` is None where only the target itself
    could tell: the receipts were lost, and somebody has established that the event arrived.
    """

    ordinal: int
    event_id: int
    source: tuple[int, int]
    target: tuple[int, int] | None
    type: str
    key: str
    edited: bool
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """Return what the download has of it; docs/automation.md promises the keys."""
        return {
            "ordinal": self.ordinal,
            "source": {"partition": self.source[0], "offset": self.source[1]},
            "target": self.target and {"partition": self.target[0], "offset": self.target[1]},
            "type": self.type,
            "key": self.key,
            "edited": self.edited,
            "sha256": self.sha256,
        }


def replay_of(promotion: Promotion) -> Replay | None:
    """Return the promotion's newest replay with its plan, None where there was none."""
    replays = Replay.objects.select_related("plan", "started_by").filter(plan__promotion=promotion)
    return replays.order_by("-started_at").first()


def attempts(promotion: Promotion) -> list[ReplayAttempt]:
    """Return every transaction that was tried for the promotion, in order, those of discarded plans too."""
    tried = ReplayAttempt.objects.filter(replay__plan__promotion=promotion).select_related("replay__plan")
    return list(tried.order_by("started_at", "number"))


def approvals(replay: Replay) -> list[Approval]:
    """Return every word about the plan, in order."""
    return list(replay.plan.approvals.select_related("by"))


def verifications(replay: Replay) -> list[Verification]:
    """Return every reading of the target, the newest first."""
    return list(replay.verifications.select_related("requested_by"))


def rows(replay: Replay, start: int = 0, stop: int | None = None) -> Iterator[Row]:
    """Yield the rows of the ordinals from `start` up to, not including, `stop`: all of what has arrived by default.

    Each chunk is two small queries by primary key, so that neither memory nor a database cursor grows with them.
    """
    end = replay.committed if stop is None else min(stop, replay.committed)
    for first in range(start, end, CHUNK):
        yield from _chunk(replay, range(first, min(first + CHUNK, end)))


def _chunk(replay: Replay, ordinals: range) -> Iterator[Row]:
    committed = ReplayAttempt.objects.filter(replay=replay, outcome=AttemptOutcome.COMMITTED)
    within = {"ordinal__gte": ordinals.start, "ordinal__lt": ordinals.stop}
    receipts = Receipt.objects.filter(attempt__in=list(committed.values_list("pk", flat=True)), **within)
    # Where the target has lost records, a later attempt has produced them again.
    placed = receipts.order_by("attempt_id").values_list("ordinal", "partition", "offset")
    at = {ordinal: (partition, offset) for ordinal, partition, offset in placed}
    steps = replay.plan.steps.filter(**within).order_by("ordinal")
    columns = ("ordinal", "event_id", "event__partition", "event__offset", "event__event_type__full_name", "key")
    unpacker = HeaderUnpacker()
    for ordinal, event, partition, offset, name, key, revision, headers in steps.values_list(
        *columns, "revision_id", "headers"
    ):
        said = read_provenance(tuple(unpacker.unpack(bytes(headers))))
        yield Row(
            ordinal=ordinal,
            event_id=event,
            source=(partition, offset),
            target=at.get(ordinal),
            type=name or "",
            key=bytes(key).decode(errors="backslashreplace"),
            edited=revision is not None,
            sha256=said.source.value_sha256 if said else "",
        )


def summary(promotion: Promotion, replay: Replay) -> dict[str, Any]:
    """Return the receipt without its rows, as JSON has it."""
    plan = replay.plan
    newest = replay.verifications.first()
    return {
        "promotion": promotion.pk,
        "title": promotion.title,
        "state": promotion.state,
        "verdict": newest and newest.verdict,
        "digest": plan.digest,
        "choices": plan.choices,
        "source": {
            "environment": promotion.source_label,
            "cluster_id": promotion.export.cluster_id,
            "topic": promotion.export.topic,
        },
        "target": {
            "environment": promotion.target.name,
            "cluster_id": plan.cluster_id,
            "topic": plan.topic,
            "partitions": plan.partitions,
        },
        "events": replay.committed,
        "planned": plan.steps_count,
        "bytes": plan.bytes_count,
        "replayed_by": replay.started_by.get_username(),
        "started_at": replay.started_at,
        "finished_at": replay.finished_at,
        "attempts": [
            {
                "number": each.number,
                "digest": each.replay.plan.digest,
                "outcome": each.outcome,
                "first_ordinal": each.first_ordinal,
                "produced": each.produced,
                "started_at": each.started_at,
                "ended_at": each.ended_at,
            }
            for each in attempts(promotion)
        ],
        "approvals": [
            {"by": each.by.get_username(), "verdict": each.verdict, "reason": each.reason, "at": each.at}
            for each in approvals(replay)
        ],
        "verification": newest and {name: getattr(newest, name) for name in VERIFICATION},
    }


def receipt_json(promotion: Promotion) -> Iterator[str]:
    """Return the whole receipt as pieces of one JSON document, of bounded memory. Raises NotFound before the first."""
    replay = replay_of(promotion)
    if replay is None:
        raise NotFound(f"Promotion {promotion.pk} has no receipt: it was not replayed.", "Replay it first.")
    return _pieces(summary(promotion, replay), replay)


def _pieces(head: dict[str, Any], replay: Replay) -> Iterator[str]:
    yield json.dumps(head, cls=DjangoJSONEncoder)[:-1] + ', "receipts": ['
    for number, row in enumerate(rows(replay)):
        yield (",\n" if number else "\n") + json.dumps(row.to_json())
    yield "\n]}\n"
