"""A promotion of users with passwords, and the two kinds of people: who may see these, and who may not."""

import json
import re
from typing import Any

from django.contrib.auth.models import Group, User
from django.test import Client

from promotion.actions.sensitive_proposals import backfill
from promotion.domain.schema import parse
from promotion.models import AuditEntry, Event, EventType, Promotion
from tests import cast
from tests.events import stage

NAME = "net.lightapi.portal.user.UserCreatedEvent"
EVENT_ID = {
    "type": "record", "name": "EventId", "namespace": "com.networknt.kafka.common",
    "fields": [{"name": "id", "type": "string"}, {"name": "nonce", "type": "long"}],
}  # fmt: skip
DEVICE = {"type": "record", "name": "Device", "fields": [{"name": "id", "type": "string"},
          {"name": "secret", "type": "string"}]}  # fmt: skip
USER = json.dumps({
    "type": "record", "name": "UserCreatedEvent", "namespace": "net.lightapi.portal.user",
    "fields": [
        {"name": "EventId", "type": EVENT_ID},
        {"name": "hostId", "type": "string"},
        {"name": "email", "type": "string"},
        {"name": "password", "type": ["null", "string"], "default": None},
        {"name": "note", "type": "string", "default": ""},
        {"name": "devices", "type": {"type": "array", "items": DEVICE}, "default": []},
    ],
})  # fmt: skip
#: What must not stand on any page without the right: one for each marked path.
SECRETS = ("ada@example.com", "hunter-two", "key-of-the-phone", "key-of-the-laptop")
PATHS = ["email", "password", "devices[].secret"]


def value(**changes: Any) -> dict[str, Any]:
    """The JSON value of a user with every secret."""
    phone, laptop = {"id": "phone", "secret": SECRETS[2]}, {"id": "laptop", "secret": SECRETS[3]}
    first = {"EventId": {"id": "user-1", "nonce": 1}, "hostId": "host-1", "email": SECRETS[0]}
    rest = {"password": {"string": SECRETS[1]}, "note": "A note.", "devices": [phone, laptop]}
    return {**first, **rest, **changes}


def promotion(*values: dict[str, Any], **fields: Any) -> Promotion:
    """An exported promotion of users, by default one, whose fields are marked as they are proposed."""
    made = stage.promotion(**fields)
    for each in values or (value(),):
        user(made, each)
    return made


def user(promotion: Promotion, value: dict[str, Any], **fields: Any) -> Event:
    event = stage.event(promotion, value, parse(USER), **fields)
    backfill([])
    EventType.objects.filter(full_name=NAME).update(proposed_key_fields=["email"])
    event.event_type.refresh_from_db()
    return event


def person(group: str, sensitive: bool) -> User:
    """Somebody of a group, with or without the right to see."""
    who = cast.user(group, f"{group}-{'reader' if sensitive else 'plain'}")
    if sensitive:
        who.groups.add(Group.objects.get(name="sensitive reader"))
    return who


def client(group: str = "manager", *, sensitive: bool = False, shown: Promotion | None = None) -> Client:
    """The browser of such a person; with `shown` they have asked for the values of that promotion."""
    browser = Client()
    browser.force_login(person(group, sensitive))
    if shown is not None:
        answer = browser.post(f"/promotions/{shown.pk}/sensitive/show/")
        assert answer.status_code == 302, answer.content
    return browser


def sights() -> list[dict[str, Any]]:
    """What the audit trail says of values that somebody saw, the oldest first."""
    entries = AuditEntry.objects.filter(verb="see sensitive values").order_by("pk")
    assert not any(secret in str(entry.after) for entry in entries for secret in SECRETS)
    return [entry.after or {} for entry in entries]


def leaked(content: str | bytes) -> list[str]:
    """The secrets that stand in an answer, also where marks of a difference stand in them."""
    text = content.decode() if isinstance(content, bytes) else content
    bare = re.sub(r"</?(?:ins|del|mark|span|bdi|b|code)\b[^>]*>", "", text)
    return [secret for secret in SECRETS if secret in text or secret in bare]


def seen(answer: Any) -> str:
    """The content of an answer, streamed or not."""
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return str(content.decode())
