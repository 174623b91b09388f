"""The home page, what has drifted, and the form that both lead to: from rows, without a cluster."""

import re
from html import unescape
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from promotion.domain.filters import ExportFilter
from promotion.models import Promotion, PromotionJob, RuleList
from promotion.states import JobKind, JobState, Origin, PromotionState
from tests import cast
from tests.home.stage import DAY, MONDAY, drift, survey, verified

pytestmark = pytest.mark.django_db
API = "net.lightapi.portal.market.ApiCreatedEvent"
ROLE = "net.lightapi.portal.role.RoleCreatedEvent"
CREATE = "/promotions/new/"


@pytest.fixture(autouse=True)
def _no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about pages: what is asked for stays in the database."""
    from promotion import jobs

    monkeypatch.setattr(jobs, "_enqueue", lambda job: None)


@pytest.fixture
def dev():
    return cast.environment("dev", order=10, topic="events", may_be_target=False)


@pytest.fixture
def sit():
    return cast.environment("sit", order=20)


def as_role(role: str) -> Client:
    client = Client()
    client.force_login(cast.user(role))
    return client


def page(path: str, role: str = "manager", **headers: str) -> str:
    answer = as_role(role).get(path, headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def words(text: str) -> str:
    """What is read, without markup."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text)))


def edge_of(text: str) -> str:
    """What stands between dev and sit."""
    return words(text.partition('class="edge"')[2].partition("</li>")[0])


def test_the_way_says_how_many_events_are_on_the_one_and_not_on_the_other(dev, sit) -> None:
    base = verified(dev, sit, {0: 63}, title="Release <1>")
    drift(dev, sit, {API: 30, ROLE: 7}, base=base)
    between = edge_of(page("/"))
    assert "37 events in dev, not in sit" in between
    assert f"Verified: #{base.pk} Release <1>" in between
    assert f'href="{reverse("promotion:drift", args=["dev", "sit"])}"' in page("/")
    assert "Release <1>" not in page("/")


def test_one_event_is_one_event(dev, sit) -> None:
    drift(dev, sit, {API: 1}, base=verified(dev, sit, {0: 63}))
    assert "1 event in dev, not in sit" in edge_of(page("/"))


def test_a_target_is_only_called_up_to_date_where_a_whole_promotion_says_so(dev, sit) -> None:
    row = drift(dev, sit, {})
    assert "Nothing to promote in dev" in edge_of(page("/"))
    row.base = verified(dev, sit, {0: 100}, filters=ExportFilter(types=frozenset({API})).to_json())
    row.save()
    assert f"Nothing new in dev since #{row.base.pk}" in edge_of(page("/"))
    assert "It took only some types" in edge_of(page("/"))
    row.base = verified(dev, sit, {0: 100})
    row.save()
    assert "sit is up to date" in edge_of(page("/"))


def test_what_is_not_known_yet_is_said_and_not_guessed(dev, sit) -> None:
    assert "dev and sit: to be counted" in edge_of(page("/"))
    drift(dev, sit, {}, counted_at=None, error="At broker:9092: no answer.")
    assert "Unknown: dev cannot be read" in edge_of(page("/"))
    drift(dev, sit, {API: 12_000}, error="", ends={"0": 500_000})
    assert "Counting… 12,000 so far" in edge_of(page("/"))
    drift(dev, sit, {API: 12}, topic="another-topic")
    assert "dev and sit: to be counted" in edge_of(page("/"))


def test_old_figures_are_shown_with_their_age(dev, sit) -> None:
    drift(dev, sit, {API: 12}, error="At broker:9092: no answer.")
    between = edge_of(page("/"))
    assert "12 events in dev, not in sit" in between
    assert re.search(r"As of .* UTC : dev cannot be read now", between)


def test_what_was_counted_before_a_promotion_was_verified_is_not_shown_after_it(dev, sit) -> None:
    drift(dev, sit, {API: 12})
    verified(dev, sit, {0: 100})
    assert "dev and sit: to be counted" in edge_of(page("/"))


