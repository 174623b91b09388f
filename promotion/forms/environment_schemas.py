"""The forms of an environment's schemas: files that give them, a filter, and the ids of the rows that are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms

from promotion.domain.given_schemas import MAX_ID
from promotion.domain.schema_files import MAX_BYTES, MAX_FILES
from promotion.models import EnvironmentSchema


class ManyFiles(forms.ClearableFileInput):
    """A file input that takes several."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files; cleaned, a list of them."""

    widget = ManyFiles

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        """Check each as a file; none at all are an empty list."""
        given = data if isinstance(data, list | tuple) else [data]
        return [file for each in given if (file := super(FilesField, self).clean(each, initial))]


class SchemaFilesForm(forms.Form):
    """Files with schemas and ids, and whether the project's own schemas are taken too."""

    schemas = FilesField(
        required=False,
        allow_empty_file=True,
        max_length=200,
        label="Files",
        help_text="One .avsc a schema, an object of full names and ids as .json, or a registry's export as .json. "
        f"At most {MAX_FILES:,} files and {MAX_BYTES // 1024**2} MB.",
        widget=ManyFiles(attrs={"accept": ".avsc,.json"}),
    )
    project = forms.BooleanField(
        required=False,
        label="Take all schemas of this console's own catalogue",
        help_text="They come without ids: that is enough for events from files and for encoding them. Records are "
        "read and written only where ids are given too.",
    )

    def clean(self) -> dict[str, Any]:
        """Something has to be given."""
        given = super().clean() or {}
        if not self.errors and not given.get("schemas") and not given.get("project"):
            self.add_error("schemas", "Choose files, or take the catalogue's.")
        return given


class SchemaFilter(forms.Form):
    """Which of an environment's schemas are shown."""

    q = forms.CharField(required=False, max_length=200, label="Name", widget=forms.SearchInput)
    without = forms.BooleanField(required=False, label="Only those without an id")

    def clean_q(self) -> str:
        """Refuse what no name can hold, and no database either."""
        text = str(self.cleaned_data["q"])
        if "\0" in text:
            raise forms.ValidationError("The character U+0000 cannot be searched for.")
        return text


class SchemaIdsForm(forms.Form):
    """The ids of `rows`, one field each, and which of them are to be removed; `version` is the environment's."""

    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def __init__(
        self, data: Mapping[str, Any] | None, rows: Iterable[EnvironmentSchema], version: int | None = None
    ) -> None:
        super().__init__(data, initial={"version": version})
        self.rows = list(rows)
        for row in self.rows:
            name = row.schema.full_name
            self.fields[f"id_{row.pk}"] = forms.IntegerField(
                required=False,
                min_value=0,
                max_value=MAX_ID,
                initial=row.registry_id,
                label=f"Id of {name}",
                widget=forms.NumberInput(attrs={"aria-label": f"Id of {name}"}),
            )
            self.fields[f"remove_{row.pk}"] = forms.BooleanField(
                required=False,
                label=f"Remove {name}",
                widget=forms.CheckboxInput(attrs={"aria-label": f"Remove {name}"}),
            )

    @property
    def ids(self) -> dict[int, int | None]:
        """The ids that the rows are to have, None for none."""
        return {row.pk: self.cleaned_data[f"id_{row.pk}"] for row in self.rows}

    @property
    def gone(self) -> set[int]:
        """The rows that are to be removed."""
        return {row.pk for row in self.rows if self.cleaned_data[f"remove_{row.pk}"]}
