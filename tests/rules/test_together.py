"""One field of many events edited together, where rules have changed them before or do so afterwards."""

import pytest

from promotion.actions import edit_together
from promotion.actions.edit_together import Wanted
from promotion.actions.outgoing import outgoing
from promotion.domain.json_codec import to_json_value
from promotion.models import Event
from promotion.states import RevisionKind
from tests.rules import stage

pytestmark = pytest.mark.django_db
WANTED = Wanted("roleDesc", "by hand")


@pytest.fixture(autouse=True)
def one_connection(settings):
    # The thread that renews the lease has a connection of its own, which does not see this test's transaction.
    settings.LEASE_SECONDS = 3600


def values(promotion, name):
    bodies = map(outgoing, promotion.events.select_related("schema", "revision__schema"))
    return {str(to_json_value(body.schema, body.data)[name]) for body in bodies}


def test_the_edit_stands_on_what_the_rules_did_and_its_undo_leaves_that(promotion, manager):
    stage.add(promotion, stage.REHOST)
    stage.apply(promotion)
    before = stage.bodies(promotion)
    kinds = dict(promotion.events.values_list("pk", "revision__kind"))
    done = edit_together.apply(manager, promotion, promotion.events.all(), WANTED)
    assert "host-1" not in values(promotion, "hostId")
    assert values(promotion, "roleDesc") == {"{'string': 'by hand'}"}
    undone = edit_together.undo(manager, promotion, done.first, done.last)
    assert (undone.count, undone.kept) == (10, 0)
    assert stage.bodies(promotion) == before
    assert dict(promotion.events.values_list("pk", "revision__kind")) == kinds
    assert promotion.events.filter(host="sit-host").exists()


def test_rules_that_came_afterwards_stay_when_the_edit_is_undone(promotion, manager):
    done = edit_together.apply(manager, promotion, promotion.events.all(), WANTED)
    stage.add(promotion, stage.REHOST)
    stage.apply(promotion)
    assert promotion.events.filter(revision__kind=RevisionKind.RULES).exists()
    undone = edit_together.undo(manager, promotion, done.first, done.last)
    assert undone.kept == 0
    assert "host-1" not in values(promotion, "hostId")
    assert "{'string': 'by hand'}" not in values(promotion, "roleDesc")
    assert Event.objects.filter(promotion=promotion, revision=None).count() == promotion.events.filter(
        host="host-0"
    ).count()  # fmt: skip
