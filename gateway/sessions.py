"""Sign-in sessions and their children, the book sessions: how they begin, are found, live on and end.

A child is alive only with its parent and under the person's epoch: one look reads all three.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import msgspec

from gateway.access import GUEST
from gateway.errors import InvalidGrantError
from gateway.records import Book, LiveBook, LiveSignIn, Mode, SignIn
from gateway.sealing import Sealer, Token, encoded
from gateway.session_ids import Issued, book_id, parse_book_id, short_hash, slot_of, store_key
from gateway.session_limits import CODE_MARK, DAY, Life, SessionLimits
from gateway.store import MOVED, VALUE, Store

__all__ = ["PENDING", "LiveBook", "LiveSignIn", "Sessions"]

Clock = Callable[[], float]
Fields = dict[str, bytes | int]
OnEnd = Callable[[frozenset[str]], None]

PENDING: Final = 60  # seconds until a book session must be confirmed
PERSON_BYTES: Final = 16  # of randomness in the id of a guest: as long as other people's, and nobody's
_SEEN: Final = "seen"
_FIELDS: Final = (VALUE, _SEEN)
_TOUCHES: Final = 20  # a sign of life is written at most so often in an idle time


class Sessions:
    """on_end: called with what has ended (keys of sessions; a slot where all of a person's end) before the
    method that ended it returns. `LiveBook.ended_by` has what to compare it with.
    """

    def __init__(
        self, store: Store, sealer: Sealer, limits: SessionLimits, clock: Clock, token: Token
    ) -> None:
        self._store = store
        self._sealer = sealer
        self._limits = limits
        self._clock = clock
        self._token = token
        longest = max(
            life.absolute for life in (limits.sign_in, limits.shared_device, limits.book, limits.guest)
        )
        self._epoch_life = longest + DAY
        self.on_end: list[OnEnd] = []

    # -- sign-in sessions

    async def begin_sign_in(
        self,
        person: str,
        name: str | None,
        provider: str,
        auth_time: int,
        *,
        own_device: bool,
        replaces: str | None,
        claims: Mapping[str, str] = MappingProxyType({}),
    ) -> LiveSignIn:
        """A new session under a new id; `replaces` is the cookie that came, whose session ends."""
        old = None if replaces is None else Issued.parse(replaces)
        if old is not None:
            await self.end_sign_in(old.key)
        slot = self._sealer.slots(person)[0]
        epoch = await self._store.epoch(_epoch_key(slot), self._epoch_life)
        now = self._now()
        record = SignIn(
            person=person,
            name=name,
            provider=provider,
            auth_time=auth_time,
            epoch=epoch,
            own_device=own_device,
            began=now,
            ends=now + self._sign_in_life(own_device=own_device).absolute,
            claims=dict(claims),
        )
        issued = Issued.mint(slot, self._token)
        fields: Fields = {VALUE: self._sealer.seal_record("sign-in", issued.key, record), _SEEN: now}
        await self._store.create(_sign_in_key(issued.key), fields, self._sign_in_expires(record, now))
        return LiveSignIn(issued.id, issued.key, record)

    async def load_sign_in(self, cookie_value: str) -> LiveSignIn | None:
        issued = Issued.parse(cookie_value)
        live = None if issued is None else await self.load_sign_in_key(issued.key)
        return None if live is None else replace(live, id=cookie_value)

    async def load_sign_in_key(self, key: str) -> LiveSignIn | None:
        (found,), epoch = await self._store.look([(_sign_in_key(key), _FIELDS)], _epoch_key(slot_of(key)))
        now = self._now()
        record = self._sign_in(key, found, epoch, now)
        if record is None:
            return None
        await self._touch_sign_in(key, record, found, now)
        return LiveSignIn(None, key, record)

    async def set_own_device(self, live: LiveSignIn, *, own_device: bool) -> LiveSignIn:
        """The tick after the fact: books that run already follow when they are next seen.

        A session that ended meanwhile stays ended.
        """
        (found,), _ = await self._store.look(
            [(_sign_in_key(live.key), _FIELDS)], _epoch_key(slot_of(live.key))
        )
        ends = live.record.began + self._sign_in_life(own_device=own_device).absolute
        record = msgspec.structs.replace(live.record, own_device=own_device, ends=ends)
        if found[0] is not None:
            now = self._now()
            await self._store.change(
                _sign_in_key(live.key),
                {VALUE: self._sealer.seal_record("sign-in", live.key, record), _SEEN: now},
                expected=found[0],
                expires=self._sign_in_expires(record, now),
            )
        return replace(live, record=record)

    async def end_sign_in(self, key: str) -> None:
        """Ends a session; its children die with it, since their load asks for it."""
        try:
            await self._store.delete(_sign_in_key(key))
        finally:  # also when the request was given up: whoever listens must not be left with a dead session
            self._tell(key)

    async def end_everywhere(self, person: str) -> None:
        """Ends all of a person's sessions, those that began under a previous root key too."""
        slots = self._sealer.slots(person)
        try:
            for slot in slots:
                await self._store.raise_epoch(_epoch_key(slot), self._epoch_life)
        finally:
            self._tell(*slots)

    async def remember_cookie_mode(self, parent_key: str, origin: str) -> None:
        """This origin's cookie came back once: from now on token mode there needs a click on our page."""
        await self._store.change(_sign_in_key(parent_key), {_cookie_field(origin): 1})

    async def confirmed_cookie_mode(self, parent_key: str, origin: str) -> bool:
        return await self._store.has_field(_sign_in_key(parent_key), _cookie_field(origin))

    # -- book sessions

    @staticmethod
    def slot_of_code(code: str) -> str | None:
        """The slot in an authorization code; None: not of our form."""
        issued = Issued.parse(code)
        return None if issued is None else slot_of(issued.key)

    def mint_book(self, slot: str) -> Issued:
        """An id for a session to come: its key is what a code's first use leaves for the second."""
        return Issued.mint(slot, self._token)

    async def begin_book(
        self,
        parent: LiveSignIn,
        origin: str,
        jkt: str | None,
        *,
        approved: bool,
        minted: Issued | None = None,
    ) -> LiveBook:
        """A session that serves nothing until it is confirmed.

        InvalidGrantError: the minted key was ended before it began (a second use of its code).
        """
        issued = self.mint_book(slot_of(parent.key)) if minted is None else minted
        if slot_of(issued.key) != slot_of(parent.key):
            raise InvalidGrantError("the minted id is of another slot than its parent")
        now = self._now()
        above = parent.record
        record = Book(
            person=above.person,
            name=above.name,
            provider=above.provider,
            auth_time=above.auth_time,
            epoch=above.epoch,
            origin=origin,
            parent=parent.key,
            mode=Mode.PENDING,
            jkt=jkt,
            approved=approved,
            own_device=above.own_device,
            began=now,
            ends=min(now + self._book_life(own_device=above.own_device).absolute, above.ends),
        )
        return await self._begun(issued, record, above)

    async def begin_guest(self, person: str | None, origin: str, jkt: str) -> LiveBook:
        """The same for a guest, whom no sign-in session stands for: `sessions.guest` bounds it.

        person: of a guest who comes back by a return code; None: a new one.
        """
        person = person or encoded(self._token(PERSON_BYTES))
        slot = self._sealer.slots(person)[0]
        epoch = await self._store.epoch(_epoch_key(slot), self._epoch_life)
        now = self._now()
        record = Book(
            person=person,
            name=None,
            provider=GUEST,
            auth_time=now,
            epoch=epoch,
            origin=origin,
            parent=None,
            mode=Mode.PENDING,
            jkt=jkt,
            approved=False,
            own_device=True,
            began=now,
            ends=now + self._limits.guest.absolute,
        )
        return await self._begun(self.mint_book(slot), record, None)

    async def _begun(self, issued: Issued, record: Book, above: SignIn | None) -> LiveBook:
        expires = self._book_expires(record, record.began)
        fields: Fields = {VALUE: self._sealer.seal_record("book", issued.key, record), _SEEN: record.began}
        if not await self._store.create(_book_key(issued.key), fields, expires):
            raise InvalidGrantError("the book session was ended before it began")
        return LiveBook(book_id(issued, record.parent), issued.key, record, above)

    async def confirm_book(self, key: str, mode: Mode, jkt: str | None = None) -> LiveBook | None:
        """From pending to its mode, once; None: too late, ended, or confirmed before.

        jkt: the key to bind to where none is bound yet. In token mode the session goes on under a new key:
        the id that went out in a cookie which never came back is dead.
        """
        (found,), _ = await self._store.look([(_book_key(key), _FIELDS)], _epoch_key(slot_of(key)))
        sealed = found[0]
        pending = None if sealed is None else self._sealer.open_record("book", key, sealed, Book)
        live = None if pending is None else await self.load_book_key(key, pending.parent)
        if sealed is None or live is None or live.record.mode is not Mode.PENDING:
            return None
        record = msgspec.structs.replace(live.record, mode=mode, jkt=live.record.jkt or jkt)
        issued = self.mint_book(slot_of(key))
        new_key = issued.key if mode is Mode.DPOP else key
        now = self._now()
        fields: Fields = {VALUE: self._sealer.seal_record("book", new_key, record), _SEEN: now}
        expires = self._book_expires(record, now)
        if mode is Mode.DPOP:
            keys = _book_key(key), _book_key(new_key)
            done = await self._store.move(keys, sealed, new_key, CODE_MARK, fields, expires)
        else:
            done = await self._store.change(_book_key(key), fields, expected=sealed, expires=expires)
        return replace(live, key=new_key, record=record) if done else None

    async def load_book(self, cookie_value: str) -> LiveBook | None:
        """A session by its cookie. One in token mode is never reached so: its cookie was not accepted."""
        keys = parse_book_id(cookie_value)
        live = None if keys is None else await self.load_book_key(*keys)
        if live is None or live.record.mode is Mode.DPOP:
            return None
        return replace(live, id=cookie_value)

    async def load_book_key(
        self, key: str, parent_key: str | None, token: str | None = None
    ) -> LiveBook | None:
        """A session by its key. token: the field of an access or refresh token that must be there too."""
        fields = _FIELDS if token is None else (*_FIELDS, token)
        asked = [(_book_key(key), fields)]
        if parent_key is not None:
            if slot_of(key) != slot_of(parent_key):
                return None
            asked.append((_sign_in_key(parent_key), _FIELDS))
        (found, *above), epoch = await self._store.look(asked, _epoch_key(slot_of(key)))
        now = self._now()
        parent = None if parent_key is None else self._sign_in(parent_key, above[0], epoch, now)
        record = self._book(key, found, epoch, parent, now)
        if record is None or record.parent != parent_key:
            return None
        if token is not None and _seconds(found[2]) <= now:
            return None
        await self._touch_book(key, record, found, now)
        if parent_key is not None and parent is not None:
            await self._touch_sign_in(parent_key, parent, above[0], now)
        return LiveBook(None, key, record, parent)

    async def end_book(self, key: str) -> None:
        """Ends a session, also under the key it got when it was confirmed, also one that has yet to begin."""
        ended = [key]
        try:
            (moved,), _ = await self._store.look([(_book_key(key), (MOVED,))], _epoch_key(slot_of(key)))
            ended += [found.decode() for found in moved if found is not None]
            for each in reversed(ended):  # the old key last: until then it still says where to look
                await self._store.bury(_book_key(each), PENDING)
        finally:
            self._tell(*ended)

    # -- what a record must hold to be alive

    def _sign_in(self, key: str, found: list[bytes | None], epoch: int, now: int) -> SignIn | None:
        sealed = found[0]
        record = None if sealed is None else self._sealer.open_record("sign-in", key, sealed, SignIn)
        if record is None or record.epoch != epoch:
            return None
        return record if now < self._sign_in_expires(record, _seconds(found[1])) else None

    def _book(
        self, key: str, found: list[bytes | None], epoch: int, parent: SignIn | None, now: int
    ) -> Book | None:
        """The record, following its parent: what was ticked there since holds for the books that run."""
        sealed = found[0]
        record = None if sealed is None else self._sealer.open_record("book", key, sealed, Book)
        if record is None or record.epoch != epoch:
            return None
        if record.parent is not None:
            if parent is None or record.person != parent.person:
                return None
            life = self._book_life(own_device=parent.own_device)
            ends = min(record.began + life.absolute, parent.ends)
            record = msgspec.structs.replace(record, own_device=parent.own_device, ends=ends)
        return record if now < self._book_expires(record, _seconds(found[1])) else None

    # -- signs of life

    async def _touch_sign_in(self, key: str, record: SignIn, found: list[bytes | None], now: int) -> None:
        idle = self._sign_in_life(own_device=record.own_device).idle
        if now - _seconds(found[1]) >= idle / _TOUCHES:
            expires = self._sign_in_expires(record, now)
            await self._store.change(_sign_in_key(key), {_SEEN: now}, expected=found[0], expires=expires)

    async def _touch_book(self, key: str, record: Book, found: list[bytes | None], now: int) -> None:
        # by the shortest idle time: until the first touch after the tick Redis keeps it no longer than that
        idle = min(self._life_of(record).idle, self._limits.shared_device.idle)
        if record.mode is not Mode.PENDING and now - _seconds(found[1]) >= idle / _TOUCHES:
            expires = self._book_expires(record, now)
            await self._store.change(_book_key(key), {_SEEN: now}, expected=found[0], expires=expires)

    def _sign_in_expires(self, record: SignIn, seen: int) -> int:
        return min(record.ends, seen + self._sign_in_life(own_device=record.own_device).idle)

    def _book_expires(self, record: Book, seen: int) -> int:
        if record.mode is Mode.PENDING:
            return min(record.ends, record.began + PENDING)
        return min(record.ends, seen + self._life_of(record).idle)

    def _life_of(self, record: Book) -> Life:
        return self._limits.guest if record.is_guest else self._book_life(own_device=record.own_device)

    def _sign_in_life(self, *, own_device: bool) -> Life:
        return self._limits.sign_in if own_device else self._limits.shared_device

    def _book_life(self, *, own_device: bool) -> Life:
        return self._limits.book if own_device else self._limits.shared_device

    def _now(self) -> int:
        return int(self._clock())

    def _tell(self, *ended: str) -> None:
        for on_end in self.on_end:
            on_end(frozenset(ended))


def _sign_in_key(key: str) -> str:
    return store_key("s", key)


def _book_key(key: str) -> str:
    return store_key("b", key)


def _epoch_key(slot: str) -> str:
    return f"e:{{{slot}}}"


def _cookie_field(origin: str) -> str:
    return f"c:{short_hash(origin)}"


def _seconds(field: bytes | None) -> int:
    """Unix seconds; nothing there: long ago."""
    return int(field) if field is not None and field.isdigit() else 0
