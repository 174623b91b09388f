"""What a notice says of a job's end: names and states, never the content of an event."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder

from promotion.domain.octets import visible
from promotion.models import Promotion, PromotionJob

ENDED, TEST = "job.ended", "test"


def link(promotion: Promotion) -> str:
    """Return the address of the promotion's page, "" where nobody said under which the console is reached."""
    return f"{settings.PUBLIC_URL}{promotion.get_absolute_url()}" if settings.PUBLIC_URL else ""


def payload(kind: str, at: datetime, data: dict[str, Any]) -> bytes:
    """Return the body of a webhook's message: its type, when it happened, and what."""
    return json.dumps({"type": kind, "timestamp": at, "data": data}, cls=DjangoJSONEncoder).encode()


def described(job: PromotionJob) -> dict[str, Any]:
    """Return `data` of a webhook's message about the end of `job`, which has a promotion."""
    about = job.promotion
    assert about is not None
    return {
        "promotion": about.pk,
        "title": about.title,
        "source": about.source_label,
        "target": about.target.name,
        "job": job.pk,
        "kind": job.kind,
        "state": job.state,
        "error": job.error,
        "requested_by": job.requested_by.get_username(),
        "created_at": job.created_at,
        "started_at": job.started_at,
        "ended_at": job.ended_at,
        "url": link(about) or None,
    }


def subject(job: PromotionJob) -> str:
    """Return the subject of an e-mail, one line whatever stands in the names."""
    about = job.promotion
    assert about is not None
    return visible(f"#{about.pk} {_what(job)}: {about.source_label} -> {about.target.name}")


def text(job: PromotionJob) -> str:
    """Return the text of an e-mail."""
    about = job.promotion
    assert about is not None
    ended = f"{job.ended_at:%Y-%m-%d %H:%M:%S} UTC" if job.ended_at else "an unknown time"
    lines = [
        f"{_what(job)} at {ended}.",
        f"Promotion #{about.pk} {visible(about.title)}, from {visible(about.source_label)} to {about.target.name}.",
        f"Asked for by {job.requested_by.get_username()}.",
    ]
    paragraphs = ["\n".join(lines), visible(f"{job.error} {job.hint}".strip()), link(about)]
    paragraphs.append("You asked for these e-mails on the promotion's page, and can end them there.")
    return "\n\n".join(each for each in paragraphs if each) + "\n"


def _what(job: PromotionJob) -> str:
    return f"{job.get_kind_display()} {job.get_state_display().lower()}"
