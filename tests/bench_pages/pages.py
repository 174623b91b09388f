"""Every page of the console with arguments that stand for what people ask of it, and how long each may take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from promotion.models import EventType, Promotion
from tests.bench_pages import events

PAGE_MS, TEXT_MS = 200, 2_000
#: Beside these a page may take its time: what is loaded a moment later, and what is downloaded.
LATER_MS = 20_000


@dataclass(frozen=True, slots=True)
class Page:
    """What is asked for. `htmx`: as a part of a page that is there already."""

    name: str
    path: str
    most_ms: int = PAGE_MS
    htmx: bool = False


def pages(promotion: Promotion) -> list[Page]:
    """All of them: the console's own, those of the large promotion, and its events through every filter."""
    return [*_console(), *_promotion(promotion), *_plan(promotion), *_events(promotion), *_counts(promotion)]


def _console() -> Iterator[Page]:
    kind = events.types()[0].full_name
    yield Page("home", reverse("promotion:home"))
    yield Page("promotions", reverse("promotion:promotions"))
    yield Page("promotions of a state", _at("promotions", state="exported"))
    yield Page("promotions with a text", _at("promotions", text="Release 12"))
    yield Page("new promotion", reverse("promotion:promotion_create"))
    yield Page("import", reverse("promotion:import"))
    yield Page("approvals", reverse("promotion:approvals"))
    yield Page("event types", reverse("promotion:event_types"))
    yield Page("event types with a text", _at("event_types", text="Role"))
    yield Page("event type", reverse("promotion:event_type", args=[kind]))
    yield Page("rule sets", reverse("promotion:rule_sets"))
    yield Page("new rule set", reverse("promotion:rule_set_create"))
    yield Page("environments", reverse("promotion:environments"))
    yield Page("new environment", reverse("promotion:environment_create"))
    yield Page("environment", reverse("promotion:environment", args=["sit"]))
    yield Page("environment's schemas", reverse("promotion:environment_schemas", args=["sit"]))
    yield Page("audit", reverse("promotion:audit"))
    yield Page("audit of a verb", _at("audit", verb="edit"))
    yield Page("audit with a text", _at("audit", text="nothing of it"))


def _promotion(promotion: Promotion) -> Iterator[Page]:
    number = [promotion.pk]
    upload = promotion.uploads.latest("pk")
    yield Page("promotion", reverse("promotion:promotion", args=number))
    yield Page("its progress", reverse("promotion:progress", args=number), htmx=True)
    yield Page("pick by thing", reverse("promotion:things", args=number))
    kind = EventType.objects.get(
        pk=promotion.events.filter(event_type__isnull=False).values("event_type")[:1]
    ).aggregate
    yield Page("things of a kind", _at("things", *number, kind=kind))
    yield Page("things with a text", _at("things", *number, kind=kind, text=events.uuid_of(5, "own")))
    yield Page("rules", reverse("promotion:rules", args=number))
    yield Page("apply rules", reverse("promotion:rules_apply", args=number))
    yield Page("new rule", reverse("promotion:rule_add", args=number))
    yield Page("file of rules", reverse("promotion:rules_file", args=number))
    yield Page("download", reverse("promotion:download", args=number))
    yield Page("upload", reverse("promotion:upload", args=number))
    yield Page("upload's report", reverse("promotion:upload_report", args=[promotion.pk, upload.pk]))
    yield Page("upload's report, unchanged", _at("upload_report", promotion.pk, upload.pk, verdict="unchanged"))
    yield Page("receipt", reverse("promotion:receipt", args=number))
    yield Page(
        "receipt, the end", _at("receipt", *number, **{"from": promotion.plans.latest("created_at").steps_count - 50})
    )
    yield Page("proof", reverse("promotion:verify", args=number), htmx=True)


def _plan(promotion: Promotion) -> Iterator[Page]:
    number = promotion.pk
    plan = promotion.plans.latest("created_at")
    last = plan.counts.get("new", 0) + plan.counts.get("changed", 0) + plan.counts.get("same", 0) - 1
    yield Page("plan", reverse("promotion:plan", args=[number]))
    yield Page("plan, exact number", _at("plan_count", number, plan.pk, show="stays"), LATER_MS, htmx=True)
    yield Page("plan's steps", reverse("promotion:plan_steps", args=[number]), htmx=True)
    shown: list[dict[str, object]] = [
        {"verdict": "same"}, {"verdict": "conflict"}, {"show": "going"}, {"show": "stays"}, {"show": "refused"},
        {"show": "forced"}, {"text": "role-77"}, {"text": "nothing of it"}, {"after": last - 30},
    ]  # fmt: skip
    for given in shown:
        most = TEXT_MS if "text" in given else PAGE_MS
        yield Page(f"plan's steps, {_said(given)}", _at("plan_steps", number, **given), most, htmx=True)


