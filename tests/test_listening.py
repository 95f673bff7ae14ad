"""gateway/server/listening.py: what is bound for an address, and what is said where it cannot be."""

import socket
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.config.settings import Address
from gateway.server.listening import UNSENT, bind, close
from tests.ports import free_port


def test_a_port_is_bound_and_refuses_until_somebody_listens() -> None:
    address = Address("127.0.0.1", free_port())
    (listener,) = bind(address)
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", address.port), 5):
        pass
    listener.listen()
    socket.create_connection(("127.0.0.1", address.port), 5).close()
    close([listener], address)
    close(bind(address), address)


def test_the_kernel_takes_little_for_a_client_that_reads_nothing() -> None:
    address = Address("127.0.0.1", free_port())
    (listener,) = bind(address)
    listener.listen()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", address.port))
        accepted, _ = listener.accept()
        with accepted:
            accepted.setblocking(False)
            taken = 0
            with suppress(BlockingIOError):
                while taken < 4 * UNSENT:
                    taken += accepted.send(b"x" * 10_000)
    assert 10_000 <= taken <= UNSENT + 50_000
    close([listener], address)


def test_a_name_is_bound_in_both_families() -> None:
    address = Address("localhost", free_port())
    found = bind(address)
    families = {listener.family for listener in found}
    assert families <= {socket.AF_INET, socket.AF_INET6}
    assert len(families) == len(found) >= 1
    close(found, address)


def test_an_address_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(OSError, match=f"127.0.0.1:{port}: Address already in use"):
            bind(Address("127.0.0.1", port))


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(OSError, match=r"192\.0\.2\.1:8080: "):
        bind(Address("192.0.2.1", 8080))


def test_a_path_is_bound_also_after_a_kill_and_gone_at_the_end(tmp_path: Path) -> None:
    address = Address(unix=tmp_path / "public.sock")
    bind(address)[0].close()
    assert (tmp_path / "public.sock").exists()
    close(bind(address), address)
    assert not (tmp_path / "public.sock").exists()
    with pytest.raises(OSError, match=r"nowhere/public\.sock: No such file"):
        bind(Address(unix=tmp_path / "nowhere" / "public.sock"))
