"""The page of a plan: what it says, what can be chosen, what is forced, and what differs. Plans are rows here."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from promotion.domain.plan_choices import Mode, PlanChoices, Policy
from promotion.models import Environment, ExportPartition, Judgement, Override, Plan, Promotion, PromotionJob
from promotion.states import JobKind, JobState, PlanState, PromotionState, Verdict
from tests import cast

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about pages: what is asked for stays in the database."""
    from promotion import jobs

    monkeypatch.setattr(jobs, "_enqueue", lambda job: None)


def as_role(role: str) -> Client:
    client = Client()
    client.force_login(cast.user(role))
    return client


def url(name: str, promotion: Promotion, *more: object) -> str:
    return reverse(f"promotion:{name}", args=[promotion.pk, *more])


def text_of(answer: Any) -> str:
    """What stands on the page, its white space as a browser shows it."""
    return re.sub(r"\s+", " ", answer.content.decode())


def planned(*verdicts: Verdict, **fields: Any) -> Plan:
    """A plan with one event for each of `verdicts`."""
    promotion = cast.exported(len(verdicts))
    plan = cast.plan(promotion, **fields)
    for event, verdict in zip(promotion.events.in_order(), verdicts, strict=True):
        cast.judgement(plan, event, verdict, problem="It is wrong." if verdict in HELD else "", hint="Mend it.")
    return plan


HELD = {Verdict.CONFLICT, Verdict.INVALID, Verdict.ORPHAN}
CHOICES = {"nonce": "continue", "kafka_timestamp": "keep", "event_timestamp": "keep", "mode": "all"}


def test_without_a_plan_the_page_offers_to_make_one() -> None:
    promotion = cast.exported(1)
    page = text_of(as_role("manager").get(url("plan", promotion)))
    assert "Make the plan" in page
    assert page.count("button primary") == 1
    assert "A release manager makes it." in text_of(as_role("viewer").get(url("plan", promotion)))


def test_before_the_export_nothing_can_be_planned() -> None:
    promotion = cast.promotion()
    client = as_role("manager")
    assert "Nothing can be planned yet" in text_of(client.get(url("plan", promotion)))
    assert client.post(url("plan", promotion), CHOICES).status_code == 403
    assert not PromotionJob.objects.exists()


def test_a_plan_is_asked_for_with_what_was_chosen() -> None:
    promotion = cast.exported(1)
    given = CHOICES | {
        "nonce": "keep", "event_timestamp": "replay", "mode": "batches", "batch_size": "200", "rate": "50",
        "pause_seconds": "1.5", "register_versions": "on",
    }  # fmt: skip
    answer = as_role("manager").post(url("plan", promotion), given)
    assert answer["Location"] == url("plan", promotion)
    job = PromotionJob.objects.get()
    assert (job.kind, job.promotion_id) == (JobKind.PLAN, promotion.pk)
    assert PlanChoices.from_json(job.arguments["choices"]) == PlanChoices(
        nonce=Policy.KEEP, event_timestamp=Policy.REPLAY, mode=Mode.BATCHES, batch_size=200, rate=50,
        pause_seconds=1.5, register_versions=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"),
    [("mode", ""), ("mode", "some"), ("nonce", "replay"), ("kafka_timestamp", "continue"), ("batch_size", "0"),
     ("batch_size", "x"), ("rate", "-1"), ("pause_seconds", "9999"), ("pause_seconds", "nan")],
)  # fmt: skip
def test_what_cannot_be_chosen_is_said_at_its_field_and_asks_for_nothing(field: str, value: str) -> None:
    promotion = cast.exported(1)
    answer = as_role("manager").post(url("plan", promotion), CHOICES | {field: value})
    assert answer.status_code == 422
    assert field in answer.context["plan_form"].errors
    assert answer.context["open_form"]
    assert not PromotionJob.objects.exists()


def test_the_form_begins_with_what_the_plan_before_was_made_with() -> None:
    plan = planned(Verdict.NEW, choices=PlanChoices(nonce=Policy.KEEP, mode=Mode.BATCHES, rate=7).to_json())
    form = as_role("manager").get(url("plan", plan.promotion)).context["plan_form"]
    assert (form["nonce"].value(), form["mode"].value(), form["rate"].value()) == ("keep", "batches", 7)


