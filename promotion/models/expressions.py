"""Parts of SQL over an event's document, which PostgreSQL reads: the web decodes nothing for them."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Case, F, Func, Value, When
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
