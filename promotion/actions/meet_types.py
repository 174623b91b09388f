"""Meet an event type that the table does not know: it is added, nothing is decided, so it does not travel."""

from __future__ import annotations

from django.db import transaction

from promotion.actions import audit
from promotion.actions.sensitive_proposals import proposals
from promotion.domain import category
from promotion.domain.key_fields import propose_alone
from promotion.domain.names import split_name
from promotion.domain.schema import parse
from promotion.models import AvroSchema, EventType


def meet(full_name: str, schema: AvroSchema) -> EventType:
    """Return the type `full_name`; a new one is undecided, not in the catalogue, and carries a proposal.

    `schema` is the one it was met with; a type that is known keeps its own. Must not be called inside a transaction:
    two exports that meet the same new types in another order would otherwise wait for each other for ever.
    """
    row = describe(full_name, schema)
    with transaction.atomic(durable=True):
        key_fields = {"proposed_key_fields": lambda: _key_fields(full_name, schema)}
        sensitive = {"proposed_sensitive_fields": lambda: proposals([full_name])[full_name]}
        event_type, added = EventType.objects.get_or_create(full_name=full_name, defaults=row | key_fields | sensitive)
        if added:
            audit.record(None, "meet", event_type, after={"category": event_type.category})
    return event_type


def describe(full_name: str, schema: AvroSchema, *, in_catalogue: bool = False) -> dict[str, object]:
    """Return what follows from a type's name and schema: the fields of its row, without anybody's decision.

    Its key fields are missing: they follow from all types of the aggregate; its sensitive ones from all its schemas.
    """
    name = split_name(full_name)
    proposal = category.propose(full_name, parse(schema.text).fields)
    return {
        # What a foreign registry calls its types has no bound of ours; only the full name is the identity.
        "namespace": full_name.rpartition(".")[0][:400],
        "aggregate": name.aggregate[:200],
        "action": name.action,
        "schema": schema,
        "category": proposal.category.value,
        "proposal_reason": proposal.reason,
        "in_catalogue": in_catalogue,
    }


def _key_fields(full_name: str, schema: AvroSchema) -> list[str]:
    kin = EventType.objects.filter(aggregate=split_name(full_name).aggregate[:200]).order_by("-in_catalogue", "pk")
    known = [each.identity_fields for each in kin if each.in_catalogue or each.identity_fields]
    return propose_alone(full_name, parse(schema.text), known)
