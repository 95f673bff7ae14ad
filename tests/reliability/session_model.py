"""What sessions ought to be: a model of a few lines, without a store, a key or a clock of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.session_limits import Life, SessionLimits

LIMITS: Final = SessionLimits()
UNWRITTEN: Final = 19 / 20  # a sign of life may be older in Redis than it is, by this part of the idle time
ROUNDING: Final = 3.0  # seconds
NEVER: Final = 0.0


def _lives(now: float, began: float, seen: float, life: Life) -> bool | None:
    """None: so near to the limit that either is right."""
    if now >= began + life.absolute + ROUNDING or now >= seen + life.idle + ROUNDING:
        return False
    if now >= began + life.absolute - ROUNDING or now >= seen + life.idle * UNWRITTEN - ROUNDING:
        return None
    return True


@dataclass
class SignIn:
    """One sign-in session. cookie: what its browser holds.

    ended: by an act, not by time. lost: Redis does not have it now, and may get it back.
    """

    person: str
    cookie: str
    own_device: bool
    began: float
    seen: float
    ended: bool = False
    lost: bool = False

    def alive(self, now: float) -> bool | None:
        if self.ended or self.lost:
            return False
        return _lives(now, self.began, self.seen, LIMITS.sign_in if self.own_device else LIMITS.shared_device)


@dataclass
class Book:
    """One book session. access_until: of a book in token mode."""

    parent: SignIn
    origin: str
    began: float
    seen: float
    ended: bool = False
    lost: bool = False
    access_until: float = 0.0

    def alive(self, now: float) -> bool | None:
        """A child lives no longer than its parent; its device is its parent's."""
        if self.ended or self.lost:
            return False
        life = LIMITS.book if self.parent.own_device else LIMITS.shared_device
        own, above = _lives(now, self.began, self.seen, life), self.parent.alive(now)
        if own is False or above is False:
            return False
        return None if own is None or above is None else True

    def saw(self, now: float) -> None:
        """A request of a child is a sign of life of its parent too."""
        self.seen = self.parent.seen = now


@dataclass
class Model:
    """All sessions that ever were."""

    sign_ins: list[SignIn] = field(default_factory=list)
    books: list[Book] = field(default_factory=list)

    def open_origins(self) -> list[str]:
        """Of books that nobody has ended yet."""
        return sorted({book.origin for book in self.books if not (book.ended or book.parent.ended)})

    def end_person(self, person: str) -> None:
        for sign_in in self.sign_ins:
            sign_in.ended |= sign_in.person == person

    def end_origin(self, origin: str, person: str | None = None) -> None:
        """Of everybody, or of one person."""
        for book in self.books:
            book.ended |= book.origin == origin and person in {None, book.parent.person}

    def end_older(self, than: float) -> None:
        for each in self._all():
            each.ended |= each.began < than

    def moment_between(self, second: int) -> int:
        """That second, or the next one in whose neighbourhood nothing began."""
        while any(abs(each.began - second) < ROUNDING for each in self._all()):
            second += 1
        return second

    def lose_all(self) -> None:
        for each in self._all():
            each.lost = True

    def _all(self) -> list[SignIn | Book]:
        return [*self.sign_ins, *self.books]


@dataclass(frozen=True)
class Kept:
    """What a copy of Redis holds: a session that began later is not in it, and signs of life are older."""

    sign_ins: list[float]
    books: list[float]

    @classmethod
    def of(cls, model: Model) -> "Kept":
        """Of the first so many sessions, when each was seen; of one that is lost too: it is not there."""
        return cls(_seen(model.sign_ins), _seen(model.books))

    def restore(self, model: Model) -> None:
        """What was ended since stays ended, whatever the copy says."""
        _restore(self.sign_ins, model.sign_ins)
        _restore(self.books, model.books)
        for book in model.books:
            book.access_until = 0.0  # the token at hand may be one that the copy does not know


def _seen(sessions: Sequence[SignIn | Book]) -> list[float]:
    return [NEVER if each.lost else each.seen for each in sessions]


def _restore(kept: list[float], sessions: Sequence[SignIn | Book]) -> None:
    for number, each in enumerate(sessions):
        seen = kept[number] if number < len(kept) else NEVER
        each.lost = seen == NEVER
        each.seen = seen
