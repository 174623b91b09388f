"""What a worker proposes, and that a round goes the way of every promotion: on real clusters."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from promotion import jobs
from promotion.actions.amend import Asked, open_round, propose
from promotion.actions.connect import kafka_connection
from promotion.actions.edit import edit, exclude
from promotion.actions.outgoing import outgoing
from promotion.actions.receipt import receipt_json
from promotion.domain.decode import read
from promotion.domain.identity import Identity
from promotion.domain.json_codec import dump_json, to_json_value
from promotion.domain.provenance import read_provenance
from promotion.errors import NotFound, Refused
from promotion.models import Amendment, EventType, Installation, Plan, PromotionEditor, PromotionJob, Verification
from promotion.states import PromotionState
from tests import cast
from tests.plans.stage import happen, twin, verdicts
from tests.replay import stage
from tests.replay.running import run_job

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def says(event):
    body = outgoing(event)
    return read(body.schema, body.data)


def change(event, **fields):
    """Edit fields of an event as a person does."""
    body = outgoing(event)
    value = to_json_value(body.schema, body.data)
    return edit(cast.user("manager"), event, event.version, dump_json(value | fields))


def thing(role_id, host="h1"):
    return Identity("Role", (host, role_id))


def test_an_amendment_is_edited_planned_replayed_and_verified_like_any_other_event(
    replayed, amend, planned, replay, sit
):
    parent = replayed("admin", "reader")
    amended = _by_role(parent, "admin")
    amendments = amend(parent, [amended])
    event = amendments.events.get()
    assert event.event_type.action == "Updated"
    assert says(event) | {"EventId": None} == {
        "EventId": None, "hostId": "h1", "roleId": "admin", "roleDesc": "admin as dev has it",
    }  # fmt: skip
    assert says(event)["EventId"] | {"timestamp": 0} == {"id": "user-1", "nonce": 0, "timestamp": 0, "derived": False}
    change(event, roleDesc="admin as sit wants it")
    plan = planned(amendments)
    assert verdicts(plan) == ["changed"]
    assert plan.judgements.get().changes == [
        {"path": "roleDesc", "from": "admin as dev has it", "to": "admin as sit wants it"}
    ]
    assert replay(amendments).state == "succeeded"
    proof = PromotionJob.objects.get(promotion=amendments, kind="verify")
    run_job(proof)
    assert Verification.objects.get(replay__plan__promotion=amendments).verdict == "verified"
    record = stage.everything(kafka_connection(sit), sit.topic)[-1]
    source = read_provenance(record.headers).source
    assert (source.cluster_id, source.topic, source.environment) == (
        str(Installation.objects.get().uuid), f"amendments-of-{parent.pk}", f"amendments of #{parent.pk}",
    )  # fmt: skip
    receipt = json.loads("".join(receipt_json(amendments)))
    assert receipt["source"]["topic"] == f"amendments-of-{parent.pk}"
    assert receipt["receipts"][0]["source"] == {"partition": 0, "offset": 0}


def _by_role(promotion, role_id):
    return next(event for event in promotion.events.in_order() if says(event)["roleId"] == role_id)


def test_the_round_is_counted_as_an_export_and_knows_what_it_amends(replayed, amend):
    parent = replayed("admin", "reader")
    amended = _by_role(parent, "reader")
    amendments = amend(parent, [amended])
    found = Amendment.objects.get()
    assert (found.amends, found.thing) == (amended, "Role h1 / reader")
    assert found.current["values"]["roleDesc"] == "reader as dev has it"
    assert (found.current["needs"], found.found_at != "") == ([], True)
    totals = amendments.export.totals()
    assert (totals["read"], totals["kept"]) == (1, 1)
    assert amendments.export.partitions.get().done
    assert PromotionEditor.objects.filter(promotion=amendments, user=cast.user("manager")).exists()
    assert amendments.tenancy == amendments.target.tenancy
    assert bytes(amendments.events.get().key) == b"h1"


def test_the_current_state_is_folded_over_what_others_did_since(replayed, amend, planned, source, sit):
    parent = replayed("admin")
    there = twin(source, sit)
    happen(there, "Updated", "admin", "changed on sit", nonce=50, user="user-9", timestamp=stage.START + 10**9)
    there.produce()
    amendments = amend(parent, things=[thing("admin")])
    event = amendments.events.get()
    assert says(event)["roleDesc"] == "changed on sit"
    assert says(event)["EventId"]["id"] == "user-9"
    assert event.amendment.amends is None
    change(event, roleDesc="agreed with user-9")
    assert verdicts(planned(amendments)) == ["changed"]  # the person saw what user-9 did


def test_what_changed_on_the_target_after_the_proposal_is_a_conflict(replayed, amend, planned, source, sit):
    parent = replayed("admin")
    amendments = amend(parent, parent.events.all())
    change(amendments.events.get(), roleDesc="what sit wants")
    there = twin(source, sit)
    happen(there, "Updated", "admin", "somebody else's", nonce=50, timestamp=stage.START + 10**9)
    there.produce()
    plan = planned(amendments)
    assert verdicts(plan) == ["conflict"]
    assert "was changed there since" in plan.judgements.get().problem


def test_things_that_the_promotion_did_not_carry_can_be_amended(replayed, amend, planned, source, sit):
    parent = replayed("admin")
    there = twin(source, sit)
    happen(there, "Created", "local", "born on sit", nonce=9)
    there.produce()
    amendments = amend(parent, things=[thing("local")])
    change(amendments.events.get(), roleDesc="better")
    assert verdicts(planned(amendments)) == ["changed"]


def test_another_action_may_be_chosen(replayed, amend, planned):
    parent = replayed("admin")
    amendments = amend(parent, parent.events.all(), action="Deleted")
    assert amendments.events.get().event_type.action == "Deleted"
    assert verdicts(planned(amendments)) == ["changed"]


def test_what_is_not_there_or_was_deleted_is_said_and_not_proposed(replayed, source, sit):
    parent = replayed("admin")
    there = twin(source, sit)
    happen(there, "Deleted", "admin", nonce=60, timestamp=stage.START + 10**9)
    there.produce()
    asked = Asked(things=[thing("admin"), thing("never was")])
    job = run_job(propose(cast.user("manager"), parent, asked)[1])
    assert job.state == "refused"
    assert job.problems == [
        "Role h1 / admin: it was deleted on sit.",
        "Role h1 / never was: no record of sit is about it.",
    ]
    assert open_round(parent).state == PromotionState.EXPORTED


def test_what_is_proposed_already_is_not_proposed_twice_and_the_others_are(replayed, amend):
    parent = replayed("admin", "reader")
    amendments = amend(parent, [_by_role(parent, "admin")])
    again = amend(parent, parent.events.all())
    assert again == amendments
    assert [says(each)["roleId"] for each in amendments.events.in_order()] == ["admin", "reader"]
    result = amendments.jobs.filter(kind="amend").first().arguments["result"]
    assert result == {
        "proposed": 1, "skipped": 1,
        "reasons": ["Role h1 / admin: it is among the open amendments already: edit it there."],
    }  # fmt: skip


def test_a_job_that_is_run_again_after_its_worker_died_proposes_nothing_twice(replayed, amend):
    parent = replayed("admin")
    amendments = amend(parent, parent.events.all())
    job = amendments.jobs.get()
    PromotionJob.objects.filter(pk=job.pk).update(state="queued", ended_at=None)
    assert run_job(job).state == "succeeded"
    assert (amendments.events.count(), amendments.export.totals()["kept"]) == (1, 1)


def test_an_excluded_amendment_makes_room_for_another_one(replayed, amend):
    parent = replayed("admin")
    amendments = amend(parent, parent.events.all())
    exclude(cast.user("manager"), amendments, [amendments.events.get().pk])
    assert amend(parent, parent.events.all()).events.count() == 2


def test_a_round_that_is_replayed_is_followed_by_another_one_numbered_on(replayed, amend, replay):
    parent = replayed("admin")
    first = amend(parent, parent.events.all())
    change(first.events.get(), roleDesc="first")
    assert replay(first).state == "succeeded"
    run_job(PromotionJob.objects.get(promotion=first, kind="verify"))
    second = amend(first, first.events.all())  # of the amendment itself: its story is the parent's
    assert (second.amends, second == first) == (parent, False)
    event = second.events.get()
    assert (str(event), says(event)["roleDesc"]) == ("0:1", "first")
    assert event.amendment.amends == first.events.get()


def test_a_value_that_nobody_knows_is_asked_for_and_the_plan_refuses_until_it_is_given(
    replayed, amend, planned, source, sit
):
    parent = replayed("admin")
    wider = stage.schema(
        source.name("RoleUpdatedEvent"), ("hostId", "string"), ("roleId", "string"), ("roleDesc", "string"),
        ("level", "int"), ("note", ["null", "string"]), ("kind", "string", "plain"), generation="later",
    )  # fmt: skip
    twin(source, sit).register(wider)
    amendments = amend(parent, parent.events.all())
    event = amendments.events.get()
    assert event.amendment.current["needs"] == ["level", "note"]
    assert says(event)["kind"] == "plain"
    assert says(event)["EventId"]["userId"] == "user-1"
    assert len(says(event)["EventId"]["id"]) == 36
    plan = planned(amendments)
    assert verdicts(plan) == ["invalid"]
    assert "It needs a value at level, note" in plan.judgements.get().problem
    change(event, level=3, note={"string": "written by hand"})
    assert verdicts(planned(amendments)) == ["changed"]


def test_nothing_is_amended_before_the_replay_and_nothing_of_other_promotions(replayed, source, dev, sit):
    parent = replayed("admin")
    draft = cast.promotion("A draft", source=dev, target=sit)
    with pytest.raises(Refused, match="there is nothing on the target to amend"):
        propose(cast.user("manager"), draft, Asked(things=[thing("admin")]))
    stray = cast.event(draft)
    with pytest.raises(NotFound, match="1 of the events"):
        propose(cast.user("manager"), parent, Asked([stray.pk]))
    with pytest.raises(Refused, match="release manager"):
        propose(cast.user("viewer"), parent, Asked(things=[thing("admin")]))


def test_types_that_may_not_travel_are_not_proposed(replayed, source):
    parent = replayed("admin")
    cast.decide(EventType.objects.get(full_name=source.name("RoleUpdatedEvent")), "not_promotable")
    job = run_job(propose(cast.user("manager"), parent, Asked(things=[thing("admin")]))[1])
    assert job.state == "refused"
    assert "a curator decides" in job.problems[0]


def test_a_thousand_events_are_amended_at_once(replayed, amend, planned):
    parent = replayed(*(f"role-{number}" for number in range(1_000)))
    amendments = amend(parent, parent.events.all())
    assert amendments.events.count() == 1_000
    merged = list(amendments.events.in_order().values_list("merge_timestamp", flat=True))
    assert merged == sorted(set(merged))
    assert verdicts(planned(amendments)) == ["same"] * 1_000


def test_nonces_cannot_be_kept_since_there_are_none(replayed, amend, planned):
    parent = replayed("admin")
    amendments = amend(parent, parent.events.all())
    change(amendments.events.get(), roleDesc="other")
    plan = planned(amendments, nonce="keep")
    assert any("have no nonces to keep" in each for each in plan.problems)
    assert Plan.objects.of(amendments).state == "refused"


def run(*arguments):
    """Run `manage.py promotion ...`; return its exit code and its JSON document."""
    out, code = StringIO(), 0
    try:
        call_command("promotion", *map(str, arguments), stdout=out)
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, json.loads(out.getvalue())


def test_the_command_line_proposes_and_shows_the_story(replayed, replay, monkeypatch):
    monkeypatch.setattr("promotion.jobs._enqueue", lambda job: jobs.run(str(job.pk)))
    parent = replayed("admin", "reader")
    position = str(_by_role(parent, "admin"))
    code, said = run("amend", parent.pk, "--event", position, "--thing", 'Role=h1,"reader"', "--as", "manager")
    assert code == 0
    assert (said["amends"], said["proposed"], said["skipped"]) == (parent.pk, 2, 0)
    assert [each["thing"] for each in said["events"]] == ["Role h1 / admin", "Role h1 / reader"]
    assert [each["event"] for each in said["events"]] == ["0:0", "0:1"]
    amendments = open_round(parent)
    for event in amendments.events.all():
        change(event, roleDesc="better")
    assert replay(amendments).state == "succeeded"
    first, second = run("show", amendments.pk)[1]["story"]
    assert (first["promotion"], first["arrived"], first["amendments"]) == (parent.pk, 2, [])
    assert (second["promotion"], second["arrived"], second["editors"]) == (amendments.pk, 2, ["manager"])
    told = second["amendments"][0]
    assert told["amends"] == {"promotion": parent.pk, "event": position}
    assert told["changes"] == [{"path": "roleDesc", "from": "admin as dev has it", "to": "better"}]
    assert told["target"] is not None
    assert second["amendments"][1]["amends"] is None


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--event", "nowhere"], 2), (["--event", "0:999"], 8), (["--thing", "Role=h1"], 2),
        (["--thing", "Nothing=x"], 2), ([], 2), (["--thing", "Role=h1,x\0y"], 2), (["--thing", "Role=h1,gone"], 3),
    ],
)  # fmt: skip
def test_the_command_line_says_what_cannot_be_amended(replayed, monkeypatch, arguments, code):
    monkeypatch.setattr("promotion.jobs._enqueue", lambda job: jobs.run(str(job.pk)))
    parent = replayed("admin")
    assert run("amend", parent.pk, *arguments, "--as", "manager")[0] == code
