"""The IP addresses of a backend's name, looked up again while it is in use."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Final

from gateway.routes import Address

EVERY: Final = 10.0  # seconds that an answer of the resolver is believed


LookUp = Callable[[str, int], Awaitable[Sequence[str]]]


async def look_up(host: str, port: int) -> Sequence[str]:
    """What the system's resolver says. Raises OSError."""
    answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(answer[4][0]) for answer in answers]


class Hosts:
    """is_fixed: there is no name that could move. clock: seconds, monotonic."""

    def __init__(self, address: Address, clock: Callable[[], float], resolver: LookUp = look_up) -> None:
        self._address = address
        self._clock = clock
        self._resolver = resolver
        self.is_fixed = address.unix is not None or _is_ip(address.host)
        self._found: tuple[str, ...] = (address.host,) if self.is_fixed else ()
        self._at = 0.0
        self._turn = 0
        self._looking: asyncio.Task[None] | None = None

    async def find(self) -> Sequence[str]:
        """All of them, each time another one first. Raises OSError where there never was one."""
        if not self._found:
            await asyncio.shield(self._look())
        self._turn = (self._turn + 1) % len(self._found)
        return self._found[self._turn :] + self._found[: self._turn]

    def knows(self, peer: object) -> bool:
        """Whether a connection's other end is still one of them. peer: as a socket tells it."""
        return self.is_fixed or (isinstance(peer, tuple) and peer[0] in self._found)

    def refresh(self, now: float) -> None:
        """Looks the name up again, beside whatever runs, where the last answer is old."""
        if not self.is_fixed and self._at + EVERY <= now:
            self._look()

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await self._looking

    def _look(self) -> "asyncio.Task[None]":
        """One look-up at a time: a resolver that hangs holds one thread and no more."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._ask())
            self._looking.add_done_callback(_seen)
        return self._looking

    async def _ask(self) -> None:
        self._at = self._clock()
        self._found = tuple(dict.fromkeys(await self._resolver(self._address.host, self._address.port)))


def _seen(task: "asyncio.Task[None]") -> None:
    """A name that cannot be looked up again keeps the addresses that it had."""
    if not task.cancelled():
        task.exception()


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
