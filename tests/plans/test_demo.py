"""The demo's story tells nothing twice, so that a plan for an empty target takes all of it along."""

import json

import pytest

from promotion.domain.event_id import event_id
from promotion.domain.identity import identity_of
from promotion.domain.judge import Candidate, Judge, TargetState, creates
from promotion.domain.key_fields import TypeSchema, propose
from promotion.domain.names import split_name
from promotion.management.demo import seed
from promotion.management.demo.portal import Portal


@pytest.mark.parametrize("end", [1_763_942_400_000, 1_795_000_000_000])
def test_every_event_of_the_demos_story_changes_something_that_is_there(end):
    schemas = seed.catalogue()
    later = frozenset(name for name, schema in schemas.items() if seed._is_later(schema))
    kinds: dict[str, list[TypeSchema]] = {}
    for name, schema in schemas.items():
        kinds.setdefault(split_name(name).aggregate, []).append(TypeSchema(name, schema))
    paths = {name: found for aggregate, types in kinds.items() for name, found in propose(aggregate, types).items()}
    created = frozenset(split_name(name).aggregate for name in schemas if split_name(name).action == "Created")
    judge, verdicts = Judge(TargetState(), "sit"), {}
    for number, each in enumerate(Portal(end, later).happenings()):
        name = split_name(each.full_name)
        if event_id(each.value).derived or not each.full_name.startswith("net.lightapi.portal"):
            continue
        candidate = Candidate(
            identity_of(name.aggregate, paths[each.full_name], each.value),
            name.action,
            each.value,
            b"%d" % number,
            json.dumps(each.value).encode(),
            creates(name.action, name.aggregate, created),
        )
        verdicts.setdefault(judge.judge(candidate).verdict, []).append(name)
    left_out = {each.aggregate for verdict in ("same", "orphan") for each in verdicts.get(verdict, [])}
    assert left_out <= {"PeerStatus", "UserRoles", "Taxonomy", "Payment"}  # what travels is none of these
    assert len(verdicts["new"]) > 1_000
    assert len(verdicts["changed"]) > 100
