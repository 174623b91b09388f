"""`manage.py rule_sets` and `manage.py promotion rules`: one document, an exit code, all or nothing."""

import io
import json
import sys
from typing import Any

import pytest
from django.core.management import call_command

from promotion import jobs
from promotion.domain.rewrite import read_rules
from promotion.models import AuditEntry, PromotionJob, RuleList, RulePass, RuleSet
from tests import cast
from tests.plans.conftest import dev, sit, source
from tests.replay import stage as replay
from tests.replay.running import run_job
from tests.rules import files, stage

__all__ = ["dev", "sit", "source"]
pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture(autouse=True)
def people(db: None) -> None:
    for role in ("manager", "viewer"):
        cast.user(role)


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command with a worker that is always free; return exit code and document."""
    monkeypatch.setattr(jobs, "enqueue", run_job)

    def run(*arguments: object) -> tuple[int, Any]:
        out, code = io.StringIO(), 0
        try:
            call_command(*map(str, arguments), stdout=out)
        except SystemExit as end:
            code = end.code
        return code, json.loads(out.getvalue() or capsys.readouterr().out)

    return run


@pytest.fixture
def rules(run, promotion):
    """Run `promotion rules` of the promotion as its manager."""
    return lambda *arguments: run("promotion", "rules", promotion.pk, *arguments, "--as", "manager", "--json")


@pytest.fixture
def file(tmp_path):
    """Writes rules into a file and returns its path."""

    def write(rules: Any, name: str = "rules.json"):
        (tmp_path / name).write_text(rules if isinstance(rules, str) else files.text(rules))
        return tmp_path / name

    return write


def drafted(promotion) -> list[str]:
    return [each["rule"]["name"] for each in RuleList.objects.of(promotion).draft or []]


def test_a_set_is_saved_shown_exported_and_imported_under_another_name(run, file, tmp_path):
    cast.environment("dev"), cast.environment("sit")
    code, saved = run(
        "rule_sets", "save", "--name", "Hosts", "--file", file([stage.REHOST, stage.DESCRIBE]), "--source", "dev",
        "--target", "sit", "--note", "First.", "--as", "manager", "--json",
    )  # fmt: skip
    assert (code, saved["version"], saved["saved"], saved["rules"]) == (0, 1, True, 2)
    code, shown = run("rule_sets", "show", "--name", "Hosts")
    assert [rule["name"] for rule in shown["rules"]] == ["Other host", "Describe"]
    assert shown["rules"][0]["sentence"] == 'In every event: replace "host-1" by "sit-host" everywhere in hostId.'
    assert (shown["source"], shown["target"], shown["note"], shown["by"]) == ("dev", "sit", "First.", "manager")
    out = tmp_path / "exported.json"
    assert run("rule_sets", "export", "--name", "Hosts@1", "--out", out)[1]["version"] == 1
    code, again = run("rule_sets", "import", "--file", out, "--as", "manager")
    assert (code, again["name"], again["version"], again["saved"]) == (0, "Hosts", 1, False)
    code, copy = run("rule_sets", "import", "--file", out, "--name", "Copy", "--target", "", "--as", "manager")
    assert (code, copy["source"], copy["target"]) == (0, "dev", None)
    assert run("rule_sets", "show", "--name", "Copy")[1]["rules"] == shown["rules"]
    assert run("rule_sets", "export", "--name", "Copy")[1]["rules"] == json.loads(out.read_text())["rules"]


def test_a_next_version_keeps_the_pair_and_says_whether_anything_changed(run, file):
    cast.environment("sit")
    cast.rule_set("Hosts", target=cast.environment("sit"))
    save = ("rule_sets", "save", "--name", "Hosts", "--as", "manager", "--file")
    code, second = run(*save, file([stage.DESCRIBE]))
    assert (code, second["version"], second["target"], second["saved"]) == (0, 2, "sit", True)
    code, same = run(*save, file([stage.DESCRIBE]), "--source", "", "--target", "")
    assert (code, same["version"], same["target"], same["saved"]) == (0, 2, None, False)
    code, said = run(*save, file([stage.REHOST]), "--expect", 2)
    assert (code, "Somebody else has saved version 2" in said["error"]) == (5, True)
    assert run("rule_sets", "show", "--name", "Hosts")[1]["version"] == 2


def test_the_list_restricts_by_environment_and_has_archived_sets_apart(run):
    dev, sit = cast.environment("dev"), cast.environment("sit")
    cast.rule_set("A", source=dev, target=sit)
    cast.rule_set("B", target=sit)
    cast.rule_set("C")
    names = lambda *options: [each["name"] for each in run("rule_sets", "list", *options)[1]["rule_sets"]]  # noqa: E731
    assert names() == ["A", "B", "C"]
    assert names("--target", "sit") == ["A", "B"]
    assert names("--source", "", "--target", "sit") == ["B"]
    code, archived = run("rule_sets", "archive", "--name", "A", "--as", "manager")
    assert (code, archived["archived"]) == (0, True)
    assert (names(), names("--archived")) == (["B", "C"], ["A"])
    run("rule_sets", "archive", "--name", "A", "--bring-back", "--as", "manager")
    assert names() == ["A", "B", "C"]


def test_a_set_comes_from_standard_input(run, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(files.text(files.REPLACEMENTS["long"]).encode())))
    code, saved = run("rule_sets", "import", "--file", "-", "--name", "Older", "--as", "manager")
    assert (code, saved["rules"]) == (0, 2)
    assert saved["notes"] == []
    shown = run("rule_sets", "show", "--name", "Older")[1]
    assert shown["rules"][0]["name"] == "Entry 1 of standard input"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("save", "--name", "X", "--file", "{file}", "--as", "viewer"), 3, "may not"),
        (("save", "--name", "X", "--file", "{file}", "--as", "nobody"), 8, "no active user"),
        (("save", "--name", " ", "--file", "{file}", "--as", "manager"), 2, "needs a name"),
        (("save", "--name", "X", "--file", "/no/such/file", "--as", "manager"), 2, "cannot be read"),
        (("save", "--name", "X", "--file", "{file}", "--source", "mars", "--as", "manager"), 8, "no environment"),
        (("import", "--file", "{file}", "--as", "manager"), 2, "does not say how the set is called"),
        (("show", "--name", "X"), 8, "no rule set 'X'"),
        (("export", "--name", "Hosts@7"), 8, "no version 7"),
        (("archive", "--name", "X", "--as", "manager"), 8, "no rule set"),
        (("archive", "--name", "Hosts", "--as", "viewer"), 3, "may not"),
    ],
)
def test_what_cannot_be_ends_with_its_own_code_and_changes_nothing(run, file, arguments, code, says):
    cast.rule_set("Hosts")
    path = str(file([stage.DESCRIBE]))
    ended, said = run("rule_sets", *(each.replace("{file}", path) for each in arguments))
    assert (ended, set(said)) == (code, {"error", "hint", "problems"})
    assert says in said["error"]
    assert [(each.name, each.archived_at) for each in RuleSet.objects.all()] == [("Hosts", None)]


def test_a_faulty_file_names_every_fault_and_changes_nothing(run, rules, file, promotion):
    rules("--host", "a=b")
    before = RuleList.objects.of(promotion).version
    path, good = file(files.BAD), file([stage.REHOST], "good.json")
    for code, said in (
        run("rule_sets", "save", "--name", "X", "--file", path, "--as", "manager"),
        rules("--add", good, "--add", path, "--user", "c=d"),
        rules("--replace-all", path),
    ):
        assert code == 2
        assert all(any(fault in each for each in said["problems"]) for fault in files.FAULTS)
    assert not RuleSet.objects.exists()
    assert (drafted(promotion), RuleList.objects.of(promotion).version) == (["Host a becomes b"], before)


def test_rules_are_drafted_previewed_applied_and_undone(rules, promotion):
    before = stage.bodies(promotion)
    code, said = rules("--host", "host-1=sit-host", "--user", "user-1=user-9")
    assert (code, said["applied"], len(said["draft"])) == (0, [], 2)
    assert (said["draft"][0]["matched"], said["draft"][0]["from"]) == (None, None)
    code, said = rules("--preview")
    assert (code, said["pass"]["preview"], said["pass"]["counts"]["refused"]) == (0, True, 0)
    paths = {each["path"]: each["values"] for each in said["pass"]["fields"]}
    moved = promotion.events.filter(user="user-1").count()
    assert paths["EventId.id"] == [{"from": "user-1", "to": "user-9", "events": moved}]
    assert said["draft"][1]["matched"] == promotion.events.count()
    assert said["pass"]["samples"]
    assert stage.bodies(promotion) == before
    code, said = rules("--apply")
    assert (code, said["draft"], said["state"]) == (0, None, "exported")
    assert [rule["changed"] > 0 for rule in said["applied"]] == [True, True]
    assert set(promotion.events.values_list("host", flat=True)) == {"host-0", "sit-host"}
    assert set(promotion.events.values_list("user", flat=True)) == {"user-0", "user-2", "user-9"}
    for rule in said["applied"]:
        code, said = rules("--undo", rule["id"])
        assert (code, said["pass"]["counts"]["restored"] + said["pass"]["counts"]["changed"] > 0) == (0, True)
    assert (stage.bodies(promotion), said["applied"]) == (before, [])
    assert AuditEntry.objects.filter(verb="apply rules", origin="command line").count() == 3


def test_a_draft_is_changed_and_applied_in_one_command(rules, run, file, promotion):
    cast.rule_set("Hosts")
    cast.rule_set("Hosts", rules=[stage.LEAVE_OUT])
    code, said = rules("--add", file([stage.DESCRIBE]), "--set", "Hosts@1", "--apply")
    assert (code, [rule["name"] for rule in said["applied"]]) == (0, ["Describe", "Other host"])
    assert said["applied"][1]["from"] == {"set": "Hosts", "version": 1}
    code, said = rules("--remove", said["applied"][0]["id"], "--set", "Hosts")
    assert [rule["name"] for rule in said["draft"]] == ["Other host", "Leave out"]
    code, said = rules("--replace-all", file([stage.DESCRIBE]))
    assert [rule["name"] for rule in said["draft"]] == ["Describe"]
    code, said = rules("--discard")
    assert (code, said["draft"], len(said["applied"])) == (0, None, 2)
    assert run("promotion", "rules", promotion.pk)[1]["applied"] == said["applied"]


def test_a_preview_that_finds_invalid_events_ends_with_3_and_says_which(rules, file, promotion):
    broken = promotion.events.filter(user="user-2").count()
    code, said = rules("--add", file([stage.TOO_LONG]), "--preview")
    assert (code, said["pass"]["counts"]["refused"], len(said["problems"])) == (3, broken, broken)
    assert [rule["name"] for rule in said["draft"]] == ["Break"]
    code, said = rules("--apply")
    assert (code, len(said["problems"]), said["applied"]) == (3, broken, [])
    code, said = rules("--replace-all", file([stage.TOO_LONG | {"on_invalid": "exclude"}]), "--preview")
    assert (code, said["pass"]["counts"]["invalid"], said["pass"]["counts"]["refused"]) == (0, broken, 0)
    assert len(said["pass"]["problems"]) == broken


@pytest.mark.parametrize("spelling", files.SPELLINGS)
def test_files_of_the_older_importers_are_taken_as_they_are(rules, file, promotion, spelling):
    roles = {event.document["roleId"] for event in promotion.events.all()}
    code, said = rules(
        "--add", file(files.REPLACEMENTS[spelling], "replacements.json"),
        "--add", file(files.ENRICHMENTS[spelling], "enrichments.json"), "--apply",
    )  # fmt: skip
    assert (code, len(said["applied"])) == (0, 3)
    assert set(promotion.events.values_list("host", flat=True)) == {"host-0", files.NEW_HOST}
    assert "user-1" not in set(promotion.events.values_list("user", flat=True))
    assert not roles & {event.document["roleId"] for event in promotion.events.all()}
    code, said = rules("--add", file(files.REPLACEMENTS[spelling], "replacements.json"))
    assert (code, "another rule has the name" in said["problems"][0]) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--host", "a"), 2, "FROM=TO"),
        (("--user", "=b"), 2, "FROM=TO"),
        (("--host", "a="), 2, "FROM=TO"),
        (("--host", "a=a"), 2, "cannot be used"),
        (("--add", "/no/such/file"), 2, "nothing was changed"),
        (("--set", "Hosts"), 8, "no rule set"),
        (("--remove", "x"), 8, "no such rule"),
        (("--undo", "x"), 8, "no such rule"),
        (("--apply",), 3, "no rules"),
        (("--undo", "x", "--host", "a=b"), 2, "go alone"),
        (("--discard", "--host", "a=b"), 2, "go alone"),
    ],
)
def test_what_is_wrong_ends_with_its_code_and_changes_nothing(rules, promotion, arguments, code, says):
    ended, said = rules(*arguments)
    assert (ended, says in said["error"] + " ".join(said["problems"])) == (code, True)
    assert RuleList.objects.of(promotion).version == 0
    assert not RulePass.objects.exists()
    assert not PromotionJob.objects.exists()


def test_whoever_may_not_change_is_refused_and_nobody_is_asked_for_a_name(run, promotion):
    code, said = run("promotion", "rules", promotion.pk, "--host", "a=b", "--as", "viewer")
    assert (code, "may not" in said["error"]) == (3, True)
    code, said = run("promotion", "rules", promotion.pk, "--preview")
    assert (code, "--as USER" in said["hint"]) == (2, True)
    code, said = run("promotion", "rules", promotion.pk)
    assert (code, said["applied"], said["draft"], said["version"]) == (0, [], None, 0)
    assert not RuleList.objects.exists()
    assert run("promotion", "rules", 0)[0] == 8


def test_real_events_are_rehosted_by_a_set_and_replayed_as_they_were_previewed(clusters, run, file, source, dev, sit):
    source.many(20)
    source.produce()
    promotion = replay.exported(dev, sit)
    hosts = {"networknt": "sit-networknt", "lightapi.net": "sit.lightapi.net"}
    then = [{"do": "replace", "path": "**.hostId", "from": old, "to": new} for old, new in hosts.items()]
    run("rule_sets", "save", "--name", "Hosts", "--file", file([{"name": "H", "then": then}]), "--as", "manager")
    command = ("promotion", "rules", promotion.pk, "--as", "manager")
    code, seen = run(*command, "--set", "Hosts", "--preview")
    assert (code, seen["pass"]["counts"]["refused"]) == (0, 0)
    code, done = run(*command, "--apply")
    assert (code, done["pass"]["counts"]["changed"]) == (0, seen["pass"]["counts"]["changed"])
    assert run("promotion", "replay", promotion.pk, "--as", "manager", "--wait")[0] == 0
    arrived = {record.key.decode() for record in replay.consumed(clusters["sit"], sit.topic)}
    assert arrived >= set(hosts.values())
    assert not arrived & set(hosts)


def test_an_exported_set_is_a_file_of_rules_for_a_promotion(run, rules, tmp_path):
    cast.rule_set("Hosts")
    out = tmp_path / "hosts.json"
    run("rule_sets", "export", "--name", "Hosts", "--out", out)
    assert read_rules(out.read_bytes()).origin.name == "Hosts"
    assert rules("--add", out)[1]["draft"][0]["name"] == "Other host"