def test_small_batches_are_proposed_where_consumers_read_uncommitted_records() -> None:
    promotion = cast.exported(1)
    client = as_role("manager")
    page = text_of(client.get(url("plan", promotion)))
    assert "read uncommitted records" in page
    link = re.search(r'href="([^"]*mode=batches[^"]*)"', page)
    assert link is not None
    proposed = client.get(link[1].replace("&amp;", "&"))
    form = proposed.context["plan_form"]
    assert (form["mode"].value(), form["batch_size"].value()) == ("batches", "200")
    assert proposed.context["open_form"]
    assert "Choose batches of" not in text_of(proposed)
    Environment.objects.update(consumers_read="committed")
    assert "read uncommitted records" not in text_of(client.get(url("plan", promotion)))


def test_what_is_accepted_is_only_asked_where_it_matters() -> None:
    promotion = cast.exported(1)
    client = as_role("manager")
    page = text_of(client.get(url("plan", promotion)))
    assert "accept_incomplete" not in page
    assert "accept_partitions" not in page
    ExportPartition.objects.update(truncated_from=0, truncated_to=40)
    Environment.objects.filter(name="sit").update(check_findings={"kafka": {"partitions": 5}})
    page = text_of(client.get(url("plan", promotion)))
    assert "40 offsets are missing" in page
    assert "accept_incomplete" in page
    assert "accept_partitions" in page


def test_a_ready_plan_leads_to_the_replay_with_its_numbers() -> None:
    plan = planned(Verdict.NEW, Verdict.CHANGED, Verdict.SAME, Verdict.ALREADY_PROMOTED)
    page = text_of(as_role("manager").get(url("plan", plan.promotion)))
    assert "Ready" in page
    assert "Replay 2 events to sit" in page
    assert page.count("button primary") == 1
    assert plan.digest in page
    assert "the-target" in page
    assert "1,234" in page  # an end of the target


def test_counts_come_from_the_plan_and_lead_to_the_list() -> None:
    plan = planned(Verdict.NEW, Verdict.SAME)
    plan.counts |= {"same": 1_234_567}
    plan.save()
    page = text_of(as_role("viewer").get(url("plan", plan.promotion)))
    assert '<a href="?verdict=same#list">1,234,567</a>' in page


def test_refusals_come_first_each_with_what_to_do() -> None:
    plan = planned(Verdict.NEW, Verdict.CONFLICT, Verdict.ORPHAN, problems=["The target is compacted. <b>"])
    page = text_of(as_role("manager").get(url("plan", plan.promotion)))
    places = [page.index(said) for said in ("The target is compacted. &lt;b&gt;", "It is wrong.", "Mend it.", "h-list")]
    assert places == sorted(places)
    assert [row.verdict for row in as_role("manager").get(url("plan", plan.promotion)).context["refused"]] == [
        Verdict.CONFLICT, Verdict.ORPHAN,
    ]  # fmt: skip
    assert "Replay" not in re.findall(r'class="button primary"[^>]*>(?:<svg.*?</svg>)?(.*?)</', page)
    assert "Make a new plan" in page


def test_a_forced_conflict_holds_nothing_up() -> None:
    promotion = cast.exported(1)
    plan = cast.plan(promotion)
    cast.judgement(plan, promotion.events.get(), Verdict.CONFLICT, forced=True)
    page = as_role("manager").get(url("plan", promotion))
    assert page.context["refused"] == []
    assert "Forced" in text_of(page)


def test_an_edit_makes_the_plan_stale_and_one_button_makes_a_new_one_with_the_same_choices() -> None:
    choices = PlanChoices(
        nonce=Policy.KEEP, mode=Mode.BATCHES, batch_size=77, pause_seconds=0.5, accept_incomplete=True
    )
    plan = planned(Verdict.NEW, choices=choices.to_json())
    Promotion.objects.changed(plan.promotion_id, cast.user("manager").pk)
    client = as_role("manager")
    answer = client.get(url("plan", plan.promotion))
    page = text_of(answer)
    assert answer.context["standing"].state == PlanState.STALE
    assert answer.context["standing"].reasons
    assert page.count('id="again"') == 1
    assert page.count("button primary") == 1
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.partition('id="again"')[0]))
    client.post(url("plan", plan.promotion), {name: fields[name] for name, _ in answer.context["same"]})
    assert PlanChoices.from_json(PromotionJob.objects.get().arguments["choices"]) == choices


