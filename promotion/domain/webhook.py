"""Webhooks as the Standard Webhooks specification has them: the address, the secret and the signature.

https://github.com/standard-webhooks/standard-webhooks: receivers have libraries in every language that verify it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
from hashlib import sha256
from urllib.parse import urlsplit

from promotion.errors import InvalidInput

PREFIX = "whsec_"
#: Bytes of a secret; the specification asks for 24 to 64.
SECRET_BYTES = 32
MOST_ADDRESS = 500
_ADDRESS = re.compile(r"https?://[!-~]+")


def checked_address(text: str) -> str:
    """Return `text` where it is one plain http or https address. Raises InvalidInput.

    A user name or a password in it would be shown to everybody who sees the list: the signature says who sends.
    """
    try:
        parts = urlsplit(text) if len(text) <= MOST_ADDRESS and _ADDRESS.fullmatch(text) else None
        plain = parts is not None and bool(parts.hostname) and parts.port != 0
    except ValueError:
        plain = False
    if not plain or parts is None or "@" in parts.netloc or parts.fragment:
        raise InvalidInput(
            "That is no http or https address.",
            "Write it without user name and fragment, for example https://hooks.example.org/promotions.",
        )
    return text


def new_secret() -> str:
    """Return a secret that nobody has: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return what the header `webhook-signature` says of a message. `timestamp` is in seconds since the epoch.

    Raises InvalidInput where `secret` is none of ours.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise InvalidInput("The webhook's secret cannot be used.", "Give the webhook a new secret.")
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, sha256)).decode()
