"""Keep the secrets of environments: one encrypted JSON object a row, with keys that the database does not hold.

docs/decisions/0006-secrets.md says why. Nothing here logs, and no error holds a secret.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from promotion.domain.secret import SECRETS, Secret, variable_name
from promotion.errors import InvalidInput

KEYS_VARIABLE = "PROMOTION_ENCRYPTION_KEYS"


def seal(secrets: Mapping[str, Secret]) -> bytes:
    """Return `secrets` (by the names in `SECRETS`) encrypted with the newest key; empty bytes where there are none.

    Raises InvalidInput without a usable key.
    """
    if not secrets:
        return b""
    if unknown := set(secrets) - set(SECRETS):
        raise ValueError(f"unknown secrets: {sorted(unknown)}")
    stored = {name: {"env": s.variable} if s.variable else {"value": s.value} for name, s in secrets.items()}
    return _keys().encrypt(json.dumps(stored).encode())


def unseal(blob: bytes | memoryview, owner: str) -> dict[str, Secret]:
    """Return what `seal` was given. `owner` is the environment's name for the error.

    Raises InvalidInput where no key decrypts it.
    """
    if not blob:
        return {}
    try:
        stored = json.loads(_keys().decrypt(bytes(blob)))
    except InvalidToken:
        raise _undecipherable(f"The secrets of {owner}") from None
    return {name: Secret(each.get("value", ""), each.get("env", "")) for name, each in stored.items()}


def reseal(blob: bytes | memoryview, owner: str) -> bytes:
    """Return the same secrets encrypted with the newest key. Raises like `unseal`."""
    return seal(unseal(blob, owner))


def seal_text(text: str) -> str:
    """Return one secret encrypted with the newest key, as text. Raises InvalidInput without a usable key."""
    return _keys().encrypt(text.encode()).decode()


def unseal_text(sealed: str, owner: str) -> str:
    """Return what `seal_text` was given. `owner` is whose it is, for the error. Raises InvalidInput like `unseal`."""
    try:
        return _keys().decrypt(sealed).decode()
    except InvalidToken:
        raise _undecipherable(f"The secret of {owner}") from None


def reveal(secrets: Mapping[str, Secret], name: str, owner: str) -> str:
    """Return the text of the secret `name`, "" where there is none.

    Raises InvalidInput, naming the variable, where it comes from one that is not set in this process.
    """
    secret = secrets.get(name, Secret())
    if not secret.variable:
        return secret.value
    text = os.environ.get(variable_name(secret.variable), "")
    if not text:
        raise InvalidInput(
            f"The environment variable {secret.variable} is not set; it holds the {SECRETS[name]} of {owner}.",
            "Set it for the workers and start them again.",
        )
    return text


def _undecipherable(what: str) -> InvalidInput:
    return InvalidInput(
        f"{what} cannot be decrypted with the keys in {KEYS_VARIABLE}.",
        f"Add the key that encrypted it to {KEYS_VARIABLE}, or give it again.",
    )


def _keys() -> MultiFernet:
    if not settings.ENCRYPTION_KEYS:
        raise InvalidInput(
            f"{KEYS_VARIABLE} is not set, so no secret can be kept or read.", "See .env.example for how to make a key."
        )
    try:
        return MultiFernet([Fernet(key) for key in settings.ENCRYPTION_KEYS])
    except ValueError:
        raise InvalidInput(
            f"{KEYS_VARIABLE} holds something that is not a key.", "See .env.example for how to make one."
        ) from None
