"""The same field in many events: looked at, done as one, undone as one; what cannot take it stays as it is."""

import io
import json

import pytest
from django.core.management import call_command

from promotion.actions import edit_together
from promotion.actions.edit import edit, undo
from promotion.actions.edit_together import Wanted
from promotion.actions.outgoing import outgoing
from promotion.actions.stale import inputs
from promotion.domain.json_codec import to_json_value
from promotion.domain.schema import parse
from promotion.errors import Conflict, InvalidInput, Refused
from promotion.models import AuditEntry, Event, Promotion, Revision
from promotion.states import Approach, PromotionState, RevisionKind
from tests import cast
from tests.events import stage

pytestmark = pytest.mark.django_db

COLOR = json.dumps(
    {
        "type": "record",
        "name": "ColorCreatedEvent",
        "namespace": "net.lightapi.portal.color",
        "fields": [
            {"name": "hostId", "type": ["null", "string"], "default": None},
            {"name": "color", "type": {"type": "enum", "name": "Color", "symbols": ["RED", "GREEN"]}},
            {
                "name": "owner",
                "type": [
                    "null",
                    {"type": "record", "name": "Owner", "fields": [{"name": "city", "type": "string"}]},
                ],
            },
            {"name": "count", "type": "long"},
        ],
    }
)


def now(event):
    body = outgoing(Event.objects.get(pk=event.pk))
    return to_json_value(body.schema, body.data)


def color(promotion, **changes):
    value = {"hostId": {"string": "host-0"}, "color": "RED", "owner": None, "count": stage.LARGE}
    return stage.event(promotion, value | changes, parse(COLOR))


def test_every_event_gets_a_revision_and_the_filters_follow(manager, promotion):
    looked = edit_together.look(promotion, promotion.events.all(), Wanted("hostId", "elsewhere"))
    assert (looked.seen, looked.changing, looked.same, looked.unfit_count) == (10, 10, 0, 0)
    assert looked.values == {'"host-0"': 5, '"host-1"': 5}
    done = edit_together.apply(manager, promotion, promotion.events.all(), Wanted("hostId", "elsewhere"), looked.digest)
    assert done.count == 10
    assert promotion.events.filter(host="elsewhere", version=1, revision__kind=RevisionKind.TOGETHER).count() == 10
    assert now(promotion.events.all()[0])["EventId"]["nonce"] > 2**53
    entry = AuditEntry.objects.get(verb="edited together")
    assert (entry.after["events"], entry.after["field"], len(entry.after["positions"])) == (10, "hostId", 10)
    assert "elsewhere" not in json.dumps(entry.after)


def test_one_undo_takes_all_of_it_back_to_the_byte(manager, promotion):
    events = list(promotion.events.in_order())
    edit(manager, events[0], 0, json.dumps(stage.role(roleId="by hand", hostId="mine")))
    before = {each.pk: outgoing(Event.objects.get(pk=each.pk)).data for each in events}
    done = edit_together.apply(manager, promotion, promotion.events.all(), Wanted("hostId", "elsewhere"))
    undone = edit_together.undo(manager, promotion, done.first, done.last)
    assert (undone.count, undone.kept) == (10, 0)
    assert {each.pk: outgoing(Event.objects.get(pk=each.pk)).data for each in events} == before
    assert promotion.events.filter(revision=None).count() == 9
    assert promotion.events.filter(host="mine").count() == 1
    assert promotion.events.filter(host="elsewhere").count() == 0
    assert AuditEntry.objects.filter(verb="undo edited together").count() == 1
    with pytest.raises(Refused, match="nothing to undo"):
        edit_together.undo(manager, promotion, done.first, done.last)
    again = Event.objects.select_related("revision__parent").get(pk=events[0].pk)
    undo(manager, again, again.version)  # one further: the edit by hand
    assert Event.objects.get(pk=events[0].pk).revision is None


def test_what_was_changed_since_is_not_undone(manager, promotion):
    done = edit_together.apply(manager, promotion, promotion.events.all(), Wanted("hostId", "elsewhere"))
    event = Event.objects.get(pk=promotion.events.in_order()[0].pk)
    edit(manager, event, event.version, json.dumps(stage.role(hostId="later")))
    undone = edit_together.undo(manager, promotion, done.first, done.last)
    assert (undone.count, undone.kept) == (9, 1)
    assert now(event)["hostId"] == "later"


def test_types_that_differ_take_the_value_each_in_its_way_and_those_that_cannot_say_why(manager, promotion):
    mine = color(promotion)
    looked = edit_together.look(promotion, promotion.events.all(), Wanted("hostId", "5"))
    assert (looked.changing, looked.unfit_count) == (11, 0)
    edit_together.apply(manager, promotion, promotion.events.all(), Wanted("hostId", "5"))
    assert now(mine)["hostId"] == {"string": "5"}
    assert promotion.events.filter(host="5").count() == 11
    looked = edit_together.look(promotion, promotion.events.all(), Wanted("count", "7"))
    assert (looked.changing, looked.unfit_count) == (1, 10)
    assert {reason for _, reason in looked.unfit} == {"Its type has no field count."}
    assert edit_together.apply(manager, promotion, promotion.events.all(), Wanted("count", "7")).count == 1
    assert now(mine)["count"] == 7


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("color", "BLUE", "does not fit color"),
        ("count", "many", "long is expected"),
        ("count", None, "does not fit count"),
        ("owner.city", "Rome", "empty on the way"),
        ("nothing", "x", "no field nothing"),
    ],
)
def test_an_event_that_cannot_take_it_stays_as_it_is(manager, path, text, reason):
    promotion = stage.promotion()
    color(promotion)
    looked = edit_together.look(promotion, promotion.events.all(), Wanted(path, text))
    [(_, said)] = looked.unfit
    assert reason in said
    with pytest.raises(Refused, match="No event would change"):
        edit_together.apply(manager, promotion, promotion.events.all(), Wanted(path, text))
    assert not Revision.objects.exists()


