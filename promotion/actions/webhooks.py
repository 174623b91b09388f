"""Webhooks: addresses that are told of every job's end. Set up by those who may change environments."""

from __future__ import annotations

import uuid

from django.db import IntegrityError, transaction
from django.utils import timezone

from promotion.actions import audit, notice_text
from promotion.actions.post import post
from promotion.actions.secrets import seal_text, unseal_text
from promotion.domain.webhook import checked_address, new_secret, signature
from promotion.errors import Conflict, NotFound
from promotion.models import Webhook
from promotion.policy import ENVIRONMENTS, Actor, require


def find(pk: int) -> Webhook:
    """Return the webhook. Raises NotFound."""
    found = Webhook.objects.filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such webhook.", "The list of webhooks shows those there are.")
    return found


def create(actor: Actor, name: str, url: str) -> tuple[Webhook, str]:
    """Set up a webhook and return it with its secret, which nobody can see again.

    Raises Refused without the permission, InvalidInput for another address than http or https, Conflict where the name
    is taken.
    """
    require(actor, ENVIRONMENTS)
    secret = new_secret()
    values = {"name": name, "url": checked_address(url), "secret": seal_text(secret), "created_by": actor}
    try:
        with transaction.atomic():
            made = Webhook.objects.create(**values)
            audit.record(actor, "create", made, after={"name": name, "url": url})
    except IntegrityError as error:
        raise Conflict(f"There is a webhook {name} by now.", "Choose another name.") from error
    return made, secret


def switch(actor: Actor, webhook: Webhook, on: bool) -> None:
    """Tell it of jobs that end from now on, or no longer: what waits for it is then given up. Raises Refused."""
    require(actor, ENVIRONMENTS)
    with transaction.atomic():
        changed = Webhook.objects.filter(pk=webhook.pk).exclude(active=on).update(active=on)
        if changed:
            audit.record(actor, "switch on" if on else "switch off", webhook)
        if changed and not on:
            waiting = webhook.notices.filter(sent_at__isnull=True, given_up_at__isnull=True)
            waiting.update(given_up_at=timezone.now(), error="The webhook was switched off.")


def renew_secret(actor: Actor, webhook: Webhook) -> str:
    """Give it another secret at once and return that; nobody can see it again. Raises Refused."""
    require(actor, ENVIRONMENTS)
    secret = new_secret()
    with transaction.atomic():
        Webhook.objects.filter(pk=webhook.pk).update(secret=seal_text(secret))
        audit.record(actor, "new secret", webhook)
    return secret


def send(webhook: Webhook, message_id: str, body: bytes) -> int:
    """Send a signed message and return the answer's status. Raises Unreachable, InvalidInput without the secret."""
    timestamp = int(timezone.now().timestamp())
    secret = unseal_text(webhook.secret, f"the webhook {webhook.name}")
    headers = {
        "content-type": "application/json",
        "user-agent": "promotion-console",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, message_id, timestamp, body),
    }
    return post(webhook.url, body, headers)


def send_test(actor: Actor, webhook: Webhook) -> int:
    """Send a message of the type `test` from this process and return the status of the answer.

    Raises Refused without the permission, Unreachable, InvalidInput without the secret.
    """
    require(actor, ENVIRONMENTS)
    body = notice_text.payload(notice_text.TEST, timezone.now(), {"webhook": webhook.name})
    answer: int | None = None
    try:
        answer = send(webhook, str(uuid.uuid4()), body)
    finally:
        audit.record(actor, "send test", webhook, after={"answer": answer})
    return answer


def reseal_all(actor: Actor) -> int:
    """Encrypt every secret anew with the newest key, inside the caller's transaction; return how many there are.

    Raises InvalidInput, naming the webhook, where one cannot be decrypted.
    """
    webhooks = list(Webhook.objects.select_for_update())
    for each in webhooks:
        each.secret = seal_text(unseal_text(each.secret, f"the webhook {each.name}"))
        each.save(update_fields=["secret"])
        audit.record(actor, "rotate keys", each)
    return len(webhooks)
