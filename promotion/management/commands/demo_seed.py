"""`manage.py demo_seed`: fill the demo. Started by `manage.py demo` once the services and the tables are there."""

import json
import os
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from promotion import jobs
from promotion.actions import curate, load_environments
from promotion.actions.environments import check_again
from promotion.domain.connection import KafkaConnection, RegistryConnection
from promotion.management.demo import seed
from promotion.management.demo.accounts import make_accounts
from promotion.models import Environment, EventType
from promotion.states import Category, Decision

#: Name -> what sets it apart from the defaults.
ENVIRONMENTS: dict[str, dict[str, Any]] = {
    "dev": {"order": 10, "color": "blue", "source": True, "target": False},
    "sit": {"order": 20, "color": "amber", "source": True, "target": True},
    "uat": {"order": 30, "color": "red", "source": True, "target": True, "protected": True, "approvers": 1},
}
#: Two clusters do for three environments: the last one is another topic beside sit's.
CLUSTERS = {"dev": "dev", "sit": "sit", "uat": "sit"}
DECISIONS = {Category.CONFIGURABLE: Decision.PROMOTABLE, Category.TRANSACTIONAL: Decision.NOT_PROMOTABLE}


class Command(BaseCommand):
    """Makes accounts, topics and environments, decides the types as the curator, and tells dev's story once."""

    help = "Fill the demo (idempotent). Prints one JSON document: accounts, environments, how many records were seeded."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take where passwords are kept, and whether events are wanted."""
        parser.add_argument("--dir", type=Path, required=True)
        parser.add_argument(
            "--topic", default=seed.TOPIC, help="The name of dev's and sit's topic; uat's adds its own."
        )
        parser.add_argument("--empty", action="store_true", help="No events: only accounts, environments, decisions.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it all, and print what the supervisor writes to the demo's ready file, and says."""
        clusters = json.loads(os.environ.get("PROMOTION_DEMO_CLUSTERS", "{}"))
        if not set(CLUSTERS.values()) <= set(clusters):
            raise CommandError("PROMOTION_DEMO_CLUSTERS is missing: start the demo with `make demo`.")
        accounts = make_accounts(options["dir"])
        environments = _make_environments(clusters, accounts, options["topic"])
        decide_proposed(User.objects.get(username=accounts["curator"]["username"]))
        seeded = 0 if options["empty"] else self._seed(environments)
        self.stdout.write(json.dumps({"accounts": accounts, "environments": environments, "seeded": seeded}))

    def _seed(self, environments: dict[str, dict[str, str]]) -> int:
        """Return how many records were produced: none where dev's topic has its story."""
        dev, sit = environments["dev"], environments["sit"]
        kafka = KafkaConnection(dev["bootstrap_servers"])
        if not seed.is_empty(kafka, dev["topic"]):
            return 0
        registries = [RegistryConnection(each["registry_url"]) for each in (dev, sit)]
        return seed.seed((kafka, registries[0]), registries[1], dev["topic"], int(time.time() * 1000))


def _make_environments(clusters: dict[str, Any], accounts: Any, topic: str) -> dict[str, dict[str, str]]:
    described = {}
    for name in ENVIRONMENTS:
        cluster = {key: clusters[CLUSTERS[name]][key] for key in ("bootstrap_servers", "registry_url")}
        described[name] = {**cluster, "topic": topic if CLUSTERS[name] == name else f"{topic}-{name}"}
        seed.make_topic(KafkaConnection(cluster["bootstrap_servers"]), described[name]["topic"])
    admin = User.objects.get(username=accounts["admin"]["username"])
    load_environments.load(
        admin, "".join(_table(name, {**ENVIRONMENTS[name], **described[name]}) for name in described)
    )
    for environment in Environment.objects.filter(checked_at__isnull=True):
        jobs.enqueue(check_again(admin, environment))
    return described


def _table(name: str, values: dict[str, Any]) -> str:
    # A JSON string, number or boolean is the same in TOML.
    return "".join([f"[environments.{name}]\n", *(f"{key} = {json.dumps(value)}\n" for key, value in values.items())])


def decide_proposed(curator: User) -> None:
    """Decide as `curator` what was proposed and nobody has decided; what is arguable stays undecided."""
    for category, decision in DECISIONS.items():
        names = EventType.objects.undecided().filter(category=category, in_catalogue=True)
        if chosen := list(names.values_list("full_name", flat=True)):
            curate.decide(curator, chosen, decision, "The demo's own decision: as proposed.")
