"""Who has to be told that a job has ended: written in the transaction that ends it, sent by `send_notices`."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from promotion.actions import audit
from promotion.errors import Refused
from promotion.models import Notice, Promotion, PromotionJob, Watch, Webhook
from promotion.policy import VIEW, Actor, may, require


def job_ended(job: PromotionJob) -> None:
    """Note a notice for each who wants to know that `job` has ended; none for the check of an environment.

    Called inside the transaction that ends it. Those who may no longer read the console are left out.
    """
    if job.promotion_id is None:
        return
    now = timezone.now()
    receivers: list[dict[str, Any]] = [{"webhook": each} for each in Webhook.objects.filter(active=True)]
    if settings.EMAIL_IS_SET_UP:
        watches = Watch.objects.filter(promotion=job.promotion_id).exclude(user__email="").select_related("user")
        receivers += [{"user": each.user} for each in watches if may(each.user, VIEW)]
    notices = [Notice(job=job, due_at=now, **each) for each in receivers]
    Notice.objects.bulk_create(notices, ignore_conflicts=True)  # once a job and receiver, whoever comes twice


def watching(user: Actor, promotion: Promotion) -> bool:
    """Whether `user` wants an e-mail when a job of `promotion` ends."""
    return Watch.objects.filter(promotion=promotion, user=user).exists()


def watch(actor: Actor, promotion: Promotion, wanted: bool) -> None:
    """Send `actor` an e-mail when a job of `promotion` ends, or no longer.

    Raises Refused without the permission to read, and where there is no way to send one.
    """
    require(actor, VIEW)
    if wanted and not settings.EMAIL_IS_SET_UP:
        raise Refused("This console sends no e-mails.", "Whoever runs it can set EMAIL_URL: docs/deployment.md.")
    if wanted and not actor.email:
        raise Refused("Your account has no e-mail address.", "An admin can add it.")
    with transaction.atomic():
        if wanted:
            changed = Watch.objects.get_or_create(promotion=promotion, user=actor)[1]
        else:
            changed = bool(Watch.objects.filter(promotion=promotion, user=actor).delete()[0])
        if changed:
            audit.record(actor, "watch" if wanted else "unwatch", promotion)
