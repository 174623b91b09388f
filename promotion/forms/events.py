"""The filter bar over the events of a promotion, and the forms that change them."""

from __future__ import annotations

from functools import cache
from typing import Any

from django import forms
from django.db.models import Exists, OuterRef

from promotion.models import Event, EventType, Promotion
from promotion.models.event import MOST_IDS, STATES, EventFilter

ANY = ("", "Any")
STATE_CHOICES = [ANY, *((state, state.capitalize()) for state in STATES)]


def types_of(promotion: Promotion) -> list[tuple[str, str]]:
    """Return the types of the events of `promotion` as choices of a filter, with Any in front."""
    used = Event.objects.filter(promotion=promotion, event_type=OuterRef("pk"))
    names = EventType.objects.filter(Exists(used)).order_by("full_name").values_list("full_name", flat=True)
    return [ANY, *((name, name.rpartition(".")[2]) for name in names)]


class EventFilterForm(forms.Form):
    """What the list shows, from the URL: a view can be shared."""

    text = forms.CharField(
        required=False,
        max_length=200,
        label="Text anywhere",
        widget=forms.SearchInput(attrs={"data-shortcut": "/"}),
    )
    type = forms.ChoiceField(required=False, label="Type", choices=[ANY])
    host = forms.CharField(required=False, max_length=200, label="Host")
    user = forms.CharField(required=False, max_length=200, label="User")
    field = forms.CharField(
        required=False,
        max_length=500,
        label="Field equals",
        help_text="A path, = and a value: apiId = petstore, or EventId.nonce = 5.",
    )
    state = forms.ChoiceField(required=False, label="State", choices=STATE_CHOICES)
    partition = forms.IntegerField(required=False, min_value=0, max_value=2**31 - 1, label="Partition")
    offset = forms.IntegerField(required=False, min_value=0, max_value=2**63 - 1, label="From offset")

    def __init__(self, data: Any, promotion: Promotion) -> None:
        super().__init__(data)
        # Asked for when shown or checked only, and then once.
        self.fields["type"].choices = cache(lambda: types_of(promotion))  # type: ignore[attr-defined]

    def clean_field(self) -> tuple[str, str]:
        """Split `path = value`; both empty where nothing was asked."""
        text: str = self.cleaned_data["field"]
        if not text:
            return "", ""
        path, equals, value = text.partition("=")
        if not equals or not path.strip():
            raise forms.ValidationError("Write a path, = and a value, for example: apiId = petstore.")
        return path.strip(), value.strip()

    def wanted(self) -> EventFilter | None:
        """Return what to show, None where the form is not valid."""
        if not self.is_valid():
            return None
        given = self.cleaned_data
        path, value = given["field"]
        return EventFilter(
            type_name=given["type"],
            host=given["host"],
            user=given["user"],
            text=given["text"],
            path=path,
            value=value,
            states=frozenset([given["state"]] if given["state"] else []),
            partition=given["partition"],
            offset=given["offset"],
        )


class EditForm(forms.Form):
    """The editor's text, and the version of the event that it was made from."""

    outgoing = forms.CharField(
        strip=False,
        label="Outgoing event",
        max_length=4 * 1024 * 1024,
        widget=forms.Textarea,
        error_messages={"required": "The text is empty. To keep the event from going out, exclude it."},
    )
    version = forms.IntegerField(min_value=0)

    def clean_outgoing(self) -> str:
        """Undo what browsers do to line ends."""
        return str(self.cleaned_data["outgoing"]).replace("\r\n", "\n")


class VersionForm(forms.Form):
    """The version of the event that a button was shown for."""

    version = forms.IntegerField(min_value=0)


class IdsField(forms.Field):
    """Ids of rows: ticked ones, a value each, or many in one value with commas between."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> list[int]:
        """Return the ids. Raises ValidationError for anything that is none, and for too many."""
        parts = [part for each in value or [] for part in str(each).split(",") if part]
        if len(parts) > MOST_IDS or not all(part.isdecimal() and part.isascii() and len(part) < 19 for part in parts):
            raise forms.ValidationError("These are not events of a list.")
        return [int(part) for part in parts]


class SelectForm(forms.Form):
    """Which events, and whether they are to go out: chosen rows, or all that match the filter `query`.

    `count` is how many would change when the button was shown: another number now is said, not acted upon.
    """

    action = forms.ChoiceField(choices=[("exclude", "Exclude"), ("include", "Include")])
    event = IdsField(required=False)
    everything = forms.BooleanField(required=False)
    count = forms.IntegerField(required=False, min_value=0)
    query = forms.CharField(required=False, max_length=8_000)

    def clean(self) -> dict[str, Any]:
        """Everything needs the number that was confirmed."""
        given = super().clean() or {}
        if given.get("everything") and given.get("count") is None:
            raise forms.ValidationError("Say how many events are to be changed.")
        return given
