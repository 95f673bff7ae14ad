from dataclasses import replace

import msgspec
import pytest

from gateway.access import (
    GUEST,
    CookieCredential,
    Credential,
    DpopCredential,
    Facts,
    NoCredential,
    TicketCredential,
    TokenCredential,
    admits,
    credential,
)
from gateway.cookies import book_name, guest_name
from gateway.errors import InvalidRequestError
from gateway.origins import Policy, Trust
from gateway.records import Book, Mode
from tests.policies import POLICY

BOOK = "https://book.example"
OWN = "https://gate.example"
COOKIE = f"{book_name(BOOK)}=the.id"

FACTS = Facts(
    method="GET",
    url=f"{OWN}/storage/",
    path="/storage/",
    origin=BOOK,
    cookie_lines=(),
    authorization_lines=(),
    dpop_lines=(),
    protocol_lines=(),
    is_websocket=False,
    own_origin=OWN,
)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(FACTS, NoCredential(), id="nothing"),
        pytest.param(replace(FACTS, cookie_lines=(COOKIE,)), CookieCredential(("the.id",)), id="cookie"),
        pytest.param(
            replace(FACTS, cookie_lines=("a=1; b", f"c=2;{COOKIE}")),
            CookieCredential(("the.id",)),
            id="second line",
        ),
        pytest.param(
            replace(FACTS, cookie_lines=(f"{guest_name(BOOK)}=aside;{COOKIE}",)),
            CookieCredential(("the.id", "aside")),
            id="a guest set aside comes second",
        ),
        pytest.param(
            replace(FACTS, cookie_lines=(f"{guest_name(BOOK)}=aside",)),
            CookieCredential(("aside",)),
            id="a guest set aside alone",
        ),
        pytest.param(
            replace(FACTS, origin=None, cookie_lines=(COOKIE,)), NoCredential(), id="cookie, no Origin"
        ),
        pytest.param(
            replace(FACTS, origin=OWN, cookie_lines=(f"{book_name(OWN)}=x",)),
            NoCredential(),
            id="our own origin",
        ),
        pytest.param(
            replace(FACTS, origin="https://other.example", cookie_lines=(COOKIE,)),
            NoCredential(),
            id="another origin's cookie",
        ),
        pytest.param(
            replace(FACTS, cookie_lines=("__Host-Http-bookgate=x",)), NoCredential(), id="first-party cookie"
        ),
        pytest.param(replace(FACTS, authorization_lines=("DPoP t.o-k",)), DpopCredential("t.o-k"), id="DPoP"),
        pytest.param(
            replace(FACTS, authorization_lines=(" dpop  tok ",)), DpopCredential("tok"), id="its case"
        ),
        pytest.param(
            replace(FACTS, authorization_lines=("DPoP tok",), cookie_lines=(COOKIE,)),
            DpopCredential("tok"),
            id="DPoP beats the cookie",
        ),
        pytest.param(
            replace(FACTS, authorization_lines=("Bearer tok",), cookie_lines=(COOKIE,)),
            NoCredential(),
            id="another scheme beats it too",
        ),
        pytest.param(replace(FACTS, authorization_lines=("DPoP",)), NoCredential(), id="no token"),
        pytest.param(replace(FACTS, authorization_lines=("DPoP a b",)), NoCredential(), id="two tokens"),
        pytest.param(
            replace(FACTS, origin=None, authorization_lines=("DPoP tok",)),
            NoCredential(),
            id="DPoP, no Origin",
        ),
        pytest.param(
            replace(FACTS, origin=None, authorization_lines=(" bearer  bg_x ",)),
            TokenCredential("bg_x"),
            id="a personal token",
        ),
        pytest.param(
            replace(FACTS, authorization_lines=("Bearer bg_x",)), NoCredential(), id="it, of a page"
        ),
        pytest.param(
            replace(FACTS, origin=OWN, authorization_lines=("Bearer bg_x",)),
            NoCredential(),
            id="it, of a page of ours",
        ),
        pytest.param(
            replace(FACTS, origin=None, authorization_lines=("Bearer bg_x",), cookie_lines=("a=b",)),
            NoCredential(),
            id="it, with a cookie",
        ),
        pytest.param(
            replace(FACTS, origin=None, authorization_lines=("Bearer bg_x", "Bearer bg_y")),
            NoCredential(),
            id="two of them",
        ),
        pytest.param(
            replace(FACTS, origin=None, authorization_lines=("Bearer ghp_x",)),
            NoCredential(),
            id="somebody else's token",
        ),
        pytest.param(
            replace(FACTS, is_websocket=True, protocol_lines=("bookgate, bookgate.ticket.T", "chat")),
            TicketCredential("T"),
            id="ticket",
        ),
        pytest.param(
            replace(FACTS, protocol_lines=("bookgate.ticket.T",), cookie_lines=(COOKIE,)),
            CookieCredential(("the.id",)),
            id="a ticket is for WebSockets",
        ),
        pytest.param(
            replace(FACTS, is_websocket=True, protocol_lines=("bookgate, chat",), cookie_lines=(COOKIE,)),
            CookieCredential(("the.id",)),
            id="a WebSocket with the cookie",
        ),
        pytest.param(
            replace(FACTS, is_websocket=True, protocol_lines=("bookgate.ticket.T",), cookie_lines=(COOKIE,)),
            TicketCredential("T"),
            id="the ticket beats the cookie",
        ),
    ],
)
def test_credential(facts: Facts, expected: Credential) -> None:
    assert credential(facts) == expected


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param(replace(FACTS, cookie_lines=(COOKIE, COOKIE)), id="our cookie twice"),
        pytest.param(replace(FACTS, cookie_lines=(f"{COOKIE}; {COOKIE}",)), id="twice in a line"),
        pytest.param(
            replace(FACTS, authorization_lines=("DPoP a", "DPoP b")), id="two Authorization headers"
        ),
        pytest.param(
            replace(FACTS, is_websocket=True, protocol_lines=("bookgate.ticket.A", "bookgate.ticket.B")),
            id="two tickets",
        ),
    ],
)
def test_what_cannot_be_told_apart_is_refused(facts: Facts) -> None:
    with pytest.raises(InvalidRequestError):
        credential(facts)


