"""One promotion with very many events, everything that goes with it, and others around it: a realistic end."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from portal_admin.embedded.errors import EmbeddedError
from portal_admin.embedded.terminal import say
from promotion.actions import audit, curate, stale
from promotion.actions.export_write import EVENTS
from promotion.models import (
    Event,
    EventType,
    Export,
    ExportCount,
    ExportPartition,
    Plan,
    Promotion,
    PromotionJob,
    Replay,
    ReplayAttempt,
    RulePass,
    Upload,
    Verification,
)  # fmt: skip
from promotion.models.event import EventQuerySet
from promotion.states import (
    AttemptOutcome,
    Decision,
    Disposition,
    JobKind,
    JobState,
    PlanState,
    PromotionState,
    VerificationVerdict,
)  # fmt: skip
from tests import cast
from tests.bench_pages import events

TITLE = "Very many events"
OTHERS, AUDITED = 400, 5_000

QUARANTINED = """
UPDATE promotion_event SET quarantine_reason = 'The registry has no schema 42.', document = NULL, event_type_id = NULL,
    schema_id = NULL WHERE promotion_id = %(promotion)s AND id %% 1000 = 7
"""
EXCLUDED = """
UPDATE promotion_event SET excluded = true, hand_excluded = true, version = version + 1
WHERE promotion_id = %(promotion)s AND id %% 50 = 11 AND quarantine_reason = ''
"""
EDITED = """
WITH made AS (
    INSERT INTO promotion_revision (event_id, number, kind, schema_id, body, rules, author_id, created_at, note)
    SELECT id, 1, 'edit', schema_id, substr(value, 6), '[]', %(user)s, now(), '' FROM promotion_event
    WHERE promotion_id = %(promotion)s AND id %% 200 = 3 AND quarantine_reason = '' RETURNING id, event_id)
UPDATE promotion_event AS event SET revision_id = made.id, version = version + 1
FROM made WHERE made.event_id = event.id
"""
JUDGED = """
INSERT INTO promotion_judgement (plan_id, position, event_id, verdict, forced, ordinal, aggregate, identity, origin,
    changes, found, problem, hint)
SELECT %(plan)s, n - 1, id, CASE WHEN n %% 9 = 0 THEN 'same' WHEN n %% 4 = 0 THEN 'changed' ELSE 'new' END, false,
    CASE WHEN n %% 9 = 0 THEN NULL ELSE n - 1 - n / 9 END, 'Role role-' || n %% 5000,
    substr(sha256(id::text::bytea), 1, 16),
    substr(sha256(key), 1, 16),
    CASE WHEN n %% 4 = 0 THEN '[{"path": "roleDesc", "from": "one", "to": "other"}]'::jsonb END, '', '', ''
FROM (SELECT id, key, row_number() OVER (ORDER BY merge_timestamp, partition, "offset") AS n FROM promotion_event
    WHERE promotion_id = %(promotion)s AND NOT excluded AND quarantine_reason = '') AS outgoing
"""
STEPS = """
INSERT INTO promotion_planstep (plan_id, ordinal, event_id, revision_id, partition, "timestamp", key, headers, subject,
    schema_id, registry_id, body, record_digest)
SELECT %(plan)s, ordinal, event.id, event.revision_id, event.partition, event."timestamp", event.key, '', 'a.Subject',
    event.schema_id, 7, substr(event.value, 6), sha256(event.value)
FROM promotion_judgement AS judged JOIN promotion_event AS event ON event.id = judged.event_id
WHERE judged.plan_id = %(plan)s AND ordinal IS NOT NULL
"""
RECEIPTS = """
INSERT INTO promotion_receipt (attempt_id, ordinal, partition, "offset")
SELECT %(attempt)s, ordinal, partition, ordinal FROM promotion_planstep WHERE plan_id = %(plan)s
"""
LINES = """
INSERT INTO promotion_uploadline (upload_id, number, verdict, event_id, event_version, body, problems)
SELECT %(upload)s, row_number() OVER (), CASE WHEN id %% 3 = 0 THEN 'unchanged' ELSE 'changed' END, id, version, NULL,
    '[]' FROM promotion_event WHERE promotion_id = %(promotion)s AND id %% 5 = 0
"""
OTHER = """
INSERT INTO promotion_promotion (title, origin, approach, source_id, source_name, source_tenancy, seed, target_id,
    filters, owner_id, state, changes, created_at, updated_at)
SELECT 'Release ' || n, 'cluster', 'edit_first', %(source)s, '', '', gen_random_uuid(), %(target)s, '{}', %(user)s,
    CASE WHEN n %% 5 = 0 THEN 'replayed' WHEN n %% 3 = 0 THEN 'exported' ELSE 'draft' END, 0, now(), now()
