"""EventId, keys, names and proposals: the rules of Light Portal's events."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.category import Category, propose
from promotion.domain.event_id import Generation, acting, event_id, host_of, user_of
from promotion.domain.keys import NoKey, Tenancy, java_partition, murmur2, outgoing_key
from promotion.domain.names import ACTIONS, split_name
from promotion.domain.schema import parse

SCHEMAS = sorted((Path(__file__).parents[2] / "schemas").glob("*.avsc"))
MULTI, SINGLE = Tenancy.MULTI, Tenancy.SINGLE


def document(**fields: Any) -> dict[str, Any]:
    return {"EventId": {"id": "steve", "nonce": 7, "timestamp": 9, "derived": True}, **fields}


def later(host: str = "h-id", user: str = "steve", **fields: Any) -> dict[str, Any]:
    part = {"id": "e-1", "userId": user, "hostId": host, "nonce": 7, "timestamp": 9, "derived": False}
    return {"EventId": part, **fields}


def test_the_documents_id_is_the_user() -> None:
    found = event_id(document(hostId="h"))
    assert (found.id, found.user, found.host, found.nonce, found.timestamp, found.derived, found.generation) == (
        "steve", "steve", "h", 7, 9, True, Generation.DOCUMENT,
    )  # fmt: skip


def test_the_later_id_is_the_events_own() -> None:
    found = event_id(later())
    assert (found.id, found.user, found.host, found.generation) == ("e-1", "steve", "h-id", Generation.LATER)


def test_the_early_generation_has_neither_time_nor_derived() -> None:
    found = event_id({"EventId": {"id": "steve", "nonce": 1}})
    assert (found.user, found.timestamp, found.derived, found.generation) == ("steve", None, False, Generation.EARLY)


def test_the_events_own_host_comes_before_that_of_its_id() -> None:
    assert host_of(later(hostId="own")) == "own"
    assert host_of(later(hostId="")) == "h-id"
    assert host_of(later(hostId=None)) == "h-id"
    assert host_of(later(host="")) is None
    assert host_of(document()) is None


def test_an_empty_user_id_is_never_replaced_by_the_events_own_id() -> None:
    assert user_of(later(user="")) is None
    assert user_of(document()) == "steve"


@pytest.mark.parametrize("tree", [{}, {"EventId": None}, {"EventId": "x"}, {"EventId": {}}, {"EventId": {"id": 5}}])
def test_an_event_without_a_usable_event_id_has_nothing(tree: dict[str, Any]) -> None:
    found = event_id(tree)
    assert (found.user, found.host, found.nonce, found.derived) == (None, None, None, False)


SOME = st.sampled_from([None, "", "h", "u", 5, True, False, ["h"], {}])
PARTS = st.dictionaries(st.sampled_from(["id", "userId", "hostId", "derived", "nonce"]), SOME)


@given(st.fixed_dictionaries({}, optional={"EventId": SOME | PARTS, "hostId": SOME}))
def test_what_an_export_asks_is_what_event_id_says(tree: dict[str, Any]) -> None:
    found = event_id(tree)
    assert acting(tree) == (found.derived, found.host or "", found.user or "")


@pytest.mark.parametrize(
    ("tree", "source", "target", "key"),
    [
        (document(hostId="h"), MULTI, MULTI, b"h"),
        (document(hostId="h"), SINGLE, MULTI, b"h"),
        (document(hostId="h"), None, MULTI, b"h"),
        (document(hostId="h"), MULTI, SINGLE, b"steve"),
        (later(), SINGLE, MULTI, b"h-id"),
        (later(), MULTI, SINGLE, b"steve"),
        (document(), MULTI, MULTI, b"source-key"),
        (document(hostId="M\xfcller"), MULTI, MULTI, "M\xfcller".encode()),
    ],
)
def test_the_key_follows_the_targets_tenancy(
    tree: dict[str, Any], source: Tenancy | None, target: Tenancy, key: bytes
) -> None:
    assert outgoing_key(tree, b"source-key", source, target) == key


@pytest.mark.parametrize(
    ("tree", "key", "source", "target"),
    [
        (document(), b"k", SINGLE, MULTI),
        (document(), b"k", None, MULTI),
        (document(), None, MULTI, MULTI),
        (later(user=""), b"k", SINGLE, SINGLE),
        ({}, b"k", SINGLE, SINGLE),
    ],
)
def test_an_event_from_which_no_key_can_be_told_is_refused(
    tree: dict[str, Any], key: bytes | None, source: Tenancy | None, target: Tenancy
) -> None:
    with pytest.raises(NoKey) as caught:
        outgoing_key(tree, key, source, target)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_javas(key: bytes, expected: int) -> None:
    """The vectors of Apache Kafka's own UtilsTest."""
    assert murmur2(key) == expected


