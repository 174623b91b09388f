"""`manage.py promotion import`, with a real worker's work done while the command waits."""

import io
import sys

import pytest

from promotion.domain.files.items import Format
from promotion.models import Promotion, PromotionJob
from promotion.states import JobState, PromotionState
from tests import cast
from tests.imports.test_import import events, kinds, text
from tests.uploads.test_command import run

__all__ = ["kinds"]
pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
IMPORT = ("import", "--target", "sit", "--title", "From a file", "--as", "manager")


@pytest.fixture
def file(kinds, sit, tmp_path):
    cast.user("manager")
    made = tmp_path / "events.txt"
    made.write_bytes(text(Format.LINES, events(kinds)))
    return made


def test_a_good_file_is_a_promotion_and_its_answer_says_what_was_left_out(file, capfd):
    file.write_bytes(file.read_bytes() * 2 + b"no columns\nh1\x1enet.x.UnknownEvent\x1e{}\n")
    answer, code = run(capfd, *IMPORT, "--file", file, "--keys", "host", "--wait")
    assert (code, answer["state"], answer["origin"], answer["source"]) == (0, "exported", "file", "events.txt")
    assert (answer["format"], answer["entries"]) == (
        "lines", {"imported": 5, "repeated": 5, "left_out": 1, "invalid": 1},
    )  # fmt: skip
    assert answer["counts"]["read"] == 12
    assert [line["verdict"] for line in answer["lines"]] == ["repeated"] * 5 + ["invalid", "left_out"]
    assert answer["lines"][5]["problems"][0].startswith("The line does not have three columns.")
    assert Promotion.objects.get().source_tenancy == "multi"


def test_without_wait_the_answer_says_what_was_asked_for(file, capfd, monkeypatch):
    monkeypatch.setattr("promotion.management.subcommands.importing.jobs.enqueue", lambda job: job)
    monkeypatch.setattr("tests.uploads.test_command.jobs.run", lambda job: None)
    answer, code = run(capfd, *IMPORT, "--file", file)
    assert (code, answer["state"], answer["job"]["state"]) == (0, "importing", "queued")
    assert (answer["entries"]["imported"], answer["lines"]) == (0, [])
    assert PromotionJob.objects.get().state == JobState.QUEUED


def test_standard_input_is_a_file_too(file, capfd, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
    answer, code = run(capfd, *IMPORT, "--file", "-", "--format", "lines", "--wait")
    assert (code, answer["source"], answer["entries"]["imported"]) == (0, "standard input", 5)


def test_a_file_that_cannot_be_read_to_its_end_is_an_error_that_names_the_promotion(file, capfd):
    file.write_bytes(b'[{"value": ')
    answer, code = run(capfd, *IMPORT, "--file", file, "--wait")
    made = Promotion.objects.get()
    assert (code, answer["id"], answer["state"]) == (2, made.pk, PromotionState.IMPORT_FAILED)
    assert "ends inside entry 1" in answer["error"]


def test_what_cannot_be_imported_at_all_leaves_no_promotion(file, capfd, tmp_path):
    for arguments, expected in (
        (("--file", tmp_path / "none"), 2),
        (("--file", file, "--target", "nowhere"), 8),
        (("--file", file, "--as", "nobody"), 8),
        (("--file", file, "--title", " "), 2),
    ):
        answer, code = run(capfd, *IMPORT, *arguments)
        assert (code, "error" in answer) == (expected, True), arguments
    cast.user("viewer")
    assert run(capfd, *IMPORT, "--file", file, "--as", "viewer")[1] == 3
    assert not Promotion.objects.exists()


def test_an_edited_file_is_taken_from_standard_input(file, capfd, monkeypatch):
    answer, _ = run(capfd, *IMPORT, "--file", file, "--wait")
    number = answer["id"]
    out = file.with_name("out.json")
    answer, code = run(capfd, "download", number, "--format", "cloudevents", "--plain", "--out", out)
    assert (code, answer["events"], answer["format"]) == (0, 5, "cloudevents")
    edited = out.read_bytes().replace(b'"role-3"', b'"role-edited"')
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(edited)))
    answer, code = run(capfd, "upload", number, "--file", "-", "--as", "manager")
    assert (code, answer["format"], answer["changed"], answer["applied"]) == (0, "cloudevents", 1, True)
