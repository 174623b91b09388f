from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from promotion.domain.filters import ExportFilter
from promotion.models import Environment, Export, ExportCount, ExportPartition, Promotion, PromotionJob
from promotion.states import Decision, JobKind, JobState, PlanState, PromotionState
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


def exported(**fields: object) -> Promotion:
    """A promotion whose export has ended, with numbers of every kind."""
    promotion = cast.promotion(state=PromotionState.EXPORTED, **fields)
    export = Export.objects.create(promotion=promotion, cluster_id="c", topic="t")
    numbers = {"kept": 4, "not_promotable": 1000, "undecided": 3, "quarantined": 2, "tombstones": 1}
    partition = ExportPartition.objects.create(
        export=export, partition=0, start=0, end=1010, position=1010, read=1010, held_back=7
    )
    for disposition, count in numbers.items():
        name = "" if disposition == "tombstones" else f"net.lightapi.portal.x.{disposition.title()}Event"
        ExportCount.objects.create(partition=partition, disposition=disposition, type_name=name, count=count)
    return promotion


def test_home_leads_a_newcomer_on() -> None:
    page = as_role("admin").get("/").content.decode()
    assert "Add an environment" in page
    assert "No promotions yet" in page


def test_home_shows_the_pipeline_in_order_what_runs_and_what_waits() -> None:
    cast.environment("prod", order=40, protected=True)
    mine = cast.promotion("Mine <b>", state=PromotionState.EXPORTED)
    running = cast.promotion("Running", state=PromotionState.EXPORTING)
    PromotionJob.objects.create(kind=JobKind.EXPORT, promotion=running, requested_by=cast.user("manager"))
    page = as_role("manager").get("/").content.decode()
    assert page.index(">dev<") < page.index(">sit<") < page.index(">prod<")
    assert "Protected" in page
    assert f"#{mine.pk} Mine &lt;b&gt;" in page
    assert "Edit, then make the plan" in page
    assert "Queued" in page
    assert "New promotion" in page


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("approver", 403), ("curator", 403), ("manager", 200)])
def test_the_form_is_for_release_managers(role: str, status: int) -> None:
    assert as_role(role).get(reverse("promotion:promotion_create")).status_code == status


def test_a_viewer_sees_pages_without_buttons_that_are_not_theirs() -> None:
    promotion = cast.promotion()
    client = as_role("viewer")
    for url in ("/", reverse("promotion:promotions"), promotion.get_absolute_url()):
        page = client.get(url).content.decode()
        assert "New promotion" not in page
        assert "Start the export" not in page
    assert client.post(reverse("promotion:export", args=[promotion.pk])).status_code == 403
    assert client.post(reverse("promotion:cancel", args=[promotion.pk])).status_code == 403


def test_only_who_posted_is_told_that_what_was_typed_is_kept() -> None:
    viewer, url = as_role("viewer"), reverse("promotion:promotion_create")
    assert "What you typed" not in viewer.get(url).content.decode()
    assert "What you typed" in viewer.post(url, {"title": "T"}).content.decode()


def test_the_history_tells_in_words_what_was_done() -> None:
    promotion = cast.promotion()
    client = as_role("manager")
    client.post(reverse("promotion:export", args=[promotion.pk]))
    client.post(reverse("promotion:cancel", args=[promotion.pk]))
    page = client.get(promotion.get_absolute_url()).content.decode()
    assert page.index("manager</strong> cancelled the export") < page.index("manager</strong> started the export")


def test_a_stranger_sees_nothing() -> None:
    client = Client()
    client.force_login(cast.stranger())
    promotion = cast.promotion()
    for url in ("/", reverse("promotion:promotions"), promotion.get_absolute_url()):
        assert client.get(url).status_code == 403


