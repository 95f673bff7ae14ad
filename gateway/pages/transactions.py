"""Transactions of the pages: one-time, and bound to the browser that began them by a cookie of their own."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from aiohttp import web

from gateway.client_address import network
from gateway.cookies import expired_line, login_line, login_name, parse, surplus
from gateway.errors import InvalidGrantError, TooManyRequestsError
from gateway.grants import Grants
from gateway.records import Authorization, Continuation, Form, Login
from gateway.request_context import CLIENT
from gateway.sealing import hashed

Record = TypeVar("Record", Authorization, Continuation, Login, Form)

# A minute. An address may be a whole school: 600 people who sign in at once begin 2,400.
PER_ADDRESS = 6000


@dataclass(frozen=True, slots=True)
class Begun:
    """A transaction's id, and the Set-Cookie line that binds it."""

    id: str
    line: str


@dataclass(frozen=True, slots=True)
class Transactions:
    """Begins and takes them. secret: makes a fresh 256-bit text."""

    grants: Grants
    secret: Callable[[], str]

    async def begin(self, record: Record, request: web.Request) -> Begun:
        """Keep `record` for ten minutes, for this browser only.

        Raises TooManyRequestsError: whoever has no session yet could otherwise fill Redis from here.
        """
        client = request.get(CLIENT)
        if client is not None and not await self.grants.count("pages", network(client), PER_ADDRESS, 60):
            raise TooManyRequestsError("transactions of one address", retry_after=60)
        secret = self.secret()
        bound = msgspec.structs.replace(record, browser=hashed(secret))
        transaction = await self.grants.begin(bound)
        return Begun(transaction, login_line(_cookie_id(transaction), secret))

    async def peek(self, kind: type[Record], transaction: str, request: web.Request) -> Record:
        """The record, left where it is.

        Raises InvalidGrantError: unknown, too old, used, or begun in another browser. State that is not
        bound to the browser would let somebody finish a sign-in that another one began.
        """
        record = await self.grants.peek(kind, transaction)
        secret = parse(request.headers.getall("Cookie", [])).one(login_name(_cookie_id(transaction)))
        if record is None or secret is None or not hmac.compare_digest(hashed(secret), record.browser):
            raise InvalidGrantError("transaction unknown, or begun in another browser")
        return record

    async def take(self, kind: type[Record], transaction: str, request: web.Request) -> Record:
        """The record, once."""
        await self.peek(kind, transaction, request)
        record = await self.grants.take(kind, transaction)
        if record is None:
            raise InvalidGrantError("transaction used meanwhile")
        return record


def forget(response: web.StreamResponse, transaction: str) -> None:
    """Take the transaction's cookie away again."""
    response.headers.add("Set-Cookie", expired_line(login_name(_cookie_id(transaction))))


async def forget_surplus(request: web.Request, response: web.StreamResponse) -> None:
    """On every page's answer: take away the oldest cookies of a browser that has too many."""
    for name in surplus(parse(request.headers.getall("Cookie", []))):
        response.headers.add("Set-Cookie", expired_line(name))


def _cookie_id(transaction: str) -> str:
    return hashed(transaction)[:16]
