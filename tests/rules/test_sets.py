"""Rule sets: named, versioned, kept for a pair of environments, and the same after export and import."""

import json
import threading
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction
from hypothesis import given
from hypothesis import strategies as st

from promotion.actions import rule_sets
from promotion.domain.rewrite import (
    Format,
    InvalidRules,
    Origin,
    compare,
    read_rules,
    rules_from_json,
    to_json,
    write_rules,
)
from promotion.errors import Conflict, InvalidInput, NotFound, Refused
from promotion.models import AuditEntry, RuleSet, RuleSetVersion
from tests import cast
from tests.rules import files, stage

database = pytest.mark.django_db


def saved(name: str, *rules: dict[str, Any], **options: Any) -> RuleSetVersion:
    return rule_sets.save(cast.user("manager"), name, list(rules), **options)


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30)
SCALARS = st.one_of(NAMES, st.integers(-(2**63), 2**63), st.booleans(), st.none())
CONDITIONS = st.fixed_dictionaries(
    {"is": st.sampled_from(["host", "type"]), "any": st.lists(NAMES, min_size=1, max_size=3)}
)
ACTIONS = st.just({"do": "exclude"}) | st.tuples(SCALARS, SCALARS).filter(lambda pair: pair[0] != pair[1]).map(
    lambda pair: {"do": "replace", "path": "**.hostId", "from": pair[0], "to": pair[1]}
)
RULES = st.lists(
    st.fixed_dictionaries(
        {"name": NAMES, "when": st.lists(CONDITIONS, max_size=2), "then": st.lists(ACTIONS, min_size=1, max_size=2)}
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda rule: rule["name"],
)


@given(RULES, NAMES, st.integers(1, 99), st.none() | NAMES)
def test_what_is_written_to_a_file_is_what_is_read_from_it(rules, name, version, source) -> None:
    made, origin = rules_from_json(rules), Origin(name, version, source, None)
    found = read_rules(write_rules(made, origin).encode())
    assert (found.rules, found.origin, found.format, found.notes) == (made, origin, Format.OURS, ())
    assert to_json(found.rules) == to_json(made)


@pytest.mark.parametrize(
    ("origin", "problem"),
    [
        ({"version": 1}, "set: name is missing."),
        ({"name": "x", "mame": "y"}, 'set: the key "mame" is not known.'),
        ({"name": "x", "version": -1}, "set: version: a whole number from 0 is expected."),
        ({"name": 7}, "set: name: a text of 1 to 100 characters is expected."),
        ("x", 'set: an object is expected, and "x" is found.'),
    ],
)
def test_a_file_that_names_its_set_wrongly_is_refused(origin: Any, problem: str) -> None:
    content = {"format": "promotion-rules", "version": 1, "set": origin, "rules": [stage.REHOST]}
    with pytest.raises(InvalidRules) as refused:
        read_rules(json.dumps(content))
    assert refused.value.problems == [problem]


@database
def test_rules_with_a_nul_are_refused_before_the_database_would(promotion) -> None:
    rule = {"name": "N", "then": [{"do": "set", "path": "a", "value": {"b": ["\0"]}}]}
    for keep in (lambda: saved("Hosts", stage.REHOST, rule), lambda: stage.add(promotion, stage.REHOST, rule)):
        with pytest.raises(InvalidRules) as refused:
            keep()
        assert refused.value.problems[0].startswith("rule 2: the character U+0000 cannot be kept")
    saved("Hosts", {"name": "N", "then": [{"do": "regex", "path": "a", "pattern": r"\x00", "to": "\\\\u0000"}]})


def test_two_older_files_have_rules_of_different_names_and_always_the_same_ids() -> None:
    replacements = read_rules(files.text(files.REPLACEMENTS["short"]), "replacements.json")
    enrichments = read_rules(b"\xef\xbb\xbf" + files.text(files.ENRICHMENTS["short"]).encode(), "enrichments.json")
    assert [rule.name for rule in replacements.rules] == [
        "Entry 1 of replacements.json", "Entry 2 of replacements.json",
    ]  # fmt: skip
    assert enrichments.rules[0].name == "Entry 1 of enrichments.json"
    assert len({rule.id for rule in (*replacements.rules, *enrichments.rules)}) == 3
    assert read_rules(files.text(files.REPLACEMENTS["short"]), "replacements.json") == replacements


def test_the_spellings_of_older_files_mean_the_same() -> None:
    read = [
        [read_rules(files.text(kind[spelling]), "x").rules for kind in (files.REPLACEMENTS, files.ENRICHMENTS)]
        for spelling in files.SPELLINGS
    ]
    assert read[0] == read[1] == read[2]


def test_what_differs_between_versions_is_said_rule_by_rule() -> None:
    first = rules_from_json([stage.REHOST, stage.DESCRIBE, stage.LEAVE_OUT])
    new = {"name": "New", "then": [{"do": "include"}]}
    other = stage.REHOST | {"then": [{"do": "replace", "path": "**.hostId", "from": "host-1", "to": "uat-host"}]}
    found = compare(first, rules_from_json([new, other, stage.DESCRIBE]))
    assert [(each.status, each.name) for each in found] == [
        ("new", "New"), ("changed", "Other host"), ("removed", "Leave out"),
    ]  # fmt: skip
    assert ("sit-host" in found[1].before, "uat-host" in found[1].after) == (True, True)
    moved = compare(first, (first[1], first[0], first[2]))
    assert [(each.status, each.name) for each in moved] == [("moved", "Describe"), ("moved", "Other host")]
    assert compare(first, first) == []


@pytest.mark.parametrize("change", [{"on_invalid": "exclude"}, {"name": "Renamed"}])
def test_a_difference_that_a_sentence_does_not_show_is_one_all_the_same(change: dict[str, Any]) -> None:
    [before] = rules_from_json([stage.REHOST])
    [after] = rules_from_json([stage.REHOST | {"id": str(before.id)} | change])
    [found] = compare([before], [after])
    assert found.status == "changed"
    assert "not shown" in found.after or "Renamed" in found.name


@pytest.mark.parametrize(("one", "other"), [(True, 1), (0, False)])
def test_true_and_1_are_different_values(one: Any, other: Any) -> None:
    versions = [
        rules_from_json([{"name": "S", "then": [{"do": "set", "path": "a", "value": v}]}]) for v in (one, other)
    ]
    assert [each.status for each in compare(*versions)] == ["changed"]


@database
def test_an_exported_set_is_imported_as_it_was() -> None:
    dev, sit = cast.environment("dev"), cast.environment("sit")
    first = saved("Hosts", stage.REHOST, stage.DESCRIBE, source=dev, target=sit)
    found = read_rules(rule_sets.to_file(first))
    assert found.origin == Origin("Hosts", 1, "dev", "sit")
    again = saved("Copy", *to_json(found.rules))
    assert again.rules == first.rules
    assert read_rules(rule_sets.to_file(again)).rules == found.rules


@database
def test_each_change_is_a_version_and_none_is_made_where_nothing_changes() -> None:
    assert saved("Hosts", stage.REHOST, note="First.").number == 1
    assert saved("Hosts", stage.REHOST, stage.DESCRIBE).number == 2
    assert saved("Hosts", stage.REHOST, stage.DESCRIBE, note="Again.").number == 2
    assert [each.number for each in RuleSet.objects.get().versions.all()] == [2, 1]
    assert rule_sets.version_of("Hosts").number == 2
    assert rule_sets.version_named("Hosts@1").note == "First."
    assert AuditEntry.objects.filter(verb="save rule set").count() == 2


@database
@pytest.mark.parametrize(
    "name", ["Hosts@3", "Hosts@0", "Hosts@", "@1", "hosts", "Ho\0sts", "Hosts@99999999999999999999"]
)
def test_a_version_that_is_not_there_is_not_found(name: str) -> None:
    saved("Hosts", stage.REHOST)
    with pytest.raises(NotFound):
        rule_sets.version_named(name)


@database
def test_a_set_whose_own_name_looks_like_a_version_is_found_by_it() -> None:
    saved("Hosts", stage.REHOST)
    saved("Hosts@1", stage.DESCRIBE)
    assert rule_sets.version_named("Hosts@1").rule_set.name == "Hosts@1"


@database
def test_versions_are_append_only_in_the_database_too() -> None:
    version = saved("Hosts", stage.REHOST)
    for change in (
        lambda: RuleSetVersion.objects.filter(pk=version.pk).update(note="Other."),
        lambda: RuleSetVersion.objects.filter(pk=version.pk).delete(),
        lambda: version.rule_set.delete(),
    ):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            change()
    assert RuleSetVersion.objects.get().note == ""


@database
def test_faulty_rules_save_nothing_and_every_fault_is_named() -> None:
    with pytest.raises(InvalidRules) as refused:
        saved("Hosts", *files.BAD)
    assert all(any(each.startswith(fault) for each in refused.value.problems) for fault in files.FAULTS)
    assert not RuleSet.objects.exists()
    with pytest.raises(InvalidInput, match="no rule to keep"):
        saved("Hosts")


@database
@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "two\nlines", "nul\0", "\u202ehosts"])
def test_a_set_needs_a_name_that_can_be_read(name: str) -> None:
    with pytest.raises(InvalidInput, match="printable"):
        saved(name, stage.REHOST)