def test_an_expired_plan_says_when() -> None:
    plan = planned(Verdict.NEW, expires_at=timezone.now() - timedelta(hours=1))
    page = text_of(as_role("manager").get(url("plan", plan.promotion)))
    assert "Expired" in page
    assert "It expired" in page
    assert "Make a new plan" in page


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (PlanState.READY, "It is ready to be submitted"),
        (PlanState.SUBMITTED, "It waits for approval"),
        (PlanState.APPROVED, "Replay 1 event to sit"),
        (PlanState.REJECTED, "It was rejected"),
    ],
)
def test_a_protected_target_needs_an_approval_first(state: PlanState, says: str) -> None:
    Environment.objects.filter(pk=cast.environment("sit", order=20).pk).update(protected=True)
    plan = planned(Verdict.NEW, state=state, submitted_by=cast.user("manager"), submitted_at=timezone.now())
    page = text_of(as_role("manager").get(url("plan", plan.promotion)))
    assert says in page
    assert ("Replay 1 event to sit" in page) == (state == PlanState.APPROVED)


def test_only_release_managers_may_change_anything() -> None:
    plan = planned(Verdict.NEW, Verdict.SAME)
    for role in ("viewer", "approver", "curator"):
        client = as_role(role)
        page = text_of(client.get(url("plan", plan.promotion)))
        assert "Send all the same" not in page
        assert "Make another plan" not in page
        for name in ("plan", "plan_force", "plan_unforce"):
            assert client.post(url(name, plan.promotion), CHOICES).status_code == 403


def test_anybody_who_may_look_may_ask_whether_it_still_fits() -> None:
    plan = planned(Verdict.NEW)
    client = as_role("viewer")
    assert "See whether it still fits" in text_of(client.get(url("plan", plan.promotion)))
    assert client.post(url("plan_check", plan.promotion))["Location"] == url("plan", plan.promotion)
    job = PromotionJob.objects.get()
    assert (job.kind, job.arguments) == (JobKind.CHECK_PLAN, {"plan": str(plan.pk)})
    PromotionJob.objects.update(state=JobState.SUCCEEDED, ended_at=timezone.now())
    assert "nothing had come that concerns this plan" in text_of(client.get(url("plan", plan.promotion)))


def test_without_a_plan_there_is_nothing_to_check() -> None:
    assert as_role("viewer").post(url("plan_check", cast.exported(1))).status_code == 422


def test_the_page_is_polled_while_a_plan_is_made_and_shows_it_then() -> None:
    promotion, client = cast.exported(1), as_role("manager")
    client.post(url("plan", promotion), CHOICES)
    page = text_of(client.get(url("plan", promotion)))
    assert 'hx-trigger="job-moved from:body"' in page
    assert "Waiting for a worker" in page
    assert "Event by event" not in page
    plan = cast.plan(promotion)
    cast.judgement(plan, promotion.events.get())
    PromotionJob.objects.update(state=JobState.SUCCEEDED)
    Promotion.objects.update(state=PromotionState.EXPORTED)
    part = text_of(client.get(url("plan", promotion), headers={"HX-Request": "true"}))
    assert "job-moved from:body" not in part
    assert "<html" not in part
    assert 'id="rest" class="stack" hx-swap-oob="true"' in part
    assert "Event by event" in part


def test_a_plan_that_could_not_be_made_says_why() -> None:
    promotion, client = cast.exported(1), as_role("manager")
    client.post(url("plan", promotion), CHOICES)
    PromotionJob.objects.update(state=JobState.FAILED, error="The registry is down.", hint="Wait.")
    Promotion.objects.update(state=PromotionState.EXPORTED)
    page = text_of(client.get(url("plan", promotion)))
    assert "The registry is down." in page
    assert "Make the plan" in page
    cast.plan(promotion)
    assert "The registry is down." not in text_of(client.get(url("plan", promotion)))


