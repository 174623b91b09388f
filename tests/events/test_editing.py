"""Revisions: edit, undo, back to the original, conflicts, and what is refused."""

import json

import pytest

from promotion.actions.edit import EditConflict, back_to_original, edit, exclude, exclude_matching, undo
from promotion.actions.outgoing import outgoing
from promotion.domain.json_codec import DoesNotFit, MalformedJson, to_json_value
from promotion.domain.schema import parse
from promotion.domain.wire import unframe
from promotion.errors import Conflict, Refused
from promotion.models import AuditEntry, Event, Revision
from promotion.states import PromotionState, RevisionKind
from tests import cast
from tests.events import stage

pytestmark = pytest.mark.django_db


@pytest.fixture
def event(promotion):
    return promotion.events.in_order()[0]


def now(event):
    return Event.objects.select_related("revision__parent").get(pk=event.pk)


def role_id(event):
    body = outgoing(now(event))
    return to_json_value(body.schema, body.data)["roleId"]


def change(actor, event, role, version=None):
    event = now(event)
    return edit(actor, event, event.version if version is None else version, json.dumps(stage.role(roleId=role)))


def test_an_edit_keeps_the_original_and_moves_what_filters_look_at(manager, event):
    before = bytes(event.value)
    text = json.dumps(stage.role(hostId="new-host", roleId="new"))
    changed = edit(manager, event, 0, text)
    assert (changed.host, changed.document["roleId"], changed.version) == ("new-host", "new", 1)
    assert bytes(now(event).value) == before
    entry = AuditEntry.objects.get(verb="edited")
    assert entry.after == {"event": str(event), "revision": 1}


def test_undo_goes_back_one_version_after_the_other_to_the_original(manager, event):
    first = role_id(event)
    for role in ("a", "b", "c"):
        change(manager, event, role)
    seen = []
    while now(event).edited:
        undo(manager, now(event), now(event).version)
        seen.append(role_id(event))
    assert seen == ["b", "a", first]
    with pytest.raises(Refused, match="is the original"):
        undo(manager, now(event), now(event).version)
    assert [each.number for each in event.revisions.all()] == [6, 5, 4, 3, 2, 1]


def test_back_to_the_original_is_undone_too(manager, event):
    first = role_id(event)
    for role in ("a", "b"):
        change(manager, event, role)
    back_to_original(manager, now(event), 2)
    assert role_id(event) == first
    assert outgoing(now(event)).data == unframe(bytes(event.value))[1]
    assert now(event).document["roleId"] == first
    undo(manager, now(event), 3)
    assert role_id(event) == "b"
    undo(manager, now(event), 4)
    assert role_id(event) == "a"
    with pytest.raises(Refused):
        back_to_original(manager, event, 0)


def test_the_second_of_two_is_told_and_nothing_of_theirs_is_overwritten(manager, event):
    theirs = cast.user("manager", "other")
    mine = now(event)
    change(theirs, event, "theirs")
    with pytest.raises(EditConflict) as caught:
        edit(manager, mine, 0, json.dumps(stage.role(roleId="mine")))
    assert caught.value.current.version == 1
    for again in (undo, back_to_original):
        with pytest.raises(Conflict):
            again(manager, now(event), 0)
    assert role_id(event) == "theirs"
    assert Revision.objects.count() == 1


def test_excluding_counts_as_a_change_for_the_second_of_two(manager, promotion, event):
    mine = now(event)
    exclude(manager, promotion, [event.pk])
    with pytest.raises(EditConflict):
        edit(manager, mine, 0, json.dumps(stage.role()))


def test_text_that_says_the_same_makes_no_revision(manager, promotion):
    schema = parse('{"type": "record", "name": "test.R", "fields": [{"name": "f", "type": {"type": "array",'
                   ' "items": "int"}}]}')  # fmt: skip
    in_two_blocks = b"\x02\x02\x02\x04\x00"
    event = stage.kept(promotion, schema, in_two_blocks)
    edit(manager, event, 0, '{"f": [1, 2]}')
    assert not Revision.objects.exists()
    assert outgoing(now(event)).data == in_two_blocks


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"a": 1}', '{"roleId": "x", "roleId": "y"}', "1e999"])
def test_what_is_no_event_of_the_type_is_refused(manager, event, text):
    with pytest.raises((MalformedJson, DoesNotFit)):
        edit(manager, event, 0, text)
    assert not Revision.objects.exists()


def test_only_an_exported_promotion_is_edited_and_only_by_a_manager(manager, promotion, event):
    for role in ("viewer", "approver", "curator"):
        with pytest.raises(Refused):
            change(cast.user(role), event, "x")
        with pytest.raises(Refused):
            exclude(cast.user(role), promotion, [event.pk])
    for state in set(PromotionState) - {PromotionState.EXPORTED}:
        type(promotion).objects.filter(pk=promotion.pk).update(state=state)
        with pytest.raises(Refused, match="cannot be changed"):
            change(manager, event, "x")
        with pytest.raises(Refused):
            exclude(manager, promotion, [event.pk])
    assert now(event).version == 0


def test_a_quarantined_record_is_neither_edited_nor_excluded(manager, promotion):
    bad = stage.quarantined(promotion)
    assert exclude(manager, promotion, [bad.pk]).count == 0
    assert not now(bad).excluded


def test_excluding_names_what_changed_and_never_another_promotions_events(manager, promotion):
    other = stage.event(stage.promotion(title="Another"))
    events = list(promotion.events.in_order()[:2])
    done = exclude(manager, promotion, [events[0].pk, events[1].pk, other.pk])
    assert (done.count, done.ids) == (2, [event.pk for event in events])
    assert not now(other).excluded
    assert exclude(manager, promotion, [events[0].pk]).count == 0
    entry = AuditEntry.objects.get(verb="exclude")
    assert entry.after == {"events": 2, "positions": [str(event) for event in events]}
    assert exclude(manager, promotion, done.ids, excluded=False).count == 2


def test_another_number_than_was_confirmed_changes_nothing(manager, promotion):
    with pytest.raises(Conflict, match="10 events would change now, not 9"):
        exclude_matching(manager, promotion, promotion.events.all(), True, expected=9)
    assert promotion.events.outgoing().count() == 10


def test_an_undo_after_an_upload_and_an_edit_keeps_their_kinds(manager, event):
    change(manager, event, "a")
    undo(manager, now(event), 1)
    assert [each.kind for each in event.revisions.all()] == [RevisionKind.UNDO, RevisionKind.EDIT]
