"""What stands ready when a test about plans begins: targets of its own, exported promotions, people, outside producers.

All of it is made by the command line and by plain clients; what a test is about it does in the browser.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from portal_admin.embedded.stack import Cluster
from promotion.domain.connection import KafkaConnection
from promotion.management.demo import seed
from tests.browser.consumer import Registry, Seen, read_all
from tests.processes import CommandFailed, Console
from tests.services import unique

JOB_MS = 60_000
PORTAL = "net.lightapi.portal"
Position = tuple[int, int]


def add_target(console: Console, cluster: Cluster, *, protected: bool = False) -> str:
    """Make an environment with an empty topic beside sit's, which nothing else goes to; return its name."""
    name = unique("own")
    topic = f"portal-event-{name}"
    place = {"bootstrap_servers": cluster.bootstrap_servers, "registry_url": cluster.registry_url, "topic": topic}
    seed.make_topic(KafkaConnection(cluster.bootstrap_servers), topic)
    settings = {**place, "source": False, "target": True, "order": 90, "protected": protected}
    file = console.directory / f"{name}.toml"
    rows = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    file.write_text(f"[environments.{name}]\n{rows}")
    console.manage("environments", "load", str(file), "--as=admin", "--untested")
    console.environments[name] = place
    return name


def add_person(console: Console, name: str, *groups: str) -> str:
    """Make an account in `groups`; return the role under which `open_page` finds it."""
    if name not in console.accounts:
        password = f"a password of {name}"
        code = (
            "from django.contrib.auth.models import Group, User; "
            f"user = User.objects.create_user({name!r}, password={password!r}); "
            f"user.groups.set(Group.objects.filter(name__in={list(groups)!r}))"
        )
        console.manage("shell", "--no-imports", "-v0", "-c", code)
        console.accounts[name] = {"username": name, "password": password}
    return name


@dataclass
class Exported:
    """A promotion whose export has ended."""

    console: Console
    number: int

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """What goes out as a download has it, in the order of replay; `file` has it too then."""
        self.console.manage("promotion", "download", str(self.number), f"--out={self.file}")
        return [json.loads(line) for line in self.file.read_text().splitlines()[1:]]

    @property
    def file(self) -> Path:
        return self.console.directory / f"events-{self.number}.jsonl"

    @property
    def url(self) -> str:
        return f"/promotions/{self.number}/"

    def url_of(self, event: dict[str, Any]) -> str:
        """The list of events from this one on."""
        return f"{self.url}events/?partition={event['partition']}&offset={event['offset']}"


def export(
    console: Console, title: str, target: str, *types: str, source: str = "dev", owner: str = "manager"
) -> Exported:
    """Make a promotion of the events of `types`, such as `role.RoleCreatedEvent`, and export it."""
    wanted = [f"--type={PORTAL}.{name}" for name in types]
    made = console.manage(
        "promotion", "create", f"--source={source}", f"--target={target}", f"--title={title}", *wanted, f"--as={owner}"
    )
    console.manage("promotion", "export", str(made["id"]), f"--as={owner}", "--wait")
    return Exported(console, made["id"])


def edit(promotion: Exported, event: dict[str, Any], who: str = "manager", **fields: Any) -> None:
    """Change fields of an event of `promotion.events` by uploading its line."""
    file = promotion.console.directory / f"edited-{promotion.number}.jsonl"
    manifest = promotion.file.read_text().splitlines()[0]
    changed = {**event, "value": {**event["value"], **fields}}
    file.write_text(f"{manifest}\n{json.dumps(changed)}\n")
    promotion.console.manage("promotion", "upload", str(promotion.number), f"--file={file}", f"--as={who}")


def replay(promotion: Exported) -> None:
    """Plan and replay to a target that is not protected, and wait for its end."""
    promotion.console.manage("promotion", "replay", str(promotion.number), "--as=manager", "--wait")


def bring(promotion: Exported) -> None:
    """Have its events on the target: a plan is refused where an earlier test brought all of them."""
    with suppress(CommandFailed):
        replay(promotion)


def records(console: Console, environment: str) -> list[Seen]:
    """Every committed record of an environment's topic, read by a client of its own."""
    place = console.environments[environment]
    return read_all(place["bootstrap_servers"], place["topic"])[0]


def registry(console: Console, environment: str) -> Registry:
    return Registry(console.environments[environment]["registry_url"])


def make_plan(page: Page, promotion: Exported) -> None:
    """Go to the plan by the promotion's page and make it with the choices that are proposed."""
    page.goto(promotion.url)
    page.locator("main .card").get_by_role("link", name="Make the plan").click()
    page.get_by_role("button", name="Make the plan").click()


def expect_plan(page: Page, heading: str) -> None:
    """Wait until a worker has made the plan and the page says how it stands, without a reload."""
    expect(page.get_by_role("heading", name=heading)).to_be_visible(timeout=JOB_MS)


def start_replay(page: Page, count: int, target: str) -> None:
    """From a plan that is ready: to the page of the replay, start it, and wait for its end."""
    page.locator("main .card").get_by_role("link", name=f"Replay {said(count)} to {target}").click()
    if page.get_by_label(f"Type {target} to confirm").count():
        page.get_by_label(f"Type {target} to confirm").fill(target)
    page.get_by_role("button", name=f"Replay {said(count)} to {target}").click()
    # Of originals the next thing to do is said as soon as they are verified.
    done = re.compile(f"(Done: replayed to|Next: amend on) {re.escape(target)}")
    expect(page.get_by_role("heading", name=done)).to_be_visible(timeout=JOB_MS)


def said(count: int) -> str:
    return f"{count:,} event{'' if count == 1 else 's'}"


def by_position(seen: Iterable[Seen]) -> dict[Position, Seen]:
    return {record.position: record for record in seen}
