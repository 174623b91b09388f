"""Write the audit trail. Called by every action inside the transaction that makes the change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import models

from promotion.models import AuditEntry
from promotion.policy import Actor

COMMAND_LINE = "command line"
WORKER = "worker"
#: Who did what no person asked for: a deployment loads the catalogue, an export meets a new type.
CONSOLE = "the console"
_origin: ContextVar[str] = ContextVar("origin", default=COMMAND_LINE)


@contextmanager
def origin(where: str) -> Iterator[None]:
    """Say from where the changes inside come: an address, `COMMAND_LINE` (the default) or `WORKER`."""
    token = _origin.set(where[:100])
    try:
        yield
    finally:
        _origin.reset(token)


def record(
    actor: Actor | None,
    verb: str,
    subject: models.Model,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> AuditEntry:
    """Write that `actor` did `verb` ("create", "decide", "replay" ...) to `subject`; None is the console itself.

    `before` and `after` are small JSON objects of what changed; never a secret, never the content of an event.
    """
    return AuditEntry.objects.create(
        actor=actor,
        actor_name=actor.get_username() if actor else CONSOLE,
        origin=_origin.get(),
        verb=verb,
        object_type=str(subject._meta.verbose_name),
        object_id=str(subject.pk),
        object_label=str(subject)[:300],
        reason=reason,
        before=before,
        after=after,
    )


def changes(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return both reduced to the keys whose values differ."""
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return {k: before[k] for k in keys if k in before}, {k: after[k] for k in keys if k in after}
