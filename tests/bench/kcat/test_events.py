"""The benchmark's data: the same at every run, and what its own expectations of it say."""

from collections import Counter
from pathlib import Path

import pytest

from promotion.domain.decode import read
from promotion.domain.event_id import event_id, host_of
from promotion.domain.identity import identity_of
from promotion.domain.schema import Schema, parse
from tests.bench.kcat.events import (
    NAMESPACE,
    PROMOTABLE,
    PROMOTABLE_EVERY,
    TRANSACTIONAL,
    USERS,
    Events,
    Made,
)
from tests.bench.kcat.memory import peak
from tests.bench.kcat.peers import KEY_END, RECORD_END, _occurrences
from tests.bench.kcat.results import Results
from tests.jobs.processes import ROOT

COUNT = 2_000


@pytest.fixture(scope="module")
def events() -> Events:
    schemas = [parse(file.read_text()) for file in sorted((ROOT / "schemas").glob("*.avsc"))]
    return Events({schema.full_name: schema for schema in schemas}, COUNT)


def schema_of(events: Events, made: Made) -> Schema:
    return events._schemas[NAMESPACE + made.type]


def test_both_topics_have_thirty_types_and_as_many_events_as_asked_for(events: Events) -> None:
    mixed, whole = list(events.mixed()), list(events.promotable())
    assert len(mixed) == len(whole) == COUNT
    assert len({made.type for made in mixed}) == len({made.type for made in whole}) == 30
    assert {made.type for made in whole} == set(PROMOTABLE)


def test_one_event_in_twenty_of_the_first_topic_may_travel(events: Events) -> None:
    kinds = [made.type in TRANSACTIONAL for made in events.mixed()]
    assert kinds.count(False) == events.kept == COUNT / PROMOTABLE_EVERY


def test_a_second_run_makes_the_same_events(events: Events) -> None:
    again = Events(events._schemas, COUNT)
    assert list(again.mixed()) == list(events.mixed())
    assert list(again.promotable()) == list(events.promotable())


def test_every_body_fits_its_schema_and_numbers_go_up(events: Events) -> None:
    for topic in (list(events.mixed()), list(events.promotable())):
        nonces, before = Counter[str](), 0
        for made in topic:
            tree = read(schema_of(events, made), made.body)
            about = event_id(tree)
            nonces[about.user or ""] += 1
            assert (host_of(tree), tree["EventId"]["nonce"]) == (made.host, nonces[about.user or ""])
            assert tree["EventId"]["timestamp"] == made.timestamp > before
            assert about.user in USERS
            before = made.timestamp


def test_what_is_said_of_a_plan_of_the_second_topic_is_what_its_types_are(events: Events) -> None:
    changed = sum(made.type.endswith("UpdatedEvent") for made in events.promotable())
    assert events.all_verdicts == {"new": COUNT - changed, "changed": changed}


def test_what_is_created_in_the_second_topic_is_created_once(events: Events) -> None:
    keys = {"market.ApiRuleCreatedEvent": ("host", "apiId"), "service.ServiceCreatedEvent": ("host", "apiId")}
    made = [each for each in events.promotable() if each.type in keys]
    things = {identity_of(each.type, keys[each.type], read(schema_of(events, each), each.body)) for each in made}
    assert len(things) == len(made)


def test_a_delimiter_is_counted_wherever_a_block_ends(tmp_path: Path) -> None:
    file = tmp_path / "records"
    file.write_bytes(b"x" * ((1 << 24) - 3) + f"{KEY_END}y{RECORD_END}{RECORD_END[:3]}".encode())
    assert (_occurrences(file, KEY_END.encode()), _occurrences(file, RECORD_END.encode())) == (1, 1)


def test_a_ratio_is_that_of_the_medians_and_none_without_a_peer() -> None:
    results = Results(COUNT)
    results.ours |= {"export_5": [4.0, 9.0, 6.0], "plan": [1.0]}
    results.peer["export_5"] = [2.0, 3.0, 100.0]
    assert (results.ratio("export_5"), results.ratio("plan"), results.ratio("verify")) == (2.0, None, None)


def test_the_memory_of_a_process_that_has_ended_counts_nothing() -> None:
    assert peak(2**22 + 1) == 0
    assert peak(1) > 0
