"""The audit trail: found, paged, downloaded, and never changed."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from promotion.actions import audit
from promotion.domain.spreadsheet import cell
from promotion.models import AuditEntry, AuditSeal
from promotion.states import Decision
from tests import cast

pytestmark = pytest.mark.django_db
URL = "/audit/"


@pytest.fixture
def viewer(client: Client) -> Client:
    client.force_login(cast.user("viewer"))
    return client


def write(number: int = 1, **fields: Any) -> list[AuditEntry]:
    """Entries of the manager about one promotion."""
    about = cast.promotion(fields.pop("title", "Release 1"))
    actor, verb = fields.pop("actor", cast.user("manager")), fields.pop("verb", "export")
    return [audit.record(actor, verb, about, **fields) for _ in range(number)]


def ids(response: Any) -> list[int]:
    return [entry.pk for entry, *_ in response.context["rows"]]


def test_entries_are_shown_newest_first_with_who_from_where_and_what_changed(viewer: Client) -> None:
    with audit.origin("192.0.2.7"):
        [entry] = write(reason="The release.", before={"state": "draft"}, after={"state": "exporting", "n": [1, None]})
    page = viewer.get(URL).content.decode()
    for text in (
        "manager",
        "192.0.2.7",
        "started the export",
        f"#{entry.object_id} Release 1",
        "The release.",
        "draft",
        "[1, null]",
    ):
        assert text in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "mars"}, 1),
        ({"q": "WHY"}, 1),
        ({"who": "manager"}, 2),
        ({"who": "the console"}, 1),
        ({"verb": "replay"}, 1),
        ({"object": "promotion"}, 3),
        ({"object": "promotion", "id": "0"}, 0),
        ({"verb": "export", "who": "manager"}, 1),
        ({"q": "\\%"}, 0),
    ],
)
def test_the_url_filters(viewer: Client, query: dict[str, str], found: int) -> None:
    write(title="Mars")
    write(verb="replay", reason="Say why")
    write(actor=None)
    assert len(ids(viewer.get(URL, query))) == found


def test_a_time_range_starts_inclusive_and_ends_exclusive_in_utc(viewer: Client) -> None:
    [entry] = write()
    minute = entry.at.replace(second=0, microsecond=0)
    since, until = (f"{moment:%Y-%m-%dT%H:%M}" for moment in (minute, minute + timedelta(minutes=1)))
    assert ids(viewer.get(URL, {"since": since, "until": until})) == [entry.pk]
    assert ids(viewer.get(URL, {"until": since})) == []
    assert ids(viewer.get(URL, {"since": until})) == []


@pytest.mark.parametrize("query", [{"since": "yesterday"}, {"who": "nobody"}, {"q": "\0"}])
def test_a_filter_that_is_not_valid_says_so_and_shows_nothing(viewer: Client, query: dict[str, str]) -> None:
    write()
    response = viewer.get(URL, query)
    assert (response.status_code, ids(response)) == (422, [])
    assert "The filter is not valid" in response.content.decode()
    assert viewer.get(URL, {**query, "format": "csv"}).status_code == 422


def test_pages_follow_each_other_without_loss_while_entries_are_added(viewer: Client) -> None:
    written = [entry.pk for entry in write(120)]
    first = viewer.get(URL, {"verb": "export"})
    write(7)
    second = viewer.get(first.context["page"].next_url)
    third = viewer.get(second.context["page"].next_url)
    assert ids(first) + ids(second) + ids(third) == written[::-1]
    assert not third.context["page"].next_url
    assert ids(viewer.get(third.context["page"].previous_url)) == ids(second)


@pytest.mark.parametrize("place", ["x", "-", "9" * 30, "1.2", ""])
def test_a_malformed_place_shows_the_newest(viewer: Client, place: str) -> None:
    [entry] = write()
    assert ids(viewer.get(URL, {"after": place})) == [entry.pk]


def test_json_lines_hold_every_entry_that_fits(viewer: Client) -> None:
    write(60, before={"a": "ü"}, after={"a": None})
    write(verb="replay")
    response = viewer.get(URL, {"verb": "export", "format": "jsonl", "after": "5"})
    assert response.streaming
    lines = [json.loads(line) for line in b"".join(response).decode().splitlines()]
    assert len(lines) == 60
    assert lines[0]["id"] > lines[-1]["id"]
    assert (lines[0]["actor_name"], lines[0]["before"], lines[0]["after"]) == ("manager", {"a": "ü"}, {"a": None})
    assert response["Content-Disposition"].startswith('attachment; filename="audit-')


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_that_looks_like_a_formula_is_text_in_the_csv(viewer: Client, start: str) -> None:
    hostile = f'{start}cmd|"/c calc"!A1,\nx'
    write(reason=hostile)
    response = viewer.get(URL, {"format": "csv"})
    [row] = csv.DictReader(io.StringIO(b"".join(response).decode(), newline=""))
    assert row["reason"] == f"'{hostile}"
    assert row["before"] == ""
    assert cell("a=b") == "a=b"


def test_rows_and_downloads_carry_the_seal_as_the_command_takes_it(viewer: Client) -> None:
    write(reason="=1")
    connection.check_constraints()  # what the end of a transaction does
    seal = AuditSeal.objects.get()
    assert f'data-copy="1:{seal.digest}"' in viewer.get(URL).content.decode()
    [line] = [json.loads(each) for each in viewer.get(URL, {"format": "jsonl"})]
    [row] = csv.DictReader(io.StringIO(b"".join(viewer.get(URL, {"format": "csv"})).decode(), newline=""))
    assert (line["seal_number"], line["seal_digest"]) == (1, seal.digest)
    assert (row["seal_number"], row["seal_digest"]) == ("1", seal.digest)


def test_an_entry_without_a_seal_stands_out(viewer: Client) -> None:
    write()
    assert "not sealed" in viewer.get(URL).content.decode()
    connection.check_constraints()
    assert "not sealed" not in viewer.get(URL).content.decode()


def test_verbs_are_said_in_words_in_rows_choices_and_chips(viewer: Client) -> None:
    write(verb="withdraw approval")
    audit.record(cast.user("curator"), "create", cast.environment("uat"))
    page = viewer.get(URL, {"verb": "withdraw approval"}).content.decode()
    for place in (
        '<option value="withdraw approval" selected>',
        "Did what: <b>",
        '<th scope="row" data-label="Did what">',
    ):
        assert f"{place}withdrew an approval" in page
    assert "set up the environment" in viewer.get(URL).content.decode()
    assert '<option value="create">created</option>' in page


def test_choices_are_what_is_there_each_once() -> None:
    write(3)
    write(2, verb="replay", actor=None)
    assert AuditEntry.objects.all().met("verb") == ["export", "replay"]
    assert sorted(AuditEntry.objects.all().met("actor_name")) == ["manager", "the console"]


def test_an_unknown_format_is_refused(viewer: Client) -> None:
    assert viewer.get(URL, {"format": "exe"}).status_code == 422


def test_what_people_wrote_is_shown_as_text(viewer: Client) -> None:
    hostile = "<script>alert(1)</script>"
    write(title=hostile, reason=hostile, before={hostile: hostile}, after={"b": {"c": hostile}})
    assert "<script>alert" not in viewer.get(URL).content.decode()


def test_an_entry_can_neither_be_changed_nor_deleted() -> None:
    write()
    for change in (lambda: AuditEntry.objects.update(reason=""), lambda: AuditEntry.objects.all().delete()):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            change()


def test_a_failed_action_leaves_no_entry() -> None:
    from promotion.actions import curate
    from promotion.errors import NotFound

    with pytest.raises(NotFound):
        curate.decide(cast.user("curator"), ["no.Such"], Decision.PROMOTABLE, "Try.")
    assert not AuditEntry.objects.filter(at__gte=timezone.now() - timedelta(hours=1)).exists()
