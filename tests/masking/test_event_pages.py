"""The pages of events show no sensitive value without the right, and with it only on request, in the audit trail."""

import json
import re
import time
from typing import Any

import pytest
from django.urls import reverse

from promotion.actions.edit import edit
from promotion.actions.outgoing import outgoing
from promotion.domain.json_codec import DoesNotFit, to_json_value
from promotion.domain.masks import SIGN, MaskSaved
from promotion.errors import Refused
from promotion.models import AuditEntry, Event, EventType, Promotion, Revision
from promotion.views.sensitive import KEY
from tests import cast
from tests.masking import stage

pytestmark = pytest.mark.django_db


def event_of(promotion: Promotion) -> Event:
    related = ("schema", "event_type", "revision__schema", "revision__parent", "promotion__target")
    return Event.objects.select_related(*related).get(promotion=promotion)


def text_in(page: str) -> dict[str, Any]:
    """The JSON in the editor of an event's page."""
    found = re.search(r'<textarea[^>]*name="outgoing"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert found is not None
    import html

    value: dict[str, Any] = json.loads(html.unescape(found[1]))
    return value


def saved(promotion: Promotion) -> Any:
    body = outgoing(event_of(promotion))
    return to_json_value(body.schema, body.data)


def edited(promotion: Promotion, **changes: Any) -> Event:
    """The event with another value, by somebody who sees it."""
    event = event_of(promotion)
    return edit(cast.user("manager"), event, event.version, json.dumps(stage.value(**changes)))


@pytest.mark.parametrize("group", ["viewer", "release manager"])
@pytest.mark.parametrize("sensitive", [False, True])
def test_everybody_sees_masks_at_first(promotion: Promotion, group: str, sensitive: bool) -> None:
    role = {"viewer": "viewer", "release manager": "manager"}[group]
    browser = stage.client(role, sensitive=sensitive)
    page = stage.seen(browser.get(event_of(promotion).get_absolute_url()))
    assert stage.leaked(page) == []
    assert "•••masked 1 " in page
    assert "A note." in page
    assert ("Show sensitive values" in page) == sensitive
    assert ("Somebody in the group" in page) != sensitive
    assert stage.sights() == []


def test_who_may_sees_them_on_request_and_each_page_is_audited(promotion: Promotion) -> None:
    event = event_of(promotion)
    browser = stage.client(sensitive=True, shown=promotion)
    assert stage.sights() == []
    page = stage.seen(browser.get(event.get_absolute_url()))
    assert stage.leaked(page) == list(stage.SECRETS)
    assert "Sensitive values of this promotion are shown to you." in page
    assert stage.sights() == [{"page": "event", "event": str(event)}]
    entry = AuditEntry.objects.get(verb="see sensitive values")
    assert (entry.object_type, entry.object_id) == ("promotion", str(promotion.pk))
    browser.post(reverse("promotion:sensitive_hide", args=[promotion.pk]))
    assert stage.leaked(stage.seen(browser.get(event.get_absolute_url()))) == []
    assert len(stage.sights()) == 1


def test_they_are_shown_for_one_promotion_and_a_quarter_of_an_hour(promotion: Promotion) -> None:
    other = stage.promotion()
    browser = stage.client(sensitive=True, shown=promotion)
    assert stage.leaked(stage.seen(browser.get(event_of(other).get_absolute_url()))) == []
    session = browser.session
    assert 890 < session[KEY][str(promotion.pk)] - time.time() <= 900
    session[KEY] = {str(promotion.pk): int(time.time()) - 1}
    session.save()
    assert stage.leaked(stage.seen(browser.get(event_of(promotion).get_absolute_url()))) == []


def test_who_loses_the_right_sees_masks_again(promotion: Promotion) -> None:
    browser = stage.client(sensitive=True, shown=promotion)
    stage.person("manager", True).groups.remove(*stage.person("manager", True).groups.filter(name="sensitive reader"))
    assert stage.leaked(stage.seen(browser.get(event_of(promotion).get_absolute_url()))) == []


def test_without_the_right_nobody_asks_for_them(promotion: Promotion) -> None:
    browser = stage.client()
    assert browser.post(reverse("promotion:sensitive_show", args=[promotion.pk])).status_code == 403
    browser = stage.client(sensitive=True)
    url = reverse("promotion:sensitive_show", args=[promotion.pk])
    assert browser.post(url, {"next": "https://evil.example/"}).url == promotion.get_absolute_url()
    assert browser.post(url, {"next": "/promotions/"}).url == "/promotions/"


def test_differences_and_history_show_that_something_changed_and_not_what(promotion: Promotion) -> None:
    edited(promotion, password={"string": "another-secret"}, email="grace@example.com", note="Other.")
    url = event_of(promotion).get_absolute_url()
    page = stage.seen(stage.client().get(url))
    assert stage.leaked(page) == []
    assert "another-secret" not in page
    assert "grace@" not in page
    assert "password" in page
    assert "•••masked•••" in page
    assert "Other." in page
    page = stage.seen(stage.client(sensitive=True, shown=promotion).get(url))
    assert "another-secret" in page
    assert "•••masked•••" not in page


def test_a_mask_that_comes_back_means_unchanged(promotion: Promotion) -> None:
    event, browser = event_of(promotion), stage.client()
    value = text_in(stage.seen(browser.get(event.get_absolute_url())))
    url = reverse("promotion:event_edit", args=[promotion.pk, event.pk])
    form = {"version": 0, "outgoing": json.dumps(value)}
    assert browser.post(url, form).status_code == 302
    assert not Revision.objects.exists()
    value["note"] = "Changed."
    value["devices"].reverse()
    assert browser.post(url, form | {"outgoing": json.dumps(value)}).status_code == 302
    phone, laptop = stage.value()["devices"]
    assert saved(promotion) == stage.value(note="Changed.", devices=[laptop, phone])
    assert SIGN.encode() not in bytes(Revision.objects.get().body or b"")


@pytest.mark.parametrize("where", ["note", "email", "EventId"])
def test_a_mask_in_another_place_is_refused_and_named(promotion: Promotion, where: str) -> None:
    event, browser = event_of(promotion), stage.client()
    value = text_in(stage.seen(browser.get(event.get_absolute_url())))
    mask = value["password"]
    value |= {"EventId": {"id": mask, "nonce": 1}} if where == "EventId" else {where: f"{mask}"}
    form = {"version": 0, "outgoing": json.dumps(value)}
    answer = browser.post(reverse("promotion:event_edit", args=[promotion.pk, event.pk]), form)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "found a mask" in page
    assert where in page
    assert stage.leaked(page) == []
    assert not Revision.objects.exists()


def test_what_is_wrong_at_a_masked_place_is_told_without_the_value(promotion: Promotion) -> None:
    with pytest.raises(DoesNotFit) as caught:
        edited(promotion, email={"string": "hunter-two"}, password=["hunter-two"])
    assert stage.leaked(f"{caught.value} {caught.value.problems}") == []


def test_no_revision_holds_a_mask_whoever_writes_it(promotion: Promotion) -> None:
    from promotion.actions.edit import revise
    from promotion.domain.json_codec import from_json_value
    from promotion.domain.schema import parse
    from promotion.states import RevisionKind

    event = event_of(promotion)
    body = from_json_value(parse(stage.USER), stage.value(note=f"{SIGN} 1 abcd•••"))
    for kind in (RevisionKind.EDIT, RevisionKind.TOGETHER):
        with pytest.raises(MaskSaved):
            revise(cast.user("manager"), event, event.version, kind, body)


def test_a_conflict_shows_neither_theirs_nor_what_masks_stand_for(promotion: Promotion) -> None:
    event, browser = event_of(promotion), stage.client()
    value = text_in(stage.seen(browser.get(event.get_absolute_url())))
    edited(promotion, note="Theirs.")
    form = {"version": 0, "outgoing": json.dumps(value | {"note": "Mine."})}
    url = reverse("promotion:event_edit", args=[promotion.pk, event.pk])
    answer = browser.post(url, form)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert stage.leaked(page) == []
    assert "Theirs." in page
    assert "Mine." in page
    assert browser.post(url, form | {"version": 1}).status_code == 302
    assert saved(promotion) == stage.value(note="Mine.")
    edited(promotion, password={"string": "theirs-secret"})
    late = browser.post(url, form | {"version": 1})
    assert late.status_code == 422
    assert "masked values have changed" in late.content.decode()
    shown = stage.client(sensitive=True, shown=promotion)
    form["outgoing"] = json.dumps(stage.value(note="Mine."))
    assert "theirs-secret" in shown.post(url, form).content.decode()
    assert stage.sights()[-1] == {"page": "conflict", "event": str(event)}


def test_the_bytes_of_an_event_need_the_right(promotion: Promotion) -> None:
    event = event_of(promotion)
    url = reverse("promotion:event_raw", args=[promotion.pk, event.pk])
    answer = stage.client().get(url)
    assert answer.status_code == 403
    assert "sensitive reader" in answer.content.decode()
    assert stage.client(sensitive=True).get(url).status_code == 403
    shown = stage.client(sensitive=True, shown=promotion).get(url)
    assert b"hunter-two" in shown.content
    assert stage.sights() == [{"page": "bytes", "event": str(event)}]


def test_bytes_in_quarantine_are_shown_where_the_type_has_no_marks(promotion: Promotion) -> None:
    Event.objects.filter(promotion=promotion).update(quarantine_reason="It ends too early.")
    url = event_of(promotion).get_absolute_url()
    page = stage.seen(stage.client().get(url))
    assert stage.leaked(page) == []
    assert b"hunter-two".hex(" ")[:20] not in page
    assert "its bytes are not shown" in " ".join(page.split()) or "bytes are not shown" in page
    assert b"hunter-two".hex(" ")[:20] in stage.seen(stage.client(sensitive=True, shown=promotion).get(url))
    Event.objects.filter(promotion=promotion).update(event_type=None)
    assert b"hunter-two".hex(" ")[:20] in stage.seen(stage.client().get(url))


@pytest.mark.parametrize(
    "path", ["password", "email", "devices.0.secret", "devices", "devices.1", "email.x", "devices.0.secret.y"]
)
def test_nobody_filters_by_a_sensitive_field_unless_values_are_shown(promotion: Promotion, path: str) -> None:
    url = reverse("promotion:events", args=[promotion.pk])
    for sensitive in (False, True):
        answer = stage.client(sensitive=sensitive).get(url, {"field": f"{path} = hunter-two"})
        assert answer.status_code == 422
        assert "sensitive reader" in answer.content.decode()
    assert stage.client(sensitive=True, shown=promotion).get(url, {"field": f"{path} = x"}).status_code == 200
    assert stage.sights()[-1]["page"] == "events"
    assert stage.client().get(url, {"field": "note = A note."}).status_code == 200
    event = reverse("promotion:event", args=[promotion.pk, event_of(promotion).pk])
    assert stage.client().get(event, {"field": f"{path} = x"}).status_code == 422
    ask = reverse("promotion:events_select", args=[promotion.pk])
    asked = stage.client().get(ask, {"field": f"{path} = x", "action": "exclude"})
    assert asked.status_code == 302


@pytest.mark.parametrize("text", [*stage.SECRETS, "HUNTER-TWO", "hunter", "@example.com", 'phone", "secret": "key'])
def test_the_text_search_does_not_look_into_sensitive_values(promotion: Promotion, text: str) -> None:
    url = reverse("promotion:events", args=[promotion.pk])
    for sensitive in (False, True):
        assert "No event fits" in stage.seen(stage.client(sensitive=sensitive).get(url, {"text": text}))
    if "secret" not in text:
        shown = stage.client(sensitive=True, shown=promotion).get(url, {"text": text})
        assert "No event fits" not in stage.seen(shown)
        assert stage.sights()[-1] == {"page": "events", "events": 1}


def test_the_text_search_finds_what_stands_beside_them_and_in_other_types(promotion: Promotion) -> None:
    from tests.events import stage as roles

    roles.event(promotion, roles.role(roleId="hunter-two"))
    url = reverse("promotion:events", args=[promotion.pk])
    page = stage.seen(stage.client().get(url, {"text": "hunter-two"}))
    assert "RoleCreatedEvent" in page
    assert "UserCreatedEvent</code>" not in page
    for text in ("A note.", "laptop", "password"):
        assert "UserCreatedEvent</code>" in stage.seen(stage.client().get(url, {"text": text}))


def test_all_that_match_are_excluded_without_a_look_at_sensitive_values(promotion: Promotion) -> None:
    form = {"everything": "on", "action": "exclude", "count": 1, "query": "text=hunter-two"}
    stage.client().post(reverse("promotion:events_select", args=[promotion.pk]), form)
    assert not Event.objects.get(promotion=promotion).excluded


def test_marks_count_as_they_are_now_and_by_the_type_an_event_became(promotion: Promotion) -> None:
    url, browser = event_of(promotion).get_absolute_url(), stage.client()
    kind = EventType.objects.filter(full_name=stage.NAME)
    kind.update(proposed_sensitive_fields=["note"])
    page = stage.seen(browser.get(url))
    assert stage.leaked(page) == list(stage.SECRETS)
    assert "A note." not in page
    kind.update(proposed_sensitive_fields=[])
    assert "A note." in stage.seen(browser.get(url))


def test_an_event_of_a_type_without_marks_is_shown_and_seen_by_nobody_in_particular(promotion: Promotion) -> None:
    EventType.objects.update(proposed_sensitive_fields=[])
    browser = stage.client(sensitive=True, shown=promotion)
    assert stage.leaked(stage.seen(browser.get(event_of(promotion).get_absolute_url())))
    assert stage.sights() == []


def test_refused_is_not_a_way_to_learn_a_value(promotion: Promotion) -> None:
    Promotion.objects.filter(pk=promotion.pk).update(state="replayed")
    with pytest.raises(Refused) as caught:
        edited(promotion, password={"string": "x"})
    assert stage.leaked(str(caught.value)) == []
