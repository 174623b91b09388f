"""Writing a rule: two quick ways, the whole form, and JSON. Each gives the JSON of a rule, and places its problems."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from django import forms

from promotion.domain.json_text import MalformedJson, dump_json, parse_json
from promotion.forms.rule_rows import ActionRow, ConditionRow, Row
from promotion.models import RuleSet

MAX_ROWS, MAX_PAIRS = 50, 500
MAX_NAME = 200
#: What stands in front of a problem of domain.rewrite: its place in the rule, and perhaps the key.
_PLACE = re.compile(r"rule 1(?:, (condition|action) (\d{1,4}))?: (?:([a-z_]+)(?:: | is missing))?(.*)", re.DOTALL)
ON_INVALID = [
    ("refuse", "Nothing is applied: the preview lists them with their reasons"),
    ("exclude", "They are excluded, each with its reason"),
]


class WritingForm(forms.Form):
    """A rule being written. `version` is that of the list which the person saw."""

    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def rule(self) -> dict[str, Any]:
        """Return the JSON of the rule, as far as this form can say; of a valid form only."""
        raise NotImplementedError

    def place(self, problems: Iterable[str]) -> None:
        """Put the problems that domain.rewrite found in `rule()` to their fields."""
        for problem in problems:
            self.add_error(None, problem.removeprefix("rule 1: "))

    @property
    def more(self) -> bool:
        """Whether a button asked for another row: nothing is to be saved then."""
        return bool(self.data) and "more" in self.data


class VersionForm(forms.Form):
    """The version of the list that a button was shown for."""

    version = forms.IntegerField(min_value=0)


class MoveForm(VersionForm):
    """How many places a rule goes down, negative: up."""

    by = forms.IntegerField(min_value=-200, max_value=200)


class EnableForm(VersionForm):
    """Whether a rule is to be done."""

    enabled = forms.ChoiceField(choices=[("yes", "Wake"), ("no", "Rest")])


class TakeForm(VersionForm):
    """A version of a rule set."""

    set = forms.IntegerField(min_value=1, max_value=2**63 - 1)
    number = forms.IntegerField(min_value=1, max_value=2**31 - 1)


class ApplyForm(VersionForm):
    """`run` is the preview whose numbers stood on the button, none where nobody looked."""

    run = forms.UUIDField(required=False)


class PairForm(forms.Form):
    """From one host or user to another."""

    old = forms.CharField(required=False, max_length=1_000, label="From")
    new = forms.CharField(required=False, max_length=1_000, label="To")

    def __init__(self, data: Any, prefix: str, names: str) -> None:
        super().__init__(data, prefix=prefix)
        for field in self.fields.values():
            field.widget.attrs |= {"list": names, "autocomplete": "off", "spellcheck": "false"}

    def clean(self) -> dict[str, Any]:
        """Both or none, and not the same."""
        given = super().clean() or self.cleaned_data
        old, new = given.get("old"), given.get("new")
        if bool(old) != bool(new):
            self.add_error("new" if old else "old", "Fill in both sides, or neither.")
        elif old and old == new:
            self.add_error("new", "It is there already: choose another one.")
        return given


class QuickForm(WritingForm):
    """Move everything from one host, or user, to another: several pairs at once become a table."""

    what = "host"
    fields_moved: Sequence[str] = ("**.hostId",)
    rows = forms.IntegerField(min_value=1, max_value=MAX_PAIRS, initial=1, widget=forms.HiddenInput)
    where = forms.ChoiceField(
        label="Where",
        initial="field",
        widget=forms.RadioSelect,
        choices=[
            ("field", "Everywhere in hostId, however deep it stands"),
            ("event", "Everywhere in the event: every text that is exactly this"),
        ],
    )
    name = forms.CharField(required=False, max_length=MAX_NAME, help_text="What the rule is called in the list.")

    def __init__(self, data: Any = None, initial: Any = None, taken: Iterable[str] = ()) -> None:
        super().__init__(data, initial=initial)
        self._taken = set(taken)
        number = _rows(data, "rows", 1, MAX_PAIRS)
        self.pairs = [PairForm(data, f"pair-{n}", f"known-{self.what}s") for n in range(number)]
        if number > 1 and self.more:
            self.pairs[-1].fields["old"].widget.attrs["autofocus"] = True

    def clean(self) -> dict[str, Any]:
        """At least one pair, and no value from which two ways go."""
        given = super().clean() or self.cleaned_data
        seen: set[str] = set()
        for pair in self.pairs:
            old = pair.cleaned_data.get("old", "") if pair.is_valid() else ""
            if old in seen:
                pair.add_error("old", "This one stands there twice.")
            seen |= {old} - {""}
        if not seen and all(pair.is_valid() for pair in self.pairs):
            self.pairs[0].add_error("old", f"Say which {self.what} is to become another one.")
        if not all(pair.is_valid() for pair in self.pairs):
            raise forms.ValidationError("Nothing was saved. Look at the marked pairs.")
        return given

    def rule(self) -> dict[str, Any]:
        """Return a rule of a replacement, or of a table, at each place where the name stands."""
        table = {p.cleaned_data["old"]: p.cleaned_data["new"] for p in self.pairs if p.cleaned_data["old"]}
        paths = self.fields_moved if self.cleaned_data["where"] == "field" else ("**",)
        return {
            "name": self.cleaned_data["name"] or self._name(table),
            "when": [],
            "then": [_moves(path, table) for path in paths],
            "on_invalid": "refuse",
        }

    def _name(self, table: dict[str, str]) -> str:
        """A name that no other rule has."""
        old, new = next(iter(table.items()))
        others = f" and {len(table) - 1} more" if len(table) > 1 else ""
        name = f"Move {self.what} {old[:70]} to {new[:70]}{others}"
        return next(each for n in range(1, 300) if (each := name if n == 1 else f"{name} ({n})") not in self._taken)


class HostForm(QuickForm):
    """Move to another host."""


class UserForm(QuickForm):
    """Move to another user: `userId`, and the `id` of the older generations of EventId, which is the acting user."""

    what = "user"
    fields_moved = ("**.userId", "EventId.id")

    def __init__(self, data: Any = None, initial: Any = None, taken: Iterable[str] = ()) -> None:
        super().__init__(data, initial=initial, taken=taken)
        self.fields["where"].choices = [  # type: ignore[attr-defined]
            ("field", "Everywhere in userId, and in EventId.id, which is the user in older events"),
            ("event", "Everywhere in the event: every text that is exactly this"),
        ]


class RuleForm(WritingForm):
    """The whole rule: name, rows of conditions and actions, and what becomes of events that it makes invalid."""

    name = forms.CharField(max_length=MAX_NAME, help_text="What the rule is called in the list.")
    on_invalid = forms.ChoiceField(
        label="Events that it would make invalid", widget=forms.RadioSelect, choices=ON_INVALID, initial="refuse"
    )
    sensitive = forms.BooleanField(
        required=False,
        label="It may look into sensitive fields",
        help_text="Without this, conditions and replacements pass over fields that are masked. Only who may see their "
        "values can save it.",
    )
    conditions = forms.IntegerField(min_value=0, max_value=MAX_ROWS, widget=forms.HiddenInput)
    actions = forms.IntegerField(min_value=0, max_value=MAX_ROWS, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, rule: dict[str, Any] | None = None, version: int = 0) -> None:
        given = rule or {"name": "", "on_invalid": "refuse", "when": [], "then": []}
        when, then = max(1, len(given["when"])), max(1, len(given["then"]))
        shown = {"name": given["name"], "on_invalid": given["on_invalid"], "version": version}
        shown["sensitive"] = given.get("sensitive", False)
        super().__init__(data, initial={**shown, "conditions": when, "actions": then})
        self.when = _made(ConditionRow, data, "conditions", given["when"], when)
        self.then = _made(ActionRow, data, "actions", given["then"], then)
        if self.more:
            rows = self.when if self.data["more"] == "condition" else self.then
            rows[-1].fields["kind"].widget.attrs["autofocus"] = True

    @classmethod
    def shows(cls, rule: dict[str, Any]) -> bool:
        """Whether the form can show `rule` so that saving it unchanged gives the same rule."""
        shown = cls(rule=rule)
        rows = [
            (row, raw, kind(_posted(row), row.prefix or ""))
            for rows, given, kind in ((shown.when, rule["when"], ConditionRow), (shown.then, rule["then"], ActionRow))
            for row, raw in zip(rows, given, strict=False)
        ]
        return "\n" not in rule["name"] and all(again.is_valid() and again.as_json() == raw for _, raw, again in rows)

    def clean(self) -> dict[str, Any]:
        """Every row has to be right."""
        given = super().clean() or self.cleaned_data
        if not all([row.is_valid() for row in [*self.when, *self.then]]):  # noqa: C419 - each is to say what is wrong
            raise forms.ValidationError("Nothing was saved. Look at the marked conditions and actions.")
        if not any(row.cleaned_data.get("kind") for row in self.then):
            self.then[0].add_error("kind", "Choose what is to be done.")
            raise forms.ValidationError("Nothing was saved. A rule does something.")
        return given

    def rule(self) -> dict[str, Any]:
        """Return the rule of the rows."""
        return {
            "name": self.cleaned_data["name"],
            "when": [value for row in self.when if (value := row.as_json()) is not None],
            "then": [value for row in self.then if (value := row.as_json()) is not None],
            "on_invalid": self.cleaned_data["on_invalid"],
            **({"sensitive": True} if self.cleaned_data["sensitive"] else {}),
        }

    def place(self, problems: Iterable[str]) -> None:
        """Put each problem to its field, or to its row."""
        rows = {
            "condition": [row for row in self.when if row.cleaned_data.get("kind")],
            "action": [row for row in self.then if row.cleaned_data.get("kind")],
        }
        for problem in problems:
            found = _PLACE.fullmatch(problem)
            if found and found[1] and int(found[2]) <= len(rows[found[1]]):
                said = found[4] or "This is missing."
                rows[found[1]][int(found[2]) - 1].place(found[3] or "", "This is missing." if said == "." else said)
            elif found and found[3] == "name":
                self.add_error("name", found[4])
            else:
                self.add_error(None, problem.removeprefix("rule 1: "))
        if not self.non_field_errors():
            self.add_error(None, "Nothing was saved. Look at what is marked.")


class JsonForm(WritingForm):
    """The whole rule as JSON."""

    text = forms.CharField(strip=False, label="Rule as JSON", max_length=4 * 1024 * 1024, widget=forms.Textarea)

    def __init__(self, data: Any = None, rule: dict[str, Any] | None = None, version: int = 0) -> None:
        super().__init__(data, initial={"version": version, "text": dump_json(_without_id(rule or EXAMPLE))})
        self.problems: list[dict[str, str]] = []

    @property
    def typed(self) -> str:
        """What stands in the editor."""
        return str(self["text"].value() or "").replace("\r\n", "\n")

    def clean_text(self) -> Any:
        """Return the JSON object. Raises ValidationError with the place where it is none."""
        try:
            value = parse_json(self.cleaned_data["text"])
        except MalformedJson as error:
            raise forms.ValidationError(f"{error.message} {error.hint}".strip()) from None
        if not isinstance(value, dict):
            raise forms.ValidationError("A rule is a JSON object: {...}.")
        return value

    def rule(self) -> dict[str, Any]:
        """Return what stands there."""
        rule: dict[str, Any] = self.cleaned_data["text"]
        return rule

    def place(self, problems: Iterable[str]) -> None:
        """Keep each problem with its path in the JSON, for the editor."""
        for problem in problems:
            found = _PLACE.fullmatch(problem)
            if not found:
                self.problems.append({"path": "", "message": problem})
                continue
            row = f"{'when' if found[1] == 'condition' else 'then'}[{int(found[2]) - 1}]" if found[1] else ""
            message = "It is missing." if found[4] == "." else found[4]
            path = ".".join(part for part in (row, found[3]) if part)
            self.problems.append({"path": path, "message": message})
        self.add_error(None, "Nothing was saved. Each problem stands below the text.")


class FileForm(WritingForm):
    """A file of rules: ours, or an older importer's."""

    file = forms.FileField(
        label="File of rules",
        help_text="JSON: a rule set as it is downloaded here, or the replacement or enrichment file of the older "
        "importer, as it is.",
    )