def test_what_runs_between_two_environments_is_shown_there_with_its_progress(dev, sit) -> None:
    made = cast.promotion("Running", state=PromotionState.EXPORTING, source=dev, target=sit)
    PromotionJob.objects.create(
        kind=JobKind.EXPORT, promotion=made, requested_by=cast.user("manager"), done=43, total=100
    )
    shown = page("/")
    assert f"Export #{made.pk} Running , 43 %" in edge_of(shown)
    assert '<progress class="thin" max="100" value="43"' in shown


def test_an_environment_shows_the_size_of_its_topic_and_why_it_is_not_known(dev, sit) -> None:
    survey(dev, 1200, 34)
    survey(sit, surveyed_at=None, error="Topic sit-portal-event does not exist.")
    shown = words(page("/"))
    assert "1,234 offsets in 1 partition." in shown
    assert "Its topic cannot be read now." in shown
    survey(dev, 1200, 34, error="At broker:9092: no answer.")
    assert re.search(r"1,234 offsets in 1 partition, as of .* UTC \.", words(page("/")))


def test_a_way_that_is_no_hop_is_listed_below(dev, sit) -> None:
    prod = cast.environment("prod", order=40, protected=True)
    drift(dev, prod, {API: 3}, base=verified(dev, prod, {0: 5}))
    shown = words(page("/"))
    assert "Other ways" in shown
    assert "3 events in dev, not in prod" in shown


def test_home_is_only_sent_again_where_something_has_changed(dev, sit) -> None:
    client = as_role("viewer")
    whole = client.get("/").content.decode()
    seen = re.search(r'hx-get="/\?seen=(\w+)"', whole)[1]
    again = client.get("/", {"seen": seen}, headers={"HX-Request": "true"})
    assert (again.status_code, again.content) == (204, b"")
    drift(dev, sit, {API: 3})
    changed = client.get("/", {"seen": seen}, headers={"HX-Request": "true"})
    assert changed.status_code == 200
    assert changed.content.decode().count("<h1") == 0
    assert "3 events in dev, not in sit" in changed.content.decode()


def test_what_has_drifted_is_listed_by_type_with_its_bar(dev, sit) -> None:
    drift(dev, sit, {API: 30, ROLE: 7, "x.<b>Event": 1}, base=verified(dev, sit, {0: 63}))
    shown = page("/drift/dev/sit/")
    rows = [words(row) for row in shown.partition("<tbody>")[2].partition("</tfoot>")[0].split("</tr>")]
    assert [row.split()[:2] for row in rows[:3]] == [
        ["ApiCreatedEvent", "30"],
        ["RoleCreatedEvent", "7"],
        ["<b>Event", "1"],
    ]
    assert rows[3].split() == ["Sum", "38"]
    assert re.findall(r'<rect width="(\d+)"', shown) == ["100", "23", "3"]
    assert "<b>Event" not in shown


def link_of(shown: str) -> dict[str, str]:
    """What the link 'Promote these' fills the form with."""
    url = unescape(re.search(r'href="([^"]*)">(?:(?!</a>).)*Promote these', shown, re.DOTALL)[1])
    assert urlsplit(url).path == CREATE
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_one_click_fills_the_form_from_where_the_last_promotion_ended(dev, sit) -> None:
    drift(
        dev,
        sit,
        {API: 3},
        base=verified(dev, sit, {0: 63, 1: 8}),
        ends={"0": 100, "1": 8, "2": 4},
        positions={"0": 100, "1": 8, "2": 4},
    )
    given = link_of(page("/drift/dev/sit/"))
    assert (given["source"], given["target"], given["offsets"]) == ("dev", "sit", "0:63-\n1:8-\n2:0-")
    answer = as_role("manager").get(CREATE, given)
    form = answer.context["form"]
    assert form["offsets"].value() == "0:63-\n1:8-\n2:0-"
    made = as_role("manager").post(CREATE, {**given, "export": "now"})
    promotion = Promotion.objects.get(title=given["title"])
    assert made.url == promotion.get_absolute_url()
    assert promotion.filters == {"offsets": {"0": [63, None], "1": [8, None], "2": [0, None]}}
    job = promotion.jobs.get()
    assert (job.kind, job.state) == (JobKind.EXPORT, JobState.QUEUED)