@given(st.binary(max_size=50), st.integers(1, 1000))
def test_a_partition_is_always_one_of_the_topics(key: bytes, partitions: int) -> None:
    assert -(2**31) <= murmur2(key) < 2**31
    assert 0 <= java_partition(key, partitions) < partitions


def test_a_negative_hash_loses_its_sign_and_is_not_negated() -> None:
    assert java_partition(b"21", 6) == (-973932308 & 0x7FFFFFFF) % 6


@pytest.mark.parametrize(
    ("name", "aggregate", "action"),
    [
        ("ApiRuleCreatedEvent", "ApiRule", "Created"),
        ("net.lightapi.portal.user.UserUnlockedEvent", "User", "Unlocked"),
        ("ControllerDeregisteredEvent", "Controller", "Deregistered"),
        ("DeploymentJobIdUpdatedEvent", "DeploymentJobId", "Updated"),
        ("PasswordForgotEvent", "Password", "Forgot"),
        ("SomethingElse", "SomethingElse", ""),
        ("CreatedEvent", "Created", ""),
    ],
)
def test_a_name_is_split_by_its_action(name: str, aggregate: str, action: str) -> None:
    assert split_name(name) == (aggregate, action)


@given(st.sampled_from(ACTIONS), st.from_regex(r"[A-Z][a-z]{1,8}", fullmatch=True))
def test_every_action_is_found(action: str, aggregate: str) -> None:
    assert split_name(f"{aggregate}{action}Event") == (aggregate, action)


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.stem.rpartition(".")[2])
def test_every_type_of_the_catalogue_has_an_action_and_a_rule(path: Path) -> None:
    schema = parse(path.read_text())
    assert split_name(schema.full_name).action
    assert "No rule" not in propose(schema.full_name, schema.fields).reason


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("market.ApiRuleCreatedEvent", Category.CONFIGURABLE),
        ("role.RolePermissionDeletedEvent", Category.CONFIGURABLE),
        ("market.ConfigPropertyUpdatedEvent", Category.CONFIGURABLE),
        ("user.HostCreatedEvent", Category.CONFIGURABLE),
        ("client.ClientCreatedEvent", Category.CONFIGURABLE),
        ("user.ReferenceCreatedEvent", Category.CONFIGURABLE),
        ("deployment.DeploymentJobIdUpdatedEvent", Category.TRANSACTIONAL),
        ("oauth.AuthRefreshTokenCreatedEvent", Category.TRANSACTIONAL),
        ("user.PasswordForgotEvent", Category.TRANSACTIONAL),
        ("user.UserLockedEvent", Category.TRANSACTIONAL),
        ("controller.ControllerRegisteredEvent", Category.TRANSACTIONAL),
        ("map.MapMovedEvent", Category.TRANSACTIONAL),
        ("covid.PeerStatusUpdatedEvent", Category.TRANSACTIONAL),
        ("user.UserCreatedEvent", Category.UNDECIDED),
        ("role.RoleUserCreatedEvent", Category.UNDECIDED),
        ("market.NeverSeenCreatedEvent", Category.UNDECIDED),
    ],
)
def test_a_proposal_is_what_a_curator_would_expect(name: str, category: Category) -> None:
    assert propose(f"net.lightapi.portal.{name}").category == category


def test_a_type_of_somebody_else_is_undecided() -> None:
    assert propose("com.example.RoleCreatedEvent").category == Category.UNDECIDED
