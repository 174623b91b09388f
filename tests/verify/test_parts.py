"""A verification that several workers do at once says what one of them alone would have said."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import Any

import pytest
from django.db import connections

from promotion import jobs
from promotion.actions import verify_parts, verify_read
from promotion.actions.verify_parts import finish, merged, window_of
from promotion.actions.verify_read import helping
from promotion.domain.verify import Kind, Matcher
from promotion.domain.verify_merge import pack
from promotion.errors import LeaseLost, Unreachable
from promotion.models import JobPart, Promotion, PromotionJob, Verification
from promotion.states import JobKind, VerificationVerdict
from tests.jobs.processes import until
from tests.verify.conftest import EVENTS
from tests.verify.target import delete_before, records, verified, widen, write

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture
def helped(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Each partition is a part, and as soon as others are called somebody does all that are to be had.

    The list has the numbers of those parts.
    """
    done: list[int] = []

    def help_at_once(job: PromotionJob) -> None:
        first, *_ = parts = list(JobPart.objects.to_help_with().filter(job=job.pk).order_by("number"))
        jobs.run_part(str(first.pk))
        finished = JobPart.objects.filter(pk__in=[part.pk for part in parts], finished=True)
        done.extend(finished.order_by("number").values_list("number", flat=True))

    monkeypatch.setattr(verify_parts, "LEAST_OFFSETS", 1)
    monkeypatch.setattr(jobs, "call_helpers", help_at_once)
    return done


def said(found: Verification) -> dict[str, object]:
    kept = {field.name: getattr(found, field.name) for field in Verification._meta.fields}
    faults = sorted(map(str, found.faults))
    return {name: kept[name] for name in kept if name not in ("id", "at", "requested_by", "faults")} | {
        "faults": faults
    }


def damage(promotion: Promotion) -> None:
    """Something of every kind, in every partition that has records."""
    there = records(promotion)
    by_partition = {record.partition: record for record in there}
    for record in by_partition.values():
        write(promotion, record, replace(record, value=record.value + b"!"), replace(record, headers=()))
    one, other = list(by_partition.values())[:2]
    # It claims to be a step that lies in another partition.
    write(promotion, replace(one, partition=other.partition))
    widen(promotion)
    delete_before(promotion, one.partition, 1)


def test_two_workers_find_what_one_finds(replayed: Promotion, helped: list[int], monkeypatch) -> None:
    damage(replayed)
    together = verified(replayed)
    assert len(helped) > 0
    monkeypatch.setattr(verify_parts, "LEAST_OFFSETS", 10**9)
    monkeypatch.setattr(jobs, "call_helpers", lambda job: None)
    alone = verified(replayed)
    assert said(together) == said(alone)
    assert (alone.verdict, alone.found) == (VerificationVerdict.FAILED, EVENTS - 1)
    assert min(alone.duplicated, alone.altered, alone.expired, alone.foreign) > 0
    first, second = PromotionJob.objects.filter(kind=JobKind.VERIFY).order_by("created_at")
    assert first.arguments["found"] == second.arguments["found"]
    assert (first.done, first.total, first.octets) == (second.done, second.total, second.octets)
    assert first.positions == second.positions


def test_what_is_right_is_verified_by_two(replayed: Promotion, helped: list[int]) -> None:
    found = verified(replayed)
    assert (found.verdict, found.found, found.faults) == (VerificationVerdict.VERIFIED, EVENTS, [])
    assert len(helped) > 0
    assert not any(getattr(found, kind) for kind in Kind)


def test_a_helper_that_cannot_read_the_target_is_no_event(
    replayed: Promotion, helped: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(first, replay):
        with helping(first, replay):
            raise Unreachable("No way to the cluster from here.")

    monkeypatch.setattr("promotion.actions.verify_read.helping", fail)
    found = verified(replayed)
    assert (found.verdict, found.found) == (VerificationVerdict.VERIFIED, EVENTS)
    assert helped == []


def test_a_part_whose_helper_died_at_its_end_begins_anew_and_nothing_counts_twice(
    replayed: Promotion, helped: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    died: list[int] = []

    def die_once(part, matcher, window):
        if not died:
            died.append(matcher.found)
            JobPart.objects.filter(pk=part.part.pk).hand_over()
            raise LeaseLost("as a killed one would be")
        finish(part, matcher, window)

    monkeypatch.setattr("promotion.actions.verify_read.finish", die_once)
    found = verified(replayed)
    assert (found.verdict, found.found, found.faults) == (VerificationVerdict.VERIFIED, EVENTS, [])
    assert died[0] > 0


@pytest.mark.parametrize("killed", [False, True])
def test_another_process_finds_what_one_would_and_its_death_is_no_event(
    replayed: Promotion, monkeypatch: pytest.MonkeyPatch, settings: Any, killed: bool
) -> None:
    """It does every part that it gets; or it is killed when it has read its first one to the end."""
    damage(replayed)
    monkeypatch.setattr(jobs, "call_helpers", lambda job: None)
    alone = verified(replayed)
    settings.LEASE_SECONDS = 2  # of which a dead helper's part has to be waited for
    helpers: list[int] = []

    def help_in_a_process(job: PromotionJob) -> None:
        part = JobPart.objects.to_help_with().filter(job=job.pk).order_by("number")[0]
        connections.close_all()
        helpers.append(os.fork())
        if not helpers[0]:
            status = 1
            try:
                if killed:
                    verify_read.finish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
                jobs.run_part(str(part.pk))
                status = 0
            finally:
                os._exit(status)
        until(lambda: JobPart.objects.filter(pk=part.pk, attempts=1).exists(), what="the other process at its part")

    monkeypatch.setattr(verify_parts, "LEAST_OFFSETS", 1)
    monkeypatch.setattr(jobs, "call_helpers", help_in_a_process)
    together = verified(replayed)
    [helper] = helpers
    ended = os.waitstatus_to_exitcode(os.waitpid(helper, 0)[1])
    assert ended == (-signal.SIGKILL if killed else 0)
    assert said(together) == said(alone)


def test_where_retention_was_quicker_than_a_part_is_known_to_the_whole(replayed: Promotion) -> None:
    job = PromotionJob.objects.filter(kind=JobKind.VERIFY).get()
    matcher = Matcher("7", "cluster", "topic")
    for number, spans in enumerate(([[0, 1, 9, 2], [3, 0, 5, 0]], [[1, 0, 4, 0]])):
        part = JobPart.objects.create(job=job, number=number, what=spans)
        window = window_of([part])
        window.lows[spans[0][0]] += 2
        JobPart.objects.filter(pk=part.pk).update(finished=True, outcome=pack(matcher.again().findings, window.lows))
    whole = merged(job, matcher)
    assert (whole.starts, whole.ends) == ({0: 1, 1: 0, 3: 0}, {0: 9, 1: 4, 3: 5})
    assert whole.lows == {0: 4, 1: 2, 3: 0}
