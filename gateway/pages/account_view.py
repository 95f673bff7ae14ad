"""What the account page shows of a person's sessions and permissions: values in, values out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.records import BookSummary, Mode, SignInSummary

FIRST = 3  # books of a session that are shown unasked


@dataclass(frozen=True, slots=True)
class Moment:
    """A time of a page (`{{ moment|ago }}` says it in words). Unix seconds."""

    then: int
    now: int

    @property
    def exact(self) -> str:
        """As RFC 3339 writes it."""
        return f"{datetime.fromtimestamp(self.then, UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True, slots=True)
class ShownBook:
    origin: str
    used: Moment


@dataclass(frozen=True, slots=True)
class ShownSession:
    """One sign-in session with the books under it; the first few, and the others."""

    key: str
    device: str | None  # None: it does not say which one it is
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
        ShownBook(origin, Moment(seen, now))
        for origin, seen in sorted(used.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    return ShownSession(
        key=summary.key,
        device=summary.device,
        way=labels.get(summary.provider, summary.provider),
        began=Moment(summary.began, now),
        used=Moment(summary.seen, now),
        books=tuple(told[:FIRST]),
        more_books=tuple(told[FIRST:]),
    )
