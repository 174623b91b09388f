"""A secret of an environment: its text, or the name of the environment variable that holds it."""

import re
from dataclasses import dataclass, field

from promotion.errors import InvalidInput

PREFIX = "PROMOTION_SECRET_"
_VARIABLE = re.compile(rf"{PREFIX}[A-Z0-9_]{{1,100}}")

#: Name -> what it is called in a sentence. No other name is stored.
SECRETS: dict[str, str] = {
    "password": "password",
    "key_pem": "client key",
    "key_password": "password of the client key",
    "registry_password": "registry's password",
    "registry_token": "registry's token",
}


@dataclass(frozen=True)
class Secret:
    """Exactly one of `value` (never in `repr`) and `variable` is set."""

    value: str = field(default="", repr=False)
    variable: str = ""


def variable_name(text: str) -> str:
    """Return `text` where it names a variable that a secret may come from, else raise InvalidInput.

    Without the prefix, whoever sets up environments could read SECRET_KEY or DATABASE_URL by sending it to a broker.
    """
    if not _VARIABLE.fullmatch(text):
        shown = re.sub(r"[^A-Za-z0-9_]", "?", text)[:80]
        # A secret typed into the wrong field must not come back in the error.
        name = f"“{shown}” is not" if text.startswith("PROMOTION_") else "That is not"
        raise InvalidInput(
            f"{name} the name of a variable for secrets.",
            f"It starts with {PREFIX} and goes on with capitals, digits and underscores.",
        )
    return text