def test_a_row_says_what_would_be_produced_and_what_it_changes() -> None:
    promotion = cast.exported(2)
    plan = cast.plan(promotion)
    first, second = promotion.events.in_order()
    changes = [
        {"path": "roleDesc", "from": "<script>", "to": "new\u202e"},
        {"path": "tags[1]", "from": None, "to": 9_007_199_254_740_993},
        {"path": "limit", "from": 5, "to": None},
    ]
    cast.judgement(plan, first, Verdict.CHANGED, changes=changes, aggregate="Role <i> / admin")
    cast.judgement(plan, second, Verdict.NEW)
    plan.steps.filter(ordinal=1).update(registry_id=None)
    answer = as_role("viewer").get(url("plan", promotion))
    row, other = answer.context["rows"]
    assert [each.status for each in row.changes] == ["changed", "new", "removed"]
    assert (row.record.partition, row.record.key.text, row.record.registry_id, row.record.size) == (1, "host-1", 7, 7)
    assert other.record.registry_id is None
    page = text_of(answer)
    for said in ("&lt;script&gt;", "new\\u202e", "9007199254740993", "would be registered", "Role &lt;i&gt; / admin"):
        assert said in page
    assert "<script>" not in page.partition('id="list"')[2]
    assert first.get_absolute_url() in page


@pytest.mark.parametrize(
    ("query", "positions"),
    [
        ("verdict=same", [1, 3]), ("verdict=conflict", [2]), ("show=going", [0, 3]), ("show=stays", [1, 2, 4]),
        ("show=refused", [2]), ("show=forced", [3]), ("text=ADMIN-4", [4]), ("text=100%25", []),
        ("verdict=conflict&show=forced", []), ("type=net.lightapi.portal.market.ApiCreatedEvent", [0, 1, 2, 3, 4]),
        ("verdict=nonsense", []), ("text=%00", []), ("after=3", [4]), ("before=1", [0]), ("after=x", [0, 1, 2, 3, 4]),
    ],
)  # fmt: skip
def test_the_list_shows_what_the_address_asks_for(query: str, positions: list[int]) -> None:
    promotion = cast.exported(5)
    plan = cast.plan(promotion)
    verdicts = [Verdict.NEW, Verdict.SAME, Verdict.CONFLICT, Verdict.SAME, Verdict.ALREADY_PROMOTED]
    for number, (event, verdict) in enumerate(zip(promotion.events.in_order(), verdicts, strict=True)):
        cast.judgement(plan, event, verdict, forced=number == 3, aggregate=f"Role / admin-{number}")
    answer = as_role("viewer").get(f"{url('plan', promotion)}?{query}")
    assert answer.status_code == 200
    assert [row.judgement.position for row in answer.context["rows"]] == positions


def test_the_list_is_paged_and_its_parts_are_served_alone() -> None:
    promotion = cast.exported(51)
    plan = cast.plan(promotion)
    for event in promotion.events.in_order():
        cast.judgement(plan, event)
    client = as_role("viewer")
    first = client.get(url("plan", promotion))
    assert len(first.context["rows"]) == 50
    assert "51 events, in the order of replay" in text_of(first)
    following = first.context["page"].next_url
    assert following.startswith(url("plan_steps", promotion))
    part = client.get(following, headers={"HX-Request": "true"})
    assert [row.judgement.position for row in part.context["rows"]] == [50]
    assert "<html" not in part.content.decode()
    # A reload of that address is the whole page with the same rows.
    whole = client.get(following, follow=True)
    assert [row.judgement.position for row in whole.context["rows"]] == [50]
    assert "<html" in whole.content.decode()


def test_rows_cost_the_same_number_of_queries_however_many_there_are(django_assert_max_num_queries: Any) -> None:
    promotion = cast.exported(30)
    plan = cast.plan(promotion)
    for event in promotion.events.in_order():
        cast.judgement(plan, event, Verdict.CHANGED)
    client = as_role("viewer")
    with django_assert_max_num_queries(16):
        client.get(url("plan_steps", promotion), headers={"HX-Request": "true"})


