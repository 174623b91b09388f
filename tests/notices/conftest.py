"""Receivers for tests, and jobs that end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from promotion.errors import PromotionError
from tests.notices.receivers import HttpReceiver, SmtpReceiver, http_receiver, smtp_receiver

if TYPE_CHECKING:
    from promotion.models import PromotionJob


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as made:
        yield made


@pytest.fixture
def mailbox(settings: Any) -> Iterator[SmtpReceiver]:
    """The mail server that the console is set up for."""
    with smtp_receiver() as made:
        settings.EMAIL_IS_SET_UP = True
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", made.port
        settings.DEFAULT_FROM_EMAIL = "console@example.org"
        settings.PUBLIC_URL = "https://promotion.example.org"
        yield made


@pytest.fixture
def end_job() -> Callable[..., PromotionJob]:
    """Ends an export of a promotion, well or by an error, and returns the job."""
    from promotion.actions import finish
    from promotion.actions.lease import Lease, claim
    from promotion.actions.request import request_job
    from promotion.states import JobKind
    from tests import cast

    def end(promotion: Any = None, error: PromotionError | None = None) -> PromotionJob:
        about = promotion or cast.promotion()
        job = request_job(about.owner, about, JobKind.EXPORT)
        token = claim(job.pk)
        assert token is not None
        job.refresh_from_db()
        lease = Lease(job, token)
        finish.succeed(lease) if error is None else finish.stop(lease, error)
        job.refresh_from_db()
        return job

    return end
