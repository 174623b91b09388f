"""The pages of amendments, and what the approach forbids and allows; nothing here needs Kafka."""

import pytest
from django.test import Client
from django.urls import reverse

from promotion.actions.approach import switch
from promotion.actions.edit import back_to_original, edit, exclude, undo
from promotion.errors import Refused
from promotion.forms.promotions import CreateForm
from promotion.models import Amendment, AuditEntry, Promotion
from promotion.states import Approach, Origin, PromotionState
from promotion.views.steps import steps
from tests import cast

pytestmark = pytest.mark.django_db
BAD = "<script>alert(1)</script>\u202e"


@pytest.fixture(autouse=True)
def _no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    from promotion import jobs

    monkeypatch.setattr(jobs, "_enqueue", lambda job: None)


@pytest.fixture
def browser() -> Client:
    client = Client()
    client.force_login(cast.user("manager"))
    return client


@pytest.fixture
def parent() -> Promotion:
    """A promotion of originals, replayed as far as its state says."""
    made = cast.exported(2, approach=Approach.ORIGINALS_FIRST)
    Promotion.objects.filter(pk=made.pk).update(state=PromotionState.REPLAYED)
    made.refresh_from_db()
    return made


@pytest.fixture
def amended(parent) -> Amendment:
    """An amendment of the first event, with hostile words around it."""
    from promotion.actions.amend import _begin

    made = _begin(cast.user("manager"), parent)
    event = cast.event(made, 0)
    current = {"values": {"apiId": BAD, "other": 2**63}, "needs": [], "identity": "00"}
    return Amendment.objects.create(
        event=event, amends=parent.events.in_order()[0], thing=BAD[:300], found_at="1:7", current=current
    )


def url(name, *args, **query):
    return reverse(f"promotion:{name}", args=args, query=query)


def test_values_are_not_changed_where_the_originals_go_first_but_events_are_excluded():
    promotion = cast.exported(1, approach=Approach.ORIGINALS_FIRST)
    event = promotion.events.get()
    with pytest.raises(Refused, match="replays the originals first") as refused:
        edit(cast.user("manager"), event, event.version, '{"apiId": "y"}')
    assert "amend it on sit" in refused.value.hint
    assert exclude(cast.user("manager"), promotion, [event.pk]).count == 1
    assert exclude(cast.user("manager"), promotion, [event.pk], excluded=False).count == 1


def test_an_edit_that_was_taken_back_cannot_come_again_by_an_undo():
    promotion, actor = cast.exported(1), cast.user("manager")
    event = promotion.events.get()
    event = edit(actor, event, event.version, '{"apiId": "y"}')
    with pytest.raises(Refused, match="1 event was edited by hand"):
        switch(actor, promotion, Approach.ORIGINALS_FIRST)
    event = back_to_original(actor, event, event.version)
    assert switch(actor, promotion, Approach.ORIGINALS_FIRST).approach == Approach.ORIGINALS_FIRST
    event = type(event).objects.select_related("promotion", "schema", "revision").get(pk=event.pk)
    with pytest.raises(Refused, match="replays the originals first"):
        undo(actor, event, event.version)
    assert AuditEntry.objects.filter(verb="approach").get().after == {"approach": "originals_first"}


def test_the_approach_is_settled_once_events_are_on_their_way(parent):
    with pytest.raises(Refused, match="its approach is settled"):
        switch(cast.user("manager"), parent, Approach.EDIT_FIRST)
    with pytest.raises(Refused, match="release manager"):
        switch(cast.user("viewer"), cast.exported(title="Other"), Approach.ORIGINALS_FIRST)


def test_the_approach_is_chosen_when_a_promotion_is_made_and_switched_on_its_page(browser):
    cast.environment("dev"), cast.environment("sit", order=20)
    assert dict(CreateForm().fields["approach"].choices) == dict(Approach.choices)
    given = {"title": "Second way", "source": "dev", "target": "sit", "approach": "originals_first"}
    made = browser.post(url("promotion_create"), given)
    promotion = Promotion.objects.get()
    assert (made.status_code, promotion.approach) == (302, "originals_first")
    page = browser.get(promotion.get_absolute_url()).content.decode()
    assert "Edit first, then replay instead" in page
    browser.post(url("approach", promotion.pk), {"approach": "edit_first"})
    promotion.refresh_from_db()
    assert promotion.approach == "edit_first"


def test_the_steps_of_originals_end_with_amending(parent):
    labels = [each["label"] for each in steps(parent, None)]
    assert labels == ["Export", "Re-key", "Plan", "Replay", "Verify", "Amend"]
    assert [each["label"] for each in steps(cast.exported(title="Usual"), None)][-1] == "Verify"


def test_the_editor_gives_way_to_a_sentence_that_leads_on(browser):
    promotion = cast.exported(1, approach=Approach.ORIGINALS_FIRST)
    page = browser.get(promotion.events.get().get_absolute_url()).content.decode()
    assert "The originals go first" in page
    assert "event_edit" not in page
    assert ">Save<" not in page
    assert "Exclude" in page


