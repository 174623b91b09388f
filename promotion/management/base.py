"""What every command of ours shares: one JSON document on standard output, documented exit codes, `--as USER`."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any, NoReturn

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from promotion.actions.masking import Masks, reader
from promotion.errors import InvalidInput, NotFound, PromotionError
from promotion.models import Promotion, PromotionJob

Answer = dict[str, Any]
Handler = Callable[[dict[str, Any]], Answer | None]


class Parser(CommandParser):
    """A parser that raises InvalidInput where argparse would print to standard error and exit. `--help` is as ever."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the options."""
        raise InvalidInput(f"The options are wrong: {message}.", f"`{self.prog} --help` shows what there is.")


class JsonCommand(BaseCommand):
    """A command with subcommands. An expected error is the JSON document `{"error", "hint", "problems"}`.

    Subclasses add subcommands in `add_subcommands`; each sets `handler`, which takes the parsed options and returns
    the answer to print, or None where it has written to standard output itself.
    """

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Return Django's parser, which raises InvalidInput for a wrong option as those of the subcommands do."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.__class__ = Parser  # Django lets nobody choose it
        return parser

    def run_from_argv(self, argv: list[str]) -> None:
        """Do what Django does, and let a wrong option be a JSON document and an exit code like any other error."""
        try:
            super().run_from_argv(argv)
        except InvalidInput as error:  # of the parser: `handle` has caught all others
            end_with(error, {})

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Let the subclass add its subcommands."""
        self.add_subcommands(parser.add_subparsers(dest="subcommand", required=True, parser_class=Parser))

    def add_subcommands(self, subparsers: Any) -> None:
        """Add the subcommands to `subparsers`."""
        raise NotImplementedError

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the subcommand's handler, print its answer, end with its exit code."""
        try:
            answer = options["handler"](options)
        except PromotionError as error:
            self._print(_describe(error))
            sys.exit(error.exit_code)
        if answer is not None:
            self._print(answer)

    def _print(self, answer: Answer) -> None:
        self.stdout.write(json.dumps(answer, cls=DjangoJSONEncoder, ensure_ascii=True))


def end_with(error: PromotionError, answer: Answer) -> NoReturn:
    """Print `answer` together with the error that it ends in, as one document, and end with the error's exit code."""
    sys.stdout.write(json.dumps(_describe(error) | answer, cls=DjangoJSONEncoder, ensure_ascii=True) + "\n")
    sys.exit(error.exit_code)


def _describe(error: PromotionError) -> Answer:
    return {"error": error.message, "hint": error.hint, "problems": error.problems}


def add_common(parser: ArgumentParser, *, user: bool = False, wait: bool = False) -> None:
    """Add `--json` (the output is JSON anyway), and where wanted `--as USER` and `--wait`."""
    parser.add_argument("--json", action="store_true", help="Print one JSON document (the default).")
    if user:
        parser.add_argument("--as", dest="actor", required=True, metavar="USER", help="Who does it.")
    if wait:
        parser.add_argument("--wait", action="store_true", help="Wait until a worker has done it.")


def actor(options: dict[str, Any]) -> User:
    """Return the active user that `--as` names. Raises NotFound."""
    try:
        return User.objects.get(username=options["actor"], is_active=True)
    except User.DoesNotExist as error:
        raise NotFound(f"There is no active user '{options['actor']}'.", "Make one in the admin.") from error


def add_actor(parser: ArgumentParser) -> None:
    """Add `--as USER` where the only admin may be left unnamed: see `actor_or_admin`."""
    parser.add_argument("--as", dest="actor", metavar="USER", help="Who does it; else the only admin.")


def actor_or_admin(options: dict[str, Any]) -> User:
    """Return whom `--as` names, else the only active admin. Raises NotFound, InvalidInput."""
    if options["actor"]:
        return actor(options)
    admins = User.objects.filter(is_superuser=True, is_active=True)
    if len(admins) != 1:
        raise InvalidInput(f"There are {len(admins)} admins.", "Say with --as USER who does it.")
    return admins[0]


def promotion(options: dict[str, Any]) -> Promotion:
    """Return the promotion with the id in `options["id"]`. Raises NotFound."""
    try:
        return Promotion.objects.with_environments().get(pk=options["id"])
    except Promotion.DoesNotExist as error:
        raise NotFound(f"There is no promotion {options['id']}.") from error


def add_sensitive(parser: ArgumentParser) -> None:
    """Add `--sensitive` to what shows values of events; whoever `--as` names has to have the right."""
    parser.add_argument(
        "--sensitive", action="store_true", help="With the values of sensitive fields; it is in the audit trail."
    )


def masks(options: dict[str, Any]) -> Masks:
    """Return what is masked in the answer that the options ask for. Raises NotFound, Refused, InvalidInput."""
    user = actor(options) if options["sensitive"] and options["actor"] else None
    return reader(user, sensitive=options["sensitive"])


def audited(options: dict[str, Any], found: Promotion, seen: Masks, answer: Answer, what: str) -> Answer:
    """Return `answer`, a whole one, once the trail has who saw sensitive values in it."""
    if seen.shown:
        seen.audit(actor(options), found, {"page": what})
    return answer


def wait_for(job: PromotionJob, interval: float = 0.2, *, fail: bool = True) -> PromotionJob:
    """Return the job when it has ended, however long that takes; raise what ended it badly, unless not `fail`."""
    while job.active:
        time.sleep(interval)
        job.refresh_from_db()
    if job.exit_code and fail:
        raise _ended(job)
    return job


def _ended(job: PromotionJob) -> PromotionError:
    kinds = {kind.exit_code: kind for kind in PromotionError.__subclasses__()} | {1: PromotionError}
    return kinds.get(job.exit_code, PromotionError)(job.error, job.hint, job.problems)
