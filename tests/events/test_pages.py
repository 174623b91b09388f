import json

import pytest
from django.urls import reverse

from promotion.actions.edit import edit, exclude
from promotion.actions.outgoing import outgoing
from promotion.domain.json_codec import to_json
from promotion.models import Event
from promotion.states import PromotionState
from tests import cast
from tests.events import stage

pytestmark = pytest.mark.django_db


def list_of(promotion, **query):
    return reverse("promotion:events", args=[promotion.pk], query=query)


def page_of(event):
    return reverse("promotion:event", args=[event.promotion_id, event.pk])


def text_of(event):
    body = outgoing(event)
    return to_json(body.schema, body.data)


def shown(answer):
    return [str(event) for event in answer.context["page"].rows]


def save(browser, event, text, version=None):
    url = reverse("promotion:event_edit", args=[event.promotion_id, event.pk])
    return browser.post(url, {"outgoing": text, "version": event.version if version is None else version})


def test_the_list_shows_the_events_in_the_order_of_replay(browser, promotion):
    answer = browser.get(list_of(promotion))
    assert answer.status_code == 200
    assert shown(answer) == [str(each) for each in promotion.events.in_order()]


def test_an_edit_is_saved_with_all_its_digits(browser, promotion):
    event = promotion.events.in_order()[0]
    assert str(stage.LARGE)[:10] in browser.get(page_of(event)).content.decode()
    text = text_of(event).replace("description", "a better description").replace("\n", "\r\n")
    answer = save(browser, event, text)
    assert answer.status_code == 302, answer.context["error"]
    event.refresh_from_db()
    assert event.edited
    assert "a better description" in text_of(event)
    page = browser.get(answer.url).content.decode()
    assert "a better description" in page
    assert "Back to the original" in page
    assert browser.get(list_of(promotion, state="edited")).context["number"] == 1


def test_what_does_not_fit_is_listed_and_the_typed_text_stays(browser, promotion):
    event = promotion.events.in_order()[0]
    value = stage.role(hostId=5, extra="x")
    value["EventId"]["nonce"] = "many"
    answer = save(browser, event, json.dumps(value))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert [each["path"] for each in answer.context["problems"]] == ["EventId.nonce", "hostId", '["extra"]']
    assert "Expected long" in page
    assert "&quot;nonce&quot;: &quot;many&quot;" in page
    assert 'id="id_outgoing_problems"' in page
    assert not Event.objects.get(pk=event.pk).edited


def test_the_filters_find_by_host_user_text_field_state_and_position(browser, promotion, manager):
    events = list(promotion.events.in_order())
    wanted = stage.event(promotion, stage.role(hostId="träger-7", roleId='a "quoted" 100%_\\name'))
    value = wanted.document
    exclude(manager, promotion, [events[3].pk])
    stage.quarantined(promotion)
    for query, found in [
        ({"host": "träger-7"}, [wanted]),
        ({"user": wanted.user, "host": "träger-7"}, [wanted]),
        ({"text": 'A "QUOTED" 100%'}, [wanted]),
        ({"text": "0%_\\n"}, [wanted]),
        ({"text": "100_"}, []),
        ({"text": "quoted%name"}, []),
        ({"field": f"EventId.nonce = {value['EventId']['nonce']}"}, [wanted]),
        ({"field": 'roleId=a "quoted" 100%_\\name'}, [wanted]),
        ({"field": "roleId.x.y=z"}, []),
        ({"state": "excluded"}, [events[3]]),
        ({"partition": "1", "offset": "4"}, [events[9], promotion.events.get(partition=1, offset=5)]),
        ({"text": "' OR 1=1 --"}, []),
        ({"field": "{a,b} = ') OR 1=1 --"}, []),
    ]:
        answer = browser.get(list_of(promotion, **query))
        assert answer.status_code == 200
        assert shown(answer) == [str(each) for each in found], query
    assert browser.get(list_of(promotion, state="quarantined")).context["number"] == 1
    assert browser.get(list_of(promotion, type=stage.NAME)).context["number"] == 11


