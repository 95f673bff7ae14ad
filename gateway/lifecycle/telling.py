"""The gateway's own requests to backends: the one place where it asks for itself."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final

from gateway.assertions import Assertions
from gateway.directory.orders import Order
from gateway.errors import BackendBrokenError
from gateway.identity import Internal
from gateway.proxy.reply import Reply
from gateway.proxy.request_bytes import request_bytes
from gateway.proxy.upstream import Upstreams
from gateway.routes import Address, Backend, Purpose, RouteTable, Subject

PATH: Final = "v1/internal/"
DEADLINE: Final = 30.0  # seconds for the head of an answer: a backend may have much to move

SubjectOf = Callable[[str, Subject, str, str], str]


class Telling:
    """How a backend is told. subject: (person, kind, origin, book) -> the person in that backend's terms."""

    def __init__(
        self, routes: RouteTable, upstreams: Upstreams, assertions: Assertions, subject: SubjectOf
    ) -> None:
        self._routes = routes
        self._upstreams = upstreams
        self._assertions = assertions
        self._subject = subject

    @property
    def backends(self) -> tuple[Backend, ...]:
        return tuple(self._routes.backends.values())

    async def tell(self, order: Order) -> None:
        """Raises GatewayError where the backend does not say that it is done."""
        async with self.asking(order):
            pass

    @asynccontextmanager
    async def asking(self, order: Order) -> AsyncGenerator[Reply]:
        """The backend's answer, which is 2xx, to be read. Raises GatewayError where there is none such."""
        backend = self._routes.backends.get(order.backend)
        if backend is None:
            raise BackendBrokenError(f"{order.backend} is not in gateway.yaml any more")
        upstream = self._upstreams[order.backend]
        said = self._assertions.internal_header(self._claims(order, backend), backend)
        headers = upstream.hosted((said,))
        target = f"{backend.base}{PATH}{order.purpose.value}"

        def head(address: Address) -> bytes:
            return request_bytes("POST", target, headers, address, "Content-Length: 0")

        reply = upstream.ask(head, method="POST", has_body=False, chunked=False)
        try:
            async with asyncio.timeout(DEADLINE):
                answer = await reply.head
            if not 200 <= answer.status <= 299:
                raise BackendBrokenError(f"{order.backend} answered {order.purpose} with {answer.status}")
            yield reply
        except TimeoutError as error:
            raise BackendBrokenError(f"{order.backend} does not answer {order.purpose}") from error
        finally:
            reply.close()

    def _claims(self, order: Order, backend: Backend) -> Internal:
        def subject(person: str) -> str:
            return self._subject(person, backend.subject, order.origin, order.book)

        if order.purpose in {Purpose.MERGE, Purpose.UNMERGE} and order.survivor is not None:
            return Internal(order.purpose, order.book, subject(order.survivor), subject(order.person))
        return Internal(order.purpose, order.book, subject(order.person))
