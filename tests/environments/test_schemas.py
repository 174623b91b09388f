"""The schemas that people give an environment: on the page and on the command line, all or nothing."""

import json
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.test import Client

from promotion.actions import stale
from promotion.actions.environment_schemas import add, change, counts
from promotion.actions.schema_source import SetOfSchemas, open_schemas
from promotion.domain.schema_files import MAX_BYTES
from promotion.errors import Conflict, InvalidInput, NotFound, Refused
from promotion.kafka.registry import Registry
from promotion.models import AuditEntry, AvroSchema, Environment, EnvironmentSchema
from tests import cast
from tests.environments.test_command import command

pytestmark = pytest.mark.django_db
API = "net.lightapi.portal.market.ApiCreatedEvent"
ROLE = "net.lightapi.portal.role.RoleUpdatedEvent"
PAGE = "/environments/dev/schemas/"


@pytest.fixture
def dev(db) -> Environment:
    return cast.environment("dev", schema_source="set", registry_url="")


def text(full_name: str = API, field: str = "apiId") -> str:
    return cast.schema_text(full_name, f'{{"name": "{field}", "type": "string"}}')


def file(name: str, content: str | bytes | None = None) -> tuple[str, bytes]:
    given = text() if content is None else content
    return name, given.encode() if isinstance(given, str) else given


def upload(browser, *files: tuple[str, bytes], **data):
    return browser.post(f"{PAGE}add/", {"schemas": [SimpleUploadedFile(*each) for each in files], **data})


def ids(environment: Environment) -> list[tuple[str, int | None]]:
    return [(row.schema.full_name, row.registry_id) for row in environment.schemas.select_related("schema")]


def posted(environment: Environment, **changes) -> dict:
    """What the table of the page posts, changed by the arguments."""
    environment.refresh_from_db()
    data = {f"id_{row.pk}": "" if row.registry_id is None else row.registry_id for row in environment.schemas.all()}
    return {"version": environment.version, **data, **changes}


def test_files_are_added_with_their_ids_and_a_second_time_change_nothing(dev, curator, browser):
    files = file("ApiCreatedEvent.7.avsc"), file(f"{ROLE}.avsc", text(ROLE))
    answer = upload(browser, *files)
    assert (answer.status_code, answer.url) == (302, PAGE)
    assert ids(dev) == [(API, 7), (ROLE, None)]
    dev.refresh_from_db()
    assert (dev.version, dev.check_findings["registry"]) == (2, {"schemas": 2, "without_id": 1})
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.actor_name, entry.before["schemas"], entry.after["schemas"]) == (
        "add schemas", "curator", 0, 2,
    )  # fmt: skip
    assert sorted(entry.after["ids"].values(), key=str) == [7, None]
    upload(browser, *files)
    dev.refresh_from_db()
    assert (dev.version, AuditEntry.objects.count(), ids(dev)) == (2, 1, [(API, 7), (ROLE, None)])


def test_ids_are_given_to_what_is_there_already(dev, curator):
    add(curator, dev, [file("a.avsc"), file("b.avsc", text(ROLE))])
    changed = add(curator, dev, [file("ids.json", json.dumps({API: 7}))])
    assert (changed.added, changed.ids, changed.unchanged) == (0, 1, 0)
    changed = add(curator, dev, [file("RoleUpdatedEvent.9.avsc", text(ROLE))], [file("ids", json.dumps({API: 7}))])
    assert (changed.added, changed.ids, changed.unchanged) == (0, 1, 1)
    assert ids(dev) == [(API, 7), (ROLE, 9)]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (file("8.avsc"), f"8.avsc: {API} has the id 7, not 8."),
        (file("7.avsc", text(ROLE)), f"7.avsc: the id 7 belongs to another schema, of {API}."),
        (file("i.json", json.dumps({ROLE: 7})), f"ids: the id 7 belongs to another schema, of {API}."),
        (file("i.json", json.dumps({ROLE: 8})), f"ids: there is no schema of {ROLE}."),
        (file("i.json", json.dumps({API: 8})), f"ids: {API} has several schemas, or an id already"),
    ],
)
def test_an_id_that_is_there_is_never_changed_by_a_file(dev, curator, given, problem):
    add(curator, dev, [file("7.avsc")])
    stored = AvroSchema.objects.count()
    with pytest.raises(InvalidInput) as caught:
        add(curator, dev, [given, file("new.avsc", text("a.b.NewEvent"))])
    assert caught.value.problems[0].startswith(problem)
    assert (ids(dev), AvroSchema.objects.count()) == ([(API, 7)], stored)
    dev.refresh_from_db()
    assert dev.version == 2


