"""The forms around files of events: which one to download, what was edited, what to do with the rest."""

from __future__ import annotations

from django import forms

from promotion.domain.files.items import Format

#: What each format is for, in one sentence.
PURPOSES = [
    (
        Format.JSONL.value,
        "JSON Lines (jsonl): one event a line behind a manifest, for editors, scripts and tools such as jq.",
    ),
    (
        Format.JSON.value,
        "JSON array (json): the same events as one JSON document, for programs that read only whole ones.",
    ),
    (
        Format.LINES.value,
        "Lines of the Kafka-era tools (lines): key, class name and JSON, for the older importers of Light Portal.",
    ),
    (
        Format.CLOUDEVENTS.value,
        "CloudEvents (cloudevents): a JSON array of CloudEvents 1.0, for Light Portal's newer importers.",
    ),
]
NAMES = [
    ("", "Recognise it"),
    (Format.JSONL.value, "JSON Lines (jsonl)"),
    (Format.JSON.value, "JSON array (json)"),
    (Format.LINES.value, "Lines of the Kafka-era tools (lines)"),
    (Format.CLOUDEVENTS.value, "CloudEvents (cloudevents)"),
]


class FormatField(forms.ChoiceField):
    """The format of a file that comes in; nothing chosen lets it be recognised from its beginning."""

    def __init__(self) -> None:
        super().__init__(required=False, label="Format", choices=NAMES)


class DownloadForm(forms.Form):
    """Which file to make of the outgoing events."""

    format = forms.ChoiceField(label="Format", choices=PURPOSES, initial=Format.JSONL.value, widget=forms.RadioSelect)
    plain = forms.BooleanField(
        required=False,
        label="Without union tags where that is unambiguous",
        help_text='"x" in place of {"string": "x"}: other tools expect it, and it is read back as the same value.',
    )
    all = forms.BooleanField(required=False, label="With the excluded events, marked as such")
    sensitive = forms.BooleanField(
        required=False,
        label="With the values of sensitive fields",
        help_text="The download is in the audit trail. Without them the file holds masks, which mean 'unchanged' when "
        "it is uploaded here again.",
    )


class UploadForm(forms.Form):
    """An edited file of outgoing events."""

    file = forms.FileField(
        label="Edited file", help_text="As downloaded here. Nothing is changed before you have seen what would be."
    )
    format = FormatField()


class ApplyForm(forms.Form):
    """What to do with outgoing events that the file does not mention."""

    missing = forms.ChoiceField(
        label="Outgoing events that the file does not mention",
        choices=[("keep", "Leave them as they are"), ("exclude", "Exclude them")],
        initial="keep",
        widget=forms.RadioSelect,
    )
