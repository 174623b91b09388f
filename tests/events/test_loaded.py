"""What is loaded without the objects of models says what the models say."""

from __future__ import annotations

import json
import uuid

import pytest

from promotion.actions import loaded_events, rewrite_load
from promotion.actions.edit import back_to_original, edit
from promotion.actions.loaded_events import SchemaRows
from promotion.actions.masking import Masks, key_of
from promotion.actions.outgoing import outgoing
from promotion.actions.rewrite_event import base_of
from promotion.domain.wire import GUID_HEADER
from promotion.models import Event, Promotion, Revision
from promotion.states import RevisionKind
from tests import cast
from tests.events import stage

pytestmark = pytest.mark.django_db


@pytest.fixture
def everything(promotion: Promotion) -> Promotion:
    """Events as read, framed and by a header, without a key; edited, back at the original, done to by rules."""
    manager = cast.user("manager")
    events = list(promotion.events.in_order())
    edit(manager, events[0], 0, json.dumps(stage.role(hostId="edited")))
    edited = edit(manager, events[1], 0, json.dumps(stage.role()))
    back_to_original(manager, edited, 1)
    Event.objects.filter(pk=edited.pk).update(revision=edited.revisions.get(number=2))  # it has no body
    _ruled(events[2], None)
    _ruled(edit(manager, events[3], 0, json.dumps(stage.role(hostId="base"))), events[3])
    stage.event(promotion, key=None)
    headers = ((GUID_HEADER, b"\x01" + uuid.UUID(int=7).bytes),)
    bare = stage.event(promotion, headers=headers)
    Event.objects.filter(pk=bare.pk).update(value=bytes(bare.value)[5:])
    stage.quarantined(promotion)
    return promotion


def _ruled(event: Event, base: Event | None) -> None:
    event.refresh_from_db()
    made = Revision.objects.create(
        event=event, number=9, parent=event.revision if base else None, kind=RevisionKind.RULES, schema=event.schema,
        body=bytes(event.value)[5:], rules=["a rule"], author=cast.user("manager"),
    )  # fmt: skip
    Event.objects.filter(pk=event.pk).update(revision=made, rule_excluded=False)


def test_a_loaded_event_says_what_its_model_says(everything: Promotion) -> None:
    masks, schemas = Masks(), SchemaRows()
    rows = everything.events.in_order()
    for chunk in (None, 3):
        loaded = list(loaded_events.load(rows, schemas, chunk))
        assert len(loaded) == rows.count() == 13
        for row, event in zip(rows, loaded, strict=True):
            for name in ("pk", "promotion_id", "partition", "offset", "timestamp", "version", "excluded"):
                assert getattr(event, name) == getattr(row, name)
            assert event.key == (None if row.key is None else bytes(row.key))
            assert event.outgoing == (None if row.quarantined else outgoing(row))
            assert event.revised_as == (row.revision and row.revision.schema.full_name)
            assert (str(event), key_of(event)) == (str(row), key_of(row))
            assert masks.real(event).paths == masks.real(row).paths


def test_an_event_loaded_for_the_rules_has_its_base_and_what_rules_made_of_it(everything: Promotion) -> None:
    rows = everything.events.filter(quarantine_reason="").order_by("pk")
    bases = mades = 0
    for row, event in zip(rows, rewrite_load.load(rows, 3), strict=True):
        base, made = base_of(row), row.revision if row.revision and row.revision.kind == RevisionKind.RULES else None
        for said, revision in ((event.base, base), (event.made, made)):
            if revision is None:
                assert said is None
                continue
            assert said is not None
            body = None if revision.body is None else bytes(revision.body)
            assert said == rewrite_load.Version(revision.pk, body, revision.schema_id, revision.rules)
        assert (event.pk, event.value, event.headers) == (row.pk, bytes(row.value), row.headers)
        assert (event.excluded, event.hand_excluded, event.rule_excluded) == (
            row.excluded, row.hand_excluded, row.rule_excluded,
        )  # fmt: skip
        assert (event.event_type_id, event.schema_id, event.timestamp) == (
            row.event_type_id, row.schema_id, row.timestamp,
        )  # fmt: skip
        bases += base is not None
        mades += made is not None
    assert (bases, mades) == (3, 2)