def test_chosen_events_are_sent_all_the_same_for_a_reason() -> None:
    plan = planned(Verdict.SAME, Verdict.CONFLICT, Verdict.NEW)
    client = as_role("manager")
    same, conflict, new = plan.promotion.events.in_order()
    given = {
        "plan": plan.pk,
        "event": [same.pk, conflict.pk, new.pk],
        "reason": "They are wanted.",
        "query": "show=stays",
    }
    answer = client.post(url("plan_force", plan.promotion), given, follow=True)
    assert answer.redirect_chain == [(f"{url('plan', plan.promotion)}?show=stays", 302)]
    assert "2 events will be sent all the same." in text_of(answer)
    assert set(Override.objects.values_list("event_id", "verdict", "reason")) == {
        (same.pk, "same", "They are wanted."), (conflict.pk, "conflict", "They are wanted."),
    }  # fmt: skip
    assert answer.context["standing"].stale
    assert text_of(answer).count('id="again"') == 1


def test_a_forced_event_makes_a_ready_plan_stale() -> None:
    plan = planned(Verdict.SAME, Verdict.NEW)
    event = plan.promotion.events.in_order()[0]
    given = {"plan": plan.pk, "event": event.pk, "reason": "Wanted."}
    answer = as_role("manager").post(url("plan_force", plan.promotion), given, follow=True)
    assert answer.context["standing"].stale
    assert text_of(answer).count('id="again"') == 1