@pytest.mark.parametrize(
    ("name", "value"),
    [("field", "roleId"), ("field", "= x"), ("partition", "-1"), ("offset", "x"), ("offset", str(2**63)),
     ("type", "no.Such"), ("state", "lost"), ("text", "a\0b")],
)  # fmt: skip
def test_a_filter_that_cannot_be_used_is_said_at_its_field(browser, promotion, name, value):
    answer = browser.get(list_of(promotion, **{name: value}))
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [name]
    assert f'id="id_{name}_error"' in answer.content.decode()


def test_pages_follow_each_other_and_lead_back(browser):
    promotion = stage.promotion(120)
    every = [str(event) for event in promotion.events.in_order()]
    first = browser.get(list_of(promotion))
    second = browser.get(first.context["page"].next_url)
    third = browser.get(second.context["page"].next_url, headers={"HX-Request": "true"})
    assert shown(first) + shown(second) + shown(third) == every
    assert "<html" not in third.content.decode()
    assert third.context["page"].next_url == ""
    assert shown(browser.get(third.context["page"].previous_url)) == shown(second)
    for cursor in ("x", "1.2", "1.2.3.4", f"{2**64}.0.0", "1.-1.x"):
        assert shown(browser.get(list_of(promotion, after=cursor))) == shown(first)


def test_chosen_events_are_excluded_and_the_undo_takes_it_back(browser, promotion):
    events = [event.pk for event in promotion.events.in_order()[:3]]
    url = reverse("promotion:events_select", args=[promotion.pk])
    answer = browser.post(url, {"action": "exclude", "event": events, "query": "host=host-1&after=1.2.3"})
    assert answer.url == list_of(promotion, host="host-1")
    page = browser.get(answer.url)
    assert "3 events excluded." in page.content.decode()
    assert promotion.events.outgoing().count() == 7
    undo = page.context["undo"]
    browser.post(url, {"action": undo["action"], "event": undo["ids"]})
    assert promotion.events.outgoing().count() == 10
    assert browser.get(list_of(promotion)).context["undo"]["did"] == "included again"
    assert browser.get(list_of(promotion)).context["undo"] is None


def test_all_that_match_are_excluded_only_with_the_number_that_was_confirmed(browser, promotion):
    url = reverse("promotion:events_select", args=[promotion.pk])
    page = browser.get(url, {"host": "host-1", "action": "exclude"})
    count = page.context["count"]
    assert f"Exclude {count} events" in page.content.decode()
    given = {"action": "exclude", "everything": "on", "query": "host=host-1"}
    browser.post(url, given | {"count": count + 1})
    browser.post(url, given)
    assert promotion.events.outgoing().count() == 10
    browser.post(url, given | {"count": count})
    assert promotion.events.outgoing().count() == 10 - count
    assert not promotion.events.outgoing().filter(host="host-1").exists()
    assert browser.post(url, given | {"count": 5, "query": "offset=x"}).status_code == 422


@pytest.mark.parametrize("ids", [["x"], ["1,x"], ["-1"], ["9" * 20], ["1" + ",1" * 10_000]])
def test_ids_that_are_none_change_nothing(browser, promotion, ids):
    url = reverse("promotion:events_select", args=[promotion.pk])
    assert browser.post(url, {"action": "exclude", "event": ids}).status_code == 302
    assert "not events of a list" in browser.get(list_of(promotion)).content.decode()


def test_the_second_of_two_sees_both_texts_and_saves_on_top(browser, promotion):
    event = promotion.events.in_order()[0]
    edit(cast.user("manager", "other"), event, 0, json.dumps(stage.role(roleId="theirs")))
    mine = json.dumps(stage.role(roleId="mine"))
    answer = save(browser, event, mine, version=0)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "theirs" in page
    assert mine.replace('"', "&quot;") in page
    assert "other" in page
    assert [row.path for row in answer.context["rows"]][-2:] == ["roleId", "roleDesc"]
    version = answer.context["event"].version
    assert save(browser, event, mine, version=version).status_code == 302
    assert Event.objects.get(pk=event.pk).document["roleId"] == "mine"


def test_wrong_text_of_the_second_of_two_keeps_the_version_that_was_seen(browser, promotion):
    event = promotion.events.in_order()[0]
    edit(cast.user("manager", "other"), event, 0, json.dumps(stage.role(roleId="theirs")))
    answer = save(browser, event, "{", version=0)
    assert answer.status_code == 422
    assert answer.context["version"] == "0"
    assert "&gt;" not in answer.context["typed"]
    assert "line 1, column 2" in answer.content.decode()