@database
def test_only_release_managers_change_sets() -> None:
    kept = saved("Hosts", stage.REHOST).rule_set
    for role in ("viewer", "approver", "curator"):
        user = cast.user(role)
        for change in (
            lambda user=user: rule_sets.save(user, "Hosts", [stage.DESCRIBE]),
            lambda user=user: rule_sets.archive(user, kept),
            lambda user=user: rule_sets.mean_for(user, kept, None, None),
        ):
            with pytest.raises(Refused):
                change()
    assert kept.versions.count() == 1


@database
def test_sets_are_proposed_for_their_way_the_most_particular_first() -> None:
    dev, sit, uat = (cast.environment(name) for name in ("dev", "sit", "uat"))
    saved("Any", stage.REHOST)
    saved("To sit", stage.REHOST, target=sit)
    saved("Dev to sit", stage.REHOST, source=dev, target=sit)
    saved("Dev to uat", stage.REHOST, source=dev, target=uat)
    promotion = cast.promotion()
    assert [each.name for each in rule_sets.proposed(promotion)] == ["Dev to sit", "To sit", "Any"]
    rule_sets.archive(cast.user("manager"), RuleSet.objects.get(name="To sit"))
    assert [each.name for each in rule_sets.proposed(promotion)] == ["Dev to sit", "Any"]


