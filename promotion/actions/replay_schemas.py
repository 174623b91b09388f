"""Which schema an outgoing event gets in the target: asked of the registry once for each schema, and never guessed.

Asking registers nothing. Registering happens when a replay starts, from the plan: `schema_ids`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Min

from promotion.actions.moved_schemas import Moved, moved
from promotion.actions.schema_source import Schemas, strategy_of, without_id
from promotion.actions.schemas import store_schema
from promotion.domain.avro_match import same_name
from promotion.domain.connection import subject
from promotion.domain.resolution import changes_identity, describe
from promotion.domain.resolve import resolve
from promotion.domain.schema import MalformedSchema, Schema, parse
from promotion.errors import NotFound, Refused, Stale
from promotion.kafka.registry import Compatibility
from promotion.models import AvroSchema, Environment, Plan

#: Steps that a plan keeps for one schema; those that need a person come first.
MOST_KEPT_STEPS = 60


@dataclass(frozen=True, slots=True)
class Fit:
    """How events of one schema go to the target: under `subject`, in `schema` (the row `schema_id`).

    `registry_id` is None where the schema is registered when the replay starts. With `resolved` the body changes from
    the event's own schema to this one. `note` is what people should know of it.
    """

    subject: str
    schema: Schema
    schema_id: int
    registry_id: int | None
    resolved: bool = False
    compatibility: Compatibility | None = None
    note: str = ""

    def body(self, writer: Schema, body: bytes) -> bytes:
        """Return the body in the target's schema. Raises MalformedValue or Unresolvable."""
        return resolve(body, writer, self.schema) if self.resolved else body


@dataclass(slots=True)
class _Asked:
    """What was asked: `reader` is the target's schema that events of `schema` are, or would be, resolved to."""

    schema: Schema
    subject: str
    level: str
    reader: Schema | None = None


