"""How sessions end: a row in the directory first, then Redis, then everybody is told, then the answer.

The row is what a fail-over of Redis cannot undo. Whoever finds Redis or the directory away is told
so after all that could be done was done, and repeats it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Final, Protocol, assert_never

from gateway.errors import DirectoryUnavailableError, StoreUnavailableError
from gateway.records import Book, BookSummary, SignIn, SignInSummary
from gateway.revocation_rules import (
    Act,
    EndAtOrigin,
    EndAtProvider,
    EndBook,
    EndPerson,
    EndProviderSession,
    EndSignIn,
)
from gateway.sealing import Sealer, Token
from gateway.session_life import (
    BOOK,
    EPOCH,
    SIGN_IN,
    Clock,
    SessionLife,
    index_key,
    member_key,
    person_key,
    place_of,
)
from gateway.session_limits import SessionLimits
from gateway.store import Found, Store
from gateway.store import Marks as PersonMarks

OnEnd = Callable[[frozenset[str]], None]
Announce = Callable[[frozenset[str]], Awaitable[None]]
Summary = SignInSummary | BookSummary

GRAVE: Final = 60  # seconds that a key stays ended for whoever is still about to begin there
CLOSED: Final = 1200  # the same of a session at a provider: longer than a sign-in may be under way
_AT_ONCE: Final = 100  # records of one look


class Journal(Protocol):
    """Where what ends is noted before it is done. Both raise DirectoryUnavailableError."""

    async def note(self, acts: Sequence[Act], ends: int) -> None:
        """Keep these until `ends` (Unix seconds)."""

    async def raise_epoch(self, slots: Sequence[str], floor: Mapping[str, int], ends: int) -> dict[str, int]:
        """Note that all of these slots ends; their epochs, above the floor and all noted before."""


class SessionEnds(SessionLife):
    """on_end: called with what has ended (keys of sessions; a slot where all of a person's end) before the
    method that ended it returns. `LiveBook.ended_by` has what to compare it with.

    announce: awaited with the same after Redis was changed: tells the other workers.
    """

    def __init__(
        self,
        store: Store,
        sealer: Sealer,
        limits: SessionLimits,
        clock: Clock,
        token: Token,
        journal: Journal,
    ) -> None:
        super().__init__(store, sealer, limits, clock, token)
        self._journal = journal
        self._ending: set[asyncio.Task[None]] = set()
        self.on_end: list[OnEnd] = []
        self.announce: Announce = _nobody

    async def close(self) -> None:
        """Waits for what is being ended: its request may have been given up."""
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def end_sign_in(self, key: str) -> None:
        """Ends a session; its children die with it, since their load asks for it."""
        await self._end([EndSignIn(key)])

    async def end_sign_ins(self, keys: Collection[str]) -> None:
        """The same for several."""
        await self._end([EndSignIn(key) for key in keys])

    async def end_either(self, key: str) -> None:
        """Ends a sign-in or a book session: which of them the key is of only Redis knows, and may be away."""
        await self._end([EndSignIn(key), EndBook(key)])

    async def end_book(self, key: str) -> None:
        """Ends a session, also under the key it got when it was confirmed, also one that has yet to begin."""
        await self._to_its_end(self._end_book(key))

    async def _end_book(self, key: str) -> None:
        try:
            moved = await self._store.moved(place_of(BOOK, key).record)
        except StoreUnavailableError:
            moved = None  # whoever does this act when Redis is back asks it again
        await self._do([EndBook(each) for each in (moved, key) if each is not None])

    async def end_everywhere(self, person: str) -> None:
        """Ends all of a person's sessions, those that began under a previous root key too."""
        await self._to_its_end(self._end_everywhere(self._sealer.slots(person)))

    async def _end_everywhere(self, slots: Sequence[str]) -> None:
        # At least the time: above what Redis has also where it cannot be asked.
        floor = dict.fromkeys(slots, self._now() - 1)
        try:
            for slot in slots:
                found = (await self._store.marks(person_key(slot), self._longest)).get(EPOCH, 0)
                floor[slot] = max(floor[slot], found)
        except StoreUnavailableError:
            pass  # the row first, all the same
        fault = None
        try:
            epochs = await self._journal.raise_epoch(slots, floor, self._now() + self._longest)
        except DirectoryUnavailableError as error:
            fault = error
            epochs = {slot: epoch + 1 for slot, epoch in floor.items()}
        await self._apply_all([EndPerson(slot, epochs[slot]) for slot in slots], fault)

    async def end_person_at_provider(self, person: str, provider: str) -> None:
        """Ends the sessions that a person began by one provider."""

        def act(slot: str, marks: PersonMarks) -> Act:
            return EndAtProvider(slot, provider, self._sign_in_began(marks, provider) + 1)

        await self._to_its_end(self._end_marked(self._sealer.slots(person), act))

    async def end_books(self, person: str, origin: str) -> None:
        """Ends a person's book sessions of one origin: consent was withdrawn."""

        def act(slot: str, marks: PersonMarks) -> Act:
            return EndAtOrigin(slot, origin, self._book_began(marks, origin) + 1)

        await self._to_its_end(self._end_marked(self._sealer.slots(person), act))

    async def _end_marked(self, slots: Sequence[str], act: Callable[[str, PersonMarks], Act]) -> None:
        """The mark is above whatever began until now: after an earlier mark too, whose second may be this
        one, or yet to come where a clock was ahead.
        """
        marks: dict[str, PersonMarks] = {slot: {} for slot in slots}
        with suppress(StoreUnavailableError):  # the row first, all the same
            for slot in slots:
                marks[slot] = await self._store.marks(person_key(slot), self._longest)
        await self._do([act(slot, marks[slot]) for slot in slots])

    async def end_provider_session(self, session: str, *, signed: bool) -> None:
        """Ends what a session at a provider led to (hash of issuer and sid), also what is on its way.

        signed: False: anybody may have said so. Where it led to nothing, nothing is noted then: rows live
        long, and every worker does them.
        """
        await self._to_its_end(self._end_provider_session(session, signed=signed))

    async def _end_provider_session(self, session: str, *, signed: bool) -> None:
        try:
            keys = await self._store.members(provider_session_key(session))
        except StoreUnavailableError:
            if not signed:
                raise
            keys = []  # whoever does this act when Redis is back asks it again
        # Each of its own too: they are on other nodes of a cluster than what says whose they are.
        acts: list[Act] = [EndProviderSession(session), *(EndSignIn(key) for key in keys)]
        await (self._do(acts) if keys or signed else self._apply_each(acts))

    async def of_person(self, person: str) -> list[Summary]:
        """A person's living sessions, a guest's too; the last seen first. At most 1,000 of each root key."""
        found: list[Summary] = []
        for slot in self._sealer.slots(person):
            found += await self._living(slot, self._store)
        return sorted(found, key=lambda one: one.seen, reverse=True)

    # -- one way for all

    async def _end(self, acts: Sequence[Act]) -> None:
        await self._to_its_end(self._do(acts))

    async def _to_its_end(self, work: Coroutine[object, object, None]) -> None:
        """Also when the request is given up: what was begun to be ended is ended whole."""
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        await asyncio.shield(task)

    async def _do(self, acts: Sequence[Act]) -> None:
        fault = None
        try:
            await self._journal.note(acts, self._now() + self._longest)
        except DirectoryUnavailableError as error:
            fault = error
        await self._apply_all(acts, fault)

    async def _apply_all(self, acts: Sequence[Act], fault: DirectoryUnavailableError | None) -> None:
        """fault: what noting them met. It is what counts where Redis is away too: then nothing stands."""
        try:
            await self._apply_each(acts)
        except StoreUnavailableError:
            if fault is None:
                raise
        if fault is not None:
            raise fault

    async def _apply_each(self, acts: Sequence[Act]) -> None:
        ended = {name for act in acts for name in _named(act)}
        try:
            for act in acts:
                ended |= await self.apply(act)
        finally:  # also where Redis is away: the row stands, and what is open here is cut
            if ended:
                await self._tell(frozenset(ended))

    async def _tell(self, ended: frozenset[str]) -> None:
        for on_end in self.on_end:
            on_end(ended)
        await self.announce(ended)

    async def apply(self, act: Act, store: Store | None = None) -> frozenset[str]:
        """Does one act to Redis; what ended by it: keys of sessions, or a slot where all of a person's do.

        It can be done again, at any time: what began after the act stays. store: another way to the same
        Redis. StoreUnavailableError: it has yet to be done.
        """
        at = self._store if store is None else store
        match act:
            case EndSignIn(key):
                await at.bury(place_of(SIGN_IN, key), GRAVE)
                return frozenset({key})
            case EndBook(key):
                return await _bury_book(key, at)
            case EndPerson(slot, epoch):
                await at.mark(person_key(slot), EPOCH, epoch, self._longest)
                return frozenset({slot})
            case EndAtProvider(slot, provider, not_before):
                return await self._mark(act, at, slot, ("provider", provider), not_before)
            case EndAtOrigin(slot, origin, not_before):
                return await self._mark(act, at, slot, ("origin", origin), not_before)
            case EndProviderSession(session):
                keys = await at.close_members(provider_session_key(session), CLOSED)
                for key in keys:
                    await at.bury(place_of(SIGN_IN, key), GRAVE)
                return frozenset(keys)
            case never:
                assert_never(never)

    async def _mark(
        self,
        act: EndAtProvider | EndAtOrigin,
        at: Store,
        slot: str,
        name: tuple[str, str],
        not_before: int,
    ) -> frozenset[str]:
        """Those that are alive and were meant; from now on none of them loads."""
        living = await self._living(slot, at)
        await at.mark(person_key(slot), self._mark_fields(*name)[0], not_before, self._longest)
        return frozenset(one.key for one in living if _is_meant(act, one))

    # -- a person's sessions

    async def _living(self, slot: str, at: Store) -> list[Summary]:
        members = [member_key(slot, member) for member in await at.members(index_key(slot))]
        found: dict[tuple[str, str], Found] = {}
        person: PersonMarks | None = {}
        for first in range(0, len(members), _AT_ONCE):
            some = members[first : first + _AT_ONCE]
            looked, person = await at.look([place_of(*each).record for each in some], person_key(slot))
            found.update(zip(some, looked, strict=True))
        return self._summaries(found, person)

    def _summaries(self, found: Mapping[tuple[str, str], Found], person: PersonMarks | None) -> list[Summary]:
        now = self._now()
        parents: dict[str, SignIn] = {}
        summaries: list[Summary] = []
        for (kind, key), one in found.items():
            above = self._sign_in(key, one, person, now) if kind == SIGN_IN else None
            if above is not None:
                parents[key] = above
                summaries.append(_sign_in_summary(key, above, now - max(0, one.age)))
        for (kind, key), one in found.items():
            opened = self._opened_book(key, one) if kind == BOOK else None
            if opened is None:
                continue
            parent = None if opened.parent is None else parents.get(opened.parent)
            record = self._book(opened, one, person, parent, now)
            if record is not None:
                summaries.append(_book_summary(key, record, now - max(0, one.age)))
        return summaries


def provider_session_key(session: str) -> str:
    return f"sid:{session}"


async def _bury_book(key: str, at: Store) -> frozenset[str]:
    await at.bury(place_of(BOOK, key), GRAVE)  # first: from then on it goes nowhere any more
    moved = await at.moved(place_of(BOOK, key).record)
    if moved is None:
        return frozenset({key})
    await at.bury(place_of(BOOK, moved), GRAVE)
    return frozenset({key, moved})


async def _nobody(_ended: frozenset[str]) -> None:
    """Who is told where nobody else is."""


def _named(act: Act) -> Collection[str]:
    """What an act ends by its own words."""
    match act:
        case EndSignIn(key) | EndBook(key):
            return (key,)
        case EndPerson(slot):
            return (slot,)
        case EndAtProvider() | EndAtOrigin() | EndProviderSession():
            return ()
        case never:
            assert_never(never)


def _is_meant(act: EndAtProvider | EndAtOrigin, one: Summary) -> bool:
    if one.began >= act.not_before:
        return False
    if isinstance(act, EndAtOrigin):
        return isinstance(one, BookSummary) and one.origin == act.origin
    return one.provider == act.provider and (isinstance(one, SignInSummary) or one.parent is None)


def _sign_in_summary(key: str, record: SignIn, seen: int) -> SignInSummary:
    return SignInSummary(
        key=key,
        device=record.device,
        provider=record.provider,
        own_device=record.own_device,
        began=record.began,
        seen=seen,
        ends=record.ends,
    )


def _book_summary(key: str, record: Book, seen: int) -> BookSummary:
    return BookSummary(
        key=key,
        parent=record.parent,
        origin=record.origin,
        mode=record.mode,
        device=record.device,
        provider=record.provider,
        own_device=record.own_device,
        began=record.began,
        seen=seen,
        ends=record.ends,
    )