def test_a_promotion_is_created_from_the_form() -> None:
    cast.environment("dev"), cast.environment("sit")
    kept = cast.event_type(decision=Decision.PROMOTABLE)
    answer = as_role("manager").post(
        reverse("promotion:promotion_create"),
        {
            "title": "Release 7",
            "source": "dev",
            "target": "sit",
            "types": [kept.full_name],
            "hosts": "a.com\r\n\r\n b.com \r\n",
            "since": "2026-01-31T08:00",
            "offsets": "0:5-9\r\n1:7-",
        },
    )
    made = Promotion.objects.get()
    assert answer.url == made.get_absolute_url()
    assert ExportFilter.from_json(made.filters) == ExportFilter(
        types=frozenset({kept.full_name}),
        hosts=frozenset({"a.com", "b.com"}),
        since=1_769_846_400_000,
        offsets={0: (5, 9), 1: (7, None)},
    )


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("title", "", "This field is required"),
        ("target", "dev", "source already"),
        ("source", "nowhere", "Select a valid choice"),
        ("types", "no.Such", "Select a valid choice"),
        ("until", "2020-01-01T00:00", "ends before it starts"),
        ("offsets", "0:9-5", "no range"),
        ("offsets", "5", "PARTITION:START-END"),
        ("offsets", "0:1-2\n0:3-4", "named twice"),
        ("hosts", "\n".join(str(n) for n in range(1001)), "at most 1000"),
        ("hosts", "a\0b", "Null characters"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_lost(field: str, value: str, says: str) -> None:
    cast.environment("dev"), cast.environment("sit")
    given = {"title": "Release 7", "source": "dev", "target": "sit", "since": "2026-01-31T08:00", field: value}
    answer = as_role("manager").post(reverse("promotion:promotion_create"), given)
    assert answer.status_code == 422
    assert says in str(answer.context["form"].errors[field])
    assert not Promotion.objects.exists()
    if field != "title":
        assert b'value="Release 7"' in answer.content


def test_the_form_offers_only_what_may_be_source_and_target() -> None:
    cast.environment("dev", may_be_target=False)
    cast.environment("archive", may_be_source=False)
    form = as_role("manager").get(reverse("promotion:promotion_create")).context["form"]
    assert [str(each) for each in form.fields["source"].queryset] == ["dev"]
    assert [str(each) for each in form.fields["target"].queryset] == ["archive"]


def test_the_form_begins_with_the_next_hop() -> None:
    cast.environment("dev", order=10), cast.environment("sit", order=20), cast.environment("uat", order=30)
    client, url = as_role("manager"), reverse("promotion:promotion_create")
    assert client.get(url).context["form"].initial == {"source": "dev", "target": "sit"}
    page = client.get(f"{url}?source=sit&target=uat").content.decode()
    assert '<option value="uat" selected>' in page


def test_the_same_topic_of_one_cluster_is_refused_on_the_form() -> None:
    cast.environment("dev", topic="t"), cast.environment("sit", topic="t")
    given = {"title": "T", "source": "dev", "target": "sit"}
    answer = as_role("manager").post(reverse("promotion:promotion_create"), given)
    assert answer.status_code == 422
    assert b"same topic of the same cluster" in answer.content


STATES = {
    PromotionState.DRAFT: "Start the export",
    PromotionState.EXPORT_FAILED: "Go on with the export",
    PromotionState.EXPORT_CANCELLED: "Go on with the export",
    PromotionState.EXPORTED: "Next: look through",
    PromotionState.REPLAY_FAILED: "Go on with the replay to sit",
    PromotionState.PARTLY_REPLAYED: "Go on with the replay to sit",
    PromotionState.REPLAYED: "See the receipt",
}


@pytest.mark.parametrize("state", STATES)
def test_the_next_thing_to_do_is_never_in_doubt(state: PromotionState) -> None:
    promotion = exported()
    _event(promotion)
    Promotion.objects.update(state=state)
    page = as_role("manager").get(promotion.get_absolute_url()).content.decode()
    assert STATES[state] in page
    assert page.count("button primary") == 1
    assert "This promotion writes to" in page


PLANS = {
    PlanState.REFUSED: ("See what is refused", "Plan failed"),
    PlanState.READY: ("Next: replay 0 events to sit", "Replay current"),
    PlanState.STALE: ("Next: make a new plan", "Plan current"),
    PlanState.STARTED: ("Next: start the replay again", "Replay current"),
}
PROTECTED_PLANS = {
    PlanState.READY: ("Submit the plan", "Approve current"),
    PlanState.SUBMITTED: ("Next: the plan waits for approval", "Approve current"),
    PlanState.APPROVED: ("Next: replay 0 events to sit", "Replay current"),
    PlanState.REJECTED: ("Next: see why the plan was rejected", "Approve failed"),
}


@pytest.mark.parametrize(
    ("protected", "state", "says", "step"),
    [
        (protected, state, *expected)
        for protected, states in ((False, PLANS), (True, PROTECTED_PLANS))
        for state, expected in states.items()
    ],
)
def test_the_newest_plan_decides_what_comes_next(protected: bool, state: PlanState, says: str, step: str) -> None:
    promotion = exported()
    _event(promotion)
    Environment.objects.filter(pk=promotion.target_id).update(protected=protected)
    cast.plan(promotion, PlanState.REJECTED)
    cast.plan(promotion, state, stale_reasons=["Something came."])
    answer = as_role("manager").get(promotion.get_absolute_url())
    page = answer.content.decode()
    assert says in page
    assert page.count("button primary") == 1
    steps = answer.context["steps"]
    assert [each["label"] for each in steps] == [
        "Export", "Edit", "Plan", *(["Approve"] if protected else []), "Replay", "Verify",
    ]  # fmt: skip
    marked = [f"{each['label']} {each['state']}" for each in steps if each["state"] in {"current", "failed"}]
    assert marked == [step]


def test_an_edit_after_the_plan_leads_to_a_new_one_at_once() -> None:
    promotion = exported()
    _event(promotion)
    cast.plan(promotion)
    Promotion.objects.changed(promotion.pk, cast.user("manager").pk)
    page = as_role("manager").get(promotion.get_absolute_url()).content.decode()
    assert "Next: make a new plan" in page
    assert f'action="{reverse("promotion:plan", args=[promotion.pk])}"' in page
    assert "Make a new plan" not in as_role("viewer").get(promotion.get_absolute_url()).content.decode()


def test_home_says_what_the_plan_waits_for() -> None:
    cast.plan(cast.promotion(state=PromotionState.EXPORTED), PlanState.REFUSED)
    assert "See what is refused" in as_role("manager").get("/").content.decode()


def test_the_page_accounts_for_every_record() -> None:
    page = as_role("viewer").get(exported().get_absolute_url())
    table = page.context["accounting"]
    assert table["read"] == 1010 == sum(table["sums"])
    kept = page.context["accounting"]["columns"].index("Kept")
    assert table["rows"][0]["cells"][kept] > 0
    text = page.content.decode()
    assert "1,010" in text
    assert "Up to 7 offsets lie beyond the pinned ends" in text
    assert "2 records could not be read" in text
    assert "3 records stayed behind" in text


def test_what_retention_took_is_said_loudly() -> None:
    promotion = exported()
    ExportPartition.objects.update(truncated_from=100, truncated_to=150)
    page = as_role("viewer").get(promotion.get_absolute_url()).content.decode()
    assert "Incomplete: records were deleted before they were read." in page
    assert "Partition 0: offsets 100 to 149" in page


def test_an_export_that_keeps_nothing_says_so() -> None:
    promotion = exported()
    ExportCount.objects.filter(disposition="kept").delete()
    assert "Nothing to promote" in as_role("manager").get(promotion.get_absolute_url()).content.decode()


def test_progress_is_polled_while_a_job_runs_and_no_longer() -> None:
    promotion = cast.promotion()
    client, url = as_role("manager"), reverse("promotion:progress", args=[promotion.pk])
    assert client.post(reverse("promotion:export", args=[promotion.pk])).url == promotion.get_absolute_url()
    page = client.get(promotion.get_absolute_url()).content.decode()
    assert f'hx-get="{url}"' in page
    assert "Waiting for a worker" in page
    part = client.get(url, headers={"HX-Request": "true"}).content.decode()
    assert 'hx-trigger="job-moved from:body"' in part
    assert "<html" not in part
    PromotionJob.objects.update(state=JobState.FAILED, error="The registry is down.", hint="Wait.")
    Promotion.objects.update(state=PromotionState.EXPORT_FAILED)
    part = client.get(url, headers={"HX-Request": "true"}).content.decode()
    assert "hx-trigger" not in part
    assert "hx-swap-oob" in part
    assert "The registry is down." in part
    assert client.get(url).status_code == 302


def test_a_page_between_two_looks_of_a_worker_looks_again_by_itself() -> None:
    """A job that ends while the page is made: neither what runs nor what came of it is known, for a moment."""
    promotion = cast.promotion(state=PromotionState.EXPORTING)
    page = as_role("manager").get(promotion.get_absolute_url()).content.decode()
    assert "waiting for a worker" in page
    assert f'hx-get="/promotions/{promotion.pk}/progress/" hx-trigger="every 2s"' in page


def test_a_job_that_nobody_takes_says_why_it_may_wait() -> None:
    promotion, client = cast.promotion(), as_role("manager")
    client.post(reverse("promotion:export", args=[promotion.pk]))
    assert "none runs" not in client.get(promotion.get_absolute_url()).content.decode()
    PromotionJob.objects.update(queued_at=timezone.now() - timedelta(minutes=1))
    assert "All workers are busy, or none runs." in client.get(promotion.get_absolute_url()).content.decode()


def test_a_second_export_from_another_tab_is_a_conflict() -> None:
    promotion, client = cast.promotion(), as_role("manager")
    url = reverse("promotion:export", args=[promotion.pk])
    client.post(url)
    assert client.post(url).status_code == 409
    assert promotion.jobs.count() == 1


def test_a_queued_export_is_cancelled_from_the_page() -> None:
    promotion, client = cast.promotion(), as_role("manager")
    client.post(reverse("promotion:export", args=[promotion.pk]))
    answer = client.post(reverse("promotion:cancel", args=[promotion.pk]), follow=True)
    assert "cancelled before it began" in answer.content.decode()
    promotion.refresh_from_db()
    assert promotion.state == PromotionState.EXPORT_CANCELLED


def test_a_lost_queue_is_a_warning_and_the_job_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    from redis.exceptions import ConnectionError as Lost

    from promotion import entries, jobs

    def lost(*_: object) -> None:
        raise Lost

    monkeypatch.setattr(entries, "_push", lost)
    monkeypatch.setattr(jobs, "_enqueue", lambda job: entries.put("default", jobs.FUNCTION, "any", job.pk))
    promotion = cast.promotion()
    answer = as_role("manager").post(reverse("promotion:export", args=[promotion.pk]), follow=True)
    assert "does not answer" in answer.content.decode()
    assert promotion.jobs.get().state == JobState.QUEUED


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", ["promotion", "progress", "export", "cancel"])
def test_a_promotion_that_is_not_there_is_not_found(name: str, method: str) -> None:
    answer = getattr(as_role("manager"), method)(reverse(f"promotion:{name}", args=[999]))
    assert answer.status_code in {404, 405}


def test_the_list_is_filtered_by_its_url_and_paged() -> None:
    for n in range(60):
        cast.promotion(f"Release {n:02}")
    other = cast.promotion("100%_<i>", target=cast.environment("uat", order=30), state=PromotionState.REPLAYED)
    client, url = as_role("viewer"), reverse("promotion:promotions")
    first = client.get(url)
    assert len(first.context["page"].rows) == 50
    assert first.context["summary"] == "61 promotions"
    second = client.get(first.context["page"].next_url)
    assert len(second.context["page"].rows) == 11
    for query in ("text=100%25_", f"text={other.pk}", "state=replayed", "target=uat"):
        found = client.get(f"{url}?{query}").context["page"].rows
        assert [each.pk for each in found] == [other.pk], query
    assert client.get(f"{url}?text=nothing").status_code == 200
    assert client.get(f"{url}?state=nonsense&after=x&text=%00").status_code == 200
    assert "100%_&lt;i&gt;" in client.get(url).content.decode()
    part = client.get(url, headers={"HX-Request": "true"}).content.decode()
    assert part.strip().startswith('<div id="rows">')


def test_the_list_says_how_many_events_were_kept() -> None:
    exported(), cast.promotion("Nothing read yet")
    rows = as_role("viewer").get(reverse("promotion:promotions")).context["rows"]
    assert [kept for _, kept in rows] == [None, 4]


def test_a_protected_target_is_said_early() -> None:
    promotion = cast.promotion()
    Environment.objects.filter(pk=promotion.target_id).update(protected=True)
    assert "The target is protected." in as_role("manager").get(promotion.get_absolute_url()).content.decode()


def _event(promotion: Promotion) -> None:
    kind = cast.event_type()
    promotion.events.create(
        partition=0, offset=1, timestamp=1, merge_timestamp=1, value=b"x", event_type=kind, schema=kind.schema
    )
