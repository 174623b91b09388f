import re

import pytest
from django.urls import reverse

from promotion.actions import environments as actions
from promotion.actions.environment_schemas import add
from promotion.domain.connection import KafkaConnection
from promotion.domain.secret import Secret
from promotion.kafka.cluster import cluster_id, create_topic
from promotion.models import AuditEntry, Environment, EnvironmentDraft
from promotion.states import JobState
from tests import cast
from tests.environments.helpers import SENTINEL, closed_port, everything_stored, run_last_job

# The lease is renewed on a connection of its own, which sees committed rows only.
pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
NEW = "/environments/new/"


def submit(browser, data, url=NEW):
    """Post the form, do the job, and return the draft's page and the job."""
    answer = browser.post(url, data)
    assert answer.status_code == 302, answer.context["form"].errors
    return answer.url, run_last_job()


def test_an_environment_that_answers_is_tested_and_saved(browser, posted, topic, clusters):
    url, job = submit(browser, posted(may_be_target="on"))
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    saved = Environment.objects.get(name="dev")
    kafka, registry = saved.check_findings["kafka"], saved.check_findings["registry"]
    assert saved.cluster_id == kafka["cluster_id"] == cluster_id(KafkaConnection(clusters["dev"].bootstrap_servers))
    assert (kafka["partitions"], kafka["retention_ms"], kafka["cleanup_policy"]) == (3, -1, "delete")
    assert registry["level"] in {"NONE", "BACKWARD"}
    assert registry["subjects"] >= 0
    assert saved.checked_at
    assert browser.get(url).url == "/environments/dev/"
    page = browser.get("/environments/dev/").content.decode()
    assert saved.cluster_id in page
    assert "Its consumers read uncommitted records" in page
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.actor_name, entry.origin) == ("create", "curator", "worker")
    assert entry.after["topic"] == topic


def test_a_wrong_port_is_shown_at_the_brokers_and_the_registry_is_fine(browser, posted):
    url, job = submit(browser, posted(bootstrap_servers=f"127.0.0.1:{closed_port()}"))
    assert (job.state, job.exit_code) == (JobState.FAILED, 7)
    draft = EnvironmentDraft.objects.get()
    assert draft.findings["kafka"]["field"] == "bootstrap_servers"
    assert "no answer" in draft.kafka_error
    assert draft.registry_error == ""
    assert not Environment.objects.exists()
    page = browser.get(url).content.decode()
    assert "dev is not saved" in page
    assert draft.findings["kafka"]["error"] in page
    assert page.count("Look here first") == 1
    assert "Save untested" in page
    again = browser.get(url + "?edit=1").content.decode()
    assert draft.fields["bootstrap_servers"] in again
    assert 'id="id_bootstrap_servers_error"' in again
    assert 'id="id_registry_url_error"' not in again


def test_a_wrong_topic_is_shown_at_the_topic(browser, posted):
    _, job = submit(browser, posted(topic="no-such-topic"))
    assert job.exit_code == 2
    assert EnvironmentDraft.objects.get().findings["kafka"]["field"] == "topic"
    assert "no-such-topic does not exist" in job.error


def test_a_registry_that_is_down_is_shown_at_its_url_and_kafka_is_fine(browser, posted):
    _, job = submit(browser, posted(registry_url=f"http://127.0.0.1:{closed_port()}"))
    draft = EnvironmentDraft.objects.get()
    assert job.exit_code == 7
    assert draft.kafka_error == ""
    assert draft.findings["kafka"]["partitions"] == 3
    assert draft.findings["registry"]["field"] == "registry_url"


def test_what_is_no_registry_is_told_apart_from_one_that_is_down(browser, posted, clusters):
    registry = clusters["dev"].registry_url
    submit(browser, posted(registry_url=registry.rsplit("/apis", 1)[0]))
    assert EnvironmentDraft.objects.get().findings["registry"]["field"] == "registry_url"
    assert EnvironmentDraft.objects.get().registry_error


