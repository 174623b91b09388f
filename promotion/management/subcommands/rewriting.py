"""Subcommand of `manage.py promotion`: rules. Change the draft, preview it, apply it, undo a rule."""

from __future__ import annotations

from typing import Any

from promotion import jobs
from promotion.actions import rules
from promotion.actions.rule_sets import version_named
from promotion.domain.rewrite import to_json
from promotion.errors import InvalidInput, PromotionError, Refused
from promotion.management.base import (
    Answer,
    actor,
    add_common,
    add_sensitive,
    audited,
    end_with,
    masks,
    promotion,
    wait_for,
)
from promotion.management.rule_answers import pass_answer, rules_answer
from promotion.management.rule_input import rules_in, short_rule
from promotion.models import Promotion, PromotionJob, RuleList, RulePass
from promotion.policy import Actor

Asked = tuple[RulePass, PromotionJob]
_DRAFTING = ("add", "set", "host", "user", "replace_all", "remove")


def add(subparsers: Any) -> None:
    """Add this part's subcommand."""
    parser = subparsers.add_parser("rules", help="Show the rules, change the draft, preview it, apply it.")
    parser.add_argument("id", type=int)
    for flag, metavar, says in (
        ("--add", "FILE", "Add the rules of a file, ours or an older importer's; - is standard input."),
        ("--set", "NAME[@VERSION]", "Add the rules of a rule set."),
        ("--host", "FROM=TO", "Add a rule: this host becomes that one, everywhere in the event."),
        ("--user", "FROM=TO", "Add a rule: this user becomes that one, everywhere in the event."),
        ("--remove", "RULE_ID", "Take a rule out of the draft."),
    ):
        parser.add_argument(flag, action="append", default=[], metavar=metavar, help=says)
    parser.add_argument("--replace-all", metavar="FILE", help="Begin with the rules of a file in place of all others.")
    then = parser.add_mutually_exclusive_group()
    then.add_argument("--preview", action="store_true", help="Say what the draft would do, and wait for it.")
    then.add_argument("--apply", action="store_true", help="Do the draft to the events, and wait for it.")
    then.add_argument("--undo", metavar="RULE_ID", help="Undo an applied rule on every event, and wait for it.")
    then.add_argument("--discard", action="store_true", help="Forget the draft.")
    add_sensitive(parser)
    parser.add_argument("--as", dest="actor", metavar="USER", help="Who does it; needed for all but showing.")
    add_common(parser)
    parser.set_defaults(handler=_rules)


def _rules(options: dict[str, Any]) -> Answer:
    found = promotion(options)
    drafts = any(options[name] for name in _DRAFTING)
    asks = options["preview"] or options["apply"]
    undoes = bool(options["undo"] or options["discard"])
    if not (drafts or asks or undoes):
        return rules_answer(found)
    if not options["actor"]:
        raise InvalidInput("Nobody is named who does it.", "Say so with --as USER.")
    if drafts and undoes:
        raise InvalidInput("--undo and --discard go alone.", "Change the draft with a command of its own.")
    return _do(actor(options), found, options, drafts)


def _do(user: Actor, found: Promotion, options: dict[str, Any], drafts: bool) -> Answer:
    masks(options)  # refuses before anything is done
    version = RuleList.objects.filter(pk=found.pk).values_list("version", flat=True).first() or 0
    if drafts:
        _draft(user, found, version, options)
        version += 1
    if options["discard"]:
        rules.discard(user, found, version)
    if options["preview"]:
        return _wait(options, found, rules.preview(user, found))
    if options["apply"]:
        return _wait(options, found, rules.apply(user, found, version))
    if options["undo"]:
        return _wait(options, found, rules.undo(user, found, options["undo"].lower()))
    return rules_answer(found)


def _draft(user: Actor, found: Promotion, version: int, options: dict[str, Any]) -> None:
    """Change the draft once, by all that was asked for: a fault in any of it changes nothing."""
    added = [each for part in _added(options) for each in part]
    fresh = None if options["replace_all"] is None else _of_file(options["replace_all"])
    gone = [rule_id.lower() for rule_id in options["remove"]]

    def changed(drafted: list[rules.Entry]) -> list[rules.Entry]:
        kept = drafted if fresh is None else fresh
        return [*rules.without(kept, gone), *added]

    rules.change(user, found, version, changed)


def _added(options: dict[str, Any]) -> list[list[rules.Entry]]:
    """What is added, in the order of the options' kinds. Raises InvalidInput with the problems of all files."""
    problems: list[str] = []
    parts: list[list[rules.Entry]] = []
    for name in options["add"]:
        try:
            parts.append(_of_file(name))
        except InvalidInput as error:
            problems += [f"{name}: {problem}" for problem in error.problems or [str(error)]]
    if problems:
        raise InvalidInput("The files cannot be used: nothing was changed.", "Correct each of them.", problems)
    for name in options["set"]:
        version = version_named(name)
        parts.append(rules.entries(version.rules, version))
    parts += [[rules.entry(short_rule(what, text)) for text in options[what]] for what in ("host", "user")]
    return parts


def _of_file(name: str) -> list[rules.Entry]:
    return [rules.entry(each) for each in to_json(rules_in(name).rules)]


def _wait(options: dict[str, Any], found: Promotion, asked: Asked) -> Answer:
    """Wait for a pass; its numbers belong to an error too: a script reads one document."""
    run, job = asked
    try:
        wait_for(jobs.enqueue(job))
    except PromotionError as error:
        found.refresh_from_db()
        end_with(error, rules_answer(found))
    run.refresh_from_db()
    found.refresh_from_db()
    seen = masks(options)
    answer = audited(options, found, seen, rules_answer(found) | {"pass": pass_answer(run, seen)}, "rules")
    if run.dry and run.counts.get("refused"):
        end_with(_refused(run), answer)
    return answer


def _refused(run: RulePass) -> Refused:
    number = run.counts["refused"]
    return Refused(
        f"The rules would make {number:,} event{'' if number == 1 else 's'} invalid: they cannot be applied like this.",
        "Correct the rule, narrow it, or let it exclude what it would make invalid (on_invalid).",
        [f"{each['at']} ({each['type']}): {' '.join(each['problems'])}" for each in run.problems],
    )
