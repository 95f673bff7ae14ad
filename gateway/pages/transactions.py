"""Transactions of the pages: one-time, and bound to the browser that began them by a cookie of their own."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from aiohttp import web

from gateway.client_address import network
from gateway.cookies import expired_line, login_line, login_name, parse, surplus
from gateway.errors import InvalidGrantError
from gateway.grants import Grants
from gateway.limits import TRANSACTION_USES, TRANSACTIONS
from gateway.origins import Rate
from gateway.records import (
    Authorization,
    CardSheet,
    Ceremony,
    Continuation,
    Enrolment,
    Entering,
    Form,
    Login,
    LtiLogin,
)
from gateway.request_context import ASKED
from gateway.sealing import hashed

Record = TypeVar(
    "Record", Authorization, Continuation, Login, Form, Entering, CardSheet, Ceremony, Enrolment, LtiLogin
)


@dataclass(frozen=True, slots=True)
class Begun:
    """A transaction's id, and the Set-Cookie line that binds it."""

    id: str
    line: str


@dataclass(frozen=True, slots=True)
class Transactions:
    """Begins and takes them. secret: makes a fresh 256-bit text. per_address: sign-ins of one address."""

    grants: Grants
    secret: Callable[[], str]
    per_address: Rate

    async def begin(self, record: Record, request: web.Request) -> Begun:
        """Keep `record` for ten minutes, for this browser only.

        Raises TooManyRequestsError.
        """
        await self.admit(request)
        secret = self.secret()
        bound = msgspec.structs.replace(record, browser=hashed(secret))
        transaction = await self.grants.begin(bound)
        return Begun(transaction, login_line(_cookie_id(transaction), secret))

    async def admit(self, request: web.Request) -> None:
        """Count a beginning.

        Raises TooManyRequestsError: whoever has no session yet could otherwise fill Redis from here.
        """
        client, sign_ins = request[ASKED].client, self.per_address
        if client is not None:
            begun = Rate(sign_ins.amount * TRANSACTIONS, sign_ins.window)
            await self.grants.limit("pages", network(client), begun)

    async def peek(self, kind: type[Record], transaction: str, request: web.Request) -> Record:
        """The record, left where it is.

        Raises InvalidGrantError: unknown, too old, used, or begun in another browser. State that is not
        bound to the browser would let somebody finish a sign-in that another one began.
        TooManyRequestsError: it was tried too often.
        """
        record = await self.grants.peek(kind, transaction)
        if record is not None:  # of what is not there nothing is counted: anybody could fill Redis with it
            await self.grants.limit("transaction", transaction, TRANSACTION_USES)
        secret = parse(request.headers.getall("Cookie", [])).one(login_name(_cookie_id(transaction)))
        if record is None or not _is_of(secret, record.browser):
            raise InvalidGrantError("transaction unknown, or begun in another browser")
        return record

    async def take(self, kind: type[Record], transaction: str, request: web.Request) -> Record:
        """The record, once."""
        await self.peek(kind, transaction, request)
        record = await self.grants.take(kind, transaction)
        if record is None:
            raise InvalidGrantError("transaction used meanwhile")
        return record


def _is_of(secret: str | None, browser: str) -> bool:
    """Whether a cookie's value is the one that was given out; bytes that are no text are not."""
    if secret is None or not secret.isascii():
        return False
    return hmac.compare_digest(hashed(secret), browser)


def forget(response: web.StreamResponse, transaction: str) -> None:
    """Take the transaction's cookie away again."""
    response.headers.add("Set-Cookie", expired_line(login_name(_cookie_id(transaction))))


async def forget_surplus(request: web.Request, response: web.StreamResponse) -> None:
    """On every page's answer: take away the oldest cookies of a browser that has too many."""
    for name in surplus(parse(request.headers.getall("Cookie", []))):
        response.headers.add("Set-Cookie", expired_line(name))


def _cookie_id(transaction: str) -> str:
    return hashed(transaction)[:16]
