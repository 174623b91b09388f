"""Subcommands of `manage.py promotion`."""

from typing import Any


def add(subparsers: Any) -> None:
    """Add this part's subcommands."""
