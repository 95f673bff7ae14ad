"""Ports of the tests' own servers: each has one owner."""

import socket
import subprocess
import sys

import pytest

from tests import ports
from tests.ports import free_port, free_ports


def test_all_are_different() -> None:
    assert len(set(free_ports(50))) == 50


def test_one_that_was_found_is_found_by_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in another process, and while nobody listens on it."""
    (first,) = free_ports(1)
    script = f"import tests.ports as p; p._FIRST, p._COUNT = {first}, 2; print(p.free_port())"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert int(said.stdout) == first + 1


def test_one_that_is_listened_on_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        monkeypatch.setattr(ports, "_FIRST", taken)
        monkeypatch.setattr(ports, "_COUNT", 2)
        assert free_port() == taken + 1
