"""Where it was measured: the machine and the versions of what took part."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import confluent_kafka
import django
import rq
from django.db import connection

from portal_admin.embedded import downloads
from tests.bench.kcat.peers import Kcat


def machine() -> str:
    """Cores, model, memory."""
    models = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    total = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    model = models[0] if models else platform.processor() or platform.machine()
    return f"{os.cpu_count()} cores ({model}), {total / 1024**2:.0f} GB of memory, {platform.system()}"


def load() -> str:
    """How many processes wanted to run, in the last minute and the last quarter of an hour."""
    one, _, fifteen = os.getloadavg()
    return f"{one:.1f} in the last minute, {fifteen:.1f} in the last fifteen"


def versions(kcat: Kcat | None, jq: str | None) -> str:
    """Of everything that takes time."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        postgres = cursor.fetchone()[0].split()[0]
    found = {
        "Python": platform.python_version(),
        "Django": django.get_version(),
        "RQ": rq.__version__,
        "confluent-kafka": f"{version('confluent-kafka')} (librdkafka {confluent_kafka.libversion()[0]})",
        "PostgreSQL": postgres,
        "Kafka": _kafka(),
        "kcat": "not installed" if kcat is None else _short(kcat.version),
        "jq": "not installed" if jq is None else _said([jq, "--version"]).removeprefix("jq-"),
    }
    return ", ".join(f"{name} {number}" for name, number in found.items())


def _short(said: str) -> str:
    """Of what kcat says its version, and that of the library that it is built with."""
    own, _, rest = said.removeprefix("Version ").partition(" (")
    _, found, library = rest.partition("librdkafka ")
    return f"{own} (librdkafka {library.split()[0]})" if found else own


def _kafka() -> str:
    jars = downloads.provide("kafka").glob("kafka-clients-*.jar")
    return next((jar.stem.removeprefix("kafka-clients-") for jar in jars), "of an unknown version")


def _lines(file: str) -> list[str]:
    try:
        return Path(file).read_text().splitlines()
    except OSError:
        return []


def _said(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
