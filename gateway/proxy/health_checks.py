"""Each URL of a backend asked again and again whether it is well."""

import asyncio
from collections.abc import Callable

from gateway.errors import BackendBrokenError, GatewayError
from gateway.proxy.answer_head import AnswerHead
from gateway.proxy.balance import checked
from gateway.proxy.call import Call
from gateway.proxy.connection import Connection
from gateway.proxy.outbox import Outbox
from gateway.proxy.pool import Pool
from gateway.routes import Address, HealthRule, Timeouts


class HealthCheck:
    """Of one URL; owner and receiver of its own calls, past the bulkhead, as a hanging backend has that full.

    turned: told why, whenever what is known of it changed.
    """

    def __init__(
        self,
        pool: Pool,
        rule: HealthRule,
        timeouts: Timeouts,
        head: Callable[[Address], bytes],
        outbox: Outbox,
        clock: Callable[[], float],
        turned: Callable[[str], None],
    ) -> None:
        patience = min(rule.every, timeouts.first_byte)
        self.timeouts = Timeouts(min(rule.every, timeouts.connect), patience, patience)
        self.outbox = outbox
        self.clock = clock
        self.urls = 1
        self._pool = pool
        self._rule = rule
        self._head = head
        self._turned = turned
        self._due = 0.0
        self._call: Call | None = None

    def sweep(self, now: float) -> None:
        """Begins a check that is due; ends one that takes too long."""
        if self._call is not None:
            if self._call.deadline <= now:
                self._call.expired()
        elif self._due <= now:
            self._due = now + self._rule.every
            self._call = Call(self, self, self._head, "GET", False, False, False)
            self._call.let_in()

    def close(self) -> None:
        if self._call is not None:
            self._call.cancel()

    # --- the owner of its call

    def start(self, call: Call) -> None:
        self._pool.serve(call)

    def let_go(self, index: int, well: bool | None) -> None: ...  # ruff: ignore[boolean-type-hint-positional-argument]

    def over(self, _call: Call, kept: Connection | None, well: bool | None) -> None:  # ruff: ignore[boolean-type-hint-positional-argument, unused-method-argument]
        self._call = None
        if kept is not None:
            self._pool.keep(kept)

    def leave_queue(self, call: Call) -> None: ...

    def whole(self, call: Call) -> None: ...

    def uploaded(self) -> None: ...

    def leave_bulkhead(self, *, uploads: bool) -> None: ...

    # --- the receiver

    def answer_head(self, head: AnswerHead, _data: bytes, ended: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument]
        if not ended and self._call is not None:
            self._call.cancel()  # its status is all that was asked for
        self._learn(f"answered {head.status}", good=200 <= head.status <= 299)

    def answer_data(self, data: bytes, ended: bool) -> None: ...  # ruff: ignore[boolean-type-hint-positional-argument]

    def answer_failed(self, error: GatewayError) -> None:
        self._learn(error.detail, good=False)

    def upload_paused(self) -> None: ...

    def upload_resumed(self) -> None: ...

    def switched(self, _head: AnswerHead, transport: asyncio.Transport, _rest: bytes) -> None:
        transport.abort()
        self.answer_failed(BackendBrokenError("switched"))

    def _learn(self, why: str, *, good: bool) -> None:
        if checked(self._pool.standing, self._rule, good=good):
            self._turned(why)
