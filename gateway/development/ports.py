"""Which ports `bookgate dev` takes: the same each time, others where somebody has them."""

import errno
import socket
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Ports:
    """All on loopback. 0: any free one."""

    gateway: int = 8080
    private: int = 9090
    provider: int = 8090
    storage: int = 8001
    analytics: int = 8002
    book: int = 8000


def choose(wanted: Ports) -> tuple[Ports, list[str]]:
    """Ports that are free now, and a sentence for each that could not be had."""
    taken: set[int] = set()
    chosen: dict[str, int] = {}
    sentences = []
    for field in fields(wanted):
        port = int(getattr(wanted, field.name))
        if port == 0 or port in taken or not is_free(port):
            free = _any_free(taken)
            if port:
                more = " Work saved at the usual port is not shown there." if field.name in _NAMED else ""
                sentences.append(f"Port {port} is taken: the {field.name} takes {free}.{more}")
            port = free
        taken.add(port)
        chosen[field.name] = port
    return Ports(**chosen), sentences


def is_free(port: int) -> bool:
    """Whether both loopback addresses have it: a browser may ask `localhost` at either."""
    return all(_binds(family, address, port) for family, address in _LOOPBACK)


# A book is its origin and a person is the provider's: at another port both are others.
_NAMED = frozenset({"book", "provider"})
_LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


def _binds(family: socket.AddressFamily, address: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        # no IPv6 on this machine: nobody can have the port there either
        return error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
    return True


def _any_free(taken: set[int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in taken and is_free(port):
            return port
