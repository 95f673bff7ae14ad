"""Book sessions: how they begin, are confirmed, found and live on; those of guests too.

A child is alive only with its parent and under the person's epoch: one look reads all three.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import msgspec

from gateway.access import GUEST
from gateway.errors import InvalidGrantError
from gateway.records import Book, LiveBook, LiveSignIn, Mode, SignIn
from gateway.revocation_rules import Act, EndBook, EndSignIn
from gateway.sealing import encoded
from gateway.session_ends import SessionEnds
from gateway.session_ids import Issued, book_id, parse_book_id, slot_of
from gateway.session_life import BOOK, EPOCH, MOST, SIGN_IN, member_key, person_key, person_of, place_of
from gateway.session_limits import CODE_MARK
from gateway.store import VALUE, Found, Place
from gateway.store import Marks as PersonMarks

PERSON_BYTES: Final = 16  # of randomness in the id of a guest: as long as other people's, and nobody's


class Opened(NamedTuple):
    """A book session as it was sealed, and the sign-in session above it; a guest's has none."""

    book: Book
    sign_in: SignIn | None


class BookSessions(SessionEnds):
    """What becomes of a code, of a guest and of a book's cookie or token."""

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
        slot = slot_of(parent.key)
        issued = self.mint_book(slot) if minted is None else minted
        if slot_of(issued.key) != slot:
            raise InvalidGrantError("the minted id is of another slot than its parent")
        began = self._book_began(await self._store.marks(person_key(slot), self._longest), origin)
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
            began=began,
            ends=min(began + self._book_life(own_device=above.own_device).absolute, above.ends),
            device=above.device,
        )
        return await self._begun(issued, record, above)

    async def begin_guest(
        self, person: str | None, origin: str, jkt: str, device: str | None = None
    ) -> LiveBook:
        """The same for a guest, whom no sign-in session stands for: `sessions.guest` bounds it.

        person: of a guest who comes back by a return code; None: a new one.
        """
        person = person or encoded(self._token(PERSON_BYTES))
        slot = self._sealer.slots(person)[0]
        marks = await self._store.marks(person_key(slot), self._longest)
        began = max(self._book_began(marks, origin), self.marks.providers.get(GUEST, 0))
        record = Book(
            person=person,
            name=None,
            provider=GUEST,
            auth_time=began,
            epoch=marks.get(EPOCH, 0),
            origin=origin,
            parent=None,
            mode=Mode.PENDING,
            jkt=jkt,
            approved=False,
            own_device=True,
            began=began,
            ends=began + self._limits.guest.absolute,
            device=device,
        )
        return await self._begun(self.mint_book(slot), record, None)

    async def _begun(self, issued: Issued, record: Book, above: SignIn | None) -> LiveBook:
        place = place_of(BOOK, issued.key)
        if not await self._created(place, "book", issued.key, record, self._life_of(record).idle):
            raise InvalidGrantError("the book session was ended before it began")
        return LiveBook(book_id(issued, record.parent), issued.key, record, above)

    async def _created(
        self, place: Place, purpose: str, key: str, record: msgspec.Struct, seconds: int
    ) -> bool:
        """False: its key was ended before. Where a person has too many sessions the oldest end."""
        sealed = self._sealer.seal_record(purpose, key, record)
        surplus = await self._store.begin(place, sealed, seconds, MOST)
        if surplus:
            old = [member_key(slot_of(key), member) for member in surplus]
            acts: list[Act] = [EndSignIn(each) if kind == SIGN_IN else EndBook(each) for kind, each in old]
            await self._end(acts)
        return surplus is not None

    async def confirm_book(self, key: str, mode: Mode, jkt: str | None = None) -> LiveBook | None:
        """From pending to its mode, once; None: too late, ended, or confirmed before.

        jkt: the key to bind to where none is bound yet. In token mode the session goes on under a new key:
        the id that went out in a cookie which never came back is dead.
        """
        (found,), _ = await self._store.look([place_of(BOOK, key).record], person_of(key))
        pending = self._opened_book(key, found)
        live = None if pending is None else await self.load_book_key(key, pending.parent)
        if found.value is None or live is None or live.record.mode is not Mode.PENDING:
            return None
        record = msgspec.structs.replace(live.record, mode=mode, jkt=live.record.jkt or jkt)
        new_key = self.mint_book(slot_of(key)).key if mode is Mode.DPOP else key
        sealed = self._sealer.seal_record("book", new_key, record)
        old, new, life = place_of(BOOK, key), place_of(BOOK, new_key), self._life_of(record)
        if mode is Mode.DPOP:
            done = await self._store.move((old, new), new_key, CODE_MARK, life, (found.value, sealed))
        else:
            done = await self._store.touch(old, life, found.value, {VALUE: sealed})
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
        if parent_key is not None and slot_of(key) != slot_of(parent_key):
            return None
        found, person = await self._store.look(book_records(key, parent_key), person_of(key), token or "")
        opened = self.open_book(key, parent_key, found)
        record = None if opened is None else self.judge_book(opened, found, person)
        if opened is None or record is None or (token is not None and not self.token_lives(found)):
            return None
        live = LiveBook(None, key, record, opened.sign_in)
        await self.touch_book(live, found)
        return live

    # -- what a look has found, in steps that wait for nothing

    def open_book(self, key: str, parent_key: str | None, found: Sequence[Found]) -> Opened | None:
        """The records that lie there, if they are ours and one is the other's."""
        book = self._opened_book(key, found[0])
        if book is None or book.parent != parent_key:
            return None
        if parent_key is None:
            return Opened(book, None)
        sign_in = self._opened_sign_in(parent_key, found[1])
        return None if sign_in is None else Opened(book, sign_in)

    def judge_book(self, opened: Opened, found: Sequence[Found], person: PersonMarks | None) -> Book | None:
        """What was opened, if it is alive; the record follows its parent."""
        now = self._now()
        if opened.sign_in is not None and not self._sign_in_lives(opened.sign_in, found[1], person, now):
            return None
        return self._book(opened.book, found[0], person, opened.sign_in, now)

    def goes_on(self, live: LiveBook, found: Sequence[Found]) -> bool:
        """Whether what was judged alive is so still, where all that was judged but its age is the same."""
        now, parent = self._now(), live.parent
        if parent is not None and not (
            found[1].age < self._sign_in_life(own_device=parent.own_device).idle and now < parent.ends
        ):
            return False
        return found[0].age < self._life_of(live.record).idle and now < live.record.ends

    def token_lives(self, found: Sequence[Found]) -> bool:
        """Whether the token that was asked for is there and has not ended."""
        return _seconds(found[0].field) > self._now()

    def is_due(self, live: LiveBook, found: Sequence[Found]) -> bool:
        """Whether a sign of life is to be written."""
        if self._book_is_due(live.record, found[0]):
            return True
        return live.parent is not None and self._sign_in_is_due(live.parent, found[1])

    async def touch_book(self, live: LiveBook, found: Sequence[Found]) -> None:
        """The signs of life that are due."""
        await self._touch_book(live.key, live.record, found[0])
        if live.record.parent is not None and live.parent is not None:
            await self._touch_sign_in(live.record.parent, live.parent, found[1])


def book_records(key: str, parent_key: str | None) -> list[str]:
    """What a look at a book session asks for; the keys are of our form, and of one slot."""
    slot, _, name = key.partition(".")
    own = f"{BOOK}:{{{slot}}}:{name}"
    return [own] if parent_key is None else [own, f"{SIGN_IN}:{{{slot}}}:{parent_key.partition('.')[2]}"]


def _seconds(field: bytes | None) -> int:
    """Unix seconds; nothing there: long ago."""
    return int(field) if field is not None and field.isdigit() else 0
