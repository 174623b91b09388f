"""`manage.py promotion ...`: everything a promotion needs, for scripts. Documented in docs/automation.md."""

from typing import Any

from promotion.management.base import JsonCommand
from promotion.management.subcommands import (
    amending,
    approving,
    archiving,
    exporting,
    files,
    importing,
    planning,
    replaying,
    rewriting,
    together,
    verifying,
)


class Command(JsonCommand):
    """Does what the pages do, through the same actions and the same workers."""

    help = "Create, export, edit by file and by rules, plan, approve, replay, verify, amend and show promotions."

    def add_subcommands(self, subparsers: Any) -> None:
        """Collect the subcommands of each part."""
        for part in (
            exporting,
            importing,
            files,
            together,
            rewriting,
            planning,
            approving,
            replaying,
            verifying,
            amending,
            archiving,
        ):
            part.add(subparsers)
