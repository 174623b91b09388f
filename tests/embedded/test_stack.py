"""The stack as developers start it: what it keeps after everything was killed, where it listens, as whom it runs."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import redis
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from portal_admin.embedded.errors import EmbeddedError
from portal_admin.embedded.stack import Addresses, Stack
from tests.embedded.processes import all_gone, descendants, wait_for

SCHEMA = json.dumps({"type": "record", "name": "Kept", "fields": [{"name": "id", "type": "string"}]})
AS_NOBODY = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    # Reading alone: the interpreter may lie in a home that is closed to others.
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
)


@dataclass
class Running:
    process: subprocess.Popen[str]
    addresses: Addresses

    def kill(self) -> None:
        """SIGKILL for the parent alone; returns when nothing of it is left."""
        pids = descendants(self.process.pid)
        assert pids
        self.process.kill()
        self.process.wait()
        wait_for(lambda: all_gone(pids), "the end of everything that the killed parent had started", 20)


@contextmanager
def running(directory: Path, clusters: str, as_user: tuple[str, ...] = ()) -> Iterator[Running]:
    """`python -m portal_admin.embedded up`, ready."""
    file = directory / "addresses.json"
    file.unlink(missing_ok=True)
    arguments = ["up", f"--dir={directory}", f"--json={file}", f"--clusters={clusters}"]
    with (directory / "output").open("w") as output:
        command = [*as_user, sys.executable, "-m", "portal_admin.embedded", *arguments]
        process = subprocess.Popen(command, stdout=output, env=os.environ | {"PROMOTION_END_WITH_PARENT": "1"})
    try:
        wait_for(lambda: file.exists() or process.poll() is not None, "the addresses", 170)
        assert file.exists(), (directory / "output").read_text()
        yield Running(process, Addresses.from_json(file.read_text()))
    finally:
        process.terminate()
        process.wait(30)


def test_what_was_stored_is_there_again_after_everything_was_killed(tmp_path: Path) -> None:
    with running(tmp_path, "one") as first:
        schema_id = store(first.addresses)
        first.kill()
    # Somebody else takes one of the ports meanwhile.
    port = int(first.addresses.clusters["one"].bootstrap_servers.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)), running(tmp_path, "one") as second:
        assert second.addresses.clusters["one"].bootstrap_servers != first.addresses.clusters["one"].bootstrap_servers
        assert second.addresses.postgres_url == first.addresses.postgres_url
        assert_stored(second.addresses, schema_id)
        assert_private(second, tmp_path)


def store(addresses: Addresses) -> int:
    """A row, a value, a record and a schema. Returns the schema's id."""
    with psycopg.connect(addresses.postgres_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with redis.Redis.from_url(addresses.valkey_url) as valkey:
        valkey.set("kept", "42")
    cluster = addresses.clusters["one"]
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    admin.create_topics([NewTopic("kept", 1, 1)])["kept"].result(20)
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers, "transactional.id": "kept"})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce("kept", b"42", b"key")
    producer.commit_transaction(20)
    ask(f"{cluster.registry_url}/subjects/other/versions", {"schema": SCHEMA.replace("Kept", "Other")})
    return int(ask(f"{cluster.registry_url}/subjects/kept/versions", {"schema": SCHEMA})["id"])


def assert_stored(addresses: Addresses, schema_id: int) -> None:
    with psycopg.connect(addresses.postgres_url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    with redis.Redis.from_url(addresses.valkey_url) as valkey:
        assert valkey.get("kept") == b"42"
    cluster = addresses.clusters["one"]
    consumer = Consumer(
        {"bootstrap.servers": cluster.bootstrap_servers, "group.id": "kept", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe(["kept"])
    message = consumer.poll(30)
    consumer.close()
    assert message is not None
    assert message.error() is None
    assert (message.key(), message.value()) == (b"key", b"42")
    assert json.loads(ask(f"{cluster.registry_url}/schemas/ids/{schema_id}")["schema"]) == json.loads(SCHEMA)


def ask(url: str, body: object = None) -> dict[str, object]:
    headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def assert_private(stack: Running, directory: Path) -> None:
    """Listens on loopback alone, wants a password, keeps it where nobody else reads it."""
    listening = listeners(set(descendants(stack.process.pid)))
    assert listening
    assert {host for host, _port in listening} == {"127.0.0.1"}
    url = urllib.parse.urlsplit(stack.addresses.postgres_url)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgres://promotion:wrong@{url.hostname}:{url.port}/promotion")
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(host="127.0.0.1", port=urllib.parse.urlsplit(stack.addresses.valkey_url).port).ping()
    for name in ("secrets.json", "addresses.json", "valkey/valkey.conf"):
        assert stat.S_IMODE((directory / name).stat().st_mode) == 0o600
    assert all(url.password not in command for command in descendants(stack.process.pid).values())


def listeners(pids: set[int]) -> set[tuple[str, int]]:
    psutil = pytest.importorskip("psutil")
    connections = [connection for pid in pids for connection in psutil.Process(pid).net_connections("inet")]
    return {tuple(each.laddr) for each in connections if each.status == psutil.CONN_LISTEN}


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, to become somebody else")
def test_it_runs_as_an_ordinary_user_too_and_ends_on_a_hang_up(tmp_path: Path) -> None:
    directory = tmp_path / "nobodys"
    directory.mkdir()
    os.chown(directory, 65534, 65534)
    for parent in directory.parents[:2]:
        parent.chmod(0o755)
    with running(directory, "", AS_NOBODY) as stack:
        assert (directory / "postgres" / "data").stat().st_uid == 65534
        with psycopg.connect(stack.addresses.postgres_url) as connection:
            connection.execute("CREATE EXTENSION pg_trgm")
        pids = descendants(stack.process.pid)
        stack.process.send_signal(signal.SIGHUP)
        assert stack.process.wait(20) == 0
        assert all_gone(pids)


def test_a_second_stack_in_the_same_directory_is_refused(tmp_path: Path) -> None:
    first, second = Stack(tmp_path), Stack(tmp_path)
    first.open()
    with pytest.raises(EmbeddedError, match="Another process runs the services"):
        second.open()
    first.stop()
    second.open()
    second.stop()


def test_addresses_survive_their_json() -> None:
    text = (
        '{"postgres_url": "p", "valkey_url": "v", "clusters": {"a": {"bootstrap_servers": "b", "registry_url": "r"}}}'
    )
    addresses = Addresses.from_json(text)
    assert addresses.clusters["a"].registry_url == "r"
    assert Addresses.from_json(addresses.to_json()) == addresses