def test_the_database_itself_holds_each_id_once_and_within_its_bounds(dev, curator):
    add(curator, dev, [file("7.avsc"), file("8.avsc", text(ROLE))])
    for schema_id in (7, -1, 2**31):
        with pytest.raises(IntegrityError), transaction.atomic():
            EnvironmentSchema.objects.filter(registry_id=8).update(registry_id=schema_id)


def test_the_catalogue_is_taken_without_ids_and_ids_can_come_along(dev, curator, browser):
    assert upload(browser, project="on").status_code == 302
    assert counts(dev) == {"schemas": 218, "without_id": 218}
    page = browser.get(PAGE).content.decode()
    assert "218 schemas, 218 of them without an id" in page
    assert "Next" in page
    sit = cast.environment("sit", schema_source="set")
    own = "net.lightapi.portal.attribute.AttributeCreatedEvent"
    add(curator, sit, [], [file("ids.json", json.dumps({own: 7}))], project=True)
    assert counts(sit) == {"schemas": 218, "without_id": 217}


def test_ids_are_typed_changed_swapped_and_taken_away_in_the_table(dev, curator, browser):
    add(curator, dev, [file("7.avsc"), file("9.avsc", text(ROLE)), file("c.avsc", text("a.b.CEvent"))])
    api, role, other = dev.schemas.all()
    changes = {f"id_{api.pk}": 9, f"id_{role.pk}": 7, f"id_{other.pk}": 12}
    assert browser.post(f"{PAGE}change/", posted(dev, **changes)).status_code == 302
    assert ids(dev) == [(API, 9), (ROLE, 7), ("a.b.CEvent", 12)]
    assert AuditEntry.objects.first().before["ids"] == {
        f"{row.schema.full_name} {row.schema.sha256[:12]}": row.registry_id for row in (api, role, other)
    }
    # An id may be taken over from a row that goes in the same moment.
    changes = {f"id_{api.pk}": "", f"id_{other.pk}": 7, f"remove_{role.pk}": "on"}
    assert browser.post(f"{PAGE}change/", posted(dev, **changes)).status_code == 302
    assert ids(dev) == [(API, None), ("a.b.CEvent", 7)]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("9", f"The id 9 of {ROLE} is given to {API} as well."),
        ("-1", "greater than or equal to 0"),
        ("2147483648", "less than or equal to 2147483647"),
        ("seven", "whole number"),
    ],
)
def test_an_id_that_cannot_be_is_refused_and_stays_in_its_field(dev, curator, browser, typed, said):
    add(curator, dev, [file("7.avsc"), file("9.avsc", text(ROLE))])
    answer = browser.post(f"{PAGE}change/", posted(dev, **{f"id_{dev.schemas.first().pk}": typed}))
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert f'value="{typed}"' in answer.content.decode()
    assert ids(dev) == [(API, 7), (ROLE, 9)]


def test_of_two_people_the_second_is_told(dev, curator, browser):
    add(curator, dev, [file("7.avsc")])
    opened = posted(dev)
    add(curator, dev, [file("9.avsc", text(ROLE))])
    answer = browser.post(f"{PAGE}change/", opened | {f"id_{dev.schemas.first().pk}": 8})
    assert answer.status_code == 409
    assert "Somebody changed dev" in answer.content.decode()
    assert ids(dev) == [(API, 7), (ROLE, 9)]
    with pytest.raises(Conflict, match="removed some"):
        change(curator, dev, {}, [10**9], None)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.avsc", b"[" * 100_000),
        ("a.json", b"[" * 100_000),
        ("a.zip", b"PK\x03\x04"),
        ("a.avsc", b""),
        ("<img src=x onerror=alert(1)>.avsc", b"{"),
        ("a.avsc", text().replace("apiId", "<script>").encode()),
        ("a.avsc", text().replace("apiId", "a\\u0000").encode()),
    ],
)
def test_hostile_files_are_named_escaped_and_nothing_is_saved(dev, browser, name, content):
    answer = upload(browser, file("7.avsc"), (name, content))
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Nothing was saved" in page
    assert "<img src=x" not in page
    assert "<script>" not in page
    assert not EnvironmentSchema.objects.exists()


