"""The network in between: it passes on, holds back in one direction, and is cut."""

import socket
from collections.abc import Iterator

import pytest

from tests.chaos.proxy import ANSWERS, REQUESTS, Proxy

SHORT = 0.2


class Wire:
    """A client, a server behind the proxy, and one connection between them."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.proxy = Proxy(port, self.server.getsockname()[1])
        self.address = "127.0.0.1", port
        self.client, self.broker = self.connect()

    def connect(self) -> tuple[socket.socket, socket.socket]:
        client = socket.create_connection(self.address, timeout=5)
        broker, _ = self.server.accept()
        broker.settimeout(5)
        return client, broker


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.proxy.close()
    for each in (wire.client, wire.broker, wire.server):
        each.close()


def silent(end: socket.socket) -> bool:
    end.settimeout(SHORT)
    try:
        end.recv(100)
    except TimeoutError:
        return True
    finally:
        end.settimeout(5)
    return False


def test_what_goes_in_comes_out_in_both_directions(wire: Wire) -> None:
    wire.client.sendall(b"request")
    assert wire.broker.recv(100) == b"request"
    wire.broker.sendall(b"answer")
    assert wire.client.recv(100) == b"answer"


def test_a_stalled_direction_holds_back_and_loses_nothing(wire: Wire) -> None:
    wire.proxy.stall(ANSWERS)
    wire.client.sendall(b"request")
    assert wire.broker.recv(100) == b"request"
    wire.broker.sendall(b"answer")
    assert silent(wire.client)
    wire.proxy.go_on()
    assert wire.client.recv(100) == b"answer"


def test_what_a_dead_client_sent_before_arrives_after_the_stall(wire: Wire) -> None:
    wire.proxy.stall(REQUESTS)
    wire.client.sendall(b"late")
    wire.client.close()
    assert silent(wire.broker)
    wire.proxy.go_on()
    assert wire.broker.recv(100) == b"late"
    assert wire.broker.recv(100) == b""


def test_a_cut_closes_what_is_open_and_takes_new_connections(wire: Wire) -> None:
    wire.client.sendall(b"request")
    assert wire.broker.recv(100) == b"request"
    wire.proxy.cut()
    assert wire.client.recv(100) == b""
    assert wire.broker.recv(100) == b""
    client, broker = wire.connect()
    client.sendall(b"again")
    assert broker.recv(100) == b"again"
    client.close()
    broker.close()


def test_where_no_broker_is_the_connection_ends(wire: Wire) -> None:
    wire.server.close()
    with socket.create_connection(wire.address, timeout=5) as client:
        assert client.recv(100) == b""
