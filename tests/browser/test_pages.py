"""Every page of the console: readable by everybody, in light and dark, and on a phone."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable

import pytest
from django.urls import resolve
from playwright.sync_api import Page

from portal_admin.embedded.stack import Cluster
from tests.browser.axe import violations_in_both_modes
from tests.browser.conftest import OpenPage
from tests.browser.stage import add_target, export, replay
from tests.processes import Console
from tests.test_roles import ROWS

ROLE = "net.lightapi.portal.role.RoleCreatedEvent"
#: Path -> the role that looks at it; {id} and {event} are those of a promotion whose export has ended. {refused} has
#: two plans that are refused, and {plan} is the older one; {submitted} has one that waits for approval, {replayed} a
#: receipt.
PAGES = {
    "/accounts/login/": None,
    "/": "manager",
    "/drift/dev/sit/": "manager",
    "/promotions/": "manager",
    "/promotions/new/": "manager",
    "/promotions/new/?again={replayed}": "manager",
    "/promotions/import/": "manager",
    "/promotions/{draft}/": "manager",
    "/promotions/{id}/": "manager",
    "/promotions/{id}/events/?state=outgoing": "manager",
    "/promotions/{id}/events/select/?action=exclude": "manager",
    "/promotions/{id}/events/{event}/": "manager",
    "/promotions/{id}/events/together/": "manager",
    "/promotions/{id}/rules/": "manager",
    "/promotions/{id}/rules/new/?as=host": "manager",
    "/promotions/{id}/rules/file/": "manager",
    "/promotions/{replayed}/amend/": "manager",
    "/promotions/{replayed}/story/": "manager",
    "/promotions/{id}/things/": "manager",
    "/promotions/{id}/things/?kind=Role": "manager",
    "/promotions/{id}/download/": "manager",
    "/promotions/{id}/uploads/new/": "manager",
    "/promotions/{draft}/plan/": "manager",
    "/promotions/{id}/plan/?mode=batches": "manager",
    "/promotions/{id}/replay/": "manager",
    "/promotions/{id}/receipt/": "manager",
    "/promotions/{refused}/": "manager",
    "/promotions/{refused}/plan/": "manager",
    "/promotions/{refused}/plan/?show=refused": "manager",
    "/promotions/{refused}/plan/{plan}/": "manager",
    "/promotions/{refused}/plan/compare/": "manager",
    "/promotions/{refused}/replay/": "manager",
    "/promotions/{submitted}/": "manager",
    "/promotions/{submitted}/plan/": "approver",
    "/promotions/{submitted}/plan/?verdict=new": "manager",
    "/promotions/{submitted}/replay/": "manager",
    "/promotions/{replayed}/": "manager",
    "/promotions/{replayed}/plan/": "manager",
    "/promotions/{replayed}/receipt/": "manager",
    "/approvals/": "approver",
    "/approvals/?mine": "manager",
    "/event-types/?decision=undecided": "curator",
    f"/event-types/{ROLE}/": "curator",
    "/rule-sets/": "manager",
    "/rule-sets/new/": "manager",
    "/rule-sets/{rule_set}/": "manager",
    "/rule-sets/{rule_set}/?version=1": "viewer",
    "/rule-sets/{rule_set}/edit/": "manager",
    "/environments/": "admin",
    "/environments/new/": "admin",
    "/environments/sit/": "admin",
    "/environments/sit/edit/": "admin",
    "/environments/sit/schemas/": "admin",
    "/environments/sit/schemas/{schema}/": "admin",
    "/webhooks/": "curator",
    "/webhooks/new/": "curator",
    "/audit/": "viewer",
    "/environments/new/?forbidden": "viewer",
    "/nowhere/": "viewer",
    "/promotions/999999/": "viewer",
    "/accounts/password/": "viewer",
    "/admin/": "admin",
    "/admin/auth/user/": "admin",
    "/admin/auth/user/add/": "admin",
    "/admin/auth/user/1/change/": "admin",
    "/admin/auth/user/1/password/": "admin",
    "/admin/auth/group/": "admin",
    "/admin/auth/group/1/change/": "admin",
    "/admin/promotion/auditentry/": "admin",
    "/admin/promotion/eventtype/": "admin",
    "/admin/promotion/typedecision/": "admin",
}
#: Pages that are looked at by axe where they come about, in both modes, and what is a part of a page or a file.
ELSEWHERE = {
    "promotion:events_count",
    "promotion:event_raw",
    "promotion:environment_draft",
    "promotion:histogram",
    "promotion:plan_count",
    "promotion:rule_edit",
    "promotion:rule_set_download",
    "promotion:rules_apply",
    "promotion:rules_save",
    "promotion:upload_report",
}


def test_every_page_is_among_them() -> None:
    names = {
        resolve(re.sub(r"\{(\w+)\}", number, path.split("?")[0])).view_name for path in PAGES if "nowhere" not in path
    }
    pages = {row.name for row in ROWS if 200 in row.get and row.name.startswith("promotion:")}
    assert pages - names - ELSEWHERE == set()
    assert ELSEWHERE & names == set()


def number(found: re.Match[str]) -> str:
    """What stands for an id in a path."""
    return str(uuid.UUID(int=0)) if found[1] == "plan" else "1"


@pytest.fixture(scope="module")
def path_of(console: Console, clusters: dict[str, Cluster]) -> Callable[[str], str]:
    """Fills in the ids of a path."""
    roles = "role.RoleCreatedEvent"
    own, guarded = add_target(console, clusters["sit"]), add_target(console, clusters["sit"], protected=True)
    made = console.manage("promotion", "create", "--source=dev", "--target=sit", "--title=Pages", "--as=manager")
    exported, refused = export(console, "Pages", "sit", roles), export(console, "Refused", own, "role.RoleUpdatedEvent")
    submitted, replayed = export(console, "Submitted", guarded, roles), export(console, "Replayed", own, roles)
    plan, _ = (
        console.manage("promotion", "plan", str(refused.number), "--as=manager", exit_code=3)["plan"] for _ in range(2)
    )
    console.manage("promotion", "plan", str(submitted.number), "--as=manager")
    console.manage("promotion", "submit", str(submitted.number), "--reason=It was tested.", "--as=manager")
    replay(replayed)
    given = console.manage("environments", "schemas", "sit", "--from-project", "--list", "--as=admin")
    schema = given["list"][0]["row"]
    console.manage("promotion", "verify", str(replayed.number))
    first = f"from promotion.models import Event; print(Event.objects.filter(promotion={exported.number}).first().pk)"
    event = str(console.manage("shell", "--no-imports", "-v0", "-c", first))
    rule_set = two_versions(console)
    looked = "from promotion.actions import drift, survey; survey.survey_all(); drift.drift_all()"
    console.manage("shell", "--no-imports", "-v0", "-c", looked)
    numbers = {
        "rule_set": rule_set,
        "schema": schema,
        "refused": refused.number,
        "submitted": submitted.number,
        "replayed": replayed.number,
    }
    return lambda path: path.format(id=exported.number, draft=made["id"], event=event, plan=plan, **numbers)


def two_versions(console: Console) -> str:
    """Make a rule set of two versions for dev to sit; return its number."""
    file = console.directory / "rules.json"
    for host in ("sit.example", "a-host-of-sit-with-a-long-name.example"):
        then = [{"do": "replace", "path": "**.hostId", "from": "dev.example", "to": host}, {"do": "include"}]
        file.write_text(json.dumps([{"name": "Hosts of dev become hosts of sit", "then": then}]))
        options = ("--name=Pages", f"--file={file}", "--source=dev", "--target=sit", "--note=For the pages.")
        console.manage("rule_sets", "save", *options, "--as=manager")
    number = "from promotion.models import RuleSet; print(RuleSet.objects.get(name='Pages').pk)"
    return str(console.manage("shell", "--no-imports", "-v0", "-c", number))


@pytest.mark.parametrize("role", [None, *sorted({role for role in PAGES.values() if role})])
def test_no_page_violates_wcag_in_either_mode_or_is_wider_than_a_phone(
    open_page: OpenPage, path_of: Callable[[str], str], role: str | None
) -> None:
    paths = [path_of(path) for path, viewed_by in PAGES.items() if viewed_by == role]
    page = open_page(role, paths[0])
    found = {path: found for path in paths if (found := faults(page, path))}
    assert found == {}


def faults(page: Page, path: str) -> list[str]:
    """What axe-core finds on a page, and how much wider than a phone it is."""
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(path)
    found = violations_in_both_modes(page, sheets=not path.startswith("/admin/"))
    if page.locator("h1").count() != 1:
        found.append("not one h1")
    page.set_viewport_size({"width": 360, "height": 740})
    width = page.evaluate("document.documentElement.scrollWidth")
    if width > 360:
        found.append(f"{width} px wide on a phone of 360 px")
    cut = page.locator("table.cards").evaluate_all(
        "tables => tables.filter(t => t.scrollWidth > t.parentElement.clientWidth)"
    )
    return [*found, *("a table of cards is wider than its place" for _ in cut)]
