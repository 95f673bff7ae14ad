"""Which backend is told what, from where people have been: values in, values out."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from gateway.directory.orders import Order
from gateway.directory.places import Place
from gateway.routes import Backend, Purpose, Subject

# origin -> the books that it has by the policy of now
BooksOf = Callable[[str], Sequence[str]]


def plan_orders(
    purpose: Purpose,
    been: Iterable[Place],
    books_of: BooksOf,
    backends: Iterable[Backend],
    survivor: str | None = None,
) -> list[Order]:
    """An order for each backend that takes such, each person and each book.

    An origin is told apart where the backend knows people by origin; else once for all of a book's origins.
    """
    taking = [backend for backend in backends if purpose in backend.lifecycle]
    found: dict[tuple[str, str, str, str], Order] = {}
    for person, origin, book in _everywhere(been, books_of):
        for backend in taking:
            told_apart = origin if backend.subject is Subject.PAIRWISE else ""
            order = Order(purpose, person, survivor, origin, book, backend.name)
            found.setdefault((person, told_apart, book, backend.name), order)
    return list(found.values())


def silent(purpose: Purpose, backends: Iterable[Backend]) -> list[str]:
    """Backends that may know people and take no such orders."""
    return [backend.name for backend in backends if purpose not in backend.lifecycle]


def _everywhere(been: Iterable[Place], books_of: BooksOf) -> Iterator[tuple[str, str, str]]:
    """The books of then, and those that the same origins have now."""
    for place in sorted(been, key=lambda place: (place.person, place.origin, place.book)):
        if place.book:
            yield place.person, place.origin, place.book
        for book in books_of(place.origin):
            yield place.person, place.origin, book
