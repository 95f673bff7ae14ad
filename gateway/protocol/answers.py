"""The JSON answers of the endpoints for books: never cached, always with the server's time."""

from collections.abc import Mapping

import orjson
from aiohttp import web

from gateway.cookies import book_line
from gateway.grants import TICKET_LIFE, Tokens
from gateway.protocol.context import Parts
from gateway.records import LiveBook, Ticket


def answer(parts: Parts, fields: Mapping[str, object]) -> web.Response:
    """200 with `fields` and `now`, so that a page whose clock is wrong can correct it."""
    body = orjson.dumps({**fields, "now": parts.now()})
    return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})


async def ticket_answer(parts: Parts, live: LiveBook, ticket: Ticket) -> web.Response:
    """Step 4's answer: a ticket, and the cookie of a session that serves nothing yet."""
    body = {"ticket": await parts.grants.issue_ticket(ticket), "expires_in": TICKET_LIFE}
    response = answer(parts, body)
    max_age = live.record.ends - parts.now() if live.record.own_device else None
    response.headers.add("Set-Cookie", book_line(live.record.origin, live.id or "", max_age))
    return response


def token_fields(tokens: Tokens) -> dict[str, object]:
    """RFC 6749 section 5.1 with RFC 9449 section 5's token type."""
    return {
        "access_token": tokens.access,
        "refresh_token": tokens.refresh,
        "token_type": "DPoP",
        "expires_in": tokens.expires_in,
    }