def _events(promotion: Promotion) -> Iterator[Page]:
    number = promotion.pk
    for name, given in filters(promotion):
        most = TEXT_MS if "text" in given else PAGE_MS
        yield Page(f"events, {name}", _at("events", number, **given), most)
        yield Page(f"events, {name}, rows", _at("events", number, **given), most, htmx=True)
    middle = promotion.events.in_order()[promotion.events.count() // 2]
    late = promotion.events.in_order().last()
    for name, row in (("in the middle", middle), ("the last", late)):
        if row is not None:
            place = f"{row.merge_timestamp}.{row.partition}.{row.offset}"
            yield Page(f"events before one {name}", _at("events", number, before=place))
            yield Page(f"events after one {name}", _at("events", number, after=place))
            yield Page(f"event {name}", reverse("promotion:event", args=[number, row.pk]))
            yield Page(f"event {name}, of a late host", f"{row.get_absolute_url()}?host={events.LATE_HOST}")
    for action in ("exclude", "include"):
        yield Page(f"{action} all?", _at("events_select", number, action=action))
        yield Page(f"{action} all of a host?", _at("events_select", number, action=action, host=events.LATE_HOST))


def filters(promotion: Promotion) -> list[tuple[str, dict[str, str]]]:
    """Each filter of the list of events: what is common, what is rare, what is nowhere, what is all at the end."""
    used = promotion.events.counts_by_type()
    names = dict(EventType.objects.filter(pk__in=used).values_list("pk", "full_name"))
    by_number = sorted(used, key=lambda pk: -used[pk])
    common, rare = names[by_number[0]], names[by_number[-1]]
    host, user = events.uuid_of(0, "host"), "person-00001@x.example"
    once = events.uuid_of(promotion.events.count() // 2, "other")
    found: list[tuple[str, dict[str, str]]] = [
        ("all", {}),
        ("a common type", {"type": common}),
        ("a rare type", {"type": rare}),
        ("a common host", {"host": host}),
        ("a host at the end", {"host": events.LATE_HOST}),
        ("no such host", {"host": "nobody"}),
        ("a common user", {"user": user}),
        ("a user at the end", {"user": events.LATE_USER}),
        ("no such user", {"user": "nobody"}),
        ("a common value", {"field": f"EventId.id = {user}"}),
        ("a value at the end", {"field": f"EventId.id = {events.LATE_USER}"}),
        ("a number", {"field": "EventId.nonce = 77"}),
        ("a value that occurs once", {"field": f"attributeValue = {once}"}),
        ("no such value", {"field": "apiId = nothing"}),
        ("no such field", {"field": "nothing.of.it = 5"}),
        *((f"state {each}", {"state": each}) for each in ("edited", "rules", "excluded", "quarantined", "outgoing")),
        ("a partition", {"partition": "3"}),
        ("no such partition", {"partition": "99"}),
        ("from an offset", {"offset": str(promotion.events.count() // 10)}),
        ("a partition from an offset", {"partition": "2", "offset": str(promotion.events.count() // 7)}),
        ("text, common", {"text": "customer"}),
        ("text, in every event", {"text": "EventId"}),
        ("text, at the end", {"text": "person-late0"}),
        ("text, once", {"text": once}),
        ("text, a part of an id", {"text": once[9:18]}),
        ("text, nowhere", {"text": "nothing of it"}),
        ("text, nowhere, of common words", {"text": "payment payment payment payment payment"}),
        ("text, two characters", {"text": "zq"}),
        ("text, no ASCII", {"text": "früh"}),
        ("a type and a host at the end", {"type": common, "host": events.LATE_HOST}),
        ("a host and a user that never meet", {"host": host, "user": events.LATE_USER}),
        ("a type and a text", {"type": rare, "text": "customer"}),
        ("a host and a text nowhere", {"host": events.LATE_HOST, "text": "nothing of it"}),
        ("a host, excluded", {"host": host, "state": "excluded"}),
        ("a value and a state", {"field": f"EventId.id = {user}", "state": "edited"}),
    ]  # fmt: skip
    return found


def _counts(promotion: Promotion) -> Iterator[Page]:
    for name, given in filters(promotion):
        yield Page(f"exact number, {name}", _at("events_count", promotion.pk, **given), LATER_MS, htmx=True)


def _at(view: str, *arguments: object, **query: object) -> str:
    return (
        f"{reverse(f'promotion:{view}', args=arguments)}?{urlencode(query)}"
        if query
        else reverse(f"promotion:{view}", args=arguments)
    )


def _said(given: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in given.items())
