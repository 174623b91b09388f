"""`manage.py rule_sets list | show | save | import | export | archive`: for scripts. See docs/automation.md."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from promotion.actions import rule_sets
from promotion.domain.rewrite import RuleFile, to_json
from promotion.errors import InvalidInput, NotFound
from promotion.management.base import Answer, JsonCommand, actor, add_common
from promotion.management.rule_answers import set_answer, set_line
from promotion.management.rule_input import rules_in
from promotion.models import Environment, RuleSet, RuleSetVersion


class Command(JsonCommand):
    """Does what the pages do, through the same actions."""

    help = "Keep rules under a name, version by version, for promotions between two environments."

    def add_subcommands(self, subparsers: Any) -> None:
        """Add list, show, save, import, export and archive."""
        listing = subparsers.add_parser("list", help="List the rule sets.")
        listing.add_argument("--source", metavar="ENV", help="Only those for promotions from it.")
        listing.add_argument("--target", metavar="ENV", help="Only those for promotions to it.")
        listing.add_argument("--archived", action="store_true", help="The archived ones instead.")
        add_common(listing)
        listing.set_defaults(handler=_list)
        showing = subparsers.add_parser("show", help="Show the rules of a set, and its versions.")
        _add_name(showing, version=True)
        add_common(showing)
        showing.set_defaults(handler=_show)
        exporting = subparsers.add_parser("export", help="Write a version as JSON.")
        _add_name(exporting, version=True)
        exporting.add_argument(
            "--out", default="-", metavar="FILE", help="Where to; - (the default) is standard output."
        )
        add_common(exporting)
        exporting.set_defaults(handler=_export)
        saving = subparsers.add_parser("save", help="Keep the rules of a file as the next version of a set.")
        importing = subparsers.add_parser("import", help="Take a set from an exported file, or an older importer's.")
        for parser in (saving, importing):
            _add_name(parser, required=parser is saving)
            _add_contents(parser)
            parser.set_defaults(handler=_save if parser is saving else _import)
        archiving = subparsers.add_parser("archive", help="Propose a set no longer; its versions stay.")
        _add_name(archiving)
        archiving.add_argument("--bring-back", action="store_true", help="Propose it again.")
        add_common(archiving, user=True)
        archiving.set_defaults(handler=_archive)


def _add_name(parser: ArgumentParser, *, required: bool = True, version: bool = False) -> None:
    says = "The set; NAME@3 is its version 3." if version else "The set."
    parser.add_argument("--name", required=required, metavar="NAME", help=says)


def _add_contents(parser: ArgumentParser) -> None:
    parser.add_argument("--file", required=True, metavar="FILE", help="The rules; - is standard input.")
    for side in ("source", "target"):
        says = f"The {side} it is meant for; '' for any. Without it, it stays as it was."
        parser.add_argument(f"--{side}", metavar="ENV", help=says)
    parser.add_argument("--note", default="", help="What this version is for.")
    parser.add_argument("--expect", type=int, metavar="N", help="Refuse where it would not become version N.")
    add_common(parser, user=True)


def _list(options: dict[str, Any]) -> Answer:
    found = rule_sets.newest().filter(rule_set__archived_at__isnull=not options["archived"])
    for side in ("source", "target"):
        if options[side] is not None:
            found = found.filter(**{f"rule_set__{side}": _environment(options[side])})
    return {"rule_sets": [set_line(each) for each in found]}


def _show(options: dict[str, Any]) -> Answer:
    return set_answer(rule_sets.version_named(options["name"]))


def _export(options: dict[str, Any]) -> Answer | None:
    version = rule_sets.version_named(options["name"])
    text = rule_sets.to_file(version)
    if options["out"] == "-":
        sys.stdout.write(text)
        return None
    try:
        Path(options["out"]).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{options['out']} cannot be written: {error.strerror}.", "Name another file.") from error
    return {"name": version.rule_set.name, "version": version.number, "out": options["out"]}


def _save(options: dict[str, Any]) -> Answer:
    return _keep(options, rules_in(options["file"]), options["name"])


def _import(options: dict[str, Any]) -> Answer:
    file = rules_in(options["file"])
    name = options["name"] or (file.origin and file.origin.name)
    if not name:
        raise InvalidInput("The file does not say how the set is called.", "Say so with --name NAME.")
    for side in ("source", "target"):
        if options[side] is None and file.origin is not None:
            options[side] = getattr(file.origin, side) or ""
    return _keep(options, file, name)


def _keep(options: dict[str, Any], file: RuleFile, name: str) -> Answer:
    user, before = actor(options), RuleSetVersion.objects.filter(rule_set__name=name.strip()).first()
    kept = RuleSet.objects.select_related("source", "target").filter(name=name.strip()).first()
    pair = {
        side: getattr(kept, side, None) if options[side] is None else _environment(options[side])
        for side in ("source", "target")
    }
    saved = rule_sets.save(user, name, to_json(file.rules), **pair, note=options["note"], expected=options["expect"])
    made = rule_sets.version_of(saved.rule_set.name, saved.number)
    return {**set_line(made), "saved": before is None or before.pk != made.pk, "notes": list(file.notes)}


def _archive(options: dict[str, Any]) -> Answer:
    kept = rule_sets.version_of(options["name"]).rule_set
    rule_sets.archive(actor(options), kept, not options["bring_back"])
    return set_line(rule_sets.version_of(kept.name))


def _environment(name: str) -> Environment | None:
    """Return what a side is called, None for any. Raises NotFound."""
    if not name:
        return None
    found = Environment.objects.filter(name=name).first() if "\0" not in name else None
    if found is None:
        raise NotFound(f"There is no environment '{name}'.", "`manage.py environments list` shows those there are.")
    return found
