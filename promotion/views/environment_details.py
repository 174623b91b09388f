"""What the pages of environments show, as rows: label, value, and whether a failed check points there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from promotion.domain.connection import RegistryAuth, Security
from promotion.domain.findings import FAILING, HEALTH, OK, PARTS, Findings, days, part_health, target_warnings
from promotion.forms.environments import LABELS, SASL, EnvironmentForm
from promotion.models import Environment
from promotion.models.environment import SchemaSource

Row = dict[str, Any]
KAFKA = ("bootstrap_servers", "topic", "security")
REGISTRY = ("schema_source", "registry_url", "registry_auth")
APPROVAL = ("protected", "approvers")
EVENTS = ("tenancy", "subject_strategy", "consumers_read")


def described(environment: Environment, findings: Findings) -> dict[str, Any]:
    """Return the settings and findings of Kafka, registry and events: rows, facts, and the error of each part."""
    sasl = environment.security in SASL
    kafka = [*KAFKA, *(("username", "sasl_tls") if sasl else ()), *(("ca_pem",) if environment.ca_pem else ())]
    if environment.security == Security.MUTUAL_TLS:
        kafka.append("certificate_pem")
    return {
        "kafka": _part("kafka", environment, kafka, findings, _kafka_facts),
        "registry": _part("registry", environment, _registry(environment), findings, _registry_facts),
        "events": {"rows": _rows(environment, [*EVENTS, *(APPROVAL if environment.protected else ())], {})},
    }


def health_chips(findings: Findings) -> dict[str, tuple[str, str]]:
    """Return for `kafka` and `registry` the state and its word; for schemas given here, whether there are any."""
    states = {part: part_health(findings, part) for part in PARTS}
    chips = {part: (state, HEALTH[state]) for part, state in states.items()}
    given = findings.get("registry", {}).get("schemas")
    if given is not None:
        chips["registry"] = (OK, f"{given:,} given") if given else (FAILING, "None given")
    return chips


def problems(findings: Findings) -> dict[str, str]:
    """Return what a failed check says, by the field of the form that has probably to be changed."""
    failed = [each for each in findings.values() if "error" in each]
    return {each["field"]: f"{each['error'].rstrip('.')}. {each['hint']}" for each in failed}


def warnings(environment: Environment) -> list[str]:
    """Return what would make it a bad target, and that another environment is the same topic of the same cluster."""
    found = target_warnings(environment.check_findings, uncommitted=environment.consumers_read == "uncommitted")
    twins = Environment.objects.exclude(pk=environment.pk).filter(
        cluster_id=environment.cluster_id, topic=environment.topic
    )
    if environment.cluster_id and twins:
        names = ", ".join(each.name for each in twins)
        found.append(f"It is the same topic of the same cluster as {names}: nothing can be promoted between them.")
    return found


def differences(environment: Environment, values: Mapping[str, Any]) -> list[Row]:
    """Return the rows of the table of differences: what is saved now, and what somebody else's draft would make it."""
    form = EnvironmentForm(instance=environment)
    return [
        {"name": form[name].label, "current": str(now), "promoting": str(values[name]), "status": "changed"}
        for name, now in form.settings_before.items()
        if name in values and values[name] != now
    ]


def parts(form: EnvironmentForm) -> dict[str, dict[str, Any]]:
    """Return the parts of the form that not everybody needs.

    Each with the field and the choices that need it, and whether it is open at first.
    """
    wrong = set(form.errors)
    registry = {name for name in wrong if name.startswith("registry_")}
    tls = bool(wrong & _tls_fields()) or bool(form["ca_pem"].value())
    return {
        "sasl": _foldable(form, "security", SASL, bool(wrong & {"username", "password", "password_env", "sasl_tls"})),
        "tls": _foldable(form, "security", {*Security} - {*SASL, Security.PLAINTEXT}, tls),
        "source": _foldable(form, "schema_source", {SchemaSource.REGISTRY}, bool(registry)),
        "registry": _foldable(
            form, "registry_auth", {*RegistryAuth} - {RegistryAuth.NONE}, bool(registry - {"registry_url"})
        ),
    }


