"""The pages that edit one field of many events."""

import pytest
from django.urls import reverse

from promotion.models import Event, Revision
from promotion.views import together
from tests import cast
from tests.events import stage
from tests.events.test_edit_together import color

pytestmark = pytest.mark.django_db


def url_of(promotion, name="events_together", **query):
    return reverse(f"promotion:{name}", args=[promotion.pk], query=query)


def ids(promotion, most=None):
    return ",".join(str(event.pk) for event in promotion.events.in_order()[:most])


def look(browser, promotion, path="hostId", value="elsewhere", **more):
    given = {"event": ids(promotion, 4), "path": path, "value": value, "step": "look"} | more
    return browser.post(url_of(promotion), given)


def test_from_the_ticked_rows_to_the_undo(browser, promotion):
    page = browser.post(url_of(promotion), {"event": [event.pk for event in promotion.events.in_order()[:4]]})
    assert page.status_code == 200
    assert ("Edit the same field in 4 events" in page.content.decode(), "roleDesc" in page.content.decode()) == (
        True, True,
    )  # fmt: skip
    page = browser.post(url_of(promotion), {"event": ids(promotion, 4), "path": "hostId", "step": "field"})
    assert "The host that the role belongs to." in page.content.decode()
    page = look(browser, promotion)
    said = page.content.decode()
    assert ("Change 4 events" in said, ">\nelsewhere</textarea>" in said) == (True, True)
    assert ("&quot;host-0&quot;" in said, "&quot;host-1&quot;" in said) == (True, True)
    given = {"event": ids(promotion, 4), "path": "hostId", "value": "elsewhere", "step": "apply"}
    answer = browser.post(url_of(promotion), given | {"digest": page.context["digest"]})
    assert answer.status_code == 302
    page = browser.get(answer.url)
    assert "4 events changed: hostId." in page.content.decode()
    assert promotion.events.filter(host="elsewhere").count() == 4
    undo = page.context["undo"]
    back = browser.post(url_of(promotion, "events_together_undo"), {"first": undo["first"], "last": undo["last"]})
    assert "4 events as before again." in browser.get(back.url).content.decode()
    assert promotion.events.filter(revision=None).count() == 10


def test_all_that_match_the_filter_are_meant_and_the_filter_comes_back(browser, promotion):
    page = browser.get(url_of(promotion, host="host-1"))
    count = promotion.events.filter(host="host-1").count()
    assert page.context["count"] == count
    given = {"everything": "on", "query": "host=host-1", "path": "roleDesc", "value": "", "clear": "on"}
    page = browser.post(url_of(promotion, host="host-1"), given | {"step": "look"})
    assert f"Change {count} event" in page.content.decode()
    answer = browser.post(url_of(promotion), given | {"step": "apply", "digest": page.context["digest"]})
    assert answer.url.endswith("?host=host-1")
    assert Revision.objects.count() == count


def test_the_fields_that_all_types_have_come_first_and_an_enum_is_a_choice(browser, promotion):
    event = color(promotion)
    page = browser.get(url_of(promotion))
    groups = dict(page.context["field_form"].fields["path"].choices[1:])
    assert [path for path, _ in groups["Every type has"]] == ["hostId"]
    assert ("color", "color (1 of 2 types)") in groups["Some types have"]
    assert "owner.city" in dict(groups["Some types have"])
    page = browser.post(url_of(promotion), {"event": event.pk, "path": "color", "step": "field"})
    assert [value for value, _ in page.context["value_form"].fields["value"].choices] == ["", "RED", "GREEN"]
    assert look(browser, promotion, "color", "BLUE", event=event.pk).status_code == 422
    page = look(browser, promotion, "color", "GREEN", event=ids(promotion))
    assert "10 cannot take it" in page.content.decode()
    assert "Its type has no field color." in page.content.decode()
    assert "Change 1 event<" in page.content.decode()


def test_what_changed_after_the_look_is_shown_again_and_nothing_is_changed(browser, promotion):
    page = look(browser, promotion)
    Event.objects.filter(pk=promotion.events.in_order()[0].pk).update(version=7)
    given = {"event": ids(promotion, 4), "path": "hostId", "value": "elsewhere", "step": "apply"}
    answer = browser.post(url_of(promotion), given | {"digest": page.context["digest"]})
    assert answer.status_code == 409
    assert "Change 4 events" in answer.content.decode()
    assert not Revision.objects.exists()
    assert browser.post(url_of(promotion), given).status_code == 409


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, 422),
        ({"event": "x"}, 422),
        ({"path": "nothing", "value": "x", "step": "look"}, 422),
        ({"path": "**", "value": "x", "step": "apply"}, 422),
        ({"path": "roleDesc", "value": "x", "clear": "on", "step": "look"}, 422),
        ({"path": "hostId", "value": "x" * 70_000, "step": "look"}, 422),
        ({"event": "", "everything": "on", "query": "offset=x"}, 422),
    ],
)
def test_what_cannot_be_done_is_said(browser, promotion, given, status):
    chosen = {"event": ids(promotion, 2)} if given and "event" not in given else {}
    assert browser.post(url_of(promotion), chosen | given).status_code == status
    assert not Revision.objects.exists()


def test_hostile_values_are_escaped(browser, promotion):
    hostile = "<script>alert(1)</script>\u202e"
    stage.event(promotion, stage.role(hostId=hostile))
    said = look(browser, promotion, value=hostile + "'\"", event=ids(promotion)).content.decode()
    assert ("<script>alert" in said, "\\u202e" in said) == (False, True)


def test_too_many_lead_to_a_rule_with_this_field_and_value(browser, promotion, monkeypatch):
    monkeypatch.setattr(together, "MOST_IDS", 3)
    given = {"everything": "on", "query": "host=host-1&text=role", "path": "hostId", "value": "elsewhere"}
    page = browser.post(url_of(promotion), given | {"step": "look"})
    said = page.content.decode()
    assert ("A rule sets a field" in said, "A rule cannot say all of your filter." in said) == (True, True)
    rule = browser.get(reverse("promotion:rule_add", args=[promotion.pk]) + "?" + page.context["rule_query"])
    form = rule.content.decode()
    assert ("elsewhere" in form, "host-1" in form, 'value="set hostId"' in form) == (True, True, True)
    assert not Revision.objects.exists()


@pytest.mark.parametrize("link", ['[[{"is": "host"}], {"do": "set", "path": "a", "value": 1}]', "[[1], 2]", "[[]]",
                                  '[["x"], {"do": "set", "path": "a", "value": 1}]'])  # fmt: skip
def test_a_link_that_says_nonsense_begins_no_rule(browser, promotion, link):
    answer = browser.get(reverse("promotion:rule_add", args=[promotion.pk], query={"suggest": link}))
    assert answer.status_code == 200


def test_a_viewer_neither_looks_nor_changes(client, promotion):
    client.force_login(cast.user("viewer"))
    assert client.get(url_of(promotion)).status_code == 403
    assert client.post(url_of(promotion), {"event": ids(promotion)}).status_code == 403
    assert client.post(url_of(promotion, "events_together_undo"), {"first": 1, "last": 2}).status_code == 403
