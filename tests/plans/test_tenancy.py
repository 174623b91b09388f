"""Environments of another tenancy, and other hosts: which keys the records get, and what becomes of their order."""

import pytest
from django.test import Client

from promotion.domain.wire import unframe
from promotion.kafka.partitioner import partition_for
from promotion.management.answers import plan_answer
from promotion.models import Revision
from promotion.states import JobState, PlanState
from tests import cast
from tests.plans.stage import happen, verdicts
from tests.plans.test_schema_generations import as_a_rule_does
from tests.replay import stage
from tests.replay.stage import consumed, exported, parse, read

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture
def single(transactional_db, clusters):
    return stage.environment("sit", clusters["sit"], tenancy="single")


def page_of(promotion, query: str = ""):
    client = Client()
    client.force_login(cast.user("viewer"))
    return client.get(f"/promotions/{promotion.pk}/plan/{query}")


def texts(keys) -> list[tuple[str, int, list[str]]]:
    return [(each["key"], each["events"], [old["key"] for old in each["old"]]) for each in keys["keys"]]


def test_from_hosts_to_users_each_user_is_fed_from_all_hosts_and_keeps_the_order_of_time(
    clusters, source, dev, single, planned, replay
):
    for number in range(12):
        user, host = f"user-{number % 2}", (b"host-a", b"host-b")[number // 6]
        happen(source, "Created", f"r{number}", user=user, key=host, timestamp=stage.START + number)
    source.produce()
    promotion = exported(dev, single)
    plan = planned(promotion)
    keys = plan_answer(plan)["keys"]
    assert (keys["new"], keys["old"], keys["merged"], keys["split"], keys["changed"]) == (2, 2, 2, 2, 12)
    assert texts(keys) == [("user-0", 6, ["host-a", "host-b"]), ("user-1", 6, ["host-a", "host-b"])]
    assert "keys" not in plan_answer(plan)["target"]
    assert any(said.startswith("2 new keys take over") for said in plan.warnings)
    assert any("2 old keys are spread" in said for said in plan.warnings)
    assert replay(promotion).state == JobState.SUCCEEDED
    for user in (b"user-0", b"user-1"):
        records = [r for r in consumed(clusters["sit"], single.topic) if r.key == user]
        assert [r.timestamp for r in records] == sorted(r.timestamp for r in records)
        assert {r.partition for r in records} == {partition_for(user, 3)}
        assert len(records) == 6


def test_from_users_to_hosts_every_event_goes_to_its_host(clusters, source, sit, planned, replay):
    users = source.environment
    type(users).objects.filter(pk=users.pk).update(tenancy="single")
    users.refresh_from_db()
    for number in range(6):
        source.add(source.api(), {"hostId": f"h{number % 2}"}, key=b"user-%d" % (number % 3))
    source.produce()
    promotion = exported(users, sit)
    plan = planned(promotion)
    assert texts(plan_answer(plan)["keys"]) == [
        ("h0", 3, ["user-0", "user-1", "user-2"]), ("h1", 3, ["user-0", "user-1", "user-2"]),
    ]  # fmt: skip
    assert replay(promotion).state == JobState.SUCCEEDED
    for record in consumed(clusters["sit"], sit.topic):
        with stage.Registry(stage.registry_connection(sit)) as registry:
            schema_id, body = unframe(record.value)
            assert read(parse(registry.schema_by_id(schema_id)), body)["hostId"].encode() == record.key


def test_between_hosts_an_event_without_one_keeps_its_key_and_nothing_is_said(source, dev, sit, planned):
    source.add(source.hostless(), key=b"a-host")
    source.add(source.api(), {"hostId": "h"}, key=b"h")
    source.produce()
    promotion = exported(dev, sit)
    plan = planned(promotion)
    keys = plan_answer(plan)["keys"]
    assert (plan.warnings, keys["changed"], keys["merged"], keys["split"]) == ([], 0, 0, 0)
    page = page_of(promotion).content.decode()
    assert "No event gets another key." in page


def test_a_host_that_a_rule_rewrote_is_the_new_key(source, dev, sit, planned):
    source.add(source.api(), {"hostId": "h"}, key=b"h")
    source.add(source.api(), {"hostId": "h"}, key=b"h")
    source.produce()
    promotion = exported(dev, sit)
    first = promotion.events.in_order()[0]
    event_id = {"id": "u", "userId": "u", "hostId": "h", "nonce": 1, "timestamp": 5, "derived": False}
    value = {"EventId": event_id, "hostId": "other", "apiId": "x", "size": 1}
    as_a_rule_does(first, parse(first.schema.text), value)
    assert Revision.objects.count() == 1
    plan = planned(promotion)
    keys = plan_answer(plan)["keys"]
    assert texts(keys) == [("h", 1, ["h"]), ("other", 1, ["h"])]
    assert (keys["changed"], keys["split_keys"]) == (1, [{"key": "h", "hex": False, "events": 2, "into": 2}])
    assert "1 old key are spread over several new ones" in plan.warnings[0]


def test_events_without_the_needed_id_are_one_click_away_with_what_would_help(source, sit, planned):
    users = source.environment
    type(users).objects.filter(pk=users.pk).update(tenancy="single")
    users.refresh_from_db()
    source.add(source.hostless(), key=b"user-1")
    source.add(source.role(), {"hostId": ""}, key=b"user-1")
    source.add(source.role(), {"hostId": "h"}, key=b"user-1")
    source.produce()
    promotion = exported(users, sit)
    plan = planned(promotion)
    assert (plan.state, sorted(verdicts(plan))[:2]) == (PlanState.REFUSED, ["invalid", "invalid"])
    without = plan_answer(plan)["keys"]["without"]
    assert without["events"] == 2
    helps = {each["type"].rpartition(".")[2]: each["helps"] for each in without["types"]}
    assert helps["RoleUpdatedEvent"] == "A rule that sets hostId."
    assert "brings EventId to the target's generation" in helps["PasswordForgotEvent"]
    page = page_of(promotion).content.decode()
    assert "2 events have no key on sit" in page
    assert 'href="?show=keyless#list"' in page
    rows = page_of(promotion, "?show=keyless").context["rows"]
    assert all("by an edit or a rule" in row.judgement.hint for row in rows)
    assert {row.judgement.event.event_type.short_name for row in rows} == {"PasswordForgotEvent", "RoleUpdatedEvent"}


def test_a_user_that_is_missing_keeps_an_event_from_a_single_tenant_target(source, dev, single, planned):
    event_id = {"id": "e", "userId": "", "hostId": "h", "nonce": 1, "timestamp": 5, "derived": False}
    source.add(source.api(), {"EventId": event_id, "hostId": "h"}, key=b"h")
    source.produce()
    promotion = exported(dev, single)
    without = plan_answer(planned(promotion))["keys"]["without"]
    assert [(each["events"], each["helps"]) for each in without["types"]] == [(1, "A rule that sets EventId.userId.")]
    assert len(page_of(promotion, "?show=keyless").context["rows"]) == 1


def test_the_content_of_keys_is_shown_and_never_taken_for_markup(source, dev, sit, planned):
    for host, key in (("<script>alert(1)</script>", b"\xff\xfe"), ("turned \u202e round", b"<b>")):
        source.add(source.api(), {"hostId": host}, key=key)
    source.produce()
    promotion = exported(dev, sit)
    planned(promotion)
    page = page_of(promotion).content.decode()
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert "turned \\u202e round" in page
    assert "ff fe" in page
    assert "&lt;b&gt;" in page


def test_a_plan_of_before_says_nothing_of_keys():
    promotion = cast.exported(1)
    cast.plan(promotion)
    answer = page_of(promotion)
    assert answer.status_code == 200
    assert 'id="keys"' not in answer.content.decode()
