"""Takes a rule's JSON apart: every problem is noted with its place, so that all are mended at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from promotion.domain.json_text import abbreviated
from promotion.domain.rewrite.path import InvalidPath, Path, parse_path
from promotion.domain.rewrite.pattern import InvalidPattern, Pattern
from promotion.errors import InvalidInput

MAX_TEXT = 10_000
MAX_NAMES = 1_000
MAX_PROBLEMS = 200
_MISSING: Any = object()
_NO_PATH = Path(())


class InvalidRules(InvalidInput):
    """Rules that cannot be used. `problems` has every one with its place: `rule 2, action 1: ...`."""

    def __init__(self, problems: Sequence[str]) -> None:
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        shown = list(problems[:MAX_PROBLEMS])
        if len(problems) > MAX_PROBLEMS:
            shown.append(f"And {len(problems) - MAX_PROBLEMS:,} more.")
        super().__init__(f"The rules cannot be used: they have {count}.", "Correct each of them.", shown)


class Reader:
    """Reads one JSON object. What is wrong goes to `problems`, and a value of the right type is returned all the same.

    Call `end` last: a key that nobody asked for is a problem, since a misspelt one would change what is done.
    """

    def __init__(self, raw: Any, place: str, problems: list[str]) -> None:
        self.place = place
        self._problems = problems
        self._raw: dict[str, Any] = raw if isinstance(raw, dict) else {}
        self._asked: set[str] = set()
        self._is_object = isinstance(raw, dict)
        if not self._is_object:
            self.problem(f"an object is expected, and {abbreviated(raw)} is found.")

    def problem(self, sentence: str) -> None:
        """Note a problem of this object."""
        self._problems.append(f"{self.place}: {sentence}")

    def value(self, key: str, default: Any = _MISSING) -> Any:
        """Return any JSON value of bounded size."""
        value = self._take(key, default)
        if value is _MISSING:
            return None
        if not _fits(value):
            self.problem(f"{key}: the value is no JSON of at most {MAX_TEXT:,} characters.")
        return value

    def value_unchecked(self, key: str, default: Any) -> Any:
        """Return any value, for whoever looks into it piece by piece."""
        return self._take(key, default)

    def has(self, key: str) -> bool:
        """Whether a key is given."""
        return key in self._raw

    def scalar(self, key: str) -> Any:
        """Return a text, a number, true, false or null."""
        value = self.value(key)
        if isinstance(value, dict | list):
            self.problem(f"{key}: a text, a number, true, false or null is expected.")
            return None
        return value

    def scalars(self, key: str) -> tuple[Any, ...]:
        """Return a list of at least one text, number, true, false or null."""
        return self._list(key, lambda item: not isinstance(item, dict | list) and _fits(item), "texts or numbers")

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of at least one text that is not empty."""
        return self._list(key, lambda item: isinstance(item, str) and bool(item) and _fits(item), "texts")

    def text(self, key: str, most: int = MAX_TEXT, default: Any = _MISSING) -> str:
        """Return a text of 1 to `most` characters."""
        value = self._take(key, default)
        if value is _MISSING or value is default:
            return default if value is default and isinstance(default, str) else ""
        if not isinstance(value, str) or not 0 < len(value) <= most or not _fits(value):
            self.problem(f"{key}: a text of 1 to {most:,} characters is expected.")
            return ""
        return value

    def choice(self, key: str, choices: Sequence[str], default: str) -> str:
        """Return one of `choices`."""
        value = self._take(key, default)
        if value not in choices:
            self.problem(f"{key}: {abbreviated(value)} is none of {', '.join(choices)}.")
            return default
        return str(value)

    def flag(self, key: str) -> bool:
        """Return true or false, false where it is not given."""
        value = self._take(key, False)
        if not isinstance(value, bool):
            self.problem(f"{key}: true or false is expected.")
        return value is True

    def number(self, key: str, most: int = 2**63 - 1) -> int | None:
        """Return a whole number from 0, None where it is not given."""
        value = self._take(key, None)
        if value is not None and (type(value) is not int or not 0 <= value <= most):
            self.problem(f"{key}: a whole number from 0 is expected.")
            return None
        return value

    def path(self, key: str = "path") -> Path:
        """Return a path."""
        text = self.text(key)
        if not text:
            return _NO_PATH
        try:
            return parse_path(text)
        except InvalidPath as error:
            self.problem(f"{key}: {error}")
            return _NO_PATH

    def pattern(self, key: str) -> tuple[str, int]:
        """Return a pattern's text and how many groups it has."""
        text = self.text(key)
        try:
            return text, Pattern(text).groups if text else 0
        except InvalidPattern as error:
            self.problem(f"{key}: {error}")
            return text, 9

    def table(self, key: str, most: int, characters: int) -> dict[str, str]:
        """Return an object of texts, of at least one entry."""
        value = self._take(key, _MISSING)
        if value is _MISSING:
            return {}
        if not isinstance(value, dict) or not 0 < len(value) <= most:
            self.problem(f"{key}: an object of 1 to {most:,} entries is expected.")
            return {}
        good = all(isinstance(text, str) and _fits(text) and _fits(name) for name, text in value.items())
        if not good or sum(len(name) + len(text) for name, text in value.items()) > characters:
            self.problem(f"{key}: texts are expected, of at most {characters:,} characters together.")
            return {}
        return value

    def end(self) -> None:
        """Note every key that is not known."""
        for key in self._raw:
            if key not in self._asked:
                self.problem(f"the key {abbreviated(key)} is not known.")

    def _take(self, key: str, default: Any) -> Any:
        self._asked.add(key)
        if key in self._raw:
            return self._raw[key]
        if default is _MISSING and self._is_object:
            self.problem(f"{key} is missing.")
        return default

    def _list(self, key: str, good: Any, what: str) -> tuple[Any, ...]:
        value = self._take(key, _MISSING)
        if value is _MISSING:
            return ()
        if not isinstance(value, list) or not 0 < len(value) <= MAX_NAMES or not all(good(item) for item in value):
            self.problem(f"{key}: a list of 1 to {MAX_NAMES:,} {what} is expected.")
            return ()
        return tuple(value)


def holds_nul(value: Any) -> bool:
    """Whether a JSON value has the character U+0000 in any text or key."""
    match value:
        case str():
            return "\0" in value
        case list():
            return any(map(holds_nul, value))
        case dict():
            return any(holds_nul(key) or holds_nul(item) for key, item in value.items())
        case _:
            return False


def _fits(value: Any) -> bool:
    """Whether a value is JSON of bounded size that UTF-8 can carry."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        return len(text) <= MAX_TEXT + 2 and bool(text.encode())
    except (ValueError, TypeError, RecursionError):
        return False
