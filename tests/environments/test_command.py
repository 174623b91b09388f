import base64
import json
import os
import tomllib
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings as project
from django.core.management import call_command

from promotion import jobs
from promotion.actions import environments as actions
from promotion.actions.load_environments import load
from promotion.domain.secret import Secret
from promotion.errors import InvalidInput, Refused
from promotion.models import AuditEntry, Environment, PromotionJob
from tests import cast
from tests.environments.helpers import SENTINEL, everything_stored

FILE = f"""
[environments.dev]
bootstrap_servers = "127.0.0.1:9"
topic = "portal-event"
registry_url = "http://127.0.0.1:9"
order = 10
password = "{SENTINEL}"

[environments.sit]
bootstrap_servers = "127.0.0.1:9"
topic = "portal-event"
registry_url = "http://127.0.0.1:9"
source = false
target = true
protected = true
approvers = 2
tenancy = "single"
order = 20
color = "teal"
security = "sasl_plain"
username = "console"
password_env = "PROMOTION_SECRET_SIT"
"""


def command(*arguments: str) -> tuple[dict, int]:
    """Run `manage.py environments ...` and return its document and exit code."""
    out = StringIO()
    try:
        call_command("environments", *arguments, stdout=out)
    except SystemExit as ended:
        return json.loads(out.getvalue()), int(ended.code or 0)
    return json.loads(out.getvalue()), 0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "environments.toml"
    path.write_text(FILE)
    return path


def test_a_file_is_loaded_and_a_second_load_changes_nothing(file, curator):
    assert command("load", str(file), "--as", "curator", "--untested") == (
        {"created": ["dev", "sit"], "updated": [], "unchanged": []},
        0,
    )
    sit = Environment.objects.get(name="sit")
    assert (sit.may_be_source, sit.may_be_target, sit.protected, sit.tenancy) == (False, True, True, "single")
    assert sit.approvers == 2
    assert [each["approvers"] for each in command("list")[0]["environments"]] == [1, 2]
    assert actions.stored_secrets(sit) == {"password": Secret(variable="PROMOTION_SECRET_SIT")}
    assert AuditEntry.objects.count() == 2
    again, _ = command("load", str(file), "--as", "curator", "--untested")
    assert again == {"created": [], "updated": [], "unchanged": ["dev", "sit"]}
    assert AuditEntry.objects.count() == 2
    assert SENTINEL not in "".join(everything_stored())


def test_only_what_a_file_names_is_changed(file, curator):
    load(curator, FILE)
    loaded = load(curator, '[environments.sit]\norder = 25\n[environments.dev]\npassword_env = "PROMOTION_SECRET_DEV"')
    assert (loaded.created, loaded.updated, loaded.unchanged) == ([], ["sit", "dev"], [])
    sit, dev = Environment.objects.get(name="sit"), Environment.objects.get(name="dev")
    assert (sit.order, sit.protected, sit.version) == (25, True, 2)
    assert actions.stored_secrets(dev) == {"password": Secret(variable="PROMOTION_SECRET_DEV")}
    assert load(curator, '[environments.dev]\npassword = "plain"').updated == ["dev"]
    assert actions.stored_secrets(Environment.objects.get(name="dev")) == {"password": Secret("plain")}


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("[environments.uat]\ntopics = 'a'", "[environments.uat] topics: unknown key"),
        ("[environments.uat]\nsecrets = 'a'", "[environments.uat] secrets: unknown key"),
        ("[environments.uat]\nprotected = 'yes'", "[environments.uat] protected: must be true or false."),
        ("[environments.uat]\napprovers = 0\ntopic = 'a'", "[environments.uat] approvers: Between 1 and 9"),
        ("[environments.uat]\napprovers = '2'", "[environments.uat] approvers: must be a whole number."),
        ("[environments.uat]\norder = true", "[environments.uat] order: must be a whole number."),
        ("[environments.uat]\ntopic = 1", "[environments.uat] topic: must be text in quotes."),
        ("[environments.dev]\ntenancy = 'some'", "[environments.dev] tenancy: Select a valid choice."),
        ("[environments.dev]\nsource = true\nsecurity = 'sasl_plain'", "[environments.dev] username: SASL needs"),
        ("[environments.dev]\npassword_env = 'HOME'", "[environments.dev] password_env: That is not the name"),
        ("[environments.Dev]\ntopic = 'a'", "[environments.Dev] name: Use lower case"),
        ("[environments.uat]\nregistry_url = 'http://a'", "[environments.uat] topic: This field is required."),
    ],
)
def test_each_mistake_is_named_with_table_and_key_and_nothing_is_saved(curator, table, problem):
    with pytest.raises(InvalidInput) as caught:
        load(curator, FILE.replace("[environments.dev]", f"{table}\n[environments.other]"))
    assert any(each.startswith(problem) for each in caught.value.problems), caught.value.problems
    assert not Environment.objects.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[environments.dev\n", "line 1"),
        ("a = 1\n[environments.dev]", "Unknown at the top of the file: a."),
        ("", "names no environments"),
        ("environments = 1", "names no environments"),
    ],
)
def test_a_file_of_another_shape_is_refused_with_its_reason(curator, text, message):
    with pytest.raises(InvalidInput, match=message):
        load(curator, text)


