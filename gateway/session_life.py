"""What a session must be to be alive, and how its signs of life are kept.

Idle time is measured by Redis's clock, which also lets a key expire; what is sealed in a record (when it
began, when it ends at the latest) is in the gateway's seconds.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from gateway.errors import StoreUnavailableError
from gateway.records import Book, Mode, SignIn
from gateway.revocation_rules import Marks
from gateway.sealing import Sealer, Token
from gateway.session_ids import slot_of, store_key
from gateway.session_limits import DAY, Life, SessionLimits
from gateway.store import Found, Place, Store
from gateway.store import Marks as PersonMarks

Clock = Callable[[], float]

PENDING: Final = Life(60, 60)  # a book session must be confirmed by then
MOST: Final = 1000  # sessions of a person's slot: with one more the oldest end
SIGN_IN, BOOK = "s", "b"
LOOKED_AT: Final = ("s:", "b:", "p:")  # what the keys begin with by which a session is judged
EPOCH: Final = "n"
_TOUCHES: Final = 20  # a sign of life is written at most so often in an idle time


class SessionLife:
    """marks: what ended everywhere, by provider and by origin; whoever follows them puts new ones here."""

    def __init__(
        self, store: Store, sealer: Sealer, limits: SessionLimits, clock: Clock, token: Token
    ) -> None:
        self._store = store
        self._sealer = sealer
        self._limits = limits
        self._clock = clock
        self._token = token
        lives = (limits.sign_in, limits.shared_device, limits.book, limits.guest)
        self._longest = max(life.absolute for life in lives) + DAY
        self._touching: set[str] = set()
        self.marks = Marks()

    # -- what a record must hold to be alive

    def _sign_in(self, key: str, found: Found, person: PersonMarks | None, now: int) -> SignIn | None:
        record = self._opened_sign_in(key, found)
        return record if record is not None and self._sign_in_lives(record, found, person, now) else None

    def _opened_sign_in(self, key: str, found: Found) -> SignIn | None:
        """What is said to be a sign-in session: whether it is alive is yet to be seen."""
        if found.value is None:
            return None
        record = self._sealer.open_record("sign-in", key, found.value, SignIn)
        return record if record is not None and self._can_be_ended(record.person, key) else None

    def _sign_in_lives(self, record: SignIn, found: Found, person: PersonMarks | None, now: int) -> bool:
        if person is None or record.epoch != person.get(EPOCH, 0):
            return False
        if self.marks.sign_in_ended(record.provider, record.began):
            return False
        if record.began < self._since(person, "provider", record.provider):
            return False
        return found.age < self._sign_in_life(own_device=record.own_device).idle and now < record.ends

    def _opened_book(self, key: str, found: Found) -> Book | None:
        """What is said to be a book session: whether it is alive is yet to be seen."""
        if found.value is None:
            return None
        record = self._sealer.open_record("book", key, found.value, Book)
        # of a child its parent is asked
        lost = record is not None and record.is_guest and not self._can_be_ended(record.person, key)
        return None if lost else record

    def _can_be_ended(self, person: str, key: str) -> bool:
        """Whether it lies where all of this person's are ended.

        One that was sealed anew opens also when the root key that gave it its slot is gone.
        """
        return self._sealer.has_slot(person, slot_of(key))

    def _book(
        self, record: Book, found: Found, person: PersonMarks | None, parent: SignIn | None, now: int
    ) -> Book | None:
        """The record, following its parent: what was ticked there since holds for the books that run.

        parent: the living sign-in session; a guest has none.
        """
        if person is None or record.epoch != person.get(EPOCH, 0):
            return None
        if record.is_guest:
            if self.marks.sign_in_ended(record.provider, record.began):
                return None
        elif parent is None or record.person != parent.person:
            return None
        else:
            life = self._book_life(own_device=parent.own_device)
            ends = min(record.began + life.absolute, parent.ends)
            record = msgspec.structs.replace(record, own_device=parent.own_device, ends=ends)
        if self.marks.book_ended(record.origin, record.began):
            return None
        if record.began < self._since(person, "origin", record.origin):
            return None
        return record if found.age < self._life_of(record).idle and now < record.ends else None

    def _since(self, person: PersonMarks, kind: str, name: str) -> int:
        """The second before which this person's sessions of that provider or origin have ended."""
        if person.keys() <= {EPOCH}:
            return 0
        return max(person.get(field, 0) for field in self._mark_fields(kind, name))

    def _mark_fields(self, kind: str, name: str) -> list[str]:
        """Under which a mark may lie, by each root key (the first is today's): Redis learns no names."""
        return [f"{kind[0]}:{keyed}" for keyed in self._sealer.slots(f"{kind} {name}")]

    # -- when a session begins

    def _sign_in_began(self, person: PersonMarks, provider: str) -> int:
        """Now, and after every mark: whoever signs in after "end all" is not signed out by it again."""
        everywhere = max(self.marks.everybody, self.marks.providers.get(provider, 0))
        return max(self._now(), everywhere, self._since(person, "provider", provider))

    def _book_began(self, person: PersonMarks, origin: str) -> int:
        """The same of a book session."""
        everywhere = max(self.marks.everybody, self.marks.origins.get(origin, 0))
        return max(self._now(), everywhere, self._since(person, "origin", origin))

    # -- signs of life

    def _sign_in_is_due(self, record: SignIn, found: Found) -> bool:
        return abs(found.age) >= self._sign_in_life(own_device=record.own_device).idle / _TOUCHES

    def _book_is_due(self, record: Book, found: Found) -> bool:
        # by the shortest idle time: until the first touch after the tick Redis keeps it no longer than that
        idle = min(self._life_of(record).idle, self._limits.shared_device.idle)
        return record.mode is not Mode.PENDING and abs(found.age) >= idle / _TOUCHES

    async def _touch_sign_in(self, key: str, record: SignIn, found: Found) -> None:
        if self._sign_in_is_due(record, found):
            life = self._sign_in_life(own_device=record.own_device)
            await self._touch(place_of(SIGN_IN, key), life, found)

    async def _touch_book(self, key: str, record: Book, found: Found) -> None:
        if self._book_is_due(record, found):
            await self._touch(place_of(BOOK, key), self._life_of(record), found)

    async def _touch(self, place: Place, life: Life, found: Found) -> None:
        """Once for all requests that find it due together. A session that was just proved alive does not fail
        because Redis takes no writes at the moment.
        """
        if found.value is None or place.record in self._touching:
            return
        self._touching.add(place.record)
        try:
            await self._store.touch(place, life, found.value, {})
        except StoreUnavailableError:
            return
        finally:
            self._touching.discard(place.record)

    # -- lives

    def _life_of(self, record: Book) -> Life:
        if record.mode is Mode.PENDING:
            return PENDING
        return self._limits.guest if record.is_guest else self._book_life(own_device=record.own_device)

    def _sign_in_life(self, *, own_device: bool) -> Life:
        return self._limits.sign_in if own_device else self._limits.shared_device

    def _book_life(self, *, own_device: bool) -> Life:
        return self._limits.book if own_device else self._limits.shared_device

    def _now(self) -> int:
        return int(self._clock())


def place_of(kind: str, key: str) -> Place:
    """Where a session lies; beside a sign-in session what its provider handed out."""
    slot, _, name = key.partition(".")
    return Place(store_key(kind, key), index_key(slot), f"{kind}:{name}", store_key("t", key))


def index_key(slot: str) -> str:
    """Where it is written which sessions a person has."""
    return f"i:{{{slot}}}"


def member_key(slot: str, member: str) -> tuple[str, str]:
    """A member of a slot's index as its kind and key."""
    kind, _, name = member.partition(":")
    return kind, f"{slot}.{name}"


def person_key(slot: str) -> str:
    """Where a person's epoch and marks lie."""
    return f"p:{{{slot}}}"


def person_of(key: str) -> str:
    """The same, by the key of a session."""
    return person_key(slot_of(key))
