"""Ports for servers that are told theirs before they start."""

import contextlib
import secrets
import socket
from typing import Final

_FIRST: Final = 15_000
_COUNT: Final = 17_000  # below those that the system gives to whoever asks for any
_held: Final[list[socket.socket]] = []


def free_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """Ports that nobody listens on, all different.

    They stay this process' own until it ends, though nobody listens yet, or not at the moment: all processes
    of the tests hold the UDP port of the same number, which nobody needs. Else two that look at the same time
    find the same one, and the one that comes later is taken for the other's server.
    """
    found: list[int] = []
    while len(found) < count:
        port = _FIRST + secrets.randbelow(_COUNT)
        holder = socket.socket(type=socket.SOCK_DGRAM)
        with socket.socket() as probe, contextlib.suppress(OSError):
            holder.bind((address, port))
            probe.bind((address, port))
            _held.append(holder)
            found.append(port)
            continue
        holder.close()
    return found


def free_port(address: str = "127.0.0.1") -> int:
    return free_ports(1, address)[0]
