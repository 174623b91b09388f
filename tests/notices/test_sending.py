"""Notices are sent to real servers: signed, at least once, tried again, given up, and no receiver holds up another."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from email import message_from_string
from email.policy import default
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from promotion.actions import post, send_notices, webhooks
from promotion.actions.environments import rotate_keys
from promotion.actions.secrets import unseal_text
from promotion.errors import PromotionError
from promotion.models import Notice, PromotionJob, Webhook
from tests import cast
from tests.jobs.processes import WorkerProcess, until
from tests.notices.receivers import HttpReceiver, Received, SmtpReceiver, http_receiver
from tests.notices.test_notices import watcher

committed = pytest.mark.django_db(transaction=True, serialized_rollback=True)
pytestmark = pytest.mark.django_db
EndJob = Callable[..., PromotionJob]


def genuine(request: Received, secret: str) -> bool:
    """Verify the signature as the specification tells receivers to, with nothing of the console's."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join(
        [request.headers["webhook-id"].encode(), request.headers["webhook-timestamp"].encode(), request.body]
    )
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    signatures = [each.partition(",") for each in request.headers["webhook-signature"].split(" ")]
    return any(version == "v1" and hmac.compare_digest(each, expected) for version, _, each in signatures)


def make_due() -> None:
    """Let the time come at which open notices are tried again."""
    Notice.objects.open().update(due_at=timezone.now())


def test_a_message_is_signed_and_says_what_ended(receiver: HttpReceiver, end_job: EndJob, settings: Any) -> None:
    settings.PUBLIC_URL = "https://promotion.example.org"
    webhook, secret = webhooks.create(cast.user("curator"), "chat", receiver.url)
    about = cast.promotion("Release ☃")
    job = end_job(about, PromotionError("The broker is gone.", "Start it."))
    send_notices.send_due()
    [request] = receiver.requests
    notice = Notice.objects.get()
    assert (request.path, request.headers["webhook-id"]) == ("/hook", str(notice.pk))
    assert request.headers["content-type"] == "application/json"
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 60
    assert genuine(request, secret)
    said = json.loads(request.body)
    assert said["type"] == "job.ended"
    assert abs(datetime.fromisoformat(said["timestamp"]) - job.ended_at) < timedelta(milliseconds=1)
    assert said["data"] | {"created_at": 0, "started_at": 0, "ended_at": 0} == {
        "promotion": about.pk, "title": "Release ☃", "source": "dev", "target": "sit", "job": str(job.pk),
        "kind": "export", "state": "failed", "error": "The broker is gone.", "requested_by": "manager",
        "url": f"https://promotion.example.org/promotions/{about.pk}/",
        "created_at": 0, "started_at": 0, "ended_at": 0,
    }  # fmt: skip
    assert (notice.attempts, notice.error, notice.given_up_at) == (1, "", None)
    assert notice.sent_at is not None
    assert webhook.secret.encode() not in request.body


def test_a_message_that_somebody_changed_is_not_genuine(receiver: HttpReceiver, end_job: EndJob) -> None:
    _, secret = webhooks.create(cast.user("curator"), "chat", receiver.url)
    end_job()
    send_notices.send_due()
    [request] = receiver.requests
    changed = Received(request.path, request.headers, request.body.replace(b"succeeded", b"failed"))
    later = Received(request.path, request.headers | {"webhook-timestamp": "1"}, request.body)
    assert [genuine(each, secret) for each in (request, changed, later)] == [True, False, False]


def test_what_was_sent_is_not_sent_again(receiver: HttpReceiver, end_job: EndJob) -> None:
    cast.webhook(url=receiver.url)
    end_job()
    for _ in range(3):
        send_notices.send_due()
        make_due()
    assert len(receiver.requests) == 1


def test_it_is_tried_again_with_the_same_id_when_its_time_has_come(receiver: HttpReceiver, end_job: EndJob) -> None:
    _, secret = webhooks.create(cast.user("curator"), "chat", receiver.url)
    receiver.answers = [500, 503]
    end_job()
    send_notices.send_due()
    send_notices.send_due()
    assert len(receiver.requests) == 1, "its time has not come"
    notice = Notice.objects.get()
    assert (notice.error, notice.sent_at, notice.given_up_at) == ("It answered 500.", None, None)
    assert timedelta(seconds=20) < notice.due_at - timezone.now() <= timedelta(seconds=30)
    for _ in range(2):
        make_due()
        send_notices.send_due()
    notice.refresh_from_db()
    assert (notice.attempts, notice.error, notice.sent_at is not None) == (3, "", True)
    assert len({each.headers["webhook-id"] for each in receiver.requests}) == 1
    assert all(genuine(each, secret) for each in receiver.requests)