def test_a_body_that_is_too_large_is_refused_before_it_is_read(dev, browser):
    answer = browser.post(
        f"{PAGE}add/", b"", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=MAX_BYTES + 2**21
    )
    assert answer.status_code == 422
    assert "larger than 16,777,216 bytes together" in answer.content.decode()


def test_all_218_files_can_be_uploaded_at_once(dev, browser, settings):
    files = [(path.name, path.read_bytes()) for path in sorted(Path(settings.SCHEMAS_DIR).glob("*.avsc"))]
    assert upload(browser, *files).status_code == 302
    assert counts(dev) == {"schemas": 218, "without_id": 218}


def test_an_upload_needs_the_token_of_its_page(dev, curator):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(curator)
    assert upload(strict, file("7.avsc")).status_code == 403
    assert not EnvironmentSchema.objects.exists()


def test_nothing_at_all_is_no_upload(dev, browser):
    answer = browser.post(f"{PAGE}add/")
    assert answer.status_code == 422
    assert "Choose files" in answer.content.decode()


@pytest.mark.parametrize("role", ["viewer", "manager", "approver"])
def test_those_who_may_not_change_environments_see_the_ids_and_no_form(dev, client, curator, role):
    add(curator, dev, [file("7.avsc")])
    client.force_login(cast.user(role))
    page = client.get(PAGE).content.decode()
    assert API in page
    assert "Add schemas" not in page
    assert 'name="id_' not in page
    assert API in client.get(f"{PAGE}{dev.schemas.get().pk}/").content.decode()
    with pytest.raises(Refused, match="may not change environments"):
        add(cast.user(role), dev, [])


def test_the_list_is_filtered_and_a_schema_has_a_page(dev, curator, browser):
    add(curator, dev, [file("7.avsc"), file("b.avsc", text(ROLE))])
    without = browser.get(f"{PAGE}?without=on").content.decode()
    assert f"{ROLE}</a>" in without
    assert f"{API}</a>" not in without
    assert "No schema fits" in browser.get(f"{PAGE}?q=nothing").content.decode()
    assert browser.get(f"{PAGE}?q=%00&after=x").status_code == 200
    page = browser.get(f"{PAGE}{dev.schemas.first().pk}/").content.decode()
    assert "begin with the id 7" in page
    assert "apiId" in page
    assert browser.get(f"/environments/other/schemas/{dev.schemas.first().pk}/").status_code == 404


def test_the_environments_page_leads_there_and_says_what_is_missing(dev, curator, browser):
    page = browser.get("/environments/dev/").content.decode()
    assert "No schemas are given yet." in page
    assert PAGE in page
    add(curator, dev, [file("7.avsc"), file("b.avsc", text(ROLE))])
    page = browser.get("/environments/dev/").content.decode()
    assert "No schemas are given yet." not in page
    assert "<dt>Without an id</dt><dd>1</dd>" in page
    assert "2 given" in browser.get("/environments/").content.decode()
    assert "Nothing of this is used yet." not in browser.get(PAGE).content.decode()
    cast.environment("sit")
    assert "Nothing of this is used yet." in browser.get("/environments/sit/schemas/").content.decode()


def test_the_command_line_adds_gives_ids_lists_and_removes(dev, curator, tmp_path):
    (tmp_path / "ApiCreatedEvent.7.avsc").write_text(text())
    (tmp_path / "role.avsc").write_text(text(ROLE))
    (tmp_path / "given").write_text(json.dumps({ROLE: 9}))
    files = [str(tmp_path / name) for name in ("ApiCreatedEvent.7.avsc", "role.avsc")]
    answer, code = command(
        "schemas", "dev", "--add", *files, "--ids", str(tmp_path / "given"), "--as", "curator", "--list", "--json"
    )
    assert code == 0
    listed = answer.pop("list")
    assert answer == {
        "environment": "dev", "schema_source": "set", "added": 2, "ids": 2, "unchanged": 0, "removed": 0,
        "left_out": [], "schemas": 2, "without_id": 0,
    }  # fmt: skip
    assert [(each["type"], each["id"], each["added_by"]) for each in listed] == [
        (API, 7, "curator"), (ROLE, 9, "curator"),
    ]  # fmt: skip
    assert command("schemas", "dev")[0]["list"][0]["id"] == 7
    answer, _ = command("schemas", "dev", "--remove", str(listed[0]["row"]), "--from-project", "--as", "curator")
    assert (answer["removed"], answer["added"], answer["schemas"], answer["without_id"]) == (1, 218, 219, 218)