SESSION = Book(
    person="ada",
    name="Ada",
    provider="campus",
    auth_time=1,
    epoch=0,
    origin=BOOK,
    parent="slot.hash",
    mode=Mode.COOKIE,
    jkt=None,
    approved=False,
    own_device=True,
    began=100,
    ends=200,
)
CONSENT = replace(POLICY, trust=Trust.CONSENT)
OF_GUEST = msgspec.structs.replace(SESSION, provider=GUEST, parent=None, name=None)
UNLISTED = replace(POLICY, line=0)


@pytest.mark.parametrize(
    ("book", "origin", "policy", "now", "expected"),
    [
        pytest.param(SESSION, BOOK, POLICY, 150, True, id="trusted"),
        pytest.param(OF_GUEST, BOOK, POLICY, 150, True, id="a guest"),
        pytest.param(OF_GUEST, BOOK, CONSENT, 150, True, id="a guest has nothing to consent to"),
        pytest.param(OF_GUEST, BOOK, replace(POLICY, trust=Trust.DENIED), 150, False, id="a guest, denied"),
        pytest.param(
            OF_GUEST, BOOK, replace(POLICY, sign_in=frozenset({"campus"})), 150, False, id="no guests here"
        ),
        pytest.param(OF_GUEST, BOOK, UNLISTED, 150, False, id="a guest where no entry says so"),
        pytest.param(
            OF_GUEST, BOOK, replace(UNLISTED, sign_in=frozenset({GUEST})), 150, True, id="an entry says so"
        ),
        pytest.param(SESSION, BOOK, UNLISTED, 150, True, id="a person where no entry says so"),
        pytest.param(SESSION, "https://book.example:444", POLICY, 150, False, id="another port"),
        pytest.param(SESSION, "https://frame.book.example", POLICY, 150, False, id="same site"),
        pytest.param(SESSION, BOOK, None, 150, False, id="no policy"),
        pytest.param(SESSION, BOOK, replace(POLICY, credentials=False), 150, False, id="no credentials"),
        pytest.param(SESSION, BOOK, replace(POLICY, trust=Trust.DENIED), 150, False, id="denied"),
        pytest.param(SESSION, BOOK, CONSENT, 150, False, id="from trusted to consent"),
        pytest.param(
            msgspec.structs.replace(SESSION, approved=True), BOOK, CONSENT, 150, True, id="approved"
        ),
        pytest.param(
            msgspec.structs.replace(SESSION, mode=Mode.DPOP), BOOK, POLICY, 150, True, id="token mode"
        ),
        pytest.param(
            msgspec.structs.replace(SESSION, mode=Mode.PENDING), BOOK, POLICY, 150, False, id="pending"
        ),
        pytest.param(
            SESSION, BOOK, replace(POLICY, sign_in=frozenset({"campus"})), 150, True, id="a way it takes"
        ),
        pytest.param(
            SESSION, BOOK, replace(POLICY, sign_in=frozenset({"google"})), 150, False, id="another way"
        ),
        pytest.param(SESSION, BOOK, replace(POLICY, since=100), 150, True, id="began when the origin came"),
        pytest.param(
            SESSION, BOOK, replace(POLICY, since=101), 150, False, id="the origin was taken away since"
        ),
        pytest.param(
            SESSION, BOOK, replace(POLICY, trusted_since=101), 150, False, id="it needed consent in between"
        ),
        pytest.param(
            msgspec.structs.replace(SESSION, approved=True),
            BOOK,
            replace(POLICY, trusted_since=101),
            150,
            True,
            id="it needed consent in between, which was given",
        ),
        pytest.param(SESSION, BOOK, POLICY, 199, True, id="the last second"),
        pytest.param(SESSION, BOOK, POLICY, 200, False, id="ended"),
    ],
)
def test_admits(book: Book, origin: str, policy: Policy | None, now: int, *, expected: bool) -> None:
    assert admits(book, origin, policy, now) is expected
