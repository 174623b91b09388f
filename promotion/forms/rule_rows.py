"""A condition or an action of a rule as a row of a form: its kind says which of the row's fields it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django import forms

from promotion.forms.rule_fields import (
    NOTHING,
    NamesField,
    NumberField,
    OptionField,
    TableField,
    TextField,
    TimeField,
    ValueField,
    ValuesField,
    WordField,
)

PATH_HELP = "EventId.userId, items[*].id, labels{key}; **.hostId is every hostId, ** every text."
VALUE_HELP = 'A text stands as it is. JSON is taken as JSON: 5, true, null, "" for an empty text.'
#: Fields for which the page proposes the names that the promotion's events have.
KNOWN = ("type", "aggregate", "action", "host", "user")
NONE = ("", "Nothing: leave this row out")


class Row(forms.Form):
    """One row. `parts`: kind -> {key of the rule's JSON: field}. Without a kind the row is nothing."""

    key: ClassVar[str]
    parts: ClassVar[Mapping[str, Mapping[str, str]]]

    def __init__(self, data: Any, prefix: str, given: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, prefix=prefix, initial=self._initial(given) if given else None)
        for name, field in self.fields.items():
            field.widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}
            if name in KNOWN:
                field.widget.attrs["list"] = f"known-{name}s"
        self.used = {name for parts in self.parts.values() for name in parts.values()}

    def as_json(self) -> dict[str, Any] | None:
        """Return the JSON of a valid row, None where it is nothing."""
        kind = self.cleaned_data.get("kind", "")
        if not kind:
            return None
        found = {key: self.cleaned_data.get(name, NOTHING) for key, name in self.parts[kind].items()}
        return {self.key: kind, **{key: value for key, value in found.items() if value is not NOTHING}}

    def clean(self) -> dict[str, Any]:
        """Look only at the fields that the kind has."""
        given = super().clean() or self.cleaned_data
        for name in self.used - set(self.parts.get(given.get("kind", ""), {}).values()):
            self.errors.pop(name, None)
        return given

    def place(self, key: str, problem: str) -> None:
        """Put a problem of the rule's reader to the field of its key, or to the row."""
        name = self.parts.get(self.cleaned_data.get("kind", ""), {}).get(key)
        self.add_error(name, problem)

    def kinds_of(self) -> list[tuple[forms.BoundField, str]]:
        """Return every field but the kind, each with the kinds that have it, separated by spaces."""
        found = []
        for name in self.fields:
            kinds = [kind for kind, parts in self.parts.items() if name in parts.values()]
            if kinds:
                found.append((self[name], " ".join(kinds)))
        return found

    @classmethod
    def _initial(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        kind = given[cls.key]
        shown = {
            name: cast(Any, cls.base_fields[name]).shown(given[key])
            for key, name in cls.parts[kind].items()
            if key in given
        }
        return {"kind": kind, **shown}


class ConditionRow(Row):
    """What must hold of an event."""

    key = "is"
    parts = {
        **{what: {"any": what} for what in ("type", "aggregate", "action", "host", "user")},
        "equals": {"path": "path", "any": "values"},
        "matches": {"path": "path", "pattern": "pattern"},
        "missing": {"path": "path"},
        "position": {"partition": "partition", "start": "start", "end": "end"},
        "time": {"since": "since", "until": "until"},
    }

    kind = forms.ChoiceField(
        required=False,
        label="Only where",
        choices=[
            NONE,
            ("type", "the type is one of"),
            ("aggregate", "the aggregate is one of"),
            ("action", "the action is one of"),
            ("host", "the host is one of"),
            ("user", "the user is one of"),
            ("equals", "a field equals"),
            ("matches", "a field matches"),
            ("missing", "a field is missing"),
            ("position", "the position is within"),
            ("time", "the time is within"),
        ],
    )
    type = NamesField(label="Types", help_text="Short or full names, with commas between them.")
    aggregate = NamesField(label="Aggregates", help_text="With commas between them.")
    action = NamesField(label="Actions", help_text="With commas between them.")
    host = NamesField(label="Hosts", help_text="With commas between them.")
    user = NamesField(label="Users", help_text="With commas between them.")
    path = WordField(label="Field", help_text=PATH_HELP)
    values = ValuesField(label="Value", help_text=f'{VALUE_HELP} Several: "a", "b".')
    pattern = TextField(label="Pattern", help_text="RE2, found anywhere in the text unless it stands between ^ and $.")
    partition = NumberField(label="Partition")
    start = NumberField(label="From offset")
    end = NumberField(label="Before offset")
    since = TimeField(required=False, label="From this time on", help_text="In UTC, by the record's timestamp.")
    until = TimeField(required=False, label="Before this time", help_text="In UTC.")


class ActionRow(Row):
    """What is done to an event."""

    key = "do"
    parts = {
        "replace": {"path": "path", "from": "old", "to": "value"},
        "set": {"path": "path", "value": "value"},
        "map": {"path": "path", "table": "table", "otherwise": "otherwise"},
        "regex": {"path": "path", "pattern": "pattern", "to": "template"},
        "rename": {"path": "path", "to": "name"},
        "drop": {"path": "path"},
        "retype": {"to": "type"},
        "generate": {"path": "path"},
        "map_generate": {"path": "path", "source": "source", "scope": "scope"},
        "shift": {"path": "path", "by": "by"},
        "event_id": {},
        "exclude": {},
        "include": {},
    }

    kind = forms.ChoiceField(
        required=False,
        label="Do",
        choices=[
            NONE,
            ("replace", "replace a value"),
            ("set", "set a field"),
            ("map", "map values by a table"),
            ("regex", "replace what matches a pattern"),
            ("rename", "rename a field"),
            ("drop", "drop a field"),
            ("retype", "make it another type"),
            ("generate", "generate a UUID"),
            ("map_generate", "map a value to a UUID, always the same"),
            ("shift", "shift a timestamp"),
            ("event_id", "give EventId the target's generation"),
            ("exclude", "exclude the event"),
            ("include", "include the event"),
        ],
    )
    path = WordField(label="Field", help_text=PATH_HELP)
    old = ValueField(label="From", help_text=f"The whole value. {VALUE_HELP}")
    value = ValueField(label="To", help_text=VALUE_HELP)
    pattern = TextField(label="Pattern", help_text="RE2.")
    template = TextField(empty=True, label="Replacement", help_text=r"\1 is the first group, \0 the whole match.")
    table = TableField(label="Table", help_text="A line for each value: from => to.")
    otherwise = OptionField(
        [("keep", "stays as it is"), ("invalid", "makes the event invalid")], label="A value that the table lacks"
    )
    name = WordField(label="New name", max_length=255)
    type = WordField(label="Type", max_length=512, help_text="The full name of a type that the target has.")
    source = WordField(label="From the value of", help_text="A field; empty: the one above.")
    scope = OptionField(
        [("promotion", "in this promotion"), ("pair", "in every promotion between the two environments")],
        label="The same UUID",
    )
    by = WordField(label="By", max_length=20, help_text="3d, -36h, 15m, 90s or 250ms.")
