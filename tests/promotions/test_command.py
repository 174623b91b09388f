import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from portal_admin.embedded.stack import Cluster
from promotion.domain.filter_text import moment, offsets
from promotion.models import Promotion, PromotionJob
from promotion.states import JobState
from tests import cast
from tests.jobs.processes import WorkerProcess
from tests.kafka.conftest import delete_records


def run(*arguments: object) -> tuple[int, Any]:
    """Run `manage.py promotion ...`; return its exit code and its one JSON document."""
    out = StringIO()
    code = 0
    try:
        call_command("promotion", *map(str, arguments), stdout=out)
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, json.loads(out.getvalue())


@pytest.mark.django_db
def test_create_prints_the_id_and_show_what_there_is() -> None:
    cast.user("manager"), cast.environment("dev"), cast.environment("sit")
    code, made = run(
        "create", "--source", "dev", "--target", "sit", "--title", "T", "--host", "a.com",
        "--since", "2026-01-31T08:00Z", "--offsets", "0:5-", "--as", "manager", "--json",
    )  # fmt: skip
    assert (code, list(made)) == (0, ["id"])
    assert Promotion.objects.get().filters == {
        "hosts": ["a.com"],
        "since": 1_769_846_400_000,
        "offsets": {"0": [5, None]},
    }
    _, shown = run("show", made["id"], "--json")
    assert shown["state"] == "draft"
    assert set(shown["counts"].values()) == {0}
    assert (shown["job"], shown["incomplete"], shown["partitions"]) == (None, False, [])
    assert [each["id"] for each in run("list", "--json")[1]["promotions"]] == [made["id"]]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"--as": "viewer"}, 3),
        ({"--as": "nobody"}, 8),
        ({"--source": "nowhere"}, 8),
        ({"--target": "dev"}, 3),
        ({"--title": " "}, 2),
        ({"--since": "yesterday"}, 2),
        ({"--offsets": "0"}, 2),
        ({"--type": "no.Such"}, 8),
    ],
)
def test_exit_codes_tell_what_was_wrong(change: dict[str, str], code: int) -> None:
    cast.user("manager"), cast.user("viewer"), cast.environment("dev"), cast.environment("sit")
    options = {"--source": "dev", "--target": "sit", "--title": "T", "--as": "manager", **change}
    ended, answer = run("create", *(word for pair in options.items() for word in pair))
    assert ended == code
    assert answer["error"]
    assert not Promotion.objects.exists()


@pytest.mark.django_db
def test_an_unknown_promotion_is_not_found() -> None:
    cast.user("manager")
    assert run("show", 999)[0] == 8
    assert run("export", 999, "--as", "manager")[0] == 8


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_an_export_is_waited_for_and_ends_incomplete_where_records_are_gone(
    clusters: dict[str, Cluster], start_worker: Callable[..., WorkerProcess]
) -> None:
    from promotion.domain.filters import ExportFilter
    from tests.export.source import Source

    source = Source(clusters["dev"])
    source.decide()
    source.mixture(120)
    start_worker()
    promotion = source.promotion()
    code, answer = run("export", promotion.pk, "--as", "manager", "--wait", "--json")
    assert code == 0
    counts = answer["counts"]
    assert counts.pop("read") == 120 == sum(counts.values())
    assert answer["by_type"]["net.lightapi.portal.test.KeptEvent"]["kept"] == 30
    assert (answer["state"], answer["job"]["state"]) == ("exported", JobState.SUCCEEDED)
    assert run("export", promotion.pk, "--as", "manager", "--wait")[0] == 3

    delete_records(source.connection, source.topic, before=5)
    incomplete = source.promotion(ExportFilter(offsets={0: (0, None)}))
    code, answer = run("export", incomplete.pk, "--as", "manager", "--wait", "--json")
    assert code == 6
    assert "offsets 0 to 4" in answer["error"]
    assert run("show", incomplete.pk)[1]["incomplete"] is True


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_an_export_is_cancelled_from_the_command_line(services: Any) -> None:
    promotion = cast.promotion()
    assert run("export", promotion.pk, "--as", "manager")[1]["state"] == "exporting"
    assert run("export", promotion.pk, "--as", "manager")[0] == 5
    code, answer = run("cancel", promotion.pk, "--as", "manager", "--wait")
    assert (code, answer["state"]) == (0, "export_cancelled")
    assert run("cancel", promotion.pk, "--as", "manager")[0] == 3
    assert PromotionJob.objects.get().state == JobState.CANCELLED


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("2026-01-31T08:00", 1_769_846_400_000), ("2026-01-31T09:00+01:00", 1_769_846_400_000), ("1970-01-01", 0)],
)
def test_a_time_without_a_zone_is_utc(text: str, milliseconds: int) -> None:
    assert moment(text) == milliseconds


@pytest.mark.parametrize("line", ["", "0", "0:1", "a:1-2", "0:-1-2", "0:1-2-3", "0:9-5x", "-1:0-1"])
def test_a_line_that_is_no_range_of_offsets_is_refused(line: str) -> None:
    if not line:
        assert offsets([line]) == {}
        return
    with pytest.raises(ValueError, match="range of offsets"):
        offsets([line])
