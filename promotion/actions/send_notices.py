"""Send what `notices` has noted: each at least once, with an id by which a receiver knows it again.

A notice is claimed by moving the time at which it is due to when it would be tried again: whoever claimed it may die.
Nothing is locked while the network is waited for. docs/notices.md says what receivers see.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from smtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused, SMTPSenderRefused

from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone

from promotion.actions import notice_text
from promotion.actions.webhooks import send
from promotion.errors import InvalidInput, Unreachable
from promotion.kafka.failures import clean
from promotion.models import Notice
from promotion.policy import VIEW, may

logger = logging.getLogger(__name__)

#: How often the periodic process looks, in seconds.
INTERVAL = 5
#: The wait after the first attempt, longer than an attempt can take; three times as long after each, up to the longest.
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=6)
#: Nobody wants to hear of it later than this.
GIVE_UP_AFTER = timedelta(days=1)
GONE = 410


class NotSent(Exception):
    """It did not arrive. `final`: it never will. `shared`: others to the same server would fare no better now."""

    def __init__(self, reason: str, *, final: bool = False, shared: bool = True) -> None:
        super().__init__(reason)
        self.final, self.shared = final, shared


def send_due() -> None:
    """Send every notice that is due. A receiver that fails is left alone until the next call, and holds up no other."""
    failed: set[int | None] = set()
    while (notice := _claim(failed)) is not None:
        if not _attempt(notice):
            failed.add(notice.webhook_id)


def wait_after(attempts: int) -> timedelta:
    """Return how long after this many attempts, one or more, the next one is made."""
    times: int = 3 ** min(attempts - 1, 10)
    return min(FIRST_WAIT * times, LONGEST_WAIT)


def _claim(failed: set[int | None]) -> Notice | None:
    """Return a notice that is due and that nobody else will send meanwhile; none to a webhook of `failed`.

    None among them stands for e-mail.
    """
    now = timezone.now()
    due = Notice.objects.open().filter(due_at__lte=now)
    due = due.exclude(webhook__in=[each for each in failed if each is not None])
    if None in failed:
        due = due.filter(webhook__isnull=False)
    with transaction.atomic():
        claimed = due.select_for_update(skip_locked=True).order_by("due_at").first()
        if claimed is None:
            return None
        claimed.attempts += 1
        claimed.due_at = now + wait_after(claimed.attempts)
        claimed.save(update_fields=["attempts", "due_at"])
    everything = ("job__promotion__source", "job__promotion__target", "job__requested_by", "user", "webhook")
    return Notice.objects.select_related(*everything).get(pk=claimed.pk)


def _attempt(notice: Notice) -> bool:
    """Send it and note how that went. Return whether others to the same server should be tried."""
    try:
        _mail(notice) if notice.user_id is not None else _call(notice)
    except NotSent as error:
        _note_failure(notice, error, timezone.now())
        return not error.shared
    Notice.objects.filter(pk=notice.pk).update(sent_at=timezone.now(), error="")
    return True


def _note_failure(notice: Notice, error: NotSent, now: datetime) -> None:
    over = error.final or notice.due_at > notice.created_at + GIVE_UP_AFTER
    Notice.objects.filter(pk=notice.pk).update(error=str(error), given_up_at=now if over else None)
    logger.warning("notice %s: attempt %s failed%s", notice.pk, notice.attempts, ", given up" if over else "")


def _call(notice: Notice) -> None:
    webhook = notice.webhook
    assert webhook is not None
    if not webhook.active:
        raise NotSent("The webhook was switched off.", final=True, shared=False)
    ended_at = notice.job.ended_at or notice.created_at
    body = notice_text.payload(notice_text.ENDED, ended_at, notice_text.described(notice.job))
    try:
        status = send(webhook, str(notice.pk), body)
    except (Unreachable, InvalidInput) as error:
        raise NotSent(str(error)) from error
    if not 200 <= status < 300:
        raise NotSent(f"It answered {status}.", final=status == GONE)


def _mail(notice: Notice) -> None:
    user = notice.user
    assert user is not None
    if not user.email or not may(user, VIEW):
        raise NotSent("They have no e-mail address, or may no longer read the console.", final=True, shared=False)
    message = EmailMessage(
        notice_text.subject(notice.job),
        notice_text.text(notice.job),
        to=[user.email],
        # The same for each attempt, so that a mail program shows one; and no answering machine answers.
        headers={"Message-ID": f"<{notice.pk}@promotion-console>", "Auto-Submitted": "auto-generated"},
    )
    try:
        message.send()
    except (SMTPRecipientsRefused, SMTPSenderRefused, SMTPDataError) as error:
        raise NotSent(clean(f"The mail server refused it: {error}"), shared=False) from error
    except (SMTPException, OSError, ValueError) as error:
        raise NotSent(clean(f"{type(error).__name__}: {error}")) from error
