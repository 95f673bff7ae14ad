"""A request whose like was decided before: what is left to ask of it, and its exchange."""

from gateway.known import Known
from gateway.proxy.client import Client
from gateway.proxy.exchange import Exchange, Shared
from gateway.proxy.head import Head
from gateway.proxy.plan import Plan
from gateway.routes import Address


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
