"""Which credential of a request counts, and whether a book session serves its origin."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway import cookies
from gateway.errors import InvalidRequestError
from gateway.origins import Policy, Trust
from gateway.records import Book, Mode

SUBPROTOCOL: Final = "bookgate"
TICKET_SUBPROTOCOL: Final = "bookgate.ticket."

PASSKEY: Final = "passkey"
LTI: Final = "lti"  # from a course of a learning platform
CLASS_CARD: Final = "class_card"  # the way in of people without e-mail
GUEST: Final = "guest"  # the way in of those who have none; a provider cannot have this name

_BEARER: Final = re.compile(r"bearer +(bg_[!-~]*)", re.IGNORECASE)  # RFC 6750 section 2.1
_DPOP: Final = re.compile(r"dpop +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)  # RFC 9449 section 7.1


@dataclass(frozen=True, slots=True)
class Facts:
    """What a request says that bears on who it is from: header lines as they came.

    url: the gateway's public URL and the raw path, without query and fragment (a proof's htu).
    """

    method: str
    url: str
    path: str
    origin: str | None
    cookie_lines: Sequence[str]
    authorization_lines: Sequence[str]
    dpop_lines: Sequence[str]
    protocol_lines: Sequence[str]
    is_websocket: bool
    own_origin: str


@dataclass(frozen=True, slots=True)
class NoCredential:
    """Anonymous."""


@dataclass(frozen=True, slots=True)
class CookieCredential:
    """values: the book's cookie, then the guest whom an unfinished sign-in set aside."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DpopCredential:
    token: str


@dataclass(frozen=True, slots=True)
class TicketCredential:
    """A WebSocket's, in token mode: browsers let a page set no header there."""

    ticket: str


@dataclass(frozen=True, slots=True)
class TokenCredential:
    """A script's: a personal token."""

    token: str


Credential = NoCredential | CookieCredential | DpopCredential | TicketCredential | TokenCredential


def credential(facts: Facts) -> Credential:
    """The one credential that counts.

    Without an Origin no cookie is one: browsers send it on no-cors GETs too (`<img>`, frames), and the
    session could not be compared with whoever asks. Our own origin has no book.
    """
    if facts.origin is None:
        return _of_script(facts)
    if facts.origin == facts.own_origin:
        return NoCredential()
    if facts.authorization_lines:
        return _authorized(facts.authorization_lines)
    if facts.is_websocket and (ticket := _ticket(facts.protocol_lines)) is not None:
        return TicketCredential(ticket)
    values = cookie_values(facts.origin, facts.cookie_lines)
    return CookieCredential(values) if values else NoCredential()


def cookie_values(origin: str, lines: Sequence[str]) -> tuple[str, ...]:
    """Of the cookies that may name a session of this origin, as in CookieCredential."""
    wanted = (cookies.book_name(origin), cookies.guest_name(origin))
    found: dict[str, str] = {}
    for line in lines:
        for part in line.split(";"):
            name, equals, value = part.partition("=")
            name = name.strip(" \t")
            if equals and name in wanted:
                if name in found:
                    raise InvalidRequestError(f"cookie {name} came twice")
                found[name] = value.strip(" \t")
    return tuple([found[name] for name in wanted if name in found])


def admits(book: Book, origin: str, policy: Policy | None, now: int) -> bool:
    """Whether a session serves requests of this origin.

    The partition of a cookie is a whole site, third-party frames included: only the origin tells them apart.
    """
    return (
        book.origin == origin
        and policy is not None
        and policy.credentials
        and offers(policy, book.provider)
        and _agreed(book, policy)
        and book.began >= policy.since
        and book.mode is not Mode.PENDING
        and now < book.ends
    )


def offers(policy: Policy, provider: str) -> bool:
    """Whether a book takes people who came in by this way; it names its ways, or takes all.

    A guest gives no word to any origin: one that no entry lists takes guests only where they are named.
    """
    if policy.sign_in is None:
        return provider != GUEST or policy.line > 0
    return provider in policy.sign_in


def _agreed(book: Book, policy: Policy) -> bool:
    """An origin that went from trusted to consent needs this person's approval from then on.

    A guest is nobody whose name or other work a book could reach: there is nothing to consent to.
    """
    if policy.trust is Trust.TRUSTED:
        return book.approved or book.is_guest or book.began >= policy.trusted_since
    return policy.trust is Trust.CONSENT and (book.approved or book.is_guest)


def _of_script(facts: Facts) -> Credential:
    """A personal token counts where no browser can be behind it: no page may hold one."""
    if len(facts.authorization_lines) != 1 or facts.cookie_lines:
        return NoCredential()
    found = _BEARER.fullmatch(facts.authorization_lines[0].strip(" \t"))
    return NoCredential() if found is None else TokenCredential(found[1])


def _authorized(lines: Sequence[str]) -> Credential:
    """Present, it beats the cookie; of another scheme, it is nobody's and is dropped."""
    if len(lines) > 1:
        raise InvalidRequestError("more than one Authorization header")
    found = _DPOP.fullmatch(lines[0].strip(" \t"))
    return NoCredential() if found is None else DpopCredential(found[1])


def _ticket(lines: Sequence[str]) -> str | None:
    offered = [part.strip(" \t") for line in lines for part in line.split(",")]
    tickets = [part for part in offered if part.startswith(TICKET_SUBPROTOCOL)]
    if len(tickets) > 1:
        raise InvalidRequestError("more than one WebSocket ticket")
    return tickets[0].removeprefix(TICKET_SUBPROTOCOL) if tickets else None
