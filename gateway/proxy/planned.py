"""A request whose like was decided before: what is left to ask of it, and its exchange."""

from gateway.known import Known
from gateway.proxy.client import Client
from gateway.proxy.decide import Forward
from gateway.proxy.exchange import Exchange, Shared
from gateway.proxy.head import Head
from gateway.proxy.plan import Plan
from gateway.proxy.request_bytes import header_text
from gateway.proxy.wiring import Wiring, identity_lines
from gateway.routes import Address


def identity_text(wiring: Wiring, plan: Plan, head: Head, known: Known, generation: str, now: float) -> str:
    """The lines that tell a backend who asks, kept at hand for the next request. now: Unix seconds."""
    ring = wiring.assertions.ring
    if known.line_key is plan.identity and known.line_ring is ring:
        return known.line
    line = wiring.assertions.line_for(known, plan.backend, plan.book, generation, now).text
    if plan.backend.headers:
        forward = Forward(plan.matched(head), known.caller)
        line = header_text(identity_lines(wiring, forward, known, None, generation))
    known.line_key, known.line_ring, known.line = plan.identity, ring, line
    return line


class PlannedExchange(Exchange):
    """Made by `Fast`. identity: whole lines."""

    __slots__ = ("_plan", "_told")

    def __init__(
        self,
        shared: Shared,
        client: Client,
        plan: Plan,
        head: Head,
        known: Known | None,
        identity: str,
        address: str | None,
        request_id: str,
        trace: str,
        began: float,
    ) -> None:
        matched = plan.matched(head)
        super().__init__(shared, client, matched, plan.verdict, known, (), address, request_id, trace, began)
        self._plan = plan
        self._told = identity

    def _request_head(self, address: Address) -> bytes:
        return self._plan.request_head(
            self.matched.head,
            address.authority,
            self.address,
            self.request_id,
            self.trace,
            self._told,
        )