def test_where_nothing_was_verified_the_form_takes_everything(dev, sit) -> None:
    drift(dev, sit, {API: 3})
    assert set(link_of(page("/drift/dev/sit/"))) == {"source", "target", "title"}


def test_where_a_time_ended_the_last_promotion_the_form_begins_at_it(dev, sit) -> None:
    base = verified(dev, sit, {0: 63}, filters=ExportFilter(until=MONDAY + 999).to_json())
    drift(dev, sit, {API: 3}, base=base)
    given = link_of(page("/drift/dev/sit/"))
    assert given["since"] == "2025-11-03T00:00:00"
    assert "offsets" not in given


def test_who_may_not_promote_sees_what_has_drifted_and_no_button(dev, sit) -> None:
    drift(dev, sit, {API: 3})
    shown = page("/drift/dev/sit/", "viewer")
    assert "3 events in dev, not in sit" in shown
    assert "Promote these" not in shown
    assert "A release manager promotes them." in shown
    assert "Promote again" not in page("/", "viewer")


@pytest.mark.parametrize("path", ["/drift/dev/nowhere/", "/drift/dev/dev/"])
def test_a_way_that_there_is_not_is_said(dev, path: str) -> None:
    assert as_role("viewer").get(path).status_code == 404


def test_the_page_of_a_way_that_cannot_be_counted_says_why(dev, sit) -> None:
    drift(dev, sit, {}, counted_at=None, error="At broker:9092: no answer.")
    assert "At broker:9092: no answer." in page("/drift/dev/sit/")


def test_a_promotion_that_has_ended_is_promoted_again_from_where_it_ended(dev, sit) -> None:
    kept = cast.event(cast.promotion(source=dev, target=sit)).event_type
    filters = ExportFilter(types=frozenset({kept.full_name}), hosts=frozenset({"a.com", "b.com"}), since=MONDAY)
    done = verified(dev, sit, {0: 63, 1: 8}, title="Weekly", filters=filters.to_json())
    cast.rule(done, "To sit", applied=True)
    cast.rule(done, "Only one", applied=True, when=[{"is": "position", "partition": 0, "start": 1}])
    assert f'href="{CREATE}?again={done.pk}"' in page("/")
    assert f'href="{CREATE}?again={done.pk}"' in page(done.get_absolute_url())
    answer = as_role("manager").get(CREATE, {"again": done.pk})
    form = answer.context["form"]
    filled = {name: form[name].value() for name in form.fields}
    assert filled["title"] == "Again: Weekly"
    assert (filled["source"], filled["target"]) == ("dev", "sit")
    assert (filled["types"], filled["hosts"]) == ([kept.full_name], "a.com\nb.com")
    assert (filled["since"], filled["offsets"]) == ("2025-11-03T00:00:00", "0:63-\n1:8-")
    assert "Take its 1 rule along" in answer.content.decode()
    as_role("manager").post(CREATE, {name: value for name, value in filled.items() if value})
    made = Promotion.objects.get(title="Again: Weekly")
    assert ExportFilter.from_json(made.filters) == ExportFilter(
        types=filters.types, hosts=filters.hosts, since=MONDAY, offsets={0: (63, None), 1: (8, None)}
    )
    rules = RuleList.objects.get(pk=made.pk)
    assert [each["rule"]["name"] for each in rules.draft] == ["To sit"]
    assert (rules.applied, made.jobs.count()) == ([], 0)


def test_rules_are_left_where_nobody_wants_them(dev, sit) -> None:
    done = verified(dev, sit, {0: 63})
    cast.rule(done, applied=True)
    as_role("manager").post(CREATE, {"title": "T", "source": "dev", "target": "sit", "again": done.pk})
    assert not RuleList.objects.filter(promotion__title="T").exists()


def test_a_refused_form_still_knows_what_it_goes_on_behind(dev, sit) -> None:
    done = verified(dev, sit, {0: 63})
    cast.rule(done, applied=True)
    answer = as_role("manager").post(CREATE, {"title": "", "source": "dev", "target": "sit", "again": done.pk})
    assert answer.status_code == 422
    assert f'name="again" value="{done.pk}"' in answer.content.decode()
    assert "Take its 1 rule along" in answer.content.decode()


