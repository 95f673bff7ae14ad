"""What is decided about people: in the directory first, told to every backend until it knows.

What was decided lies in the directory before anybody is told, so that neither a backend that is down nor a
gateway that ends halfway loses it. Telling twice is harmless: a backend answers the second call as the first.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Final, Protocol

from gateway.directory.orders import Order, Orders, Plan, Planning, Receipt
from gateway.directory.places import Place
from gateway.errors import DirectoryUnavailableError, GatewayError, MergeRefusedError
from gateway.lifecycle.export import Exporting
from gateway.lifecycle.planning import BooksOf, plan_orders, silent
from gateway.proxy.reply import Reply
from gateway.routes import Backend, Purpose
from gateway.telemetry import Audit, Audited, Log

PATIENCE: Final = 3.0  # seconds that a page waits for the backends
FIRST_PAUSE: Final = 5  # seconds; doubled with every try
LONGEST_PAUSE: Final = 3600
EVERY: Final = 2.0  # seconds between two looks at what is due
SWEEP: Final = 3600.0  # seconds between two looks at what retention ends


class Merged(StrEnum):
    """What came of a guest's work at a sign-in."""

    DONE = "done"
    LATER = "later"  # decided; a backend is yet to be told
    FAILED = "failed"  # not decided: the guest lives on
    NONE = "none"


class Tells(Protocol):
    """Who can be told, and how."""

    @property
    def backends(self) -> tuple[Backend, ...]: ...
    async def tell(self, order: Order) -> None: ...
    def asking(self, order: Order) -> AbstractAsyncContextManager[Reply]: ...


