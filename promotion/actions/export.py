"""Export: read the source from the pinned starts to the pinned ends, keep what may travel, account for the rest.

What a chunk of records became is written in one transaction with the position behind it (export_read), so a worker
killed at any moment is followed by one that neither loses nor repeats a record: docs/decisions/0008-export.md. A large
export is divided into parts, which several workers do at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils import timezone

from promotion.actions.connect import kafka_connection
from promotion.actions.export_decisions import decisions
from promotion.actions.export_pin import check_pinned, pinned
from promotion.actions.export_read import portions, read_part
from promotion.actions.export_rules import RuleBook
from promotion.actions.hold import Hold
from promotion.actions.lease import Lease
from promotion.actions.part_lease import PartLease
from promotion.actions.parts import Beat, Call, Do, Together, divide, nobody
from promotion.actions.rewrite import redo
from promotion.actions.schema_source import Schemas, open_schemas
from promotion.domain.connection import KafkaConnection
from promotion.domain.filters import ExportFilter
from promotion.kafka.reader import Reader, open_reader
from promotion.models import Export, RuleList


def run(lease: Lease, call: Call = nobody) -> None:
    """Export the promotion of the lease's job, from the beginning or from where an earlier attempt ended.

    `call` is told where it pays that others take parts. Raises Refused and InvalidInput where something forbids
    it, Unreachable, Incomplete where the topic was cut or made anew, and what `Lease.check` raises.
    """
    filters = ExportFilter.from_json(lease.promotion.filters)
    lease.progress(0, phase="Connecting", octets=lease.job.octets)
    with _opened(lease) as (kafka, reader, schemas):
        export = pinned(lease, reader, kafka, filters)
        rules = RuleBook(schemas, decisions(lease), filters, lease.check)
        divide(lease, lambda: portions(export.partitions.all()))
        together = Together(lease, "Reading", call)
        together.work(lambda part: read_part(part, reader, rules, filters, together.tell))
    if RuleList.objects.applied(lease.promotion.pk):
        redo(lease)
    with lease.writing():
        Export.objects.filter(pk=export.pk).update(finished_at=timezone.now())


@contextmanager
def helping(first: PartLease) -> Iterator[Do]:
    """Give what does parts of somebody else's export; `first` is one of them, and is held meanwhile.

    Raises as `run` does.
    """
    held = [first]
    filters = ExportFilter.from_json(first.promotion.filters)
    with _opened(first) as (kafka, reader, schemas):
        check_pinned(first.promotion, kafka)
        rules = RuleBook(schemas, decisions(first), filters, lambda: held[-1].check())

        def do(part: PartLease, beat: Beat) -> None:
            held.append(part)
            read_part(part, reader, rules, filters, beat)

        yield do


@contextmanager
def _opened(hold: Hold) -> Iterator[tuple[KafkaConnection, Reader, Schemas]]:
    """The promotion's source: how to reach it, its topic to read and its schemas."""
    source = hold.promotion.cluster_source
    kafka = kafka_connection(source)
    with open_reader(kafka, source.topic) as reader, open_schemas(source) as schemas:
        yield kafka, reader, schemas
