"""`manage.py promotion download` and `upload`, with a real worker's work done while the command waits."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from promotion import jobs
from promotion.models import PromotionJob, Revision, Upload
from promotion.states import JobState
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@contextmanager
def a_worker() -> Iterator[None]:
    """Runs every job that is queued meanwhile, in a thread of its own."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.05):
            for job in PromotionJob.objects.filter(state=JobState.QUEUED):
                jobs.run(str(job.pk))
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def run(capfd, *arguments):
    """Return what the command prints, as JSON, and its exit code."""
    out = StringIO()
    try:
        with a_worker():
            call_command("promotion", *map(str, arguments), "--json", stdout=out)
        code = 0
    except SystemExit as error:
        code = error.code
    return json.loads(out.getvalue() or capfd.readouterr().out), code


def test_a_downloaded_file_is_edited_and_uploaded(promotion, tmp_path, capfd):
    cast.user("manager")
    file = tmp_path / "events.jsonl"
    answer, code = run(capfd, "download", promotion.pk, "--format", "jsonl", "--out", file)
    assert (answer, code) == ({"id": promotion.pk, "events": 10, "format": "jsonl", "out": str(file)}, 0)
    file.write_bytes(file.read_bytes().replace(b'"roleId":"role', b'"roleId":"new', 3))
    upload = ("upload", promotion.pk, "--file", file, "--as", "manager")
    answer, code = run(capfd, *upload, "--dry-run")
    assert (answer["changed"], answer["unchanged"], answer["applied"], code) == (3, 7, False, 0)
    assert answer["lines"][0] == {"line": 2, "verdict": "changed", "problems": []}
    assert not Revision.objects.exists()
    answer, code = run(capfd, *upload)
    assert (answer["changed"], answer["missing"], answer["applied"], code) == (3, 0, True, 0)
    assert Revision.objects.count() == 3
    answer, code = run(capfd, *upload)
    assert (answer["stale"], answer["applied"], code) == (3, False, 2)


def test_one_bad_line_stops_the_upload_unless_the_good_ones_are_wanted(promotion, tmp_path, capfd):
    cast.user("manager")
    file = tmp_path / "events.jsonl"
    run(capfd, "download", promotion.pk, "--out", file)
    content = file.read_bytes().replace(b'"roleId":"role', b'"roleId":"new', 1)
    file.write_bytes(content + b'{"partition": 5, "offset": 5, "excluded": true}\n')
    upload = ("upload", promotion.pk, "--file", file, "--as", "manager")
    answer, code = run(capfd, *upload)
    assert (answer["unknown"], answer["applied"], code) == (1, False, 2)
    assert "Nothing" in answer["error"] or "nothing was applied" in answer["error"]
    assert Upload.objects.get().discarded_at
    assert not Revision.objects.exists()
    answer, code = run(capfd, *upload, "--good-lines", "--missing", "exclude")
    assert (answer["applied"], code) == (True, 0)
    assert Revision.objects.count() == 1


def test_a_viewer_may_not_upload(promotion, tmp_path, capfd):
    cast.user("viewer")
    (tmp_path / "x").write_bytes(b"{}")
    answer, code = run(capfd, "upload", promotion.pk, "--file", tmp_path / "x", "--as", "viewer")
    assert code == 3
    assert "may not" in answer["error"]


def test_a_file_that_is_not_there_is_said(promotion, tmp_path, capfd):
    cast.user("manager")
    answer, code = run(capfd, "upload", promotion.pk, "--file", tmp_path / "none", "--as", "manager")
    assert (code, "cannot be read" in answer["error"]) == (2, True)


def test_standard_output_gets_the_events_and_nothing_else(promotion, capfd):
    call_command("promotion", "download", str(promotion.pk), "--out", "-")
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 11
    assert json.loads(lines[0])["manifest"]["events"] == 10
