"""The forms of rule sets: the filter over their list, the rules of a version, and whom a set is meant for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Q, QuerySet

from promotion.domain.json_text import MalformedJson
from promotion.domain.rewrite import RuleFile, check_keepable, read_rules
from promotion.domain.rewrite.rule_file import MAX_BYTES
from promotion.errors import InvalidInput
from promotion.forms.promotions import EnvironmentField
from promotion.forms.rule_places import Problem, placed
from promotion.models import Environment, RuleSet, RuleSetVersion

#: Of a faulty file, what is put into the editor to be mended there.
MOST_SHOWN = 512 * 1024


class PairForm(forms.Form):
    """The environments that a set is meant for; none is any."""

    source = EnvironmentField(label="For promotions from", required=False, empty_label="Any environment")
    target = EnvironmentField(label="to", required=False, empty_label="Any environment")

    def __init__(self, data: Mapping[str, Any] | None = None, **options: Any) -> None:
        super().__init__(data, **options)
        for side in ("source", "target"):
            self.fields[side].queryset = Environment.objects.all()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse a way from an environment to itself."""
        given = super().clean() or {}
        if given.get("source") is not None and given.get("source") == given.get("target"):
            self.add_error("target", "Source and target are the same environment.")
        return given


class RuleSetFilter(PairForm):
    """What the list shows, from the URL; what is not valid there does not restrict."""

    q = forms.CharField(required=False, max_length=100, label="Name or note", widget=forms.SearchInput)
    field_order = ("q", "source", "target")

    def restrict(self, versions: QuerySet[RuleSetVersion]) -> QuerySet[RuleSetVersion]:
        """Return the versions whose set fits."""
        self.is_valid()
        given = self.cleaned_data.get
        if text := given("q"):
            versions = versions.filter(Q(rule_set__name__icontains=text) | Q(note__icontains=text))
        sides = {f"rule_set__{side}": given(side) for side in ("source", "target") if given(side)}
        return versions.filter(**sides)


class VersionForm(forms.Form):
    """The rules of the next version, as text or as a file; the file wins.

    Cleaned, `rules` is the RuleFile. Where that cannot be, `problems` has what is wrong by its place in `text`, which
    is what was typed or what stood in the file.
    """

    rules = forms.CharField(required=False, strip=False, max_length=MAX_BYTES, widget=forms.Textarea)
    file = forms.FileField(
        required=False,
        label="Or from a file",
        help_text="One that was downloaded here, or replacements and enrichments of an older importer, as they are. "
        "It takes the place of the text above.",
    )
    note = forms.CharField(required=False, max_length=300, help_text="What this version is for, or what is new in it.")
    expected = forms.IntegerField(min_value=1, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, files: Any = None, **options: Any) -> None:
        super().__init__(data, files, **options)
        self.problems: list[Problem] = []
        self.text = str((self.data if self.is_bound else self.initial).get("rules", ""))

    def clean(self) -> dict[str, Any]:
        """Read the rules, once."""
        given = super().clean() or {}
        file: UploadedFile[Any] | None = given.get("file")
        if not self.errors:
            given["rules"] = self._read(given.get("rules") or "", file)
        return given

    def _read(self, typed: str, file: UploadedFile[Any] | None) -> RuleFile | None:
        content: str | bytes = typed.replace("\r\n", "\n") if file is None else file.read(MAX_BYTES + 1)
        name = "" if file is None else file.name or "a file"
        try:
            return self._some(read_rules(content, name))
        except InvalidInput as error:
            self._refuse(error, content)
            return None

    def _some(self, found: RuleFile) -> RuleFile:
        if not found.rules:
            raise InvalidInput("There is no rule to keep: write one, or choose a file.")
        check_keepable(found.rules)
        return found

    def _refuse(self, error: InvalidInput, content: str | bytes) -> None:
        if isinstance(content, bytes) and len(content) <= MOST_SHOWN:
            self.text = content.decode("utf-8-sig", "replace")
        if isinstance(error, MalformedJson) and not content.strip():
            error = InvalidInput("There is no rule to keep: write one, or choose a file.")
        self.problems, others = placed(error.problems, self.text)
        self.add_error(None, forms.ValidationError([str(error), *others]))


class CreateForm(PairForm, VersionForm):
    """A new set. A file that was downloaded here says itself how its set is called, and whom it is meant for."""

    name = forms.CharField(
        required=False, max_length=100, help_text="A few words: dev to sit, hosts and users. A file may say it itself."
    )

    def __init__(self, data: Any = None, files: Any = None) -> None:
        VersionForm.__init__(self, data, files, initial={"expected": 1})
        for side in ("source", "target"):
            self.fields[side].queryset = Environment.objects.all()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Complete what is not given from the file; a set of that name must not be there."""
        given = super().clean()
        rules: RuleFile | None = given.get("rules") or None
        origin = rules.origin if rules is not None else None
        if origin is not None:
            given["name"] = given.get("name") or origin.name
            if not given.get("source") and not given.get("target"):
                given["source"], given["target"] = _environment(origin.source), _environment(origin.target)
        self._check_name(given.get("name") or "")
        return given

    def _check_name(self, name: str) -> None:
        if not name and "name" not in self.errors:
            self.add_error("name", "A rule set needs a name: say in a few words what it is for.")
        elif RuleSet.objects.filter(name=name).exists():
            self.add_error("name", "There is a rule set of this name. Open it to save another version of it.")


def _environment(name: str | None) -> Environment | None:
    return Environment.objects.filter(name=name).first() if name else None
