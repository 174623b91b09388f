"""What an event type probably is, as a proposal for the curator: never a decision.

Configurable types are the set-up a release carries from one environment to the next; transactional ones record what
happened in one environment only. Whatever can be argued about is proposed as undecided, with what speaks against it.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from promotion.domain.names import split_name
from promotion.domain.schema import FieldInfo

_PORTAL = "net.lightapi.portal."


class Category(StrEnum):
    """Whether a type is set-up, a record of what happened, or for a person to judge."""

    CONFIGURABLE = "configurable"
    TRANSACTIONAL = "transactional"
    UNDECIDED = "undecided"


class Proposal(NamedTuple):
    """A category and one short sentence that says why."""

    category: Category
    reason: str


_CONFIGURABLE = {
    "An API and what belongs to it are set-up that a release carries.": (
        "Service ServiceVersion ServiceSpec ServiceRule ApiRule EndpointRule"
    ),
    "An application and its client registration are set-up that a release carries.": "App Client",
    "Configuration is set-up that a release carries.": "Config ConfigProperty ConfigProduct ConfigProductVersion",
    "The value names the environment it is for, so it can travel with the configuration.": "ConfigEnvironment",
    "An instance and its configuration are set-up that a release carries.": (
        "Instance InstanceApi InstanceApp ConfigInstance ConfigInstanceApi ConfigInstanceApp"
    ),
    "Who may do what is set-up that a release carries.": (
        "Role RolePermission RoleRowFilter RoleColFilter Group GroupPermission GroupRowFilter GroupColFilter "
        "Position PositionPermission PositionRowFilter PositionColFilter "
        "Attribute AttributePermission AttributeRowFilter AttributeColFilter"
    ),
    "Rules are set-up that a release carries.": "Rule",
    "Hosts and organisations are set-up that a release carries.": "Host Org",
    "A product version is what a release is made of.": "Product",
    "A pipeline describes how deployments are made; it is not a deployment.": "Pipeline",
    "Reference data is set-up that a release carries.": "Reference RefRela Environment InfrastructureType Error",
    "Schemas and their categories are set-up that a release carries.": "JsonSchema Category",
    "Pages, documents and templates are content that a release carries.": "Page Document Template",
}
_TRANSACTIONAL = {
    "A deployment happens in one environment only.": "Deployment DeploymentJobId",
    "Authorization codes live for minutes in one environment.": "AuthCode",
    "Refresh tokens belong to sessions in one environment.": "AuthRefToken AuthRefreshToken",
    "Orders are business of one environment.": "Order",
    "Payments are business of one environment.": "Payment",
    "Messages between users belong to one environment.": "PrivateMessage",
    "It traces a password in one environment.": "Password",
    "Services register with the controller of their own environment.": "Controller",
    "It traces a position on a map.": "Map CovidMap",
    "It is the momentary status of a peer.": "PeerStatus",
}
_UNDECIDED = {
    "Users differ between environments, and it holds personal data.": "User SocialUser",
    "It gives roles to a user, who may not exist in the target.": "UserRoles",
    "It assigns a user, who may not exist in the target.": "RoleUser GroupUser PositionUser AttributeUser",
    "The provider is set-up, but its keys belong to one environment.": "AuthProvider",
    "The platform is set-up, but its address and credentials belong to one environment.": "Platform",
    "It is content that may be written in each environment.": "Blog News",
    "It is often derived by a stream processor, which derives it again in the target.": "Taxonomy",
    "It is reference data for a map that not every environment shows.": "CityMap",
    "It is a user's own entry, which is neither set-up nor a trace for certain.": (
        "Entity Status Website CovidEntity CovidStatus CovidWebsite"
    ),
}
_EXCEPTIONS = {
    ("User", "Confirmed"): Proposal(Category.TRANSACTIONAL, "It traces a registration in one environment."),
    ("User", "Verified"): Proposal(Category.TRANSACTIONAL, "It traces a registration in one environment."),
    ("User", "Locked"): Proposal(Category.TRANSACTIONAL, "It traces logins in one environment."),
    ("User", "Unlocked"): Proposal(Category.TRANSACTIONAL, "It traces logins in one environment."),
    ("Host", "Switched"): Proposal(Category.TRANSACTIONAL, "It traces which host a user works on."),
    ("AuthProvider", "Rotated"): Proposal(Category.TRANSACTIONAL, "Keys are rotated in one environment only."),
}
_SECRETS = frozenset({"password", "oldPassword", "token", "refreshToken", "refToken", "authCode", "credentials"})


def _by_aggregate() -> dict[str, Proposal]:
    tables = (
        (Category.CONFIGURABLE, _CONFIGURABLE),
        (Category.TRANSACTIONAL, _TRANSACTIONAL),
        (Category.UNDECIDED, _UNDECIDED),
    )
    return {
        aggregate: Proposal(category, reason)
        for category, table in tables
        for reason, aggregates in table.items()
        for aggregate in aggregates.split()
    }


_PROPOSALS = _by_aggregate()


def propose(full_name: str, fields: Iterable[FieldInfo] = ()) -> Proposal:
    """Return what a type probably is, by its aggregate; by its `fields` (Schema.fields) where no rule knows it."""
    name = split_name(full_name)
    if not full_name.startswith(_PORTAL):
        return Proposal(Category.UNDECIDED, "The type is not one of Light Portal's.")
    known = _EXCEPTIONS.get((name.aggregate, name.action)) or _PROPOSALS.get(name.aggregate)
    if known is not None:
        return known
    if not _SECRETS.isdisjoint(item.name for item in fields):
        return Proposal(Category.UNDECIDED, "No rule knows this type, and it carries a secret.")
    return Proposal(Category.UNDECIDED, "No rule knows this type.")
