"""Generated secrets in a file that only its owner reads."""

import json
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path


def password() -> str:
    """A new password that needs no quoting in a URL, a settings file or a shell."""
    return secrets.token_urlsafe(18)


def keep(file: Path, names: Sequence[str], make: Callable[[], str] = password) -> dict[str, str]:
    """The secrets by name from `file`, where the missing ones are made and kept first."""
    kept: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    missing = {name: make() for name in names if name not in kept}
    if missing:
        write_private(file, json.dumps(kept | missing, indent=2))
    return kept | missing


def write_private(file: Path, text: str) -> None:
    """Write the whole file or nothing (a reader never sees half of it), readable by its owner alone."""
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(file)