def test_mistakes_are_one_json_document_and_an_exit_code(file, curator):
    file.write_text("[environments.dev]\ntopic = 1")
    answer, code = command("load", str(file), "--as", "curator")
    assert code == 2
    assert answer["problems"] == [
        "[environments.dev] topic: must be text in quotes.",
        "[environments.dev] bootstrap_servers: This field is required.",
        "[environments.dev] registry_url: This field is required.",
    ]
    assert command("load", str(file) + "x", "--as", "curator")[1] == 2
    assert command("load", str(file), "--as", "nobody")[1] == 8


def test_every_wrong_key_of_every_table_is_named_once(curator):
    with pytest.raises(InvalidInput) as caught:
        load(curator, FILE.replace('"portal-event"', '"a b"').replace("order = 20", "order = 'x'\ncolour = 'red'"))
    said = [problem.partition(": ")[0] for problem in caught.value.problems]
    assert said == [f"[environments.{key}" for key in ("dev] topic", "sit] order", "sit] colour", "sit] topic")]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_what_was_loaded_is_printed_with_what_its_checks_found(file, curator, monkeypatch, capsys):
    monkeypatch.setattr(jobs, "enqueue", lambda job: jobs.run(str(job.pk)) or job)

    def loaded() -> dict:
        with pytest.raises(SystemExit, match="7"):
            call_command("environments", "load", str(file), "--as", "curator", "--wait")
        return json.loads(capsys.readouterr().out)

    answer = loaded()
    assert (answer["created"], answer["updated"], answer["unchanged"]) == (["dev", "sit"], [], [])
    assert answer["error"] == "The checks of dev, sit failed."
    said = [problem.split(": ")[:2] for problem in answer["problems"]]
    assert said == [["dev", "Kafka"], ["dev", "Registry"], ["sit", "Kafka"], ["sit", "Registry"]]
    file.write_text(FILE.partition("[environments.sit]")[0].replace("order = 10", "order = 11"))
    answer = loaded()
    assert (answer["created"], answer["updated"], answer["unchanged"]) == ([], ["dev"], [])
    assert [problem.partition(": ")[0] for problem in answer["problems"]] == ["Kafka", "Registry"]