def test_ticked_events_are_asked_for_and_lead_to_their_round(browser, parent):
    ids = [event.pk for event in parent.events.all()]
    answer = browser.post(url("amend", parent.pk), {"event": ids, "action": "Deleted"})
    made = Promotion.objects.get(amends=parent)
    assert answer["Location"] == made.get_absolute_url()
    assert (made.origin, made.state) == (Origin.AMENDMENTS, PromotionState.AMENDING)
    job = made.jobs.get()
    assert job.arguments == {"events": ids, "things": [], "action": "Deleted"}
    said = AuditEntry.objects.get(verb="proposal of amendments").after
    assert said == {"job": str(job.pk), "events": 2, "things": 0, "action": "Deleted"}


def test_all_that_match_are_asked_for_by_their_number(browser, parent):
    page = browser.get(url("amend", parent.pk)).content.decode()
    assert "Propose amendments of 2 events" in page
    wrong = browser.post(url("amend", parent.pk), {"everything": "on", "count": 1, "query": ""})
    assert wrong.status_code == 409
    browser.post(url("amend", parent.pk), {"everything": "on", "count": 1, "query": "partition=0&offset=1"})
    assert len(Promotion.objects.get(amends=parent).jobs.get().arguments["events"]) == 1


def test_a_thing_is_named_by_its_ids(browser, parent):
    kind = parent.events.in_order()[0].event_type
    type(kind).objects.filter(pk=kind.pk).update(proposed_key_fields=["apiId"])
    page = browser.get(url("amend", parent.pk, kind="Api")).content.decode()
    assert "apiId" in page
    empty = browser.post(url("amend", parent.pk), {"kind": "Api", "value_0": "", "action": "Created"})
    assert empty.status_code == 422
    browser.post(url("amend", parent.pk), {"kind": "Api", "value_0": "petstore, 2", "action": "Created"})
    assert Promotion.objects.get(amends=parent).jobs.get().arguments["things"] == [["Api", "petstore, 2"]]
    assert browser.post(url("amend", parent.pk), {"kind": "No such"}).status_code == 404


def test_one_round_is_open_at_a_time_and_is_busy_while_a_worker_proposes(browser, parent):
    event = parent.events.in_order()[0]
    browser.post(url("amend", parent.pk), {"event": event.pk})
    assert browser.post(url("amend", parent.pk), {"event": event.pk}).status_code == 409
    assert Promotion.objects.filter(amends=parent).count() == 1


@pytest.mark.parametrize("state", [PromotionState.REPLAY_FAILED, PromotionState.PARTLY_REPLAYED])
def test_a_round_that_is_stuck_in_its_replay_comes_first(browser, amended, parent, state):
    Promotion.objects.filter(amends=parent).update(state=state)
    answer = browser.post(url("amend", parent.pk), {"event": parent.events.in_order()[0].pk})
    assert answer.status_code == 403
    assert "Go on with its replay first" in answer.content.decode()


def test_events_link_both_ways_and_hostile_words_are_harmless(browser, amended, parent):
    event = amended.event
    pages = [
        browser.get(event.get_absolute_url()),
        browser.get(amended.amends.get_absolute_url()),
        browser.get(url("story", parent.pk)),
        browser.get(event.promotion.get_absolute_url()),
        browser.get(url("receipt", parent.pk)),
    ]
    assert [page.status_code for page in pages] == [200] * 5
    texts = [page.content.decode() for page in pages]
    assert not any("<script>alert" in text for text in texts)
    assert amended.amends.get_absolute_url() in texts[0]
    assert event.get_absolute_url() in texts[1]
    assert event.get_absolute_url() in texts[2]
    assert url("story", parent.pk) in texts[3]
    assert browser.get(url("story", event.promotion_id))["Location"] == url("story", parent.pk)


def test_what_is_on_the_target_is_compared_with_what_would_be_set_and_nothing_else(browser, amended):
    rows = browser.get(amended.event.get_absolute_url()).context["target_rows"]
    assert [(row.path, row.after, row.status) for row in rows] == [("apiId", '"x"', "changed")]


def test_a_value_that_was_made_up_can_be_said_to_be_meant(browser, parent, amended):
    schema = cast.store_schema(cast.schema_text("a.b.ApiUpdatedEvent", '{"name": "apiId", "type": "string"}'))
    kind = cast.event_type("a.b.ApiUpdatedEvent", "promotable", schema=schema)
    event = cast.event(amended.event.promotion, 5, event_type=kind, schema=schema, value=b"\0\0\0\0\0\0")
    Amendment.objects.create(event=event, thing="Api", current={"values": {}, "needs": ["apiId"], "identity": "1"})
    page = browser.get(event.get_absolute_url())
    assert page.context["missing"] == ["apiId"]
    assert "It needs a value: apiId" in page.content.decode()
    before = Promotion.objects.get(pk=event.promotion_id).changes
    answer = browser.post(url("amendment_keep", event.promotion_id, event.pk), {"version": event.version})
    assert answer.status_code == 302
    assert browser.get(event.get_absolute_url()).context["missing"] == []
    assert Promotion.objects.get(pk=event.promotion_id).changes == before + 1
    again = browser.post(url("amendment_keep", event.promotion_id, event.pk), {"version": event.version + 1})
    assert again.status_code == 403
