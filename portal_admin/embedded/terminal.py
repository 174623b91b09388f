"""Words to whoever watches."""

import sys
from contextlib import suppress


def say(text: str) -> None:
    """Write a line at once. The terminal may be closed already: nobody is told then."""
    with suppress(OSError):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