def test_after_a_day_it_is_given_up_and_the_reason_kept(receiver: HttpReceiver, end_job: EndJob) -> None:
    cast.webhook(url=receiver.url)
    receiver.answers = [500] * 9
    end_job()
    Notice.objects.update(created_at=timezone.now() - timedelta(hours=23), attempts=8)
    send_notices.send_due()
    make_due()
    send_notices.send_due()
    notice = Notice.objects.get()
    assert (notice.given_up_at is not None, notice.sent_at, notice.error) == (True, None, "It answered 500.")
    assert len(receiver.requests) == 1


def test_the_waits_grow_and_all_of_them_fit_into_a_day() -> None:
    waits = [send_notices.wait_after(attempts) for attempts in range(1, 40)]
    assert waits == sorted(waits)
    assert (waits[0], waits[1], waits[-1]) == (timedelta(seconds=30), timedelta(seconds=90), timedelta(hours=6))
    assert sum(waits[:9], timedelta()) < timedelta(days=1) < sum(waits[:10], timedelta())
    assert waits[0].total_seconds() > post.SECONDS, "nobody else may claim it while it is being sent"


def test_a_receiver_that_is_gone_for_good_is_not_asked_again(receiver: HttpReceiver, end_job: EndJob) -> None:
    cast.webhook(url=receiver.url)
    receiver.answers = [410]
    end_job()
    send_notices.send_due()
    notice = Notice.objects.get()
    assert (notice.given_up_at is not None, notice.error) == (True, "It answered 410.")