class TargetSchemas:
    """The answers of the target's registry, or of the set that stands in for it, each asked for once.

    `register_versions` is the explicit choice to add a version to an existing subject. Methods raise Unreachable and
    the like, as Registry does.
    """

    def __init__(self, registry: Schemas, target: Environment, register_versions: bool) -> None:
        self._registry = registry
        self._name, self._topic = target.name, target.topic
        self._strategy = strategy_of(registry, target)
        self._register_versions = register_versions
        self._answers: dict[int, Fit | Refused] = {}
        self._asked: dict[int, _Asked] = {}

    def ask(self, row: AvroSchema) -> None:
        """Find out how events in the schema `row` go to the target; `fit` then answers without the registry."""
        if row.pk not in self._answers:
            try:
                self._answers[row.pk] = self._ask(row)
            except (MalformedSchema, NotFound) as error:
                self._answers[row.pk] = Refused(error.message, error.hint)

    def fit(self, schema_id: int) -> Fit:
        """Return the answer for the schema row `schema_id`. Raises Refused where its events cannot go."""
        answer = self._answers[schema_id]
        if isinstance(answer, Refused):
            raise answer
        return answer

    def described(self, used: Mapping[int, int]) -> list[dict[str, Any]]:
        """Return what becomes of each schema row in `used` (row: number of events), as JSON for the plan's page."""
        return [self._described(row, events) for row, events in sorted(used.items())]

    def notes(self, used: Mapping[int, int]) -> list[str]:
        """Return what people should know about the schema rows in `used` before they go on."""
        answers = [self._answers[row] for row in sorted(used)]
        return [answer.note for answer in answers if isinstance(answer, Fit) and answer.note]

    def _described(self, row: int, events: int) -> dict[str, Any]:
        asked, answer = self._asked.get(row), self._answers[row]
        about = {"subject": "", "type": "", "level": "", "events": events, "messages": [], **_steps(asked)}
        if asked is not None:
            about |= {"subject": asked.subject, "type": asked.schema.full_name, "level": asked.level}
        if isinstance(answer, Refused):
            said = [f"{answer.message} {answer.hint}".strip()]
            return about | {"what": "refused", "id": None, "compatible": None, "messages": said}
        what = "exact" if answer.registry_id is not None else "registered"
        if answer.resolved:
            what = "resolved"
        found = answer.compatibility
        if found is not None and found.compatible:
            what = "new_version"
        messages = [*filter(None, [answer.note]), *(found.messages if found else ())]
        compatible = found.compatible if found else None
        return about | {"what": what, "id": answer.registry_id, "compatible": compatible, "messages": messages}

    def _ask(self, row: AvroSchema) -> Fit | Refused:
        schema = parse(row.text)
        name = subject(self._strategy, self._topic, schema.full_name)
        asked = self._asked[row.pk] = _Asked(schema, name, self._registry.compatibility_level(name))
        exact = self._exact(name, schema)
        if exact is not None:
            return Fit(name, schema, row.pk, exact)
        latest = self._registry.latest(name)
        if latest is None:
            return self._absent(asked, row.pk)
        newest = parse(latest.text)
        if newest.reads_like(schema):  # only its docs or defaults differ: the same bytes
            return Fit(name, schema, row.pk, latest.id)
        if self._register_versions:
            return self._new_version(name, schema, row.pk)
        return self._resolved(asked, Moved(name, newest, latest.id, latest.text))

    def _exact(self, name: str, schema: Schema) -> int | None:
        """The id of exactly this schema; not every registry tells schemas apart that differ in a logical type only."""
        found = self._registry.lookup(name, schema.text)
        if found is not None and parse(self._registry.schema_by_id(found)).reads_like(schema):
            return found
        return None

    def _absent(self, asked: _Asked, row: int) -> Fit | Refused:
        """The target has no such subject: the type is new there, or it has moved to another namespace."""
        here = asked.schema.full_name
        found = moved(self._registry, self._strategy, self._topic, here)
        known = [each for each in found if same_name(asked.schema.root, each.schema.root)]
        if len(known) == 1:
            return self._resolved(asked, known[0])
        names = ", ".join(each.schema.full_name for each in known or found)
        if known:
            return Refused(
                f"Several types of {self._name} name {here} as their alias: {names}.",
                "Write the events as one of them by a rule, or exclude them.",
            )
        if not found:
            new = Fit(asked.subject, asked.schema, row, None)
            return new if self._registry.registers else without_id(self._name, here)
        said = f"{self._name} does not have {here}, and has {names}: the type seems to have moved there."
        if self._register_versions and self._registry.registers:
            return Fit(asked.subject, asked.schema, row, None, note=f"{said} It would be registered beside it.")
        asked.reader = found[0].schema
        return Refused(
            said,
            f"Write the events as {found[0].schema.full_name} by a rule, name the old type as an alias in the target's "
            "schema, choose to register new versions so that both stand there, or exclude these events.",
        )

    def _resolved(self, asked: _Asked, to: Moved) -> Fit | Refused:
        """To the target's schema `to`, or a refusal where that is another type, or would make EventId another one."""
        if asked.subject != to.subject:
            asked.level = self._registry.compatibility_level(to.subject)
        asked.subject, asked.reader = to.subject, to.schema
        if not same_name(asked.schema.root, to.schema.root):
            return Refused(
                f"Subject {to.subject} of the target's registry holds {to.schema.full_name}, not "
                f"{asked.schema.full_name}.",
                "Choose to register new versions, write the events as the target's type by a rule, change the target's "
                "subject name strategy, or exclude these events.",
            )
        if changes_identity(asked.schema, to.schema):
            return Refused(
                f"EventId.id is the user in {asked.schema.full_name}, and the event's own id in the target's schema.",
                "Bring EventId to the target's generation by a rule, choose to register new versions, or exclude these "
                "events.",
            )
        return Fit(to.subject, to.schema, store_schema(to.text).pk, to.registry_id, resolved=True)

    def _new_version(self, name: str, schema: Schema, row: int) -> Fit | Refused:
        if not self._registry.registers:
            return Refused(
                f"{self._name} has no registry, so the choice to register new versions cannot be kept for {name}.",
                f"Give this schema and its id among the schemas of {self._name}, or plan without registering, so "
                "that events are resolved to the schema that has an id.",
            )
        answer = self._registry.compatible(name, schema.text)
        if answer.compatible is False:
            return Refused(
                f"Subject {name} of the target's registry ({answer.level}) would refuse this schema as a new version"
                + (f": {'; '.join(answer.messages[:3])}." if answer.messages else "."),
                "Replay without registering new versions, so that they are resolved to its latest, or exclude them.",
            )
        return Fit(name, schema, row, None, compatibility=answer)


