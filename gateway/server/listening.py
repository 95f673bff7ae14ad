"""The listening sockets: bound once by the parent, accepted from by every worker."""

import contextlib
import errno
import socket
from collections.abc import Sequence
from pathlib import Path

from gateway.config.settings import Address

# Bytes that the kernel takes for a client beyond what is under way: else it is megabytes for each that reads
# nothing, of memory that all connections share. Accepted connections have it of their listener (tcp(7)).
UNSENT = 1 << 18
_UNSENT_OPTION = getattr(socket, "TCP_NOTSENT_LOWAT", None)
QUEUE = 1024  # connections that may wait while workers are busy, or one is being replaced


def bind(address: Address) -> list[socket.socket]:
    """Sockets bound to all that the address means (a name may be IPv4 and IPv6), not yet listening.

    Until the first worker listens, connections are refused. Raises OSError that names the address.
    """
    if address.unix is not None:
        return [_bind_path(address.unix)]
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    with contextlib.ExitStack() as opened:
        sockets, absent = [], None
        for family, _, _, _, place in dict.fromkeys(found):
            try:
                sockets.append(opened.enter_context(_bind_port(family, place)))
            except OSError as error:
                if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                    raise
                absent = error  # `localhost` where only one of its two families is there
        if absent is not None and not sockets:
            raise absent
        opened.pop_all()
    return sockets


def _bind_port(family: int, place: tuple[str | int, ...] | tuple[int, bytes]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        _set_options(listener)
        listener.bind(place)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"{place[0]!s}:{place[1]!s}: {error.strerror}") from error
    return listener


def _set_options(listener: socket.socket) -> None:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if _UNSENT_OPTION is not None:
        listener.setsockopt(socket.IPPROTO_TCP, _UNSENT_OPTION, UNSENT)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 has a socket of its own


def _bind_path(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)  # of a gateway that was killed
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"{path}: {error.strerror}") from error
    return listener


def close(sockets: Sequence[socket.socket], address: Address) -> None:
    for listener in sockets:
        listener.close()
    if address.unix is not None:
        address.unix.unlink(missing_ok=True)
