"""Plans whose steps have their headers as older versions stored them: JSON, as text and then as bytes."""

import pytest
from django.core.management import call_command
from django.db import connection

from promotion.actions.receipt import replay_of, rows
from promotion.domain.packed_headers import HeaderUnpacker, packed
from promotion.domain.provenance import read_provenance
from promotion.domain.record import Headers, pack_headers
from promotion.models import Plan, PlanStep
from promotion.states import JobState, VerificationVerdict
from tests import cast
from tests.replay.running import run_job
from tests.replay.stage import consumed, exported
from tests.verify.target import verified

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
ODD: Headers = (('a\0ä\\"[', b"\0\xff"), ("none", None), ("empty", b""), ("", b"{"))


def headers_of(step: PlanStep) -> Headers:
    return tuple(HeaderUnpacker().unpack(bytes(step.headers)))


def make_older(plan: Plan) -> list[Headers]:
    """Store the headers of its steps as JSON, as migration 0014 finds and leaves them; return them in order."""
    found = []
    for step in plan.steps.order_by("ordinal"):
        found.append(headers_of(step))
        plan.steps.filter(ordinal=step.ordinal).update(headers=pack_headers(found[-1]).encode())
    return found


@pytest.fixture
def planned_promotion(source, dev, sit, planned):
    source.many(6)
    source.add(source.api(), headers=(("own", b"\xff\0"), ("own", None), ("{", b"")))
    source.produce()
    return planned(exported(dev, sit)).promotion


def test_it_is_replayed_verified_and_has_its_receipt(planned_promotion, clusters) -> None:
    from promotion.actions.replay_start import request_replay

    plan = Plan.objects.get()
    before = make_older(plan)
    assert bytes(plan.steps.first().headers).startswith(b'[["')
    job = run_job(request_replay(cast.user("manager"), planned_promotion, plan=plan))
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    arrived = consumed(clusters["sit"], planned_promotion.target.topic)
    assert sorted(record.headers for record in arrived) == sorted(before)
    planned_promotion.refresh_from_db()
    assert verified(planned_promotion).verdict == VerificationVerdict.VERIFIED
    hashes = [said.source.value_sha256 for each in before if (said := read_provenance(each)) is not None]
    assert [row.sha256 for row in rows(replay_of(planned_promotion))] == hashes


def test_the_migration_keeps_every_header_there_and_back(planned_promotion) -> None:
    PlanStep.objects.filter(ordinal=0).update(headers=packed(ODD).data)
    PlanStep.objects.filter(ordinal=1).update(headers=b"")
    before = [headers_of(step) for step in PlanStep.objects.order_by("ordinal")]
    try:
        call_command("migrate", "promotion", "0013", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute("SELECT headers FROM promotion_planstep ORDER BY ordinal")
            texts = [text for (text,) in cursor.fetchall()]
    finally:
        call_command("migrate", verbosity=0)
    assert texts == [pack_headers(each) for each in before]
    assert [headers_of(step) for step in PlanStep.objects.order_by("ordinal")] == before
