"""One backend: its URLs, which is asked next, how many requests at once; swept for what takes too long."""

import asyncio
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Final

from gateway.errors import BackendBusyError
from gateway.proxy import balance
from gateway.proxy.bulkhead import Bulkhead
from gateway.proxy.call import Call
from gateway.proxy.connection import Connection
from gateway.proxy.health_checks import HealthCheck
from gateway.proxy.outbox import Outbox
from gateway.proxy.pool import Pool
from gateway.proxy.receiver import Receiver
from gateway.proxy.reply import Reply
from gateway.proxy.request_bytes import request_bytes
from gateway.proxy.sockets import Headers, Sockets
from gateway.routes import Address, Backend, BackendTls, HealthRule, RouteTable
from gateway.telemetry import Log

EVERY: Final = 0.25  # seconds between two looks at all deadlines
_CLOSING: Final = 20  # turns of the loop in which connections that were cut off come to their end


class Upstream:
    """One backend, of one event loop. public: what its `Host` says with `host: public`; clock: monotonic."""

    def __init__(
        self,
        backend: Backend,
        public: str,
        log: Log,
        outbox: Outbox | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.backend = backend
        self.outbox = outbox or Outbox()
        self.timeouts = backend.timeouts
        self.clock = clock
        self.urls = len(backend.addresses)
        self.bulkhead = Bulkhead(backend.in_flight)
        self._host = {"backend": None, "public": public}.get(backend.host, backend.host)
        self._log = log
        context = _tls(backend.tls) if any(address.tls for address in backend.addresses) else None
        self._pools = [
            Pool(address, context if address.tls else None, backend.timeouts.connect, clock)
            for address in backend.addresses
        ]
        self.standings = [pool.standing for pool in self._pools]
        self.sockets = [
            Sockets(address, context if address.tls else None, backend.timeouts)
            for address in backend.addresses
        ]
        self._checks = (
            [] if backend.health is None else [self._check(pool, backend.health) for pool in self._pools]
        )
        self._turn = 0
        self._calls: set[Call] = set()
        self._sweeping: asyncio.TimerHandle | None = None
        if self._checks:
            self._sweep_soon()

    def call(
        self,
        receiver: Receiver,
        head: Callable[[Address], bytes],
        *,
        method: str,
        has_body: bool = False,
        chunked: bool = False,
        switches: bool = False,
    ) -> Call:
        """Ask for an answer. head: the request's whole head, for the URL that was chosen.

        chunked: how the body that `send` is given is framed; the head says so too. switches: whether the
        answer may be 101. Whatever goes wrong is told to the receiver, later.
        """
        call = Call(self, receiver, head, method, has_body, chunked, switches)
        self._calls.add(call)
        self.stay_awake()
        bulkhead = self.bulkhead
        if bulkhead.inside < bulkhead.most and not has_body:
            bulkhead.inside += 1
            call.inside = True
            self.start(call)
            return call
        self._enter(call, uploads=has_body)
        return call

    def ask(self, head: Callable[[Address], bytes], *, method: str, has_body: bool, chunked: bool) -> Reply:
        """The same for who awaits; to be closed."""
        reply = Reply()
        reply.call = self.call(reply, head, method=method, has_body=has_body, chunked=chunked)
        return reply

    def hosted(self, headers: Headers) -> Headers:
        """With the `Host` that the backend is to be told, where that is not its URL's."""
        return headers if self._host is None else (("Host", self._host), *headers)

    def choose(self, tried: int = -1) -> int:
        """Which URL is asked next. tried: the one that was asked before."""
        self._turn = (self._turn + 1) % self.urls
        return balance.choose(self.standings, self._turn, self.clock(), tried)

    def failed(self, index: int) -> None:
        """This URL did not do what it was asked."""
        standing, now = self.standings[index], self.clock()
        if balance.failed(standing, now) and self.urls > 1:
            self._log.warning(
                "backend",
                backend=self.backend.name,
                url=index,
                state="left alone",
                seconds=standing.until - now,
            )

    def stay_awake(self) -> None:
        """Somebody asks, or waits for a place: what takes too long is looked for."""
        if self._sweeping is None:
            self._sweep_soon()

    async def close(self) -> None:
        """Ends every connection, also those that are at work."""
        for sockets in self.sockets:
            await sockets.close()
        if self._sweeping is not None:
            self._sweeping.cancel()
        for call in tuple(self._calls):
            call.cancel()
        for check in self._checks:
            check.close()
        for pool in self._pools:
            await pool.close()
        for _ in range(_CLOSING):
            await asyncio.sleep(0)

    # --- of its calls

    def start(self, call: Call) -> None:
        pool = self._pools[0] if self.urls == 1 else self._pools[self.choose(call.tried)]
        pool.standing.outstanding += 1
        pool.serve(call)

    def let_go(self, index: int, well: bool | None) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
        standing = self.standings[index]
        standing.outstanding -= 1
        if well is False:
            self.failed(index)
        elif well and (standing.failures or standing.pauses):
            balance.answered(standing)

    def over(self, call: Call, kept: Connection | None, well: bool | None) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
        self._calls.discard(call)
        self.let_go(call.index, well)
        if kept is not None:
            kept.pool.keep(kept)
        call.leave_bulkhead()

    def leave_queue(self, call: Call) -> None:
        self._calls.discard(call)
        self.bulkhead.give_up(call)

    def whole(self, call: Call) -> None:
        self.bulkhead.give_up(call)
        self._enter(call, uploads=False)

    def _enter(self, call: Call, *, uploads: bool) -> None:
        try:
            if self.bulkhead.enter(call, self.clock(), uploads=uploads):
                call.let_in()
        except BackendBusyError as busy:
            asyncio.get_running_loop().call_soon(call.turned_away, busy)

    def uploaded(self) -> None:
        self.bulkhead.uploaded()

    def leave_bulkhead(self, *, uploads: bool) -> None:
        self.bulkhead.leave(uploads=uploads)

    # --- inside

    def _check(self, pool: Pool, rule: HealthRule) -> HealthCheck:
        target = self.backend.base.removesuffix("/") + rule.path

        def head(address: Address) -> bytes:
            return request_bytes("GET", target, self.hosted(()), address)

        def turned(why: str) -> None:
            state = "well" if pool.standing.is_well else "not well"
            self._log.warning(
                "backend", backend=self.backend.name, url=pool.address.index, state=state, detail=why
            )

        return HealthCheck(pool, rule, self.timeouts, head, self.outbox, self.clock, turned)

    def _sweep(self) -> None:
        now = self.clock()
        self._sweeping = None
        if (
            self._checks
            or self._calls
            or self.bulkhead.inside
            or not all(pool.is_empty for pool in self._pools)
        ):
            self._sweep_soon()
        self.bulkhead.sweep(now)
        for call in [call for call in self._calls if call.deadline <= now]:
            call.expired()
        for pool in self._pools:
            pool.sweep(now)
        for check in self._checks:
            check.sweep(now)

    def _sweep_soon(self) -> None:
        self._sweeping = asyncio.get_running_loop().call_later(EVERY, self._sweep)


class Upstreams:
    """All backends by name. public: the site's host and port."""

    def __init__(self, routes: RouteTable, public: str, log: Log) -> None:
        self.outbox = Outbox()
        self._upstreams = {
            name: Upstream(backend, public, log, self.outbox) for name, backend in routes.backends.items()
        }

    def __getitem__(self, name: str) -> Upstream:
        return self._upstreams[name]

    def __iter__(self) -> Iterator[Upstream]:
        return iter(self._upstreams.values())

    async def close(self) -> None:
        for upstream in self._upstreams.values():
            await upstream.close()


def _tls(tls: BackendTls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca)
    if tls.certificate is not None:
        context.load_cert_chain(tls.certificate, tls.key)
    return context