def test_both_errors_are_told_at_once(browser, posted):
    _, job = submit(browser, posted(topic="no-such-topic", registry_url=f"http://127.0.0.1:{closed_port()}"))
    kafka, registry = job.problems
    assert kafka.startswith("Kafka: Topic no-such-topic does not exist")
    assert registry.startswith("Registry: http://127.0.0.1")


def test_a_failed_draft_is_saved_untested_only_by_explicit_choice(browser, posted):
    url, _ = submit(browser, posted(topic="no-such-topic"))
    answer = browser.post(url + "save/")
    assert answer.url == "/environments/dev/"
    assert Environment.objects.get().topic == "no-such-topic"
    assert AuditEntry.objects.get().verb == "create untested"
    page = browser.get("/environments/dev/").content.decode()
    assert "no-such-topic does not exist" in page


def test_saving_before_the_check_ends_keeps_what_the_check_finds(browser, posted):
    url = browser.post(NEW, posted()).url
    assert "Testing dev" in browser.get(url).content.decode()
    browser.post(url + "save/")
    assert Environment.objects.get().checked_at is None
    assert run_last_job().state == JobState.SUCCEEDED
    saved = Environment.objects.get()
    assert saved.version == 1
    assert saved.check_findings["kafka"]["partitions"] == 3


def test_edit_again_goes_on_with_what_was_typed_and_the_secrets_of_the_draft(browser, posted):
    url, _ = submit(browser, posted(topic="no-such-topic", password=SENTINEL))
    page = browser.get(url + "?edit=1").content.decode()
    assert "One is stored" in page
    _, job = submit(browser, posted(), url)
    assert job.state == JobState.SUCCEEDED
    assert actions.stored_secrets(Environment.objects.get()) == {"password": Secret(SENTINEL)}


def test_secrets_typed_into_a_form_with_another_error_are_not_typed_again(browser, posted):
    answer = browser.post(NEW, posted(topic="?", password=SENTINEL))
    assert answer.status_code == 422
    action = answer.context["action"]
    assert "What you typed is kept" in answer.content.decode()
    assert browser.post(action + "save/").status_code == 403, "such a draft is not complete"
    _, job = submit(browser, posted(), action)
    assert job.state == JobState.SUCCEEDED
    assert actions.stored_secrets(Environment.objects.get()) == {"password": Secret(SENTINEL)}


def test_of_two_people_the_second_is_told_after_the_test_and_loses_nothing(browser, posted, curator):
    submit(browser, posted())
    first = Environment.objects.get()
    theirs = actions.try_out(cast.user("admin"), {**form_values(first), "order": 5}, {}, first, 1)
    url = browser.post("/environments/dev/edit/", posted(color="red", version=1)).url
    mine = EnvironmentDraft.objects.latest("created_at").jobs.get()
    actions.apply(cast.user("admin"), theirs.draft)
    from promotion import jobs

    jobs.run(str(mine.pk))
    mine.refresh_from_db()
    assert mine.exit_code == 5
    saved = Environment.objects.get()
    assert (saved.color, saved.order, saved.version) == ("blue", 5, 2)
    page = browser.get(url).content.decode()
    assert "Somebody changed this environment" in page
    assert '<td data-label="Yours">red</td>' in page
    _, job = submit(browser, posted(color="red", version=2), url)
    assert job.state == JobState.SUCCEEDED
    assert Environment.objects.get().color == "red"


def test_a_form_that_was_opened_before_somebody_elses_change_is_not_even_tested(browser, posted):
    submit(browser, posted())
    submit(browser, posted(color="red", version=1), "/environments/dev/edit/")
    answer = browser.post("/environments/dev/edit/", posted(color="green", version=1))
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Somebody changed this environment while you did" in page
    assert '<option value="green" selected>' in page
    _, job = submit(browser, posted(color="green", version=2), "/environments/dev/edit/")
    assert job.state == JobState.SUCCEEDED