def test_undo_and_original_are_buttons_that_say_when_somebody_was_first(browser, promotion, manager):
    event = promotion.events.in_order()[0]
    edit(manager, event, 0, json.dumps(stage.role(roleId="a")))
    args = [promotion.pk, event.pk]
    answer = browser.post(reverse("promotion:event_undo", args=args), {"version": 0}, follow=True)
    assert "Nothing was changed" in answer.content.decode()
    answer = browser.post(reverse("promotion:event_original", args=args, query={"host": "x"}), {"version": 1})
    assert answer.url.endswith("?host=x")
    assert not Event.objects.get(pk=event.pk).edited
    assert browser.post(reverse("promotion:event_undo", args=args), {"version": 2}, follow=True).status_code == 200
    assert Event.objects.get(pk=event.pk).document["roleId"] == "a"
    assert browser.post(reverse("promotion:event_undo", args=args)).status_code == 422


def test_one_event_is_excluded_and_included(browser, promotion):
    event = promotion.events.in_order()[0]
    for name, excluded in (("event_exclude", True), ("event_include", False)):
        answer = browser.post(reverse(f"promotion:{name}", args=[promotion.pk, event.pk]), follow=True)
        assert answer.status_code == 200
        assert Event.objects.get(pk=event.pk).excluded is excluded


HOSTILE = "<script>alert(1)</script>\u202e\u2066\0\u2028'\"&"


def test_hostile_content_is_escaped_and_visible(browser, promotion, manager):
    event = stage.event(
        promotion,
        stage.role(hostId=HOSTILE, roleDesc={"string": HOSTILE}),
        key=HOSTILE.encode(),
        headers=((HOSTILE, HOSTILE.encode()), ("binary", b"\xff\x00"), ("none", None)),
    )
    edit(manager, event, 0, json.dumps(stage.role(hostId="x" + HOSTILE, roleDesc=None)))
    pages = [page_of(event), list_of(promotion), list_of(promotion, text=HOSTILE.replace("\0", ""))]
    for url in pages:
        page = browser.get(url).content.decode()
        assert "<script>alert" not in page
        assert "\0" not in page
    page = browser.get(pages[0]).content.decode()
    assert "\u202e" not in page
    assert "\\u202e" in page
    assert "ff 00" in page
    stale = save(browser, event, json.dumps(stage.role(hostId=HOSTILE)), version=0)
    assert stale.status_code == 409
    assert "<script>alert" not in stale.content.decode()
    wrong = save(browser, event, json.dumps({"roleId": HOSTILE, HOSTILE: HOSTILE}), version=1)
    assert wrong.status_code == 422
    assert "<script>alert" not in wrong.content.decode()


def test_a_quarantined_record_is_shown_as_bytes_and_downloaded_safely(browser, promotion):
    event = stage.quarantined(promotion)
    page = browser.get(page_of(event)).content.decode()
    assert "The registry has no schema 42." in page
    assert "Schema id 42." in page
    assert "00 00 00 00 2a 3c 73" in page
    assert "<script>alert" not in page
    answer = browser.get(reverse("promotion:event_raw", args=[promotion.pk, event.pk]))
    assert answer.content == bytes(event.value)
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"].startswith("attachment")


def test_an_event_beyond_the_webs_limits_is_explained_and_not_decoded(browser, promotion):
    event = stage.event(promotion, stage.role(roleDesc={"string": "x" * 1_100_000}))
    answer = browser.get(page_of(event))
    page = answer.content.decode()
    assert "too large for the browser" in page
    assert len(page) < 50_000
    large = stage.quarantined(promotion, b"\0" + b"y" * 1_000_000)
    assert len(browser.get(page_of(large)).content) < 80_000


def test_next_and_previous_stay_within_the_filter(browser, promotion):
    events = [each for each in promotion.events.in_order() if each.host == "host-1"]
    answer = browser.get(page_of(events[1]) + "?host=host-1")
    assert (answer.context["before"], answer.context["after"]) == (events[0], events[2])
    assert f"{events[2].get_absolute_url()}?host=host-1" in answer.content.decode()