@database
def test_an_archived_set_keeps_its_versions_and_is_brought_back_by_the_next_one() -> None:
    manager, kept = cast.user("manager"), saved("Hosts", stage.REHOST).rule_set
    rule_sets.archive(manager, kept)
    rule_sets.archive(manager, kept)
    assert rule_sets.version_of("Hosts").rule_set.archived_at
    assert saved("Hosts", stage.DESCRIBE).number == 2
    assert RuleSet.objects.get().archived_at is None
    verbs = list(AuditEntry.objects.order_by("pk").values_list("verb", flat=True))
    assert verbs == ["save rule set", "archive rule set", "bring back rule set", "save rule set"]


@database
def test_a_set_is_for_no_way_from_an_environment_to_itself() -> None:
    dev = cast.environment("dev")
    with pytest.raises(InvalidInput, match="same environment"):
        saved("Hosts", stage.REHOST, source=dev, target=dev)
    assert not RuleSet.objects.exists()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("there_already", [False, True])
def test_of_two_people_who_save_at_once_one_is_told_so(there_already: bool) -> None:
    people = [cast.user("manager"), cast.user("manager", "second")]
    expected = 1
    if there_already:
        expected = saved("Hosts", stage.LEAVE_OUT).number + 1
    barrier, refused = threading.Barrier(2), []

    def save(user, rule) -> None:
        barrier.wait()
        try:
            rule_sets.save(user, "Hosts", [rule], expected=expected)
        except Conflict as error:
            refused.append(error)
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=save, args=pair) for pair in zip(people, (stage.REHOST, stage.DESCRIBE), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert "Somebody else" in refused[0].message
    assert RuleSet.objects.get().versions.count() == expected
