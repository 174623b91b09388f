"""Try an environment out: ask Kafka and the registry, each apart and with a short time-out.

Where people give the schemas there is no registry to ask: they are counted, and those without an id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.utils import timezone

from promotion.actions import environments
from promotion.actions.connect import kafka_connection
from promotion.actions.environment_schemas import counts
from promotion.actions.lease import Lease
from promotion.actions.schema_source import open_schemas
from promotion.errors import InvalidInput, PromotionError, Stale
from promotion.kafka.cluster import inspect
from promotion.kafka.failures import AuthenticationFailed, NotAuthorized, TlsFailed, TopicMissing
from promotion.models import Environment, EnvironmentDraft
from promotion.models.environment import SchemaSource

TIMEOUT = 5.0
Facts = dict[str, Any]


def run(lease: Lease) -> None:
    """Test the job's draft, write what was found to it, and save it as its author where all is well.

    Raises what Kafka or else the registry answered, so that the job ends with it; Conflict where the draft works but
    cannot be saved; Stale where a saved environment was changed before its check began.
    """
    draft = lease.job.draft
    assert draft is not None
    tried = _tried(draft)
    lease.progress(0, 2, "Asking Kafka")
    kafka, kafka_error = _attempt(lambda: _ask_kafka(tried), _kafka_field)
    draft.findings = {"kafka": kafka}
    draft.kafka_error = str(kafka_error or "")
    _keep(lease, draft)
    if tried.schema_source == SchemaSource.SET:
        lease.progress(1, 2, "Counting the schemas")
        registry, registry_error = _count(draft), None
    else:
        lease.progress(1, 2, "Asking the schema registry")
        registry, registry_error = _attempt(lambda: _ask_registry(tried), _registry_field)
    draft.findings = {"kafka": kafka, "registry": registry}
    draft.registry_error = str(registry_error or "")
    draft.tested_at = timezone.now()
    _keep(lease, draft)
    error = _both(kafka_error, registry_error)
    _conclude(lease, draft, works=error is None)
    if error:
        raise error


def _conclude(lease: Lease, draft: EnvironmentDraft, *, works: bool) -> None:
    with lease.writing():
        draft.refresh_from_db()  # somebody may have saved it untested meanwhile
        if draft.saved_at:
            environments.write_findings(draft)
        elif works:
            environments.apply(draft.author, draft)


def _keep(lease: Lease, draft: EnvironmentDraft) -> None:
    with lease.writing():
        draft.save(update_fields=["findings", "kafka_error", "registry_error", "tested_at"])


def _tried(draft: EnvironmentDraft) -> Environment:
    """Return the environment to ask: the saved one, or one made of the draft that is nowhere but here."""
    if not draft.saved_at:
        return Environment(**draft.fields, secrets=draft.secrets)
    saved = draft.environment
    if saved is None or saved.version != draft.environment_version:
        raise Stale(f"{draft.fields['name']} was changed before its check began.", "Check it again.")
    return saved


def _attempt(
    ask: Callable[[], Facts], field_of: Callable[[PromotionError], str]
) -> tuple[Facts, PromotionError | None]:
    try:
        return ask(), None
    except PromotionError as error:
        return {"error": error.message, "hint": error.hint, "field": field_of(error)}, error


def _ask_kafka(environment: Environment) -> Facts:
    facts = asdict(inspect(kafka_connection(environment), environment.topic, TIMEOUT))
    marks = facts.pop("watermarks")
    return {name: value for name, value in facts.items() if name != "topic"} | {
        "offsets": sum(mark["high"] - mark["low"] for mark in marks)
    }


def _ask_registry(environment: Environment) -> Facts:
    with open_schemas(environment, TIMEOUT) as registry:
        return asdict(registry.ping())


def _count(draft: EnvironmentDraft) -> Facts:
    return dict(counts(draft.environment)) if draft.environment else {"schemas": 0, "without_id": 0}


def _kafka_field(error: PromotionError) -> str:
    """Return the field of the form that most probably has to be changed."""
    match error:
        case TopicMissing() | NotAuthorized():
            return "topic"
        case AuthenticationFailed():
            return "username"
        case TlsFailed():
            return "security"
        case InvalidInput():
            return "password" if "password" in error.message or "secrets" in error.message else "security"
        case _:
            return "bootstrap_servers"


def _registry_field(error: PromotionError) -> str:
    match error:
        case AuthenticationFailed() | NotAuthorized() | InvalidInput():
            return "registry_auth"
        case TlsFailed():
            return "registry_ca_pem"
        case _:
            return "registry_url"


def _both(kafka: PromotionError | None, registry: PromotionError | None) -> PromotionError | None:
    """Return the error, or one of the kind of the first whose `problems` are both."""
    if kafka is None or registry is None:
        return kafka or registry
    kinds = (kind for kind in PromotionError.__subclasses__() if isinstance(kafka, kind))
    kind = next(kinds, PromotionError)
    both = [
        f"{part}: {error.message.rstrip('.')}. {error.hint}".rstrip()
        for part, error in (("Kafka", kafka), ("Registry", registry))
    ]
    return kind("Neither Kafka nor the schema registry can be used.", "Mend both.", both)
