"""What somebody is to the site, by what their provider said of them: in all books, or in some."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Classes = tuple[tuple[str, str, str], ...]  # the class, student | teacher, and the class's book


@dataclass(frozen=True, slots=True)
class RoleRule:
    """Whoever came by `provider`, which said `value` under its `claim`, has the role; in these books alone.

    books: None: in all.
    """

    role: str
    provider: str
    claim: str
    value: str
    books: frozenset[str] | None = None


def roles_of(
    rules: Iterable[RoleRule], provider: str, said: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """The roles as a session keeps them: `ROLE`, or `ROLE@BOOK` where it counts in that book alone."""
    found: list[str] = []
    for rule in rules:
        if rule.provider != provider or rule.value not in said.get(rule.claim, ()):
            continue
        if rule.books is None:
            found.append(rule.role)
        else:
            found += [f"{rule.role}@{book}" for book in sorted(rule.books)]
    return tuple(dict.fromkeys(found))


def roles_in(roles: Iterable[str], book: str | None) -> tuple[str, ...]:
    """The names of those that count in a book; None: those that count everywhere."""
    found: list[str] = []
    for kept in roles:
        role, scoped, where = kept.partition("@")
        if not scoped or where == book:
            found.append(role)
    return tuple(dict.fromkeys(found))


def roles_anywhere(roles: Iterable[str]) -> tuple[str, ...]:
    """The names of all, whichever book they count in."""
    return tuple(dict.fromkeys(kept.partition("@")[0] for kept in roles))


def classes_in(classes: Classes, book: str | None) -> list[dict[str, str]]:
    """Those of a book, as backends are told."""
    return [{"id": name, "role": role} for name, role, where in classes if where == book]