def test_all_of_one_verdict_are_offered_where_the_list_shows_nothing_else() -> None:
    plan = planned(Verdict.SAME, Verdict.SAME, Verdict.NEW)
    client = as_role("manager")
    assert "Send all" not in text_of(client.get(url("plan", plan.promotion))).replace("Send all the same", "")
    page = text_of(client.get(f"{url('plan', plan.promotion)}?verdict=same"))
    assert "Send all 2 Same all the same" in page
    given = {"plan": plan.pk, "everything": "same", "reason": "All."}
    client.post(url("plan_force", plan.promotion), given)
    assert Override.objects.count() == 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"reason": " "}, "Say why they are sent all the same."),
        ({"event": []}, "Choose the events that are to be sent all the same."),
        ({"event": ["x"]}, "These are not events of a list."),
        ({"event": [], "everything": "invalid"}, "Select a valid choice"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_lost(change: dict[str, Any], says: str) -> None:
    plan = planned(Verdict.SAME, Verdict.NEW)
    event = plan.promotion.events.in_order()[0]
    given = {"plan": plan.pk, "event": [event.pk], "reason": "Wanted.", "query": "verdict=same"} | change
    answer = as_role("manager").post(url("plan_force", plan.promotion), given)
    assert answer.status_code == 422
    page = text_of(answer)
    assert says in page
    assert [row.judgement.position for row in answer.context["rows"]] == [0]
    if change.get("reason"):
        assert f'value="{event.pk}" data-select-row checked' in page
    assert not Override.objects.exists()


def test_what_is_invalid_cannot_be_chosen() -> None:
    plan = planned(Verdict.INVALID)
    page = text_of(as_role("manager").get(url("plan", plan.promotion)))
    assert "data-select-row" not in page


def test_a_page_of_an_older_plan_forces_nothing() -> None:
    plan = planned(Verdict.SAME)
    cast.plan(plan.promotion)
    event = plan.promotion.events.get()
    for name in ("plan_force", "plan_unforce"):
        answer = as_role("manager").post(url(name, plan.promotion), {"plan": plan.pk, "event": event.pk, "reason": "R"})
        assert answer.status_code == 409
    assert not Override.objects.exists()


def test_a_force_is_taken_back() -> None:
    promotion = cast.exported(1)
    plan, event, client = cast.plan(promotion), promotion.events.get(), as_role("manager")
    cast.judgement(plan, event, Verdict.SAME, forced=True)
    Override.objects.create(promotion=promotion, event=event, verdict="same", reason="R", author=cast.user("manager"))
    answer = client.post(url("plan_unforce", promotion), {"plan": plan.pk, "event": event.pk}, follow=True)
    assert "1 event is no longer forced." in text_of(answer)
    assert not Override.objects.exists()
    answer = client.post(url("plan_unforce", promotion), {"plan": plan.pk}, follow=True)
    assert "Choose the events" in text_of(answer)


def test_nothing_can_be_forced_once_it_is_replayed() -> None:
    plan = planned(Verdict.SAME)
    Promotion.objects.update(state=PromotionState.REPLAYED)
    page = text_of(as_role("manager").get(url("plan", plan.promotion)))
    assert "Send all the same" not in page


def test_an_older_plan_can_be_looked_at_and_nothing_else() -> None:
    plan = planned(Verdict.SAME, Verdict.NEW)
    promotion, client = plan.promotion, as_role("manager")
    old_url = url("plan_old", promotion, plan.pk)
    assert client.get(old_url)["Location"] == url("plan", promotion)
    newer = cast.plan(promotion)
    page = text_of(client.get(old_url))
    assert "no longer the newest" in page
    assert "Superseded" in page
    assert plan.digest in page
    for button in ("Send all the same", "Make a", "See whether it still fits", "button primary"):
        assert button not in page
    assert old_url in text_of(client.get(url("plan", promotion)))
    assert newer.digest not in page
    part = client.get(f"{old_url}?verdict=same", headers={"HX-Request": "true"})
    assert [row.verdict for row in part.context["rows"]] == [Verdict.SAME]
    other = cast.plan(cast.promotion("Another"))
    assert client.get(url("plan_old", promotion, other.pk)).status_code == 404


def test_what_differs_from_the_plan_before_is_shown() -> None:
    plan = planned(Verdict.SAME, Verdict.NEW)
    promotion, client = plan.promotion, as_role("viewer")
    assert "There is no plan before this one." in text_of(client.get(url("plan_compare", promotion)))
    newer = cast.plan(promotion)
    first, second = promotion.events.in_order()
    cast.judgement(newer, first, Verdict.SAME, forced=True, aggregate="Api <b>")
    cast.judgement(newer, second, Verdict.ALREADY_PROMOTED)
    page = text_of(client.get(url("plan_compare", promotion)))
    assert "1 goes now and did not before" in page
    assert "1 went and does not go now" in page
    assert "Api &lt;b&gt;" in page
    part = text_of(client.get(url("plan_compare", promotion), headers={"HX-Request": "true"}))
    assert "<html" not in part
    assert f'hx-get="{url("plan_compare", promotion)}"' in text_of(client.get(url("plan", promotion)))


def test_subjects_say_what_becomes_of_each_schema() -> None:
    about = {"type": "T", "level": "BACKWARD", "compatible": None, "messages": [], "events": 3}
    plan = planned(Verdict.NEW, subjects=[
        about | {"subject": "a.Exact", "what": "exact", "id": 1_234},
        about | {"subject": "b.Registered", "what": "registered", "id": None},
        about | {"subject": "c.Version", "what": "new_version", "id": None, "compatible": True},
        about | {"subject": "d.Resolved", "what": "resolved", "id": 9},
        about | {"subject": "e.<b>", "what": "refused", "id": None, "compatible": False, "messages": ["No default."]},
    ])  # fmt: skip
    page = text_of(as_role("viewer").get(url("plan", plan.promotion)))
    for said in ("is there", "would be registered", "new version would be registered", "resolved to the latest version",
                 "refused", "No default.", "e.&lt;b&gt;", ", compatible", "not compatible", ">1234<"):  # fmt: skip
        assert said in page


def test_a_plan_of_another_promotion_or_none_is_not_found() -> None:
    client = as_role("manager")
    for name in ("plan", "plan_steps", "plan_compare"):
        assert client.get(reverse(f"promotion:{name}", args=[999])).status_code == 404


def test_judgements_of_other_plans_are_not_in_the_list() -> None:
    plan = planned(Verdict.NEW)
    planned(Verdict.CONFLICT)
    rows = as_role("viewer").get(url("plan", plan.promotion)).context["rows"]
    assert [row.verdict for row in rows] == [Verdict.NEW]
    assert Judgement.objects.count() == 2