def test_the_command_line_names_every_problem_and_ends_with_its_code(dev, curator, tmp_path):
    (tmp_path / "a.avsc").write_text("{")
    (tmp_path / "b.txt").write_text("")
    bad = [str(tmp_path / name) for name in ("a.avsc", "b.txt")]
    answer, code = command("schemas", "dev", "--add", *bad, "--as", "curator")
    assert (code, [each.partition(":")[0] for each in answer["problems"]]) == (2, ["a.avsc", "b.txt"])
    assert command("schemas", "dev", "--add", str(tmp_path / "absent.avsc"), "--as", "curator")[1] == 2
    assert command("schemas", "dev", "--remove", "1", "--as", "curator")[1] == 8
    assert command("schemas", "nowhere")[1] == 8
    cast.user("manager")
    assert command("schemas", "dev", "--from-project", "--as", "manager")[1] == 3
    assert not EnvironmentSchema.objects.exists()


def test_a_set_answers_what_a_registry_would(dev, curator):
    newer, same = text(field="other"), text() + " "
    add(curator, dev, [file("7.avsc"), file("12.avsc", newer), file("5.avsc", same), file("r.avsc", text(ROLE))])
    with open_schemas(dev) as schemas:
        assert isinstance(schemas, SetOfSchemas)
        assert (schemas.schema_by_id(7), schemas.schema_by_id(12)) == (text(), newer)
        assert (schemas.lookup(API, text()), schemas.lookup(API, same), schemas.lookup(API, text() + "\n")) == (7, 5, 7)
        assert schemas.lookup(ROLE, text(ROLE)) is None
        latest = schemas.latest(API)
        assert latest
        assert (latest.id, latest.text) == (12, newer)
        assert (schemas.latest(ROLE), schemas.latest("a.b.C"), schemas.subject_exists(ROLE)) == (None, None, True)
        with pytest.raises(NotFound, match="the id 8 on dev"):
            schemas.schema_by_id(8)
        with pytest.raises(Refused, match="no schema with an id on dev"):
            schemas.register(ROLE, text(ROLE))
        assert schemas.compatible(API, text()).compatible is False
    cast.environment("sit")
    with open_schemas(Environment.objects.get(name="sit")) as schemas:
        assert isinstance(schemas, Registry)


def test_a_set_is_read_once_however_often_it_is_asked(dev, curator, django_assert_num_queries):
    add(curator, dev, [file("7.avsc"), file("9.avsc", text(ROLE))])
    with django_assert_num_queries(1), open_schemas(dev) as schemas:
        for _ in range(100):
            schemas.schema_by_id(7)
            schemas.lookup(ROLE, text(ROLE))
            schemas.latest(API)


def test_no_action_opens_a_registry_but_where_a_set_may_stand_in_for_it():
    actions = Path(stale.__file__).parent
    opening = [path.name for path in actions.rglob("*.py") if "registry_connection(" in path.read_text()]
    assert sorted(opening) == ["connect.py", "schema_source.py"]


def test_every_change_of_a_set_changes_the_environments_fingerprint(dev, curator):
    seen = [stale.environment_fingerprint(dev)]
    add(curator, dev, [file("7.avsc"), file("b.avsc", text(ROLE))])
    seen.append(stale.environment_fingerprint(dev))
    row = dev.schemas.last()
    change(curator, dev, {row.pk: 9}, [], None)
    seen.append(stale.environment_fingerprint(dev))
    change(curator, dev, {row.pk: 10}, [], None)
    seen.append(stale.environment_fingerprint(dev))
    change(curator, dev, {}, [row.pk], None)
    seen.append(stale.environment_fingerprint(dev))
    assert len(set(seen)) == 5
    Environment.objects.filter(pk=dev.pk).update(schema_source="registry", registry_url="http://a")
    dev.refresh_from_db()
    before = stale.environment_fingerprint(dev)
    add(curator, dev, [file("b.avsc", text(ROLE))])
    assert stale.environment_fingerprint(dev) == before, "a set that is not used makes no plan stale"
