"""Every component on one page, for looking and for the accessibility check. Its URL exists outside production only."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from promotion.domain.diff import Difference, Kind
from promotion.domain.shown_difference import shown_differences
from promotion.errors import Refused
from promotion.models import Promotion, PromotionJob
from promotion.states import JobKind, JobState, PromotionState

ORIGINAL = """{
  "eventId": {
    "userId": "0197f2d1-35c8-7be0-8d0a-6f1f6ad1c001",
    "nonce": 9007199254740993,
    "timestamp": "2025-11-20T09:30:00Z"
  },
  "hostId": "01964b05-552a-7c4b-9184-6857e7f3dc5f",
  "apiId": "0100",
  "apiName": "Petstore",
  "apiDesc": "Pets <b>for</b> the demo",
  "tags": ["pets", "demo"],
  "active": true
}"""
LONG = " A sentence that says nothing." * 8
OUTGOING = ORIGINAL.replace('"Petstore"', '"Petstore (sit)"').replace('"demo"]', '"demo", 7]')


class SampleEnvironment(NamedTuple):
    """What the components read of an environment."""

    name: str
    color: str
    protected: bool = False


ENVIRONMENTS = [
    SampleEnvironment("dev", "blue"),
    SampleEnvironment("sit", "teal"),
    SampleEnvironment("uat", "amber"),
    SampleEnvironment("prod", "red", protected=True),
    SampleEnvironment("lab", "violet"),
    SampleEnvironment("play", "green"),
    SampleEnvironment("old", "grey"),
]


class SampleForm(forms.Form):
    """One field of each kind."""

    title = forms.CharField(help_text="Shown in the list of promotions.")
    topic = forms.CharField(initial="portal event")
    source = forms.ChoiceField(choices=[("dev", "dev"), ("sit", "sit")])
    tenancy = forms.ChoiceField(choices=[("multi", "Many hosts"), ("single", "One host")], widget=forms.RadioSelect)
    protected = forms.BooleanField(required=False, help_text="Replays need approval by somebody else.")
    note = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))

    def clean_topic(self) -> str:
        """Refuse a blank in the name, so that the gallery shows an error at its field."""
        raise forms.ValidationError("A topic's name has letters, digits, dots, dashes and underscores only.")


class SampleFilter(forms.Form):
    """A filter bar."""

    q = forms.CharField(required=False, label="Text or field value", widget=forms.SearchInput)
    type = forms.ChoiceField(
        required=False, label="Type", choices=[("", "Any"), ("ApiCreatedEvent", "Api created"), ("role", "Role")]
    )
    edited = forms.BooleanField(required=False, label="Edited only")


def gallery(request: HttpRequest) -> HttpResponse:
    """Show every component with sample values."""
    return render(request, "gallery.html", _samples(request))


def _samples(request: HttpRequest) -> dict[str, Any]:
    bound = SampleForm({"title": "", "topic": "portal event", "source": "dev", "tenancy": "multi"})
    refusal = Refused(
        "The replay to prod is refused.",
        "Mend these in the editor, then try again.",
        ["12 events have no key.", "The subject portal-event-value is absent in prod's registry."],
    )
    return {
        "environments": ENVIRONMENTS,
        "route": {"source": ENVIRONMENTS[0], "target": ENVIRONMENTS[3]},
        "states": [*PromotionState, *JobState, "verified", "stale", "quarantined", "excluded", "unheard_of"],
        "form": bound if "errors" in request.GET else SampleForm(initial={"tenancy": "multi"}),
        "bound": bound,
        "filter_form": SampleFilter(request.GET or None),
        "refusal": refusal,
        "moment": datetime(2025, 11, 24, 3, 7, 12, tzinfo=UTC),
        "steps": [
            {"label": "Export", "state": "done", "url": "#", "note": "4,812 events"},
            {"label": "Edit", "state": "current", "url": "#", "note": "3 edited, 1 excluded"},
            {"label": "Replay", "state": "todo", "note": "to sit"},
        ],
        "failed_steps": [
            {"label": "Export", "state": "done", "url": "#"},
            {"label": "Edit", "state": "done", "url": "#"},
            {"label": "Replay", "state": "failed", "url": "#"},
        ],
        "job": _job(),
        "facts": ["1,204 events/s", "2 min 05 s left", "0 errors"],
        "rows": [
            {"name": f"{aggregate}{action}Event", "host": "01964b05-552a-7c4b-9184-6857e7f3dc5f", "offset": offset}
            for offset, (aggregate, action) in enumerate(
                [("Api", "Created"), ("Role", "Updated"), ("Config", "Deleted"), ("<b>Bold</b>", "Created")], 1048576
            )
        ],
        "differences": shown_differences(
            [
                Difference("$.apiName", Kind.CHANGED, "Petstore", "Petstore (sit)"),
                Difference("$.apiDesc", Kind.CHANGED, f"{LONG}dogs{LONG}", f"{LONG}cats{LONG}"),
                Difference("$.tags[2]", Kind.ADDED, None, 7),
                Difference("$.owner.address", Kind.ADDED, None, {"street": "Main Street", "lines": ["<b>1</b>", "2"]}),
                Difference("$.apiOwner", Kind.REMOVED, "Pets", None),
            ]
        ),
        "original": ORIGINAL,
        "outgoing": OUTGOING,
        "problems": [{"path": "tags[2]", "message": "Expected a string, found a number."}],
    }


def _job() -> PromotionJob:
    """A replay on its way, which nobody does."""
    return PromotionJob(
        kind=JobKind.REPLAY,
        state=JobState.RUNNING,
        promotion=Promotion(pk=7, title="Sample"),
        phase="Replaying",
        done=1_204,
        total=4_812,
        octets=1_480_112,
        attempts=2,
        positions={"0": [600, 704, 1_600], "1": [400, 500, 2_400], "2": [0, 0, 812]},
    )
