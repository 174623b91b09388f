"""What an event refers to by the ids in it."""

from typing import Any

import pytest
from hypothesis import given, settings

from promotion.domain.identity import Identity
from promotion.domain.references import MOST_REFERENCES, ReferenceMap
from tests.domain.strategies import json_values
from tests.domain.test_key_fields import catalogue, proposed


@pytest.fixture(scope="module")
def references() -> ReferenceMap:
    table = proposed()
    paths = {aggregate: [table[each.full_name] for each in types] for aggregate, types in catalogue().items()}
    return ReferenceMap({aggregate: next(filter(None, found), []) for aggregate, found in paths.items()})


def labels(found: list[Identity]) -> list[str]:
    return [each.label for each in found]


def test_every_id_of_the_catalogue_names_one_aggregate(references: ReferenceMap) -> None:
    assert {" ".join(ids): aggregate for ids, aggregate in references.named.items()} == {
        "apiId": "Service",
        "apiId apiVersion": "ServiceVersion",
        "appId": "App",
        "attributeId": "Attribute",
        "configId": "Config",
        "deploymentId": "Deployment",
        "groupId": "Group",
        "instanceId": "Instance",
        "pipelineId": "Pipeline",
        "platformId": "Platform",
        "positionId": "Position",
        "productId productVersion": "Product",
        "providerId": "AuthProvider",
        "roleId": "Role",
        "ruleId": "Rule",
        "userId": "User",
    }


def test_where_two_are_as_simple_the_id_names_nothing() -> None:
    assert ReferenceMap({"Stone": ["host", "giftId"], "Paper": ["host", "giftId"]}).named == {}
    assert ReferenceMap({"StonePaper": ["host", "giftId"], "Paper": ["host", "giftId"]}).named == {("giftId",): "Paper"}


@pytest.mark.parametrize(
    "paths", [[], ["host"], ["xId"], ["host", "x"], ["host", "a.xId"], ["host", "xId", "yVersion"]]
)
def test_an_identity_that_no_field_can_name_is_not_referred_to(paths: list[str]) -> None:
    assert ReferenceMap({"X": paths}).named == {}


@pytest.mark.parametrize(
    ("aggregate", "tree", "found"),
    [
        ("Service", {"apiId": "a", "value": "x"}, []),
        ("ServiceVersion", {"apiId": "a", "apiVersion": "1"}, ["Service h / a"]),
        ("ApiRule", {"apiId": "a", "ruleIds": ["r", "s", "r"]}, ["Service h / a", "Rule h / r", "Rule h / s"]),
        ("RolePermission", {"roleId": "r", "apiId": "a", "apiVersion": "1", "endpoint": "/x@get"},
         ["Service h / a", "ServiceVersion h / a / 1", "Role h / r"]),
        ("Client", {"appId": "a"}, ["App h / a"]),
        ("ConfigProperty", {"configId": 7}, ["Config h / 7"]),
        ("ServiceRule", {"rules": [{"ruleId": "r", "roles": ["x"]}, {"ruleId": "s"}]}, ["Rule h / r", "Rule h / s"]),
        ("Instance", {"instanceId": "i", "productId": "p", "productVersion": ""}, []),
        ("Role", {"roleId": "r", "EventId": {"userId": "u", "hostId": "h"}, "hostId": "h"}, []),
        ("Role", {"roleId": "r", "userId": None, "ruleId": True, "apiId": ["a"], "ruleIds": "r"}, []),
    ],
)  # fmt: skip
def test_an_event_refers_to_things_by_its_ids(
    references: ReferenceMap, aggregate: str, tree: dict[str, Any], found: list[str]
) -> None:
    assert sorted(labels(references.of(aggregate, "h", tree))) == sorted(found)


def test_without_a_host_nothing_is_referred_to(references: ReferenceMap) -> None:
    assert references.of("Client", "", {"appId": "a"}) == []


def test_references_are_bounded(references: ReferenceMap) -> None:
    many = references.of("ApiRule", "h", {"ruleIds": [f"r{number}" for number in range(5_000)]})
    assert len(many) == MOST_REFERENCES
    again = ["r1"] * 300
    late = references.of(
        "ApiRule", "h", {"ruleId": "r1", "ruleIds": [*again, "r2"], "x": [{"ruleIds": [*again, "r3"]}]}
    )
    assert labels(late) == ["Rule h / r1", "Rule h / r2", "Rule h / r3"]
    deep: dict[str, Any] = {"ruleId": "deep"}
    for _ in range(50):
        deep = {"inner": deep}
    assert references.of("ServiceRule", "h", deep) == []


def test_what_belongs_to_a_thing_begins_with_its_identity(references: ReferenceMap) -> None:
    assert references.parts_of("Role") == ["RoleColFilter", "RolePermission", "RoleRowFilter", "RoleUser"]
    assert references.parts_of("Service") == ["ApiRule", "EndpointRule", "ServiceSpec", "ServiceVersion"]
    assert references.parts_of("App") == ["Client"]
    assert references.parts_of("Client") == []
    assert references.parts_of("Host") == references.parts_of("Unknown") == []


@pytest.mark.parametrize("fields", [{"apiId": "a"}, {"apiId": "a", "apiVersion": "1"}, {"apiVersion": "1"}, {}])
def test_what_was_looked_up_for_other_events_does_not_matter(references: ReferenceMap, fields: dict[str, Any]) -> None:
    fresh = ReferenceMap({aggregate: references._identities[aggregate] for aggregate in references._identities})
    names = sorted(references._names)
    for number in range(2_500):
        some = {name: "x" for place, name in enumerate(names) if number >> place & 1}
        references.of("Client", "h", {**fields, f"key-{number}": some})
    assert references.of("Client", "h", fields) == fresh.of("Client", "h", fields)
    assert len(references._shapes) <= 1_000


def test_event_id_is_no_thing_and_no_part_of_one(references: ReferenceMap) -> None:
    inner = {"ruleId": "r", "apiId": "a"}
    assert references.of("Role", "h", {"EventId": inner, "roleId": "x"}) == []
    odd = ReferenceMap({"Event": ["host", "EventId"], "Rule": ["host", "ruleId"]})
    assert odd.of("Rule", "h", {"EventId": "e", "ruleId": "r", "inside": {"EventId": "e"}}) == []


@settings(deadline=None)
@given(json_values())
def test_no_content_disturbs_it(tree: Any) -> None:
    event = {"x": tree, "ruleId": tree, "ruleIds": tree, "EventId": tree}
    found = ReferenceMap({"Rule": ["host", "ruleId"]}).of("Role", "h", event)
    assert len(found) == len(set(found))
