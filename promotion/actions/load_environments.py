"""Load environments from TOML: everything is checked before anything is written, and a second load changes nothing.

A key that a table leaves out keeps what the environment has, or takes the default where it is new.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.db import transaction

from promotion.actions import environments
from promotion.domain.secret import SECRETS, Secret
from promotion.errors import InvalidInput, NotFound
from promotion.forms.environments import EnvironmentForm, settings_of
from promotion.models import Environment
from promotion.policy import ENVIRONMENTS, Actor, require

#: Keys of the file that are shorter than the model's fields.
KEYS = {"source": "may_be_source", "target": "may_be_target"}
PLAIN = {name: name for name in EnvironmentForm.Meta.fields if name != "name"}
FIELD_OF = {key: name for key, name in {**PLAIN, **KEYS}.items() if key not in KEYS.values()}
SECRET_KEYS = {name: name for name in SECRETS} | {f"{name}_env": f"{name}_env" for name in SECRETS}


@dataclass(frozen=True)
class Loaded:
    """The names of the environments of a file, by what became of them, in the file's order."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)


def load(actor: Actor, text: str) -> Loaded:
    """Create and update the environments that `text` (TOML, one table `[environments.NAME]` each) describes.

    They are saved untested; checking them is the caller's to ask for. Raises Refused without the permission,
    InvalidInput whose `problems` name every table and key that is wrong, Conflict where somebody changes one of them
    at the same moment: nothing is saved then.
    """
    require(actor, ENVIRONMENTS)
    tables = _tables(text)
    known = {each.name: each for each in Environment.objects.filter(name__in=tables)}
    checked = {name: _form(name, table, known.get(name)) for name, table in tables.items()}
    problems = [problem for name, (form, wrong) in checked.items() for problem in _problems(name, form, wrong)]
    if problems:
        raise InvalidInput(
            "The file was not loaded, and nothing was changed.", "Mend what is listed, then load it again.", problems
        )
    loaded = Loaded()
    with transaction.atomic():
        for name, (form, _) in checked.items():
            _save(actor, form, known.get(name), loaded)
    return loaded


def named(name: str) -> Environment:
    """Return the environment with this name. Raises NotFound."""
    try:
        return Environment.objects.get(name=name)
    except Environment.DoesNotExist as error:
        raise NotFound(f"There is no environment '{name}'.", "`environments list` shows all of them.") from error


def _tables(text: str) -> dict[str, dict[str, Any]]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # The parser's message names line and column, and at most one character of the text.
        raise InvalidInput(f"The file is not TOML: {error}", "Mend that line, then load it again.") from None
    tables = document.get("environments")
    unknown = sorted(set(document) - {"environments"})
    if unknown or not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise InvalidInput(
            f"Unknown at the top of the file: {', '.join(unknown)}." if unknown else "The file names no environments.",
            "It holds one table [environments.NAME] for each environment and nothing else.",
        )
    return tables


def _form(
    name: str, table: Mapping[str, Any], environment: Environment | None
) -> tuple[EnvironmentForm, dict[str, str]]:
    """Return the bound form of one table, and by key what is wrong with it or with the type of its value."""
    instance = environment or Environment()
    stored = environments.stored_secrets(environment) if environment else {}
    data = settings_of(instance) | {f"{each}_env": secret.variable for each, secret in stored.items()} | {"name": name}
    wrong: dict[str, str] = {}
    for key, value in table.items():
        field_name = FIELD_OF.get(key) or SECRET_KEYS.get(key)
        if field_name is None:
            wrong[key] = f"unknown key; known are {', '.join([*FIELD_OF, *SECRET_KEYS])}."
        elif not isinstance(value, expected := _type_of(field_name)) or isinstance(value, bool) != (expected is bool):
            wrong[key] = f"must be {_WORDS[expected]}."
        else:
            data[field_name] = value
    for each in set(SECRETS) & set(table):
        if f"{each}_env" not in table:
            data[f"{each}_env"] = ""  # the secret itself replaces the variable that was named before
    return EnvironmentForm(data, instance=instance, stored=stored), wrong


_WORDS: dict[type, str] = {bool: "true or false", int: "a whole number", str: "text in quotes"}


def _type_of(field_name: str) -> type:
    match EnvironmentForm.base_fields.get(field_name):
        case forms.BooleanField():
            return bool
        case forms.IntegerField():
            return int
        case _:
            return str


def _problems(name: str, form: EnvironmentForm, wrong: Mapping[str, str]) -> list[str]:
    """Return every problem of one table: those of `wrong`, and what the form says of all other keys."""
    keys = {field_name: key for key, field_name in {**FIELD_OF, **SECRET_KEYS}.items()}
    found = [(keys.get(field_name, "name"), message) for field_name, said in form.errors.items() for message in said]
    others = [(key, message) for key, message in found if key not in wrong]
    return [f"[environments.{name}] {key}: {message}" for key, message in [*wrong.items(), *others]]


def _save(actor: Actor, form: EnvironmentForm, environment: Environment | None, loaded: Loaded) -> None:
    name = form.settings["name"]
    secrets: Mapping[str, Secret] = form.secrets
    if environment and form.settings == form.settings_before and secrets == form.stored:
        loaded.unchanged.append(name)
        return
    current = Environment.objects.get(pk=environment.pk) if environment else None
    version = environment.version if environment else None
    environments.apply(actor, environments.draft(actor, form.settings, secrets, current, version), untested=True)
    (loaded.updated if environment else loaded.created).append(name)
