import json

import pytest
from django.urls import reverse

from promotion.actions.outgoing import outgoing
from promotion.domain.json_codec import to_json
from promotion.models import Event
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