def test_an_environment_without_a_registry_is_loaded_without_its_address(curator):
    text = FILE.partition("[environments.sit]")[0].replace(
        'registry_url = "http://127.0.0.1:9"', 'schema_source = "set"'
    )
    assert load(curator, text).created == ["dev"]
    assert load(curator, text).unchanged == ["dev"]
    dev = Environment.objects.get(name="dev")
    assert (dev.schema_source, dev.registry_url) == ("set", "")
    assert command("list")[0]["environments"][0]["schema_source"] == "set"
    with pytest.raises(InvalidInput) as caught:
        load(curator, '[environments.dev]\nschema_source = "registry"')
    assert caught.value.problems == ["[environments.dev] registry_url: This field is required."]


def test_loading_needs_the_permission(db):
    with pytest.raises(Refused, match="may not change environments"):
        load(cast.user("manager"), FILE)


def test_without_a_name_the_only_admin_does_it(file, db):
    assert command("load", str(file), "--untested")[0]["hint"] == "Say with --as USER who does it."
    cast.user("admin")
    assert command("load", str(file), "--untested")[1] == 0
    assert {entry.actor_name for entry in AuditEntry.objects.all()} == {"admin"}


def test_the_example_file_can_be_loaded(curator):
    text = (project.BASE_DIR / "environments.example.toml").read_text()
    with pytest.raises(InvalidInput) as caught:
        load(curator, text)
    assert caught.value.problems == ["[environments.prod] certificate_pem: Mutual TLS needs a client certificate."], (
        "the one thing that no example can have"
    )
    names = tomllib.loads(text)["environments"]
    assert list(names) == ["dev", "sit", "prod"]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_what_was_loaded_is_checked_by_a_worker_and_can_be_checked_again(clusters, topic, curator, tmp_path):
    dev = clusters["dev"]
    path = tmp_path / "environments.toml"
    path.write_text(
        f'[environments.dev]\nbootstrap_servers = "{dev.bootstrap_servers}"\n'
        f'topic = "{topic}"\nregistry_url = "{dev.registry_url}"\n'
    )
    assert command("load", str(path), "--as", "curator")[1] == 0
    jobs.run(str(PromotionJob.objects.get().pk))
    shown = command("list", "--json")[0]["environments"][0]
    assert (shown["name"], shown["health"], shown["kafka"]["partitions"]) == ("dev", "ok", 3)
    assert shown["cluster_id"]
    assert command("check", "dev", "--as", "curator")[0]["job"] == str(PromotionJob.objects.first().pk)
    assert command("check", "nowhere", "--as", "curator")[1] == 8


def test_secrets_are_encrypted_anew_with_the_newest_key(settings, curator):
    load(curator, FILE)
    environment = Environment.objects.get(name="dev")
    actions.draft(curator, {"name": "dev"}, {"registry_token": Secret(SENTINEL)}, environment, 1)
    old = settings.ENCRYPTION_KEYS
    new = base64.urlsafe_b64encode(os.urandom(32)).decode()
    settings.ENCRYPTION_KEYS = [new, *old]
    assert command("rotate-keys", "--as", "curator") == ({"rotated": 3}, 0)
    settings.ENCRYPTION_KEYS = [new]
    environment.refresh_from_db()
    assert actions.stored_secrets(environment) == {"password": Secret(SENTINEL)}
    assert actions.stored_secrets(environment.drafts.get(saved_at=None)) == {"registry_token": Secret(SENTINEL)}
    settings.ENCRYPTION_KEYS = [base64.urlsafe_b64encode(os.urandom(32)).decode()]
    answer, code = command("rotate-keys", "--as", "curator")
    assert code == 2
    assert "PROMOTION_ENCRYPTION_KEYS" in answer["error"]
    environment.refresh_from_db()
    settings.ENCRYPTION_KEYS = [new]
    assert actions.stored_secrets(environment) == {"password": Secret(SENTINEL)}


def test_the_page_of_a_protected_environment_says_how_many_approve(browser, curator):
    load(curator, FILE)
    assert "<dt>Approvers needed</dt>" in "".join(browser.get("/environments/sit/").content.decode().split("\n"))
    assert "Approvers needed" not in browser.get("/environments/dev/").content.decode()