def _steps(asked: _Asked | None) -> dict[str, Any]:
    """What resolving does, for the plan: {"steps", "more_steps", "needs_person"}; those that need a person first."""
    found = describe(asked.schema, asked.reader) if asked is not None and asked.reader is not None else []
    found.sort(key=lambda step: not step.needs_person)
    return {
        "steps": [step.to_json() for step in found[:MOST_KEPT_STEPS]],
        "more_steps": max(0, len(found) - MOST_KEPT_STEPS),
        "needs_person": sum(step.needs_person for step in found),
    }


def schema_ids(registry: Schemas, plan: Plan) -> dict[tuple[str, int], int]:
    """Make the registry fit the plan; return the registry's id for each (subject, schema row) of its steps.

    What the plan found there is looked at again, and what it found missing is registered: both may be repeated.
    Raises Stale where the registry has changed since the plan was made, Refused where it refuses a schema.
    """
    used = list(_schemas_in_order(plan))
    texts = dict(AvroSchema.objects.filter(pk__in={schema_id for _, schema_id, _ in used}).values_list("pk", "text"))
    ids = {}
    for name, schema_id, registry_id in used:
        if registry_id is None:
            ids[name, schema_id] = _register(registry, plan, name, texts[schema_id])
        else:
            _recheck(registry, name, registry_id, parse(texts[schema_id]))
            ids[name, schema_id] = registry_id
    return ids


def _schemas_in_order(plan: Plan) -> list[tuple[str, int, int | None]]:
    """(subject, schema row, registry id), in the order in which the plan needs them."""
    rows = plan.steps.order_by().values_list("subject", "schema_id", "registry_id").annotate(first=Min("ordinal"))
    return [(name, schema_id, registry_id) for name, schema_id, registry_id, _ in rows.order_by("first")]


def _register(registry: Schemas, plan: Plan, name: str, text: str) -> int:
    """Register unless it is there. Where the plan saw no subject, one that somebody else has made is not added to."""
    found = registry.lookup(name, text)
    if found is not None:
        return found
    latest = None if plan.register_versions else registry.latest(name)
    if latest is not None and not _is_ours(plan, name, latest.text):
        raise Stale(
            f"Subject {name} was registered in the target's registry since the plan was made.",
            "Start the replay again: it makes a new plan.",
        )
    return registry.register(name, text)


def _is_ours(plan: Plan, name: str, text: str) -> bool:
    """Whether the plan registers this schema itself: several of one absent subject follow each other."""
    pending = plan.steps.filter(subject=name, registry_id__isnull=True)
    return pending.filter(schema__fingerprint=parse(text).fingerprint).exists()


def _recheck(registry: Schemas, name: str, registry_id: int, schema: Schema) -> None:
    try:
        there = parse(registry.schema_by_id(registry_id)).fingerprint == schema.fingerprint
    except NotFound:
        there = False
    if not there:
        raise Stale(
            f"Id {registry_id} of the target's registry no longer names the schema of {name} that the plan found.",
            "Start the replay again: it makes a new plan.",
        )
