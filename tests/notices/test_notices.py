"""Who is told of a job's end: noted once, in the transaction that ends it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from promotion.actions import finish, notices, webhooks
from promotion.actions.cancel import cancel
from promotion.actions.lease import Lease, claim
from promotion.actions.request import request_job
from promotion.errors import Cancelled, LeaseLost, PromotionError, Refused
from promotion.models import AuditEntry, Notice, Promotion, PromotionJob, Watch
from promotion.states import JobKind, JobState
from tests import cast

pytestmark = pytest.mark.django_db
EndJob = Callable[..., PromotionJob]


def watcher(promotion: Promotion, name: str = "viewer", email: str = "viewer@example.org") -> User:
    """A viewer with an address who watches `promotion`."""
    user = cast.user("viewer", name)
    user.email = email
    user.save()
    Watch.objects.create(promotion=promotion, user=user)
    return user


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (None, JobState.SUCCEEDED),
        (Refused("No."), JobState.REFUSED),
        (PromotionError("Broken."), JobState.FAILED),
        (Cancelled("Stopped."), JobState.CANCELLED),
    ],
)
def test_every_end_of_a_job_is_noted_once_for_each_receiver(
    end_job: EndJob, settings: Any, error: PromotionError | None, state: JobState
) -> None:
    settings.EMAIL_IS_SET_UP = True
    about, chat, pager = cast.promotion(), cast.webhook("chat"), cast.webhook("pager")
    user = watcher(about)
    job = end_job(about, error)
    assert job.state == state
    assert {(each.user, each.webhook) for each in Notice.objects.filter(job=job)} == {
        (user, None), (None, chat), (None, pager),
    }  # fmt: skip
    notices.job_ended(job)
    assert Notice.objects.count() == 3


def test_who_does_not_want_it_or_cannot_get_it_is_left_out(end_job: EndJob, settings: Any) -> None:
    settings.EMAIL_IS_SET_UP = True
    about, other = cast.promotion(), cast.promotion("Another")
    watcher(other)
    watcher(about, "without", email="")
    User.objects.filter(pk=watcher(about, "gone").pk).update(is_active=False)
    watcher(about, "stranger").groups.clear()
    off = cast.webhook()
    webhooks.switch(cast.user("curator"), off, on=False)
    end_job(about)
    assert not Notice.objects.exists()


def test_without_a_mail_server_only_webhooks_are_told(end_job: EndJob, settings: Any) -> None:
    settings.EMAIL_IS_SET_UP = False
    about, chat = cast.promotion(), cast.webhook()
    watcher(about)
    end_job(about)
    assert Notice.objects.get().webhook == chat


def test_a_job_cancelled_in_its_queue_is_an_end_too() -> None:
    about, chat = cast.promotion(), cast.webhook()
    job = request_job(about.owner, about, JobKind.EXPORT)
    cancel(about.owner, about)
    assert Notice.objects.get(job=job).webhook == chat


def test_a_job_that_is_asked_to_stop_has_not_ended() -> None:
    about = cast.promotion()
    cast.webhook()
    job = request_job(about.owner, about, JobKind.EXPORT)
    assert claim(job.pk) is not None
    cancel(about.owner, about)
    assert not Notice.objects.exists()


def test_a_job_that_is_given_up_is_an_end() -> None:
    about, chat = cast.promotion(), cast.webhook()
    job = request_job(about.owner, about, JobKind.EXPORT)
    with transaction.atomic():
        assert finish.give_up(job, PromotionError("The worker died."))
    with transaction.atomic():
        assert not finish.give_up(job, PromotionError("The worker died."))
    assert Notice.objects.get().webhook == chat


def test_a_worker_that_has_lost_its_lease_tells_nobody() -> None:
    about = cast.promotion()
    cast.webhook()
    job = request_job(about.owner, about, JobKind.EXPORT)
    token = claim(job.pk)
    assert token is not None
    PromotionJob.objects.filter(pk=job.pk).update(lease_token="00000000-0000-0000-0000-000000000000")
    with pytest.raises(LeaseLost):
        finish.succeed(Lease(job, token))
    assert not Notice.objects.exists()


def test_an_end_that_is_rolled_back_tells_nobody(end_job: EndJob) -> None:
    about = cast.promotion()
    cast.webhook()
    with transaction.atomic():
        end_job(about)
        transaction.set_rollback(True)
    assert not Notice.objects.exists()


def test_watching_begins_and_ends_once_and_is_audited(settings: Any) -> None:
    settings.EMAIL_IS_SET_UP = True
    about, user = cast.promotion(), cast.user("viewer")
    user.email = "viewer@example.org"
    for wanted in (True, True, False, False):
        notices.watch(user, about, wanted)
        assert notices.watching(user, about) == wanted
    assert list(AuditEntry.objects.order_by("pk").values_list("verb", flat=True)) == ["watch", "unwatch"]


def test_nobody_watches_without_a_mail_server_an_address_or_the_permission(settings: Any) -> None:
    about, user = cast.promotion(), cast.user("viewer")
    settings.EMAIL_IS_SET_UP = False
    with pytest.raises(Refused, match="sends no e-mails"):
        notices.watch(user, about, True)
    settings.EMAIL_IS_SET_UP = True
    with pytest.raises(Refused, match="no e-mail address"):
        notices.watch(user, about, True)
    with pytest.raises(Refused, match="may not read"):
        notices.watch(cast.stranger(), about, True)
    assert not Watch.objects.exists()