def test_a_name_taken_meanwhile_is_a_conflict(browser, posted):
    browser.post(NEW, posted())
    cast.environment("dev")
    job = run_last_job()
    assert job.exit_code == 5
    assert "There is an environment dev by now" in job.error


def test_check_again_writes_findings_and_leaves_settings_and_version_alone(browser, posted, curator):
    submit(browser, posted())
    before = Environment.objects.get()
    answer = browser.post("/environments/dev/check/")
    assert run_last_job().state == JobState.SUCCEEDED
    after = Environment.objects.get()
    assert after.checked_at > before.checked_at
    assert after.version == before.version
    assert browser.get(answer.url).url == "/environments/dev/"
    assert browser.get(answer.url, headers={"HX-Request": "true"}).headers["HX-Redirect"] == "/environments/dev/"


def test_a_saved_environment_that_stops_answering_is_shown_as_failed(browser):
    cast.environment("dev", cluster_id="known")
    browser.post("/environments/dev/check/")
    assert run_last_job().exit_code == 7
    saved = Environment.objects.get()
    assert saved.check_findings["kafka"]["error"]
    assert saved.cluster_id == "known"
    assert browser.get("/environments/").content.decode().count("Failed") == 2


def test_a_topic_that_forgets_is_warned_of_in_words(browser, posted, clusters, unique_name):
    name = unique_name("compacted")
    config = {
        "cleanup.policy": "compact,delete",
        "retention.ms": "604800000",
        "message.timestamp.type": "LogAppendTime",
    }
    create_topic(KafkaConnection(clusters["dev"].bootstrap_servers), name, 1, config)
    submit(browser, posted(topic=name, may_be_target="on"))
    page = browser.get("/environments/dev/").content.decode()
    for words in ("The topic is compacted", "older than 7 days", "replaces each event"):
        assert words in page


def test_two_environments_of_one_topic_are_warned_of(browser, posted):
    submit(browser, posted())
    submit(browser, posted(name="twin"))
    assert "same topic of the same cluster as dev" in browser.get("/environments/twin/").content.decode()


def test_a_secret_is_never_seen_again(browser, posted, caplog):
    caplog.set_level("DEBUG")
    data = posted(
        security="sasl_plain",
        sasl_tls="",
        username="console",
        password=SENTINEL,
        key_password=SENTINEL,
        registry_auth="basic",
        registry_username="reader",
        registry_password=SENTINEL,
        registry_token=SENTINEL,
        topic="?",
    )
    pages = [browser.post(NEW, data)]
    answer = browser.post(NEW, data | {"topic": "portal-event"})
    pages += [answer, browser.get(answer.url)]
    job = run_last_job()
    pages += [browser.get(answer.url), browser.get(answer.url + "?edit=1"), browser.post(answer.url + "save/")]
    pages += [browser.get(f"/environments/{tail}") for tail in ("", "dev/", "dev/edit/")]
    assert job.error
    assert AuditEntry.objects.get().after["secrets"]["password"] == "added"
    for text in (*[page.content.decode() for page in pages], *everything_stored(), caplog.text):
        assert SENTINEL not in text


def test_the_audit_trail_says_which_secret_was_changed(browser, posted):
    submit(browser, posted(password=SENTINEL))
    submit(browser, posted(password=SENTINEL + "2", version=1), "/environments/dev/edit/")
    submit(browser, posted(password_clear="on", version=2), "/environments/dev/edit/")
    said = list(AuditEntry.objects.order_by("id").values_list("after__secrets__password", flat=True))
    assert said == ["added", "changed", "removed"]


