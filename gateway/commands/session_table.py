"""A person's sessions as a terminal shows them, and as JSON."""

import sys
from collections.abc import Mapping, Sequence
from typing import Final, TextIO

import orjson
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.pages.account_view import Moment
from gateway.pages.language import ago
from gateway.records import BookSummary, SignInSummary

Summary = SignInSummary | BookSummary

NO_NAME: Final = "A browser that does not say which one it is"
WIDE: Final = 180  # columns where no terminal says how many it has


def console(stream: TextIO | None = None) -> Console:
    """As wide as the terminal; a file or a pipe gets whole lines without colours."""
    out = sys.stdout if stream is None else stream
    return Console(file=out, highlight=False, width=None if out.isatty() else WIDE)


def print_table(to: Console, found: Sequence[Summary], labels: Mapping[str, str], now: int) -> None:
    """Sign-in sessions, the last used first, each with its books under it; then a guest's.

    labels: of the providers, by id. now: Unix seconds.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    table.add_column("Where, and the session's name", min_width=41, overflow="fold")
    for name in ("Way in", "Signed in", "Last used"):
        table.add_column(name, overflow="fold")
    for above in (one for one in found if isinstance(one, SignInSummary)):
        way = labels.get(above.provider, above.provider)
        table.add_row(_where(above.device or NO_NAME, above), way, *_times(above, now))
        for book in _books(found, above.key):
            table.add_row(_where(book.origin, book, "  "), "", *_times(book, now))
    for book in _books(found, None):
        table.add_row(_where(book.origin, book), "guest", *_times(book, now))
    to.print(table)


def _where(place: str, one: Summary, indent: str = "") -> Text:
    """The name on a line of its own: a terminal of 80 columns has no room beside it."""
    return Text.assemble(f"{indent}{place}\n", (f"{indent}{one.key}", "dim"))


def _times(one: Summary, now: int) -> tuple[str, str]:
    return ago(Moment(one.began, now)), ago(Moment(one.seen, now))


def _books(found: Sequence[Summary], parent: str | None) -> list[BookSummary]:
    return [one for one in found if isinstance(one, BookSummary) and one.parent == parent]


def as_json(found: Sequence[Summary]) -> str:
    """The same for programs. Times are Unix seconds."""
    sign_ins = [
        {**_fields(one), "books": [_book(book) for book in _books(found, one.key)]}
        for one in found
        if isinstance(one, SignInSummary)
    ]
    guests = [_book(one) for one in _books(found, None)]
    return orjson.dumps({"sessions": sign_ins, "guests": guests}, option=orjson.OPT_INDENT_2).decode()


def _fields(one: Summary) -> dict[str, object]:
    return {
        "session": one.key,
        "device": one.device,
        "provider": one.provider,
        "own_device": one.own_device,
        "began": one.began,
        "seen": one.seen,
        "ends": one.ends,
    }


def _book(one: BookSummary) -> dict[str, object]:
    return {
        "session": one.key,
        "origin": one.origin,
        "mode": one.mode.value,
        "began": one.began,
        "seen": one.seen,
        "ends": one.ends,
    }
