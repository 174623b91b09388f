"""Parts of SQL over an event's document, which PostgreSQL reads: the web decodes nothing for them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import product
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Case, F, Func, Q, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast

from promotion.domain.identity import HOST
from promotion.models.event_type import KeyFields


def text_at(path: Sequence[str]) -> Func:
    """What the document holds at `path`, as text (#>>); null where there is nothing."""
    found: Func = Func(
        F("document"), Value(list(path), ArrayField(models.TextField())), output_field=models.TextField()
    )
    found.template = "(%(expressions)s)"
    found.arg_joiner = " #>> "
    return found


#: What PostgreSQL may take for an index of an array.
_INDEX = re.compile(r"\s*[-+]?\d+\s*")
#: Of these in one path, each of which may as well be a name, as many are looked up.
_MOST_INDEXES = 3


def contained_at(path: Sequence[str], value: str) -> Q | None:
    """What the document contains (@>) wherever `text_at(path)` is `value`, which the search index answers.

    Unless `contained_only_at` it may contain so where the value is another: then this is asked beside, not instead.
    None where there are too many ways.
    """
    steps = [(_named, _listed) if _INDEX.fullmatch(name) else (_named,) for name in path]
    if sum(len(each) - 1 for each in steps) > _MOST_INDEXES:
        return None
    found = Q()
    for ways in product(*steps):
        for text in _written(value):
            for name, way in zip(reversed(path), reversed(ways), strict=True):
                text = way(name, text)
            found |= Q(_contains(text))
    return found


def contained_only_at(path: Sequence[str], value: str) -> bool:
    """Whether a document contains that (`contained_at`) nowhere but where `text_at(path)` is `value`.

    So it is where each step is a name and the value a string: 77 is found where 77.0 stands too, `[1]` within `[1, 2]`.
    """
    return len(_written(value)) == 1 and not any(map(_INDEX.fullmatch, path))


def _written(value: str) -> list[str]:
    """JSON whose text (#>>) may be `value`: a string, and what it is read as where it is JSON itself."""
    try:
        json.loads(value, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return [json.dumps(value, ensure_ascii=False)]
    return [json.dumps(value, ensure_ascii=False), value]


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _named(name: str, text: str) -> str:
    return f"{{{json.dumps(name, ensure_ascii=False)}: {text}}}"


def _listed(_: str, text: str) -> str:
    return f"[{text}]"


def _contains(text: str) -> Func:
    found: Func = Func(
        F("document"), Cast(Value(text, models.TextField()), models.JSONField()), output_field=models.BooleanField()
    )
    found.template = "(%(expressions)s)"
    found.arg_joiner = " @> "
    return found


def thing_of(keys: KeyFields) -> Case:
    """Which thing an event is about, a JSON array: its aggregate and the values of its type's key fields, as text."""
    whens = [When(event_type__in=ids, then=_array(aggregate, paths)) for (aggregate, paths), ids in keys.items()]
    return Case(*whens, output_field=models.JSONField())


def ref_of(thing: str) -> Func:
    """The SHA-256 of a thing, hexadecimal: short enough for a URL however long its values are."""
    found: Func = Func(Cast(thing, models.TextField()), output_field=models.TextField())
    found.template = "encode(sha256(convert_to(%(expressions)s, 'UTF8')), 'hex')"
    return found


def _array(aggregate: str, paths: Sequence[str]) -> Func:
    # The column has the event's host wherever it stands in the document.
    values: list[Combinable] = [F("host") if path == HOST else text_at(path.split(".")) for path in paths]
    name = Cast(Value(aggregate), models.TextField())
    return Func(name, *values, function="jsonb_build_array", output_field=models.JSONField())
