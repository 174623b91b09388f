"""The active filters of a page as chips, each with the URL that leaves it out."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from django.forms import BaseForm, BoundField, CheckboxInput
from django.http import QueryDict

# Where in the list one stands: another filter starts at the beginning again.
PAGING = ("after", "before", "page")


class Chip(NamedTuple):
    """`label` names the filter, `value` is what it is set to ("" for a tick), `remove_url` is the page without it."""

    label: str
    value: str
    remove_url: str


def chips_of(form: BaseForm, query: QueryDict) -> list[Chip]:
    """One chip for each value that the query sets in a visible field of the form, in the form's order."""
    return [chip for bound in form.visible_fields() for chip in _chips(bound, query)]


def _chips(bound: BoundField, query: QueryDict) -> Iterator[Chip]:
    name = bound.html_name
    labels = dict(_flat(getattr(bound.field.widget, "choices", ())))
    for value in dict.fromkeys(query.getlist(name)):
        if value:
            shown = "" if isinstance(bound.field.widget, CheckboxInput) else labels.get(value, value)
            yield Chip(str(bound.label), shown, _without(query, name, value))


def _without(query: QueryDict, name: str, value: str) -> str:
    rest = query.copy()
    rest.setlist(name, [each for each in query.getlist(name) if each and each != value])
    for key in [key for key in rest if key in PAGING or not rest.getlist(key)]:
        del rest[key]
    return f"?{rest.urlencode()}"


def _flat(choices: Iterable[tuple[object, object]]) -> Iterator[tuple[str, str]]:
    """Choices without their groups, as strings: what a query holds."""
    for value, label in choices:
        if isinstance(label, list | tuple):
            yield from _flat(label)
        else:
            yield str(value), str(label)
