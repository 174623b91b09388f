"""What can go wrong with an embedded service, in words that say what to do."""

from pathlib import Path


class EmbeddedError(Exception):
    """A service could not be provided.

    `message` says what happened and where, `hint` says what to do about it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.message = message
        self.hint = hint


class ChildDied(EmbeddedError):
    """A child process ended although nobody asked it to."""

    def __init__(self, name: str, returncode: int, log: Path, tail: str) -> None:
        end = f"was killed by signal {-returncode}" if returncode < 0 else f"ended with exit code {returncode}"
        super().__init__(
            f"The process '{name}' {end}.", f"Its log is {log}" + (f"; its last lines:\n{tail}" if tail else ".")
        )
        self.name = name
        self.log = log
        self.returncode = returncode


class NotReady(EmbeddedError):
    """A child process runs but did not answer in time."""


class DownloadFailed(EmbeddedError):
    """A file that a service needs could not be fetched, or is not the one that was locked."""
