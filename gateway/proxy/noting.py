"""A request of the fast path that has ended, as its line in the log tells it."""

import time

from gateway.proxy.exchange import Exchange
from gateway.proxy.trace import trace_id
from gateway.request_log import Ended, RequestLog, milliseconds


class Notes:
    """requests: where they are noted."""

    __slots__ = ("_requests",)

    def __init__(self, requests: RequestLog) -> None:
        self._requests = requests

    def __call__(self, exchange: Exchange, status: int, why: str | None) -> None:
        matched, began, first = exchange.matched, exchange.began, exchange.first_byte
        self._requests.note(
            Ended(
                exchange.request_id,
                matched.head.method,
                matched.route.backend,
                exchange.verdict.origin,
                status,
                why,
                milliseconds(time.perf_counter() - began),
                None if first is None else milliseconds(first - began),
                None if first is None else milliseconds(first - exchange.asked),
                exchange.bytes_in,
                exchange.bytes_out,
                exchange.person,
                exchange.url,
                trace_id(exchange.trace),
            )
        )