def test_a_variable_that_is_not_set_is_named(browser, posted, monkeypatch):
    monkeypatch.delenv("PROMOTION_SECRET_ABSENT", raising=False)
    data = posted(security="sasl_plain", username="console", password_env="PROMOTION_SECRET_ABSENT")
    _, job = submit(browser, data)
    assert "PROMOTION_SECRET_ABSENT is not set" in job.error
    assert EnvironmentDraft.objects.get().findings["kafka"]["field"] == "password"


@pytest.mark.parametrize("role", ["viewer", "manager", "approver"])
def test_those_who_may_not_change_environments_read_them_and_no_more(client, role):
    environment = cast.environment("dev")
    draft = actions.check_again(cast.user("curator"), environment).draft
    client.force_login(cast.user(role))
    for url in ("/environments/", "/environments/dev/"):
        page = client.get(url)
        assert page.status_code == 200
        assert "/edit/" not in page.content.decode()
        assert "New environment" not in page.content.decode()
    changing = [NEW, "/environments/dev/edit/", reverse("promotion:environment_draft", args=[draft.pk])]
    assert [client.get(url).status_code for url in changing] == [403] * 3
    posting = [*changing, "/environments/dev/check/", reverse("promotion:environment_save_untested", args=[draft.pk])]
    assert [client.post(url).status_code for url in posting] == [403] * 5


def form_values(environment):
    from promotion.forms.environments import settings_of

    return settings_of(environment)


def test_an_environment_without_a_registry_is_tested_without_one(browser, posted):
    submit(browser, posted(schema_source="set", registry_url=""))
    saved = Environment.objects.get(name="dev")
    assert (saved.schema_source, saved.registry_url) == ("set", "")
    assert saved.check_findings["registry"] == {"schemas": 0, "without_id": 0}
    assert "No schemas are given yet." in browser.get("/environments/dev/").content.decode()
    content = cast.schema_text("a.b.CreatedEvent").encode()
    add(cast.user("curator"), saved, [("7.avsc", content), ("n.avsc", content.replace(b"apiId", b"other"))])
    browser.post("/environments/dev/check/")
    assert run_last_job().error == ""
    saved.refresh_from_db()
    assert saved.check_findings["registry"] == {"schemas": 2, "without_id": 1}
    # Back to a registry, and the address is needed again.
    answer = browser.post("/environments/dev/edit/", posted(schema_source="registry", registry_url="", version=2))
    assert answer.context["form"].errors["registry_url"] == ["This field is required."]
    submit(browser, posted(schema_source="registry", version=2), "/environments/dev/edit/")
    assert Environment.objects.get(name="dev").check_findings["registry"]["level"]


def test_what_a_registry_needs_is_not_asked_for_where_there_is_none(browser, posted):
    answer = browser.post(NEW, posted(schema_source="set", registry_url="", registry_auth="basic", topic="?"))
    assert set(answer.context["form"].errors) == {"topic"}
    answer = browser.post(NEW, posted(schema_source="nowhere", topic="portal-event"))
    assert set(answer.context["form"].errors) == {"schema_source"}
    answer = browser.post(NEW, posted(schema_source="set", registry_url="ftp://x"))
    assert set(answer.context["form"].errors) == {"registry_url"}


def test_the_parts_of_the_form_say_which_choices_need_them_and_are_open_where_they_are_needed(browser, posted):
    page = browser.get(NEW).content.decode()
    for needed_for in ("sasl_plain sasl_scram_256 sasl_scram_512", "mutual_tls tls", "basic bearer", "registry"):
        assert f'data-unfold-for="{needed_for}"' in page
    assert opened(page) == {"schema_source"}
    assert opened(browser.post(NEW, posted(schema_source="registry", security="mutual_tls")).content.decode()) == {
        "schema_source",
        "security",
    }
    wrong = browser.post(NEW, posted(security="plaintext", registry_username="somebody", registry_url="ftp://x"))
    assert "schema_source" in opened(wrong.content.decode())


def opened(page):
    return set(re.findall(r'<details class="disclosure" open data-unfold-by="(\w+)"', page))
