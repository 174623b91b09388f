"""Ports: the remembered one, else the usual one, else a free one."""

import socket
from pathlib import Path

import pytest

from portal_admin.embedded.ports import LOOPBACK, Ports, is_free


@pytest.fixture
def taken() -> int:
    """A port on which somebody listens."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_a_port_with_a_listener_is_not_free(taken: int) -> None:
    assert not is_free(taken)


def test_a_port_with_a_listener_on_every_address_is_not_free() -> None:
    with socket.create_server(("", 0)) as server:
        assert not is_free(server.getsockname()[1])


def test_a_free_port_is_chosen_where_the_usual_one_is_taken(tmp_path: Path, taken: int) -> None:
    port = Ports(tmp_path / "ports.json").choose("web", taken)
    assert port != taken
    assert is_free(port)


def test_a_port_is_the_same_at_the_next_start(tmp_path: Path) -> None:
    first = Ports(tmp_path / "ports.json").choose("web")
    assert Ports(tmp_path / "ports.json").choose("web") == first


def test_a_remembered_port_that_is_taken_now_is_replaced(tmp_path: Path, taken: int) -> None:
    (tmp_path / "ports.json").write_text(f'{{"web": {taken}}}')
    assert Ports(tmp_path / "ports.json").choose("web") != taken


def test_no_port_is_handed_out_twice(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json")
    usual = ports.choose("one")
    assert ports.choose("two", usual) != usual


def test_a_damaged_file_of_ports_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("{")
    assert Ports(tmp_path / "ports.json").choose("web")
