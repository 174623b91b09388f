#!/usr/bin/env python3
"""Django's command line."""

import os
import sys


def main() -> None:
    """Run the command that the arguments name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal_admin.settings")
    if sys.argv[1:2] == ["demo"]:
        # Before the settings are read: the supervisor has no secrets, it makes them.
        os.environ.setdefault("PROMOTION_PROFILE", "demo")
    try:
        from django.core.management import execute_from_command_line
    except ImportError as error:
        raise SystemExit(
            f"Django is not installed ({error}). `make demo` creates .venv; use .venv/bin/python."
        ) from error
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