class Lifecycle:
    """end: ends all sessions of a person, before anybody is told: nothing new may begin as one who is gone.

    books_of: origin -> its books now. secret: makes a fresh text that nobody guesses. inactive_after:
    seconds without a sign-in until a person is deleted; None: never.
    """

    def __init__(
        self,
        orders: Orders,
        telling: Tells,
        end: Callable[[str], Awaitable[None]],
        books_of: BooksOf,
        secret: Callable[[], str],
        clock: Callable[[], float],
        log: Log,
        inactive_after: int | None = None,
    ) -> None:
        self._orders = orders
        self._telling = telling
        self._end = end
        self._books_of = books_of
        self._secret = secret
        self._clock = clock
        self._log = log
        self.inactive_after = inactive_after

    # -- what may be decided

    async def merge_guest(
        self, loser: str, survivor: str, origin: str, books: Sequence[str], *, joins_guest: bool = False
    ) -> Merged:
        """A guest's work in these books becomes the survivor's: now, or as soon as the backends can.

        joins_guest: the survivor is a guest too.
        """
        been = [Place(loser, origin, book) for book in books]
        keeping = [backend for backend in self._telling.backends if backend.guests]
        planned = plan_orders(Purpose.MERGE, been, lambda _: (), keeping, survivor)
        plan = Plan(planned, (), self._due())
        try:
            decision = await self._orders.merge_guest(
                self._secret(), loser, survivor, plan, joins_guest=joins_guest
            )
        except DirectoryUnavailableError as error:
            self._log.warning("lifecycle", fault=error.code, detail=error.detail)
            return Merged.FAILED
        if decision is None:
            return Merged.NONE
        return Merged.DONE if await self._tell_now(decision, [loser]) else Merged.LATER

    async def merge(self, loser: str, survivor: str) -> Receipt:
        """Two people become one, and the survivor keeps their id. Both were proved by whoever calls.

        Raises MergeRefusedError: one of them is somebody else already. DirectoryUnavailableError.
        """
        planning = self._planning(Purpose.MERGE, survivor)
        decision = await self._orders.merge(self._secret(), loser, survivor, planning)
        return await self._told(decision, [loser])

    async def unmerge(self, merge: str, person: str) -> Receipt:
        """The opposite, within 30 days. merge: the id of its receipt; person: the survivor, who asks.

        Both sign in again. Raises MergeRefusedError: not theirs, too late, or another merge lies over it.
        """
        decision = self._secret()
        planning = self._planning(Purpose.UNMERGE, person)
        loser = await self._orders.unmerge(decision, merge, person, planning)
        return await self._told(decision, [person, loser])

    async def delete(self, person: str) -> Receipt:
        """Everything that the gateway has goes at once, with everybody who became this person.

        Raises DirectoryUnavailableError: nothing is done. MergeRefusedError: they became somebody else.
        """
        decision = self._secret()
        gone = await self._orders.delete(decision, person, self._planning(Purpose.DELETE, None))
        return await self._told(decision, gone)

    async def _delete_inactive(self, person: str, before: int) -> None:
        """Unless they came back since they were found."""
        decision = self._secret()
        planning = self._planning(Purpose.DELETE, None)
        if gone := await self._orders.delete(decision, person, planning, before):
            receipt = await self._told(decision, gone)
            Audit(self._log).note(Audited.DELETED, who=person, by="retention", receipt=receipt.id)

    async def merges_of(self, person: str) -> list[Receipt]:
        """Those that can be undone, the newest first."""
        return await self._orders.merges_of(person)

    async def receipt(self, decision: str) -> Receipt | None:
        """As things are now."""
        return await self._orders.receipt(decision)

    async def export(self, person: str) -> Exporting:
        """What is to be sent of all that the gateway and the backends have of the person.

        Raises DirectoryUnavailableError.
        """
        had, been = await self._orders.belongings_of(person)
        backends = self._telling.backends
        return Exporting(
            had,
            plan_orders(Purpose.EXPORT, been, self._books_of, backends),
            silent(Purpose.EXPORT, backends),
            self._telling.asking,
            int(self._clock()),
        )

    # -- telling

    async def run(self) -> None:
        """Never returns: tries again what could not be told, with growing pauses; ends what has its time."""
        swept = 0.0
        while True:
            await self.tell_due()
            if self._clock() - swept > SWEEP or self._clock() < swept:
                swept = self._clock()
                await self.sweep()
            await asyncio.sleep(EVERY)

    async def tell_due(self) -> None:
        """Tries what is due, once. What a backend that hangs is to be told keeps no other waiting."""
        try:
            behind = await self._orders.behind()
            await asyncio.gather(*(self._tell_backend(name) for name in behind))
        except DirectoryUnavailableError as error:
            self._log.warning("lifecycle", fault=error.code, detail=error.detail)

    async def _tell_backend(self, name: str) -> None:
        """As far as it answers: who does not would be asked for each order, as long as each may take."""
        for order in await self._orders.due(backend=name):
            if not await self._try(order):
                return

    async def sweep(self) -> None:
        """Deletes people whose time is over, and forgets receipts whose time is."""
        try:
            await self._orders.purge()
            if self.inactive_after is None:
                return
            before = int(self._clock()) - self.inactive_after
            for person in await self._orders.inactive(before):
                await self._delete_inactive(person, before)
        except (DirectoryUnavailableError, MergeRefusedError) as error:  # of the latter: a moment ago
            self._log.warning("lifecycle", fault=error.code, detail=error.detail)

    def _planning(self, purpose: Purpose, survivor: str | None) -> Planning:
        backends = self._telling.backends

        def plan(been: Sequence[Place]) -> Plan:
            planned = plan_orders(purpose, been, self._books_of, backends, survivor)
            return Plan(planned, silent(purpose, backends), self._due())

        return plan

    def _due(self) -> int:
        return int(self._clock() + PATIENCE) + FIRST_PAUSE

    async def _told(self, decision: str, ending: Collection[str]) -> Receipt:
        await self._tell_now(decision, ending)
        receipt = await self._orders.receipt(decision)
        if receipt is None:
            raise DirectoryUnavailableError("a decision that was just noted is gone")
        return receipt

    async def _tell_now(self, decision: str, ending: Collection[str]) -> bool:
        """Whether every backend knows already; what does not is tried again by `run`."""
        try:
            async with asyncio.timeout(PATIENCE):
                for person in ending:
                    await self._end(person)
                waiting = await self._orders.due(decision)
                done = await asyncio.gather(*(self._try(order) for order in waiting))
        except TimeoutError:
            return False
        except GatewayError as error:  # it is noted, and done before any session is served
            self._log.warning("lifecycle", fault=error.code, detail=error.detail)
            return False
        return all(done)

    async def _try(self, order: Order) -> bool:
        try:
            if order.purpose is not Purpose.UNMERGE:  # who is somebody again may have signed in meanwhile
                await self._end(order.person)
            if await self._orders.stands(order):
                await self._tell(order)
                await self._orders.finish(order)
        except GatewayError as error:
            await self._postpone(order, error)
            return False
        return True

    async def _tell(self, order: Order) -> None:
        """Once a deletion is finished the person may begin anew: what backends are told of that is of a later
        second than the deletion, and so told apart from what was under way.
        """
        second = int(self._clock())
        await self._telling.tell(order)
        if order.purpose is Purpose.DELETE:
            await asyncio.sleep(max(0.0, second + 1 - self._clock()))

    async def _postpone(self, order: Order, error: GatewayError) -> None:
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(order.tries, 20))
        facts = {"purpose": order.purpose.value, "backend": order.backend, "tries": order.tries + 1}
        self._log.warning("lifecycle", **facts, fault=error.code, detail=error.detail)
        try:
            await self._orders.postpone(order, int(self._clock()) + pause)
        except DirectoryUnavailableError:
            self._log.warning("lifecycle", backend=order.backend, fault="directory_unavailable")
