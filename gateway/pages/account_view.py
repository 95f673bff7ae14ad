"""What the account page shows of a person's sessions and permissions: values in, values out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.records import BookSummary, Mode, SignInSummary

NO_NAME = "A browser that does not say which one it is"
FIRST = 3  # books of a session that are shown unasked

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as a page tells it: in words, and exactly."""

    words: str  # "3 days ago", which is true in every time zone
    exact: str  # RFC 3339

    @classmethod
    def of(cls, then: int, now: int) -> "Moment":
        """then, now: Unix seconds."""
        exact = datetime.fromtimestamp(then, UTC)
        return cls(_words(exact, now - then), f"{exact:%Y-%m-%dT%H:%M:%SZ}")


def _words(then: datetime, seconds: int) -> str:
    if seconds < _MINUTE:
        return "just now"
    for unit, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        count = seconds // unit
        if count > 30 and unit == _DAY:
            return f"on {then.day} {then:%B %Y}"
        if count:
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    raise AssertionError  # pragma: no cover  # a minute is a minute


@dataclass(frozen=True, slots=True)
class ShownBook:
    origin: str
    used: Moment


@dataclass(frozen=True, slots=True)
class ShownSession:
    """One sign-in session with the books under it; the first few, and the others."""

    key: str
    device: str
    way: str  # the label of the provider
    began: Moment
    used: Moment
    books: tuple[ShownBook, ...]
    more_books: tuple[ShownBook, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """this: of the browser that asks; None: too new to be listed. others: the last used first."""

    this: ShownSession | None
    others: tuple[ShownSession, ...]


def shown(
    summaries: Sequence[SignInSummary | BookSummary], here: str, labels: Mapping[str, str], now: int
) -> Shown:
    """The sessions of one person. here: key of the session that asks. labels: of the providers, by id."""
    books = [each for each in summaries if isinstance(each, BookSummary)]
    sign_ins = [each for each in summaries if isinstance(each, SignInSummary)]
    listed = [
        _session(each, [book for book in books if book.parent == each.key], labels, now)
        for each in sorted(sign_ins, key=lambda each: (-each.seen, each.key))
    ]
    this = next((each for each in listed if each.key == here), None)
    return Shown(this, tuple(each for each in listed if each.key != here))


def _session(
    summary: SignInSummary, books: Sequence[BookSummary], labels: Mapping[str, str], now: int
) -> ShownSession:
    used: dict[str, int] = {}
    for book in books:
        if book.mode is not Mode.PENDING:
            used[book.origin] = max(book.seen, used.get(book.origin, 0))
    told = [
        ShownBook(origin, Moment.of(seen, now))
        for origin, seen in sorted(used.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    return ShownSession(
        key=summary.key,
        device=summary.device or NO_NAME,
        way=labels.get(summary.provider, summary.provider),
        began=Moment.of(summary.began, now),
        used=Moment.of(summary.seen, now),
        books=tuple(told[:FIRST]),
        more_books=tuple(told[FIRST:]),
    )