FROM generate_series(1, %(number)s) AS n
"""


def filled(number: int) -> Promotion | None:
    """The promotion of an earlier run, None where there is none. Raises EmbeddedError where it has another size."""
    found = Promotion.objects.filter(title=TITLE).first()
    if found is not None and not (found.events.count() == number and RulePass.objects.filter(promotion=found).exists()):
        raise EmbeddedError("An earlier run has made another promotion there.", "Begin anew: --reset.")
    return found


def fill(number: int) -> Promotion:
    """Make it all in an empty database, in an administrator's name. Returns the large promotion."""
    call_command("event_types", "load", verbosity=0)
    admin, kinds = cast.user("admin"), events.types()
    curate.decide(admin, [each.full_name for each in kinds], Decision.PROMOTABLE, "They travel.")
    promotion = cast.promotion(TITLE, state=PromotionState.EXPORTED)
    given: dict[str, Any] = {"promotion": promotion.pk, "user": admin.pk, "number": OTHERS}
    given |= {"source": promotion.source_id, "target": promotion.target_id}
    timed("copied", lambda: copy(promotion, number))
    timed("changed some", lambda: _run(given, QUARANTINED, EXCLUDED, EDITED, OTHER))
    _export(promotion)
    plan = _plan(promotion)
    given["plan"] = plan.pk
    timed("judged", lambda: _run(given, JUDGED, STEPS))
    _count(plan)
    timed("arrived", lambda: _run(given | {"attempt": _attempt(plan, admin).pk}, RECEIPTS))
    timed("uploaded", lambda: _upload(promotion, admin, given))
    _around(promotion, admin)
    timed("looked at", lambda: _vacuum())
    return promotion


def copy(promotion: Promotion, number: int) -> None:
    """Write the events as an export does."""
    made = events.bodies(events.types())
    EVENTS.write(events.rows(promotion.pk, number, made))


def _run(given: dict[str, Any], *statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, given)


def timed(said: str, does: Any) -> None:
    """Do it, and say how long that took."""
    begun = time.monotonic()
    does()
    say(f"  {said} in {time.monotonic() - begun:.1f} s")


def _export(promotion: Promotion) -> None:
    export = Export.objects.create(promotion=promotion, cluster_id="a-cluster", topic="dev-portal-event")
    Export.objects.filter(pk=promotion.pk).update(finished_at=export.pinned_at)
    names = dict(EventType.objects.values_list("pk", "full_name"))
    counts: EventQuerySet = promotion.events.all()
    for partition in range(events.PARTITIONS):
        by_type = counts.filter(partition=partition).counts_by_type()
        read = sum(by_type.values())
        made = ExportPartition.objects.create(
            export=export, partition=partition, start=0, end=read, position=read, read=read
        )
        ExportCount.objects.bulk_create(
            ExportCount(partition=made, disposition=Disposition.KEPT, type_name=names[pk], count=n)
            for pk, n in by_type.items()
        )


def _plan(promotion: Promotion) -> Plan:
    return cast.plan(promotion, PlanState.READY, inputs=stale.inputs(promotion))


def _count(plan: Plan) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT verdict, count(*) FROM promotion_judgement WHERE plan_id = %s GROUP BY 1", [plan.pk])
        counts = dict(cursor.fetchall())
    steps = plan.steps.count()
    Plan.objects.filter(pk=plan.pk).update(
        counts=plan.counts | counts, steps_count=steps, bytes_count=steps * 300, cuts=list(range(0, steps, 5_000))
    )


def _attempt(plan: Plan, admin: User) -> ReplayAttempt:
    plan.refresh_from_db()
    now, number = timezone.now(), plan.steps_count
    replay = Replay.objects.create(plan=plan, started_by=admin, finished_at=now, committed=number, marked_at=now)
    Verification.objects.create(
        replay=replay, requested_by=admin, verdict=VerificationVerdict.VERIFIED, expected=number, found=number,
        arrived_prefix=number, starts={"0": 0}, ends={"0": number},
    )  # fmt: skip
    return ReplayAttempt.objects.create(
        replay=replay, number=1, stop_ordinal=number, outcome=AttemptOutcome.COMMITTED, ended_at=now, produced=number
    )


def _upload(promotion: Promotion, admin: User, given: dict[str, Any]) -> None:
    upload = Upload.objects.create(
        promotion=promotion, author=admin, file_name="events.jsonl", format="jsonl", compared_at=timezone.now()
    )
    _run(given | {"upload": upload.pk}, LINES)
    changed = upload.lines.filter(verdict="changed").count()
    Upload.objects.filter(pk=upload.pk).update(counts={"changed": changed, "unchanged": upload.lines.count() - changed})


def _around(promotion: Promotion, admin: User) -> None:
    """Rules, a job that ended, and the trail of what people did."""
    cast.rule(promotion)
    now = timezone.now()
    RulePass.objects.create(
        promotion=promotion, author=admin, dry=True, finished_at=now, counts={"seen": promotion.events.count()}
    )
    cast.rule_set()
    PromotionJob.objects.create(
        promotion=promotion, kind=JobKind.EXPORT, state=JobState.SUCCEEDED, requested_by=admin,
        started_at=now - timedelta(minutes=3), ended_at=now,
    )  # fmt: skip
    for number in range(AUDITED):
        audit.record(admin, "edit", promotion, after={"event": f"0:{number}", "revision": 1})


def _vacuum() -> None:
    """As autovacuum does within minutes: pages are asked for later than that."""
    with connection.cursor() as cursor:
        for model in (Event, Plan):
            cursor.execute(f"VACUUM ANALYZE {model._meta.db_table}")
        cursor.execute("VACUUM ANALYZE")