def test_clearing_is_null_where_that_is_allowed(manager, promotion):
    edit_together.apply(manager, promotion, promotion.events.all(), Wanted("roleDesc", None))
    assert {now(each)["roleDesc"] for each in promotion.events.all()} == {None}
    looked = edit_together.look(promotion, promotion.events.all(), Wanted("roleDesc", None))
    assert (looked.changing, looked.same) == (0, 10)


def test_quarantined_records_are_named_and_left_alone(manager, promotion):
    bad = stage.quarantined(promotion)
    looked = edit_together.look(promotion, promotion.events.all(), Wanted("hostId", "x"))
    assert [(event.pk, reason) for event, reason in looked.unfit] == [
        (bad.pk, "It is in quarantine: it cannot be read.")
    ]
    assert edit_together.apply(manager, promotion, promotion.events.all(), Wanted("hostId", "x")).count == 10


def test_an_event_that_somebody_changed_after_the_look_changes_nothing(manager, promotion):
    wanted = Wanted("hostId", "x")
    looked = edit_together.look(promotion, promotion.events.all(), wanted)
    event = promotion.events.in_order()[3]
    edit(cast.user("manager", "other"), event, 0, json.dumps(stage.role(roleId="theirs")))
    with pytest.raises(Conflict):
        edit_together.apply(manager, promotion, promotion.events.all(), wanted, looked.digest)
    with pytest.raises(Conflict):
        edit_together.apply(manager, promotion, promotion.events.all(), Wanted("hostId", "y"), looked.digest)
    assert not Revision.objects.filter(kind=RevisionKind.TOGETHER).exists()


def test_a_plan_goes_stale_as_after_a_single_edit(manager, promotion):
    before = inputs(promotion)
    edit_together.apply(manager, promotion, promotion.events.all(), Wanted("hostId", "x"))
    assert inputs(promotion)["changes"] != before["changes"]


def test_who_may_not_edit_one_may_not_edit_many(promotion, manager):
    wanted = Wanted("hostId", "x")
    for role in ("viewer", "approver", "curator"):
        with pytest.raises(Refused):
            edit_together.apply(cast.user(role), promotion, promotion.events.all(), wanted)
    Promotion.objects.filter(pk=promotion.pk).update(approach=Approach.ORIGINALS_FIRST)
    with pytest.raises(Refused, match="originals first"):
        edit_together.apply(manager, promotion, promotion.events.all(), wanted)
    Promotion.objects.filter(pk=promotion.pk).update(approach=Approach.EDIT_FIRST, state=PromotionState.REPLAYED)
    with pytest.raises(Refused, match="cannot be changed"):
        edit_together.apply(manager, promotion, promotion.events.all(), wanted)
    assert not Revision.objects.exists()


@pytest.mark.parametrize("path", ["", "a b", "**.hostId", "x" * 1_001])
def test_a_path_that_is_none_is_refused(promotion, path):
    with pytest.raises(InvalidInput):
        edit_together.look(promotion, promotion.events.all(), Wanted(path, "x"))


def test_more_than_a_request_may_are_refused_with_the_way_out(manager, promotion, monkeypatch):
    monkeypatch.setattr(edit_together, "MOST_IDS", 9)
    with pytest.raises(Refused, match="more than 9 events"):
        edit_together.apply(manager, promotion, promotion.events.all(), Wanted("hostId", "x"))


@pytest.fixture
def run(manager, capsys):
    """Run `promotion edit-field`; return its exit code and its document."""

    def run(*arguments):
        out, code = io.StringIO(), 0
        try:
            call_command("promotion", "edit-field", *map(str, arguments), "--as=manager", stdout=out)
        except SystemExit as end:
            code = end.code
        return code, json.loads(out.getvalue())

    return run


def test_a_script_looks_sets_and_undoes(run, promotion):
    given = [promotion.pk, "--path=hostId", "--value=elsewhere", "--host=host-1"]
    count = promotion.events.filter(host="host-1").count()
    code, said = run(*given, "--dry-run")
    assert (code, said["changed"], said["applied"], said["values"]) == (
        0, count, False, [{"value": '"host-1"', "events": count}],
    )  # fmt: skip
    assert not Revision.objects.exists()
    code, said = run(*given)
    assert (code, said["applied"], promotion.events.filter(host="elsewhere").count()) == (0, True, count)
    assert run(promotion.pk, "--undo", said["revisions"]) == (
        0, {"promotion": promotion.pk, "undone": count, "kept": 0},
    )  # fmt: skip
    event = promotion.events.in_order()[0]
    code, said = run(promotion.pk, "--path=roleDesc", "--clear", f"--event={event}")
    assert (code, said["changed"], now(event)["roleDesc"]) == (0, 1, None)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["--path=hostId"], 2),
        (["--value=x"], 2),
        (["--path=a b", "--value=x"], 2),
        (["--path=hostId", "--value=x", "--partition=x"], 2),
        (["--path=hostId", "--value=x", "--event=x"], 2),
        (["--path=hostId", "--value=x", "--event=9:9"], 8),
        (["--path=nothing", "--value=x"], 3),
        (["--undo=x"], 2),
        (["--undo=1-2"], 3),
    ],
)
def test_a_script_learns_what_was_wrong_by_the_exit_code(run, promotion, arguments, code):
    assert run(promotion.pk, *arguments)[0] == code
    assert not Revision.objects.exists()