@pytest.mark.parametrize("fields", [{"state": PromotionState.EXPORTED}, {"origin": Origin.FILE, "source": None}])
def test_what_has_not_ended_or_has_no_topic_is_not_promoted_again(dev, sit, fields) -> None:
    values = {"source_name": "events.jsonl"} if "origin" in fields else {}
    made = cast.promotion("Other", target=sit, **{"source": dev, "state": PromotionState.REPLAYED, **fields, **values})
    assert f"?again={made.pk}" not in page("/")
    form = as_role("manager").get(CREATE, {"again": made.pk}).context["form"]
    assert form["again"].value() is None


@pytest.mark.parametrize(("number", "status"), [("999999", 404), ("x", 200), ("²", 200), ("9" * 30, 200)])
def test_a_number_that_is_none_harms_nothing(dev, sit, number: str, status: int) -> None:
    assert as_role("manager").get(CREATE, {"again": number}).status_code == status
    answer = as_role("manager").post(CREATE, {"title": "", "again": number})
    assert answer.status_code == 422


def bars(text: str) -> list[int]:
    return [int(count) for count in re.findall(r'data-count="(\d+)"', text)]


def test_the_form_shows_what_came_when_with_the_numbers_behind(dev, sit) -> None:
    survey(dev, 5, 0, 1000, 2)
    shown = page(CREATE)
    assert bars(shown) == [5, 0, 1000, 2]
    assert re.findall(r'class="value".*?height="(\d+)"', shown) == ["2", "0", "100", "2"]
    assert "1,007 offsets. Most came from 2025-11-05 00:00 UTC on: 1,000." in shown
    table = words(shown.partition('aria-label="Offsets by time"')[2].partition("</table>")[0])
    assert "2025-11-05 00:00 UTC 1,000" in table
    assert "Sum 1,007" in table


def test_another_source_is_drawn_alone(dev, sit) -> None:
    survey(dev, 5)
    survey(sit, 7)
    shown = page("/promotions/new/histogram/?source=sit")
    assert bars(shown) == [7]
    assert "<h1" not in shown


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (None, "was not looked at yet"),
        ({"surveyed_at": None, "error": "At broker:9092: no answer."}, "At broker:9092: no answer."),
        ({}, "is empty"),
        ({"partitions": [{"partition": 0, "low": 0, "high": 9}]}, "The 9 offsets of the topic have no usable times"),
        ({"topic": "another"}, "was not looked at yet"),
    ],
)
def test_what_cannot_be_drawn_explains_itself(dev, sit, fields, says: str) -> None:
    if fields is not None:
        survey(dev, **fields)
    shown = page(CREATE)
    assert says in shown
    assert "<svg viewBox" not in shown
    assert "From this time on" in shown


def test_old_bars_say_how_old_they_are(dev, sit) -> None:
    survey(dev, 5, error="At broker:9092: no answer.", surveyed_at=timezone.now())
    shown = page(CREATE)
    assert bars(shown) == [5]
    assert "the topic cannot be read now" in shown


def test_a_source_that_there_is_not_is_no_error() -> None:
    assert "Choose where the events come from" in page("/promotions/new/histogram/?source=%00<b>")
    assert "Choose where the events come from" in page("/promotions/new/histogram/?source=nowhere")


@pytest.mark.parametrize("name", ["\0", "nowhere", "a" * 5000])
def test_a_source_that_there_is_not_is_no_error_of_the_form_either(dev, sit, name: str) -> None:
    assert page(f"{CREATE}?source={quote(name)}")
    answer = as_role("manager").post(CREATE, {"title": "T", "source": name, "target": "sit"})
    assert answer.status_code == 422


def test_times_of_bars_are_those_of_the_fields(dev, sit) -> None:
    survey(dev, 5, 3)
    assert re.findall(r'data-start="(\d+)" data-end="(\d+)"', page(CREATE)) == [
        (str(MONDAY), str(MONDAY + DAY)),
        (str(MONDAY + DAY), str(MONDAY + 2 * DAY)),
    ]
