"""The page of the webhooks, and the wish for e-mails on the page of a promotion."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from promotion.actions import send_notices
from promotion.actions.secrets import unseal_text
from promotion.models import AuditEntry, PromotionJob, Watch, Webhook
from tests import cast
from tests.notices.receivers import HttpReceiver
from tests.notices.test_sending import genuine

pytestmark = pytest.mark.django_db
URL = "/webhooks/"


@pytest.fixture
def curator(client: Client) -> Client:
    client.force_login(cast.user("curator"))
    return client


def test_the_secret_is_shown_once_when_it_is_made_and_kept_encrypted(curator: Client) -> None:
    answer = curator.post(f"{URL}new/", {"name": "chat", "url": "https://hooks.example.org/x?y=1"})
    webhook = Webhook.objects.get()
    secret = unseal_text(webhook.secret, "it")
    assert secret in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert secret not in webhook.secret
    for page in (curator.get(URL), curator.get("/audit/"), curator.get("/audit/?format=jsonl")):
        assert secret not in b"".join(page).decode()
    [entry] = AuditEntry.objects.filter(object_type="webhook")
    assert (entry.verb, entry.after) == ("create", {"name": "chat", "url": "https://hooks.example.org/x?y=1"})


@pytest.mark.parametrize(
    "url",
    ["", "ftp://example.org", "hooks.example.org", "https://", "https://user:pass@example.org/", "https://a b.org",
     "https://example.org/#x", "javascript:alert(1)", "https://example.org:99999/", f"https://example.org/{'x' * 500}",
     "http://[::1", "https://exämple.org/", "file:///etc/passwd"],
)  # fmt: skip
def test_what_is_no_address_is_refused_at_its_field(curator: Client, url: str) -> None:
    answer = curator.post(f"{URL}new/", {"name": "chat", "url": url})
    assert answer.status_code == 422
    assert "url" in answer.context["form"].errors
    assert not Webhook.objects.exists()


def test_two_webhooks_do_not_have_one_name(curator: Client) -> None:
    cast.webhook()
    answer = curator.post(f"{URL}new/", {"name": "chat", "url": "https://hooks.example.org/"})
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["name"])


def test_a_new_secret_takes_the_place_of_the_old_one(curator: Client, receiver: HttpReceiver) -> None:
    webhook = cast.webhook(url=receiver.url)
    old = unseal_text(webhook.secret, "it")
    answer = curator.post(f"{URL}{webhook.pk}/secret/")
    new = answer.context["secret"]
    curator.post(f"{URL}{webhook.pk}/test/")
    [request] = receiver.requests
    assert (genuine(request, new), genuine(request, old)) == (True, False)


def test_a_test_is_signed_says_that_it_is_one_and_how_it_was_answered(curator: Client, receiver: HttpReceiver) -> None:
    webhook = cast.webhook(url=receiver.url)
    receiver.answers = [200, 404]
    first = curator.post(f"{URL}{webhook.pk}/test/", follow=True).content.decode()
    second = curator.post(f"{URL}{webhook.pk}/test/", follow=True).content.decode()
    assert "chat answered the test with 200" in first
    assert "chat answered the test with 404" in second
    assert b'"type": "test"' in receiver.requests[0].body
    assert len({each.headers["webhook-id"] for each in receiver.requests}) == 2
    told = AuditEntry.objects.filter(verb="send test").order_by("pk")
    assert [each.after for each in told] == [{"answer": 200}, {"answer": 404}]


def test_a_test_that_does_not_arrive_says_why(curator: Client) -> None:
    webhook = cast.webhook()
    page = curator.post(f"{URL}{webhook.pk}/test/", follow=True).content.decode()
    assert "The test did not arrive. 127.0.0.1 cannot be reached" in page


def test_a_webhook_is_switched_off_and_on_and_that_is_audited_once(curator: Client) -> None:
    webhook = cast.webhook()
    for active in ("off", "off", "on"):
        curator.post(f"{URL}{webhook.pk}/switch/", {"active": active})
        webhook.refresh_from_db()
        assert webhook.active == (active == "on")
    verbs = AuditEntry.objects.filter(object_type="webhook").order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["create", "switch off", "switch on"]


def test_the_page_shows_the_last_deliveries(
    curator: Client, receiver: HttpReceiver, end_job: Callable[..., PromotionJob]
) -> None:
    cast.webhook("chat", receiver.url)
    cast.webhook("<b>dead</b>")
    job = end_job()
    send_notices.send_due()
    page = curator.get(URL).content.decode()
    assert f"/promotions/{job.promotion_id}/" in page
    for text in ("sent", "tried again from", "127.0.0.1 cannot be reached", "&lt;b&gt;dead&lt;/b&gt;"):
        assert text in page


def test_an_unknown_webhook_is_not_found(curator: Client) -> None:
    for what in ("switch", "test", "secret"):
        assert curator.post(f"{URL}999/{what}/").status_code == 404


def test_somebody_with_an_address_begins_and_ends_the_emails(client: Client, settings: Any) -> None:
    settings.EMAIL_IS_SET_UP = True
    about, user = cast.promotion(), cast.user("viewer")
    user.email = "viewer@example.org"
    user.save()
    client.force_login(user)
    url = f"/promotions/{about.pk}/"
    assert 'aria-pressed="false"' in client.get(url).content.decode()
    client.post(f"{url}watch/", {"watch": "on"})
    assert Watch.objects.filter(user=user, promotion=about).exists()
    page = client.get(url).content.decode()
    assert 'aria-pressed="true"' in page
    assert "viewer@example.org" in page
    client.post(f"{url}watch/", {"watch": "off"})
    assert not Watch.objects.exists()


def test_the_page_says_why_there_are_no_emails(client: Client, settings: Any) -> None:
    about = cast.promotion()
    client.force_login(cast.user("viewer"))
    settings.EMAIL_IS_SET_UP = False
    assert "This console sends no e-mails" in client.get(f"/promotions/{about.pk}/").content.decode()
    settings.EMAIL_IS_SET_UP = True
    assert "needs an address" in client.get(f"/promotions/{about.pk}/").content.decode()
    answer = client.post(f"/promotions/{about.pk}/watch/", {"watch": "on"}, follow=True).content.decode()
    assert "Your account has no e-mail address" in answer