def test_a_viewer_reads_and_changes_nothing(client, promotion):
    client.force_login(cast.user("viewer"))
    event = promotion.events.in_order()[0]
    page = client.get(list_of(promotion)).content.decode()
    assert "data-select" not in page
    page = client.get(page_of(event)).content.decode()
    assert "<textarea" in page
    assert "Save" not in page
    args = [promotion.pk, event.pk]
    for name in ("event_edit", "event_undo", "event_original", "event_exclude", "event_include"):
        assert client.post(reverse(f"promotion:{name}", args=args), {"version": 0, "outgoing": "{}"}).status_code == 403
    url = reverse("promotion:events_select", args=[promotion.pk])
    assert client.post(url, {"action": "exclude", "event": [event.pk]}).status_code == 403
    client.force_login(cast.stranger())
    assert client.get(list_of(promotion)).status_code == 403
    assert client.get(page_of(event)).status_code == 403


def test_an_event_of_another_promotion_is_not_found(browser, promotion):
    other = stage.event(stage.promotion(title="Another"))
    for name in ("event", "event_raw"):
        assert browser.get(reverse(f"promotion:{name}", args=[promotion.pk, other.pk])).status_code == 404
    url = reverse("promotion:event_edit", args=[promotion.pk, other.pk])
    assert browser.post(url, {"version": 0, "outgoing": "{}"}).status_code == 404
    assert browser.get(reverse("promotion:events", args=[999_999])).status_code == 404


def test_after_the_replay_the_pages_are_for_reading(browser, promotion):
    type(promotion).objects.filter(pk=promotion.pk).update(state=PromotionState.REPLAYED)
    event = promotion.events.in_order()[0]
    assert "Save" not in browser.get(page_of(event)).content.decode()
    assert save(browser, event, json.dumps(stage.role())).status_code == 403


def check(browser, event, text):
    return browser.post(reverse("promotion:event_check", args=[event.promotion_id, event.pk]), {"outgoing": text})


def test_the_check_says_what_saving_would_say_and_changes_nothing(browser, promotion):
    event = promotion.events.in_order()[0]
    assert check(browser, event, text_of(event)).json() == {"problems": [], "version": 0}
    wrong = json.dumps(stage.role(hostId=5, extra="x"))
    assert check(browser, event, wrong).json()["problems"] == save(browser, event, wrong).context["problems"]
    for text in ("{", '{"hostId": "a", "hostId": "b"}', "1e999"):
        [problem] = check(browser, event, text).json()["problems"]
        assert problem["path"] == ""
        assert problem["message"].startswith(str(save(browser, event, text).context["error"].message))
    empty = check(browser, event, "")
    assert (empty.status_code, len(empty.json()["problems"])) == (422, 1)
    assert check(browser, stage.quarantined(promotion), "{}").status_code == 403
    assert not Event.objects.get(pk=event.pk).edited


def test_the_page_carries_what_the_editor_has_to_know_of_the_schema(browser, promotion):
    event = promotion.events.in_order()[0]
    page = browser.get(page_of(event)).content.decode()
    assert 'id="id_outgoing_schema"' in page
    assert "The host that the role belongs to." in page
    assert f'data-check="{reverse("promotion:event_check", args=[promotion.pk, event.pk])}"' in page


def test_saving_goes_on_to_the_next_event_of_the_filter_where_one_asks_for_it(browser, promotion):
    events = [each for each in promotion.events.in_order() if each.host == "host-1"]
    url = reverse("promotion:event_edit", args=[promotion.pk, events[0].pk], query={"host": "host-1"})
    text = json.dumps(stage.role(hostId="moved"))
    answer = browser.post(url, {"outgoing": text, "version": 0, "then": "next"})
    assert answer.url == f"{events[1].get_absolute_url()}?host=host-1"
    assert f"Event {events[0]}: Saved." in browser.get(answer.url).content.decode()
    last = promotion.events.in_order().last()
    url = reverse("promotion:event_edit", args=[promotion.pk, last.pk])
    answer = browser.post(url, {"outgoing": text, "version": 0, "then": "next"})
    assert answer.url == last.get_absolute_url()
    assert "It was the last one." in browser.get(answer.url).content.decode()


def test_the_page_says_which_event_of_how_many_it_is_where_that_is_cheap(browser, promotion):
    third = promotion.events.in_order()[2]
    page = browser.get(page_of(third)).content.decode()
    assert "event 3 of 10" in page
    assert browser.get(page_of(third) + "?host=host-0").context["position"] is None