class SaveForm(forms.Form):
    """Keep the rules as a rule set. `expected` is the number that the next version was said to have."""

    name = forms.CharField(
        max_length=100, label="Name of the set", widget=forms.TextInput(attrs={"list": "known-sets"})
    )
    note = forms.CharField(required=False, max_length=300, help_text="What is new in this version.")
    expected = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)

    def next_number(self) -> int:
        """Return the number of the version that would be made."""
        kept = RuleSet.objects.filter(name=self.cleaned_data["name"].replace("\0", "")).first()
        newest = kept.versions.first() if kept is not None else None
        return newest.number + 1 if newest is not None else 1


EXAMPLE: dict[str, Any] = {
    "name": "",
    "when": [],
    "then": [{"do": "replace", "path": "**.hostId", "from": "", "to": ""}],
    "on_invalid": "refuse",
}


def _without_id(rule: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in rule.items() if key != "id"}


def _moves(path: str, table: dict[str, str]) -> dict[str, Any]:
    if len(table) > 1:
        return {"do": "map", "path": path, "table": table, "otherwise": "keep"}
    [(old, new)] = table.items()
    return {"do": "replace", "path": path, "from": old, "to": new}


def _rows(data: Any, name: str, least: int, most: int) -> int:
    """How many rows were posted, and one more where the button asked for it."""
    if not data:
        return least
    try:
        number = int(data.get(name, ""))
    except ValueError:
        number = least
    wanted = {"conditions": "condition", "actions": "action", "rows": "pair"}[name]
    return min(max(number + int(data.get("more") == wanted), least), most)


def _made(kind: type[Row], data: Any, name: str, given: Sequence[dict[str, Any]], number: int) -> list[Any]:
    if data is not None:
        return [kind(data, f"{name}-{n}") for n in range(_rows(data, name, 1, MAX_ROWS))]
    return [kind(None, f"{name}-{n}", given[n] if n < len(given) else None) for n in range(number)]


def _posted(row: Row) -> dict[str, Any]:
    """What a browser would post of a row that nobody touched."""
    return {row.add_prefix(name): "" if value is None else str(value) for name, value in row.initial.items()}
