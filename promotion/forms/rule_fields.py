"""Fields of a rule's form: what a person types for a name, a value or a table, as the JSON of a rule has it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django import forms

from promotion.domain.json_text import MalformedJson, parse_json
from promotion.forms.promotions import MomentField

MAX_VALUE = 10_000
MAX_TABLE = 2_100_000
#: What is between the two sides of a line of a table.
ARROW = " => "
#: What a field holds that nobody filled in: the key is left out, and the rule's reader says where it is needed.
NOTHING: Any = object()


class TextField(forms.CharField):
    """A text as it stands. Without a character it is left out, or empty where `empty` says so."""

    def __init__(self, *, empty: bool = False, max_length: int = MAX_VALUE, **options: Any) -> None:
        super().__init__(required=False, strip=False, max_length=max_length, **options)
        self._empty = empty

    def clean(self, value: Any) -> Any:
        """Return the text or NOTHING."""
        text = super().clean(value)
        return text if text or self._empty else NOTHING

    def shown(self, value: Any) -> str:
        """Return what a person types to get `value`."""
        return str(value)


class WordField(TextField):
    """A path or a name: what stands around it is not meant."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.strip = True


class NamesField(WordField):
    """Names with commas between them, or JSON texts where a name has a comma of its own."""

    def clean(self, value: Any) -> Any:
        """Return the list of names or NOTHING."""
        text = super().clean(value)
        if text is NOTHING:
            return text
        listed = _listed(text)
        if listed is not None and all(isinstance(each, str) for each in listed):
            return listed
        return [name.strip() for name in text.split(",") if name.strip()] or NOTHING

    def shown(self, value: Any) -> str:
        """Return the names as one line."""
        plain = ", ".join(value)
        return plain if self.clean(plain) == value else ", ".join(json.dumps(name) for name in value)


class ValueField(TextField):
    """One JSON value; a text that is no JSON stands without quotes."""

    def clean(self, value: Any) -> Any:
        """Return the value or NOTHING."""
        text = super().clean(value)
        return text if text is NOTHING else _value(text)

    def shown(self, value: Any) -> str:
        """Return a text without quotes where it is still the same text then."""
        return value if _is_plain(value) else json.dumps(value, ensure_ascii=False)


class ValuesField(ValueField):
    """One value, or several with commas between them where every one of them is JSON."""

    def clean(self, value: Any) -> Any:
        """Return the list of values or NOTHING."""
        text = TextField.clean(self, value)
        if text is NOTHING:
            return text
        listed = _listed(text)
        return [_value(text)] if listed is None else listed

    def shown(self, value: Any) -> str:
        """Return the values as one line."""
        if len(value) == 1 and _is_plain(value[0]):
            return str(value[0])
        return ", ".join(json.dumps(each, ensure_ascii=False) for each in value)


class TableField(TextField):
    """A line for each value: what it is, =>, what it becomes."""

    widget = forms.Textarea

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=MAX_TABLE, **options)

    def clean(self, value: Any) -> Any:
        """Return the table or NOTHING. Raises ValidationError with the number of the first line that is none."""
        text = super().clean(value)
        if text is NOTHING:
            return text
        table: dict[str, str] = {}
        for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
            if not line.strip():
                continue
            before, arrow, after = (f"{line} " if line.endswith(ARROW.rstrip()) else line).partition(ARROW)
            if not arrow:
                raise forms.ValidationError(f"Line {number} has no “=>” with a space on both sides.")
            if before in table:
                raise forms.ValidationError(f"Line {number}: this value stands there twice.")
            table[before] = after
        return table or NOTHING

    def shown(self, value: Any) -> str:
        """Return the table's lines."""
        return "\n".join(f"{before}{ARROW}{after}" for before, after in value.items())


class NumberField(forms.IntegerField):
    """A whole number from 0."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, min_value=0, max_value=2**63 - 1, **options)

    def clean(self, value: Any) -> Any:
        """Return the number or NOTHING."""
        number = super().clean(value)
        return NOTHING if number is None else number

    def shown(self, value: Any) -> Any:
        """Return the number."""
        return value


class TimeField(MomentField):
    """A time in UTC, as milliseconds since the epoch."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": "0.001"}, format="%Y-%m-%dT%H:%M:%S.%f")

    def clean(self, value: Any) -> Any:
        """Return the milliseconds or NOTHING."""
        moment = super().clean(value)
        return NOTHING if moment is None else moment

    def shown(self, value: Any) -> str:
        """Return the time as browsers write it; one that no calendar holds is left out."""
        try:
            moment = datetime.fromtimestamp(value / 1000, UTC)
        except (ValueError, OverflowError, OSError):
            return ""
        return moment.replace(tzinfo=None).isoformat(timespec="milliseconds")


class OptionField(forms.ChoiceField):
    """One of a few words, the first where nobody chose."""

    def __init__(self, choices: Sequence[tuple[str, str]], **options: Any) -> None:
        super().__init__(choices=choices, required=False, **options)
        self._first = choices[0][0]

    def clean(self, value: Any) -> Any:
        """Return the word."""
        return super().clean(value) or self._first

    def shown(self, value: Any) -> str:
        """Return the word."""
        return str(value)


def _value(text: str) -> Any:
    """Return the JSON of `text`, else the text; what begins like JSON and is none is an error."""
    try:
        return parse_json(text)
    except MalformedJson as error:
        if text.lstrip()[:1] in ("{", "[", '"'):
            raise forms.ValidationError(f"{error.message} {error.hint}".strip()) from None
        return text


def _listed(text: str) -> list[Any] | None:
    """Return the JSON values in `text` with commas between them, None where it is something else."""
    try:
        listed = parse_json(f"[{text}]")
    except MalformedJson:
        return None
    return listed if isinstance(listed, list) and not any(isinstance(each, list | dict) for each in listed) else None


def _is_plain(value: Any) -> bool:
    if not isinstance(value, str) or not value or not value.isprintable():
        return False
    try:
        return bool(_value(value) == value and isinstance(_value(value), str)) and _listed(value) is None
    except forms.ValidationError:
        return False