def test_a_redirect_is_not_followed(receiver: HttpReceiver, end_job: EndJob) -> None:
    with http_receiver() as elsewhere:

        def redirect(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(307)
            handler.send_header("Location", elsewhere.url)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        receiver.answers = [redirect]
        cast.webhook(url=receiver.url)
        end_job()
        send_notices.send_due()
        assert elsewhere.requests == []
    assert Notice.objects.get().error == "It answered 307."


def test_of_an_endless_answer_nothing_is_read(receiver: HttpReceiver, end_job: EndJob) -> None:
    stopped, written = threading.Event(), []

    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while sum(written) < 1 << 30:
                written.append(handler.wfile.write(b"x" * 65536))
        except OSError:
            stopped.set()

    receiver.answers = [flood]
    cast.webhook(url=receiver.url)
    end_job()
    send_notices.send_due()
    assert Notice.objects.get().sent_at is not None
    assert stopped.wait(20)
    assert sum(written) < 64 * 1024 * 1024  # what fits into the sockets


def test_who_answers_drop_by_drop_is_given_up_in_time(receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not done.wait(0.05):
            handler.wfile.write(b"x: y\r\n")

    receiver.answers = [drip]
    began = time.monotonic()
    try:
        with pytest.raises(PromotionError, match=r"did not answer within 0\.5 s"):
            post.post(receiver.url, b"{}", {}, 0.5)
    finally:
        done.set()
    assert time.monotonic() - began < 10


def test_who_does_not_listen_holds_up_nobody_else(receiver: HttpReceiver, end_job: EndJob) -> None:
    cast.webhook("a dead one")
    alive = cast.webhook("alive", receiver.url)
    for number in range(3):
        end_job(cast.promotion(f"Release {number}"))
    send_notices.send_due()
    assert len(receiver.requests) == 3
    dead = Notice.objects.exclude(webhook=alive)
    assert sorted(dead.values_list("attempts", flat=True)) == [0, 0, 1]
    assert "127.0.0.1 cannot be reached" in dead.get(attempts=1).error


def test_what_waits_for_a_webhook_that_is_switched_off_is_given_up(receiver: HttpReceiver, end_job: EndJob) -> None:
    webhook = cast.webhook(url=receiver.url)
    end_job()
    webhooks.switch(cast.user("curator"), webhook, on=False)
    assert Notice.objects.get().given_up_at is not None
    end_job(cast.promotion("Another"))
    webhooks.switch(cast.user("curator"), webhook, on=True)
    send_notices.send_due()
    assert receiver.requests == []
    end_job(cast.promotion("A third"))
    Webhook.objects.update(active=False)  # at the same moment
    send_notices.send_due()
    assert receiver.requests == []
    assert not Notice.objects.open().exists()


def test_a_secret_that_no_key_decrypts_is_said(receiver: HttpReceiver, end_job: EndJob, settings: Any) -> None:
    cast.webhook(url=receiver.url)
    end_job()
    settings.ENCRYPTION_KEYS = ["A" * 43 + "="]
    send_notices.send_due()
    assert receiver.requests == []
    assert "cannot be decrypted" in Notice.objects.get().error


def test_secrets_are_encrypted_anew_with_those_of_the_environments(receiver: HttpReceiver, settings: Any) -> None:
    webhook, secret = webhooks.create(cast.user("curator"), "chat", receiver.url)
    new = "B" * 43 + "="
    settings.ENCRYPTION_KEYS = [new, *settings.ENCRYPTION_KEYS]
    assert rotate_keys(cast.user("curator")) == 1
    settings.ENCRYPTION_KEYS = [new]
    webhook.refresh_from_db()
    assert unseal_text(webhook.secret, "it") == secret


@committed
def test_two_that_send_at_the_same_time_send_it_once(receiver: HttpReceiver, end_job: EndJob) -> None:
    cast.webhook(url=receiver.url)
    for number in range(6):
        end_job(cast.promotion(f"Release {number}"))
    begin = threading.Barrier(3)

    def send() -> None:
        begin.wait(30)
        send_notices.send_due()
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(receiver.requests) == 6
    assert len({each.headers["webhook-id"] for each in receiver.requests}) == 6


@committed
def test_nothing_is_locked_while_a_receiver_is_waited_for(receiver: HttpReceiver, end_job: EndJob) -> None:
    seen: list[str] = []

    def look(handler: BaseHTTPRequestHandler) -> None:
        with transaction.atomic():
            webhook = Webhook.objects.select_for_update(nowait=True).get()
            job = PromotionJob.objects.select_for_update(nowait=True).get()
            notice = Notice.objects.select_for_update(nowait=True).get()
            seen.append(f"{webhook.name} {job.state} {notice.attempts}")
        connection.close()
        handler.send_response(204)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    receiver.answers = [look]
    cast.webhook(url=receiver.url)
    end_job()
    send_notices.send_due()
    assert seen == ["chat succeeded 1"]


def test_an_email_says_what_ended_in_one_line_and_leads_to_it(mailbox: SmtpReceiver, end_job: EndJob) -> None:
    about = cast.promotion("Release\r\nBcc: everybody@example.org")
    watcher(about)
    end_job(about, PromotionError("The broker is gone.", "Start it."))
    send_notices.send_due()
    [(recipients, text)] = mailbox.messages
    message = message_from_string(text, policy=default)
    assert recipients == ["viewer@example.org"]
    assert message["Subject"] == f"#{about.pk} Export failed: dev -> sit"
    assert (message["From"], message["To"], message["Bcc"]) == ("console@example.org", "viewer@example.org", None)
    assert message["Message-ID"] == f"<{Notice.objects.get().pk}@promotion-console>"
    body = message.get_content()
    assert "The broker is gone. Start it." in body
    assert f"https://promotion.example.org/promotions/{about.pk}/" in body
    assert "Release\\u000d\\u000aBcc" in body
    assert message.get_content_type() == "text/plain"
    assert Notice.objects.get().sent_at is not None


@pytest.mark.parametrize("name", ["a\r\nBcc: x@example.org", "a\u2028b", "ä" * 300])
def test_a_file_name_cannot_add_a_header(mailbox: SmtpReceiver, end_job: EndJob, name: str) -> None:
    about = cast.promotion()
    type(about).objects.filter(pk=about.pk).update(source=None, source_name=name[:200], origin="file")
    about.refresh_from_db()
    watcher(about)
    end_job(about)
    send_notices.send_due()
    [(recipients, text)] = mailbox.messages
    assert recipients == ["viewer@example.org"]
    assert "\nBcc:" not in text


def test_who_is_refused_by_the_mail_server_holds_up_no_other(mailbox: SmtpReceiver, end_job: EndJob) -> None:
    about = cast.promotion()
    watcher(about, "one", "gone@example.org")
    watcher(about, "two", "there@example.org")
    mailbox.refused = {"gone@example.org"}
    end_job(about)
    send_notices.send_due()
    assert [recipients for recipients, _ in mailbox.messages] == [["there@example.org"]]
    assert "nobody here" in Notice.objects.get(user__username="one").error


def test_a_mail_server_that_is_down_is_tried_again(mailbox: SmtpReceiver, end_job: EndJob, settings: Any) -> None:
    about = cast.promotion()
    watcher(about)
    end_job(about)
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 9
    send_notices.send_due()
    assert "refused" in Notice.objects.get().error
    settings.EMAIL_PORT = port
    make_due()
    send_notices.send_due()
    assert len(mailbox.messages) == 1


def test_who_may_no_longer_read_gets_no_email(mailbox: SmtpReceiver, end_job: EndJob) -> None:
    about = cast.promotion()
    user = watcher(about)
    end_job(about)
    user.groups.clear()
    send_notices.send_due()
    assert mailbox.messages == []
    assert Notice.objects.get().given_up_at is not None


@committed
def test_the_periodic_process_sends(
    receiver: HttpReceiver, mailbox: SmtpReceiver, end_job: EndJob, tmp_path: Path
) -> None:
    about = cast.promotion()
    watcher(about)
    cast.webhook(url=receiver.url)
    end_job(about)
    server = {"EMAIL_URL": f"smtp://127.0.0.1:{mailbox.port}", "DEFAULT_FROM_EMAIL": "console@example.org"}
    process = WorkerProcess(tmp_path / "log", "periodic", **server)
    try:
        until(lambda: not Notice.objects.open().exists(), what="both notices sent")
    finally:
        process.stop()
    assert [len(receiver.requests), len(mailbox.messages)] == [1, 1]
    assert not Notice.objects.filter(given_up_at__isnull=False).exists()
