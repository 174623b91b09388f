"""Where an environment's schemas are known from: its registry, or the set that people gave for it.

Whatever needs a schema, or the id that records bear for one, opens it here and cannot tell the two apart, but for one
thing: nothing can be registered with a set, and nobody can be asked for an id that it does not hold. See
docs/decisions/0017-environments-without-a-registry.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID

from promotion.actions.connect import registry_connection
from promotion.domain.connection import SubjectStrategy
from promotion.domain.schema import parse
from promotion.errors import NotFound, Refused
from promotion.kafka.registry import Compatibility, LatestSchema, Registry, RegistryFacts
from promotion.models import Environment, EnvironmentSchema
from promotion.models.environment import SchemaSource


class Schemas(Protocol):
    """What both can be asked. Every method raises as those of Registry do; those of a set never wait for anybody."""

    @property
    def registers(self) -> bool:
        """Whether a schema that is missing could be registered."""

    def schema_by_id(self, schema_id: int) -> str:
        """Return the text of the schema with this id. NotFound says what to do about it."""

    def schema_by_guid(self, guid: UUID) -> str:
        """Return the text of the schema with this GUID. NotFound says what to do about it."""

    def subject_exists(self, subject: str) -> bool:
        """Say whether `subject` has any version."""

    def latest(self, subject: str) -> LatestSchema | None:
        """Return the subject's latest version, None where there is none."""

    def lookup(self, subject: str, schema_text: str) -> int | None:
        """Return the id of exactly this schema under `subject`, None where it is not there."""

    def register(self, subject: str, schema_text: str) -> int:
        """Register the schema and return its id. Refused where that is forbidden or cannot be."""

    def compatibility_level(self, subject: str | None) -> str:
        """Return the level of `subject`, or the global one; empty where there is no such thing."""

    def compatible(self, subject: str, schema_text: str) -> Compatibility:
        """Say whether `subject` would take the schema."""

    def ping(self) -> RegistryFacts:
        """Return what tells that somebody is there."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One schema of a set. `id` is what records bear for it, None where nobody has given one."""

    id: int | None
    full_name: str
    fingerprint: str
    text: str


class SetOfSchemas:
    """The schemas that were given for the environment `name`, with the interface of a Registry.

    There are no subjects without a registry: the full name of a type stands for one. The latest schema of a type is
    the one with the highest id, since registries count upward; one without an id cannot be written, so it is none.
    """

    registers = False

    def __init__(self, name: str, entries: Iterable[Entry]) -> None:
        self._name = name
        self._by_id: dict[int, Entry] = {}
        self._by_type: dict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            self._by_type[entry.full_name].append(entry)
            if entry.id is not None:
                self._by_id[entry.id] = entry

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def ping(self) -> RegistryFacts:
        """Return how many types there are; no level holds."""
        return RegistryFacts(len(self._by_type), "")

    def schema_by_id(self, schema_id: int) -> str:
        """Return the text of the schema with this id. NotFound names the id and says where to give it."""
        if schema_id not in self._by_id:
            raise NotFound(
                f"Nobody has said which schema has the id {schema_id} on {self._name}, which has no registry: give it "
                f"that id among the schemas of {self._name}."
            )
        return self._by_id[schema_id].text

    def schema_by_guid(self, guid: UUID) -> str:
        """Raise NotFound: only a registry knows GUIDs."""
        raise NotFound(
            f"The record names its schema by the GUID {guid}, and {self._name} has no registry that knows it: give "
            f"{self._name} its registry."
        )

    def subject_exists(self, subject: str) -> bool:
        """Say whether the type `subject` has a schema, with an id or without."""
        return subject in self._by_type

    def latest(self, subject: str) -> LatestSchema | None:
        """Return the schema of the type `subject` with the highest id, None where none has any."""
        found = self._with_ids(subject)
        if not found:
            return None
        schema_id, entry = max(found.items())
        return LatestSchema(schema_id, len(found), entry.text)

    def lookup(self, subject: str, schema_text: str) -> int | None:
        """Return the id of exactly this schema; else the highest id of one that reads and writes the same bytes."""
        found, wanted = self._with_ids(subject), parse(schema_text)
        alike = {schema_id: each for schema_id, each in found.items() if each.fingerprint == wanted.fingerprint}
        same = [schema_id for schema_id, each in alike.items() if parse(each.text).reads_like(wanted)]
        exact = [schema_id for schema_id in same if found[schema_id].text == schema_text]
        return max(exact or same, default=None)

    def register(self, subject: str, schema_text: str) -> int:
        """Raise Refused with what to do: an id that is made up here would name another schema over there."""
        raise without_id(self._name, subject)

    def compatibility_level(self, subject: str | None) -> str:
        """Return the empty text."""
        return ""

    def compatible(self, subject: str, schema_text: str) -> Compatibility:
        """Say no: nothing can be registered."""
        said = f"Nothing can be registered for {self._name}: it has no registry."
        return Compatibility(False if self.subject_exists(subject) else None, "", (said,))

    def _with_ids(self, subject: str) -> dict[int, Entry]:
        return {entry.id: entry for entry in self._by_type.get(subject, ()) if entry.id is not None}


def without_id(environment: str, full_name: str) -> Refused:
    """Return what is said of the type `full_name` that no schema with an id is given for on `environment`."""
    return Refused(
        f"{full_name} has no schema with an id on {environment}, which has no registry: nobody could read it there.",
        f"Give the id that its consumers know its schema by, among the schemas of {environment}, or exclude it.",
    )


def open_schemas(environment: Environment, timeout: float = 5.0) -> Registry | SetOfSchemas:
    """Return where the environment's schemas are known from; use it as a context manager, once a job.

    A set is read from the database at once and as a whole, so that a job sees one state of it. `timeout` bounds each
    request to a registry in seconds. Raises as `registry_connection` does.
    """
    if environment.schema_source == SchemaSource.REGISTRY:
        return Registry(registry_connection(environment), timeout)
    rows = EnvironmentSchema.objects.filter(environment=environment).order_by("pk")
    names = ("registry_id", "schema__full_name", "schema__fingerprint", "schema__text")
    return SetOfSchemas(environment.name, [Entry(*row) for row in rows.values_list(*names)])


def strategy_of(schemas: Schemas, environment: Environment) -> SubjectStrategy:
    """Return how the environment's subjects are named in `schemas`: without a registry, by the full name alone."""
    return SubjectStrategy(environment.subject_strategy) if schemas.registers else SubjectStrategy.RECORD


def set_digest(environment: Environment) -> str:
    """Return what changes with every schema and every id of the environment's set (hex); one small query."""
    rows = EnvironmentSchema.objects.filter(environment=environment).order_by("schema_id")
    return sha256(repr(list(rows.values_list("schema_id", "registry_id"))).encode()).hexdigest()
