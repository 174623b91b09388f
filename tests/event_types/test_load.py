"""The table follows the files; what people decided does not."""

import threading
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from promotion.actions.load_event_types import load
from promotion.actions.meet_types import meet
from promotion.actions.schemas import store_schema
from promotion.domain.schema import parse
from promotion.errors import InvalidInput
from promotion.models import AuditEntry, AvroSchema, EventType
from promotion.states import Category, Decision
from tests import cast
from tests.event_types.conftest import API, ORDER, Write

pytestmark = pytest.mark.django_db


def test_after_loading_all_218_types_nothing_travels() -> None:
    assert load(settings.SCHEMAS_DIR) == {"added": 218, "changed": 0, "unchanged": 0, "removed": 0}
    assert not EventType.objects.promotable().exists()
    assert EventType.objects.undecided().count() == 218
    assert set(EventType.objects.values_list("category", flat=True)) == set(Category.values)
    assert not EventType.objects.filter(proposal_reason="").exists()


def test_a_type_is_described_by_its_name_and_schema(catalogue: Path) -> None:
    load(catalogue)
    loaded = EventType.objects.select_related("schema").get(full_name=API)
    assert (loaded.namespace, loaded.aggregate, loaded.action) == ("net.lightapi.portal.market", "ApiRule", "Created")
    assert loaded.schema.text == (catalogue / f"{API}.avsc").read_text()
    assert loaded.schema.fingerprint == parse(loaded.schema.text).fingerprint
    assert (loaded.category, loaded.in_catalogue) == (Category.CONFIGURABLE, True)


def test_loading_again_changes_and_records_nothing(catalogue: Path) -> None:
    load(catalogue)
    before = list(EventType.objects.values()), AuditEntry.objects.count()
    assert load(catalogue) == {"added": 0, "changed": 0, "unchanged": 2, "removed": 0}
    assert (list(EventType.objects.values()), AuditEntry.objects.count()) == before


def test_a_changed_file_changes_the_schema_and_never_the_decision(catalogue: Path, write: Write) -> None:
    load(catalogue)
    curated = EventType.objects.get(full_name=API)
    cast.decide(curated, Decision.PROMOTABLE, "Agreed.")
    write(API, doc="Documented now.")
    assert load(catalogue) == {"added": 0, "changed": 1, "unchanged": 1, "removed": 0}
    curated.refresh_from_db()
    assert "Documented now." in curated.schema.text
    assert (curated.decision, curated.decision_reason) == (Decision.PROMOTABLE, "Agreed.")
    assert AvroSchema.objects.filter(full_name=API).count() == 2


def test_a_type_that_was_met_first_becomes_one_of_the_catalogue(catalogue: Path) -> None:
    schema = store_schema(cast.schema_text(API))
    EventType.objects.create(full_name=API, schema=schema, in_catalogue=False)
    assert load(catalogue)["changed"] == 1
    assert EventType.objects.get(full_name=API).in_catalogue


def test_a_type_whose_file_is_gone_leaves_the_catalogue_and_keeps_its_row(catalogue: Path) -> None:
    load(catalogue)
    (catalogue / f"{ORDER}.avsc").unlink()
    assert load(catalogue)["removed"] == 1
    assert not EventType.objects.get(full_name=ORDER).in_catalogue


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("broken.avsc", b"{", "not JSON"),
        ("a.WrongName.avsc", cast.schema_text("a.RightName").encode(), "must be named a.RightName.avsc"),
        ("string.avsc", b'"string"', "is a record"),
        ("latin.avsc", b'"\xe9"', "UTF-8"),
    ],
)
def test_one_bad_file_is_named_and_nothing_is_written(catalogue: Path, name: str, content: bytes, says: str) -> None:
    (catalogue / name).write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        load(catalogue)
    assert name in caught.value.message
    assert says in caught.value.problems[0]
    assert not EventType.objects.exists()
    assert not AvroSchema.objects.exists()


def test_every_bad_file_is_named_at_once(catalogue: Path) -> None:
    for name in ("one.avsc", "two.avsc"):
        (catalogue / name).write_text("[")
    with pytest.raises(InvalidInput, match="2 of 4") as caught:
        load(catalogue)
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["one.avsc", "two.avsc"]


def test_an_empty_directory_is_refused_instead_of_emptying_the_catalogue(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no \.avsc file"):
        load(tmp_path)


def test_a_schema_is_stored_once_by_its_text() -> None:
    text = cast.schema_text(API)
    assert store_schema(text).pk == store_schema(text).pk
    assert store_schema(text + " ").pk != store_schema(text).pk


def test_a_schema_with_a_name_that_no_row_holds_is_refused() -> None:
    with pytest.raises(InvalidInput, match="longer than 500"):
        store_schema(cast.schema_text(f"a.{'n' * 505}"))


def test_a_type_met_on_a_topic_waits_for_a_decision() -> None:
    schema = store_schema(cast.schema_text("org.example.GiftSentEvent"))
    met = meet("org.example.GiftSentEvent", schema)
    assert (met.decision, met.in_catalogue, met.aggregate, met.action) == (Decision.UNDECIDED, False, "Gift", "Sent")
    assert met.proposal_reason
    assert AuditEntry.objects.get(verb="meet").actor_name == "the console"
    assert meet("org.example.GiftSentEvent", schema) == met
    assert AuditEntry.objects.filter(verb="meet").count() == 1


def test_a_type_that_is_met_keeps_what_was_decided_about_it() -> None:
    decided = cast.event_type(API, Decision.PROMOTABLE)
    other = store_schema(cast.schema_text(API, '{"name": "other", "type": "long"}'))
    assert meet(API, other).decision == Decision.PROMOTABLE
    decided.refresh_from_db()
    assert decided.schema != other


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_exports_that_meet_the_same_types_at_once_add_each_once() -> None:
    names = [f"org.example.Gift{number}SentEvent" for number in range(20)]
    failures = _at_once(
        lambda: [meet(name, store_schema(cast.schema_text(name))) for name in names],
        lambda: [meet(name, store_schema(cast.schema_text(name))) for name in reversed(names)],
    )
    assert failures == []
    assert EventType.objects.count() == AvroSchema.objects.count() == AuditEntry.objects.count() == 20


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_loads_at_once_add_each_type_once(catalogue: Path) -> None:
    assert _at_once(lambda: load(catalogue), lambda: load(catalogue)) == []
    assert EventType.objects.count() == 2
    assert AuditEntry.objects.count() == 1


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_meeting_a_type_inside_a_transaction_is_a_mistake_that_shows() -> None:
    from django.db import transaction

    schema = store_schema(cast.schema_text(API))
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        meet(API, schema)


def _at_once(*works: object) -> list[Exception]:
    barrier, failures = threading.Barrier(len(works)), []

    def run(work: object) -> None:
        try:
            barrier.wait(timeout=30)
            work()  # type: ignore[operator]
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return failures
