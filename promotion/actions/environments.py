"""Change environments: a draft is tried out by a worker, and saved when it works or when somebody insists.

A draft is saved only onto the version of the environment that it was made from: of two people, the second is told.
A draft with `saved_at` stands for settings that are saved already, so that a check of it only writes what it found.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from promotion.actions import audit
from promotion.actions.request import request_check
from promotion.actions.secrets import reseal, seal, unseal
from promotion.actions.webhooks import reseal_all
from promotion.domain.secret import SECRETS, Secret
from promotion.errors import Conflict, InvalidInput, Refused
from promotion.forms.environments import EnvironmentForm, settings_of
from promotion.models import Environment, EnvironmentDraft, PromotionJob
from promotion.policy import ENVIRONMENTS, Actor, require

FORGET_DRAFTS_AFTER = timedelta(days=7)
#: Where secrets are sent to: address -> the secrets that were given for it.
ADDRESSES = {"bootstrap_servers": {"password"}, "registry_url": {"registry_password", "registry_token"}}
Settings = Mapping[str, Any]
Secrets = Mapping[str, Secret]


def stored_secrets(row: Environment | EnvironmentDraft) -> dict[str, Secret]:
    """Return the secrets of an environment or a draft; none where no key decrypts them: they can be replaced."""
    try:
        return unseal(row.secrets, str(row))
    except InvalidInput:
        return {}


def draft(
    actor: Actor, settings: Settings, secrets: Secrets, environment: Environment | None, version: int | None
) -> EnvironmentDraft:
    """Keep what somebody typed for `environment` as it was at `version`; None for a new one. Saves nothing else.

    Raises Refused without the permission, InvalidInput where secrets cannot be encrypted.
    """
    require(actor, ENVIRONMENTS)
    EnvironmentDraft.objects.filter(created_at__lt=timezone.now() - FORGET_DRAFTS_AFTER).delete()
    return EnvironmentDraft.objects.create(
        environment=environment,
        environment_version=version if environment else None,
        fields=dict(settings),
        secrets=seal(secrets),
        author=actor,
    )


def hold(actor: Actor, form: EnvironmentForm, environment: Environment | None) -> EnvironmentDraft:
    """Keep the secrets that were typed into a form that is otherwise wrong, so that nobody types them twice.

    The draft has no job, and is never saved as it is. Each secret stands beside the address that it was typed for.
    """
    typed = form.typed
    settings = dict(form.settings_before)
    for address, secrets in ADDRESSES.items():
        if secrets & typed.keys():
            settings[address] = form.settings.get(address, settings[address])
    return draft(actor, settings, {**form.stored, **typed}, environment, form.version_now)


def try_out(
    actor: Actor, settings: Settings, secrets: Secrets, environment: Environment | None, version: int | None
) -> PromotionJob:
    """Make a draft and the job that tests it and saves it where it works. Raises as `draft` does."""
    with transaction.atomic():
        return request_check(actor, draft(actor, settings, secrets, environment, version))


def check_again(actor: Actor, environment: Environment) -> PromotionJob:
    """Make the job that tests a saved environment as it is. Raises Refused without the permission."""
    require(actor, ENVIRONMENTS)
    with transaction.atomic():
        saved = EnvironmentDraft.objects.create(
            environment=environment,
            environment_version=environment.version,
            fields=settings_of(environment),
            author=actor,
            saved_at=timezone.now(),
        )
        audit.record(actor, "check", environment)
        return request_check(actor, saved)


def save_untested(actor: Actor, draft: EnvironmentDraft) -> Environment:
    """Save a draft that nobody has tested, or that failed. Raises Refused, Conflict."""
    require(actor, ENVIRONMENTS)
    if not draft.jobs.exists():
        raise Refused("This draft is not complete.", "Edit it again and mend what the form says.")
    return apply(actor, draft, untested=True)


def apply(actor: Actor, draft: EnvironmentDraft, *, untested: bool = False) -> Environment:
    """Make the draft the environment. `draft` is as the database has it.

    Raises Refused without the permission; Conflict where the draft was saved already, where somebody changed the
    environment since the draft was made, or where its name is taken: the draft then stays as it is.
    """
    require(actor, ENVIRONMENTS)
    now = timezone.now()
    with transaction.atomic():
        if EnvironmentDraft.objects.filter(pk=draft.pk, saved_at=None).update(saved_at=now) != 1:
            raise Conflict(f"This draft of {draft.fields['name']} is saved already.", "Open the environment.")
        environment = _write(actor, draft, untested=untested)
        draft.saved_at, draft.secrets = now, b""
        draft.environment, draft.environment_version = environment, environment.version
        draft.save(update_fields=["secrets", "environment", "environment_version"])
    return environment


def write_findings(draft: EnvironmentDraft) -> None:
    """Write what a check of saved settings found, unless the environment has been changed since."""
    assert draft.environment_id is not None
    assert draft.environment_version is not None
    same = Environment.objects.filter(pk=draft.environment_id, version=draft.environment_version)
    values: dict[str, Any] = {"check_findings": draft.findings, "checked_at": draft.tested_at}
    if cluster := draft.findings.get("kafka", {}).get("cluster_id"):
        values["cluster_id"] = cluster
    same.update(**values)


def rotate_keys(actor: Actor) -> int:
    """Encrypt every stored secret anew with the newest key and return how many rows had any.

    Raises Refused; InvalidInput, naming the row, where one cannot be decrypted: nothing is changed then.
    """
    require(actor, ENVIRONMENTS)
    with transaction.atomic():
        environments = [row for row in Environment.objects.select_for_update() if row.secrets]
        drafts = [row for row in EnvironmentDraft.objects.select_for_update() if row.secrets]
        for environment in environments:
            _reseal(environment)
            audit.record(actor, "rotate keys", environment)
        for each in drafts:
            _reseal(each)
        webhooks = reseal_all(actor)
    return len(environments) + len(drafts) + webhooks


def _reseal(row: Environment | EnvironmentDraft) -> None:
    row.secrets = reseal(row.secrets, str(row))
    row.save(update_fields=["secrets"])


def _write(actor: Actor, draft: EnvironmentDraft, *, untested: bool) -> Environment:
    old = Environment.objects.get(pk=draft.environment_id) if draft.environment_id else None
    before = settings_of(old) if old else {}
    kept = stored_secrets(old) if old else {}
    given = unseal(draft.secrets, str(draft))
    values = {**draft.fields, "secrets": draft.secrets, **_findings(draft, old)}
    environment = _change(draft, old, values) if old else _create(draft, values)
    secrets = _secret_changes(kept, given)
    was, now = audit.changes(before, draft.fields)
    verb = "change" if old else "create"
    audit.record(
        actor,
        f"{verb} untested" if untested else verb,
        environment,
        before=was if old else None,
        after=now | ({"secrets": secrets} if secrets else {}),
    )
    return environment


def _change(draft: EnvironmentDraft, old: Environment, values: dict[str, Any]) -> Environment:
    assert draft.environment_version is not None
    same = Environment.objects.filter(pk=old.pk, version=draft.environment_version)
    try:
        with transaction.atomic():
            changed = same.update(**values, version=draft.environment_version + 1)
    except IntegrityError as error:
        raise _name_taken(draft) from error
    if changed != 1:
        raise Conflict(
            f"Somebody changed {old.name} since this draft was made.",
            "Nothing of the draft is lost: compare it with what is saved now, and save it again.",
        )
    return Environment.objects.get(pk=old.pk)


def _create(draft: EnvironmentDraft, values: dict[str, Any]) -> Environment:
    try:
        with transaction.atomic():
            return Environment.objects.create(**values)
    except IntegrityError as error:
        raise _name_taken(draft) from error


def _name_taken(draft: EnvironmentDraft) -> Conflict:
    return Conflict(
        f"There is an environment {draft.fields['name']} by now.",
        "Nothing of the draft is lost: edit it again and choose another name.",
    )


def _findings(draft: EnvironmentDraft, old: Environment | None) -> dict[str, Any]:
    """What a check found belongs to the addresses that it asked: a new address has no cluster id until it is asked."""
    cluster = draft.findings.get("kafka", {}).get("cluster_id", "")
    if not cluster and old and old.bootstrap_servers == draft.fields["bootstrap_servers"]:
        cluster = old.cluster_id
    return {"check_findings": draft.findings, "checked_at": draft.tested_at, "cluster_id": cluster}


def _secret_changes(kept: Secrets, given: Secrets) -> dict[str, str]:
    """Say of each secret whether it was added, changed or removed, and never what it is."""
    said = {}
    for name in SECRETS:
        if kept.get(name) != given.get(name):
            said[name] = "added" if name not in kept else "changed" if name in given else "removed"
    return said