def _foldable(
    form: EnvironmentForm, field: str, choices: Iterable[Security | RegistryAuth | SchemaSource], unfolded: bool
) -> dict[str, Any]:
    needed_for = sorted(choice.value for choice in choices)
    is_open = unfolded or form[field].value() in needed_for
    return {"field": field, "needed_for": " ".join(needed_for), "open": is_open}


def _tls_fields() -> set[str]:
    return {"ca_pem", "certificate_pem", "key_pem", "key_pem_env", "key_password", "key_password_env"}


def _part(
    name: str,
    environment: Environment,
    names: Iterable[str],
    findings: Findings,
    facts: Callable[[Mapping[str, Any]], list[tuple[str, str]]],
) -> dict[str, Any]:
    found = findings.get(name, {})
    state, word = health_chips(findings)[name]
    return {
        "rows": _rows(environment, names, found),
        "facts": facts(found),
        "found": found,
        "state": state,
        "word": word,
    }


def _rows(environment: Environment, names: Iterable[str], found: Mapping[str, Any]) -> list[Row]:
    form = EnvironmentForm.base_fields
    return [
        {
            "label": form[name].label,
            "value": _shown(name, getattr(environment, name)),
            "suspect": found.get("field") == name,
        }
        for name in names
    ]


def _shown(name: str, value: Any) -> str:
    if name.endswith("_pem"):
        count = value.count("-----BEGIN CERTIFICATE-----")
        return f"{count} certificate{'' if count == 1 else 's'}"
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return LABELS.get(name, {}).get(value, str(value))


def _registry(environment: Environment) -> list[str]:
    """Return the settings that say where schemas come from."""
    if environment.schema_source == SchemaSource.SET:
        return ["schema_source"]
    user = ["registry_username"] if environment.registry_auth == RegistryAuth.BASIC else []
    return [*REGISTRY, *user, *(["registry_ca_pem"] if environment.registry_ca_pem else [])]


def _registry_facts(registry: Mapping[str, Any]) -> list[tuple[str, str]]:
    if "schemas" in registry:
        return [("Schemas", f"{registry['schemas']:,}"), ("Without an id", f"{registry['without_id']:,}")]
    if "level" not in registry:
        return []
    return [("Subjects", f"{registry['subjects']:,}"), ("Compatibility", registry["level"])]


def _kafka_facts(kafka: Mapping[str, Any]) -> list[tuple[str, str]]:
    if "cluster_id" not in kafka:
        return []
    return [
        ("Cluster id", kafka["cluster_id"]),
        ("Partitions", f"{kafka['partitions']:,}"),
        ("Records, at most", f"{kafka['offsets']:,}"),
        ("Cleanup policy", kafka["cleanup_policy"] or "unknown"),
        ("Retention", f"{_time(kafka['retention_ms'])}, {_size(kafka['retention_bytes'])}"),
        ("Timestamps", "of arrival" if kafka["message_timestamp_type"] == "LogAppendTime" else "of the event"),
        (
            "Timestamp limits",
            f"before now: {_time(kafka['timestamp_before_max_ms'])}, after: {_time(kafka['timestamp_after_max_ms'])}",
        ),
        ("Largest batch of records", _size(kafka["max_message_bytes"])),
        (
            "In-sync replicas needed",
            "unknown" if kafka["min_insync_replicas"] is None else str(kafka["min_insync_replicas"]),
        ),
    ]


#: Kafka's "for ever" in settings that have no -1.
_FOREVER = 2**63 - 1


def _time(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "unknown"
    return "no limit" if milliseconds < 0 or milliseconds == _FOREVER else days(milliseconds)


def _size(count: int | None) -> str:
    if count is None:
        return "unknown"
    return "any size" if count < 0 else f"{count:,} bytes"
