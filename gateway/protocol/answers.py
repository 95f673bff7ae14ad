"""The JSON answers of the endpoints for books: never cached, always with the server's time."""

from collections.abc import Mapping

import orjson
from aiohttp import web

from gateway.grants import Tokens
from gateway.protocol.context import Parts


def answer(parts: Parts, fields: Mapping[str, object]) -> web.Response:
    """200 with `fields` and `now`, so that a page whose clock is wrong can correct it."""
    body = orjson.dumps({**fields, "now": parts.now()})
    return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})


def token_fields(tokens: Tokens) -> dict[str, object]:
    """RFC 6749 section 5.1 with RFC 9449 section 5's token type."""
    return {
        "access_token": tokens.access,
        "refresh_token": tokens.refresh,
        "token_type": "DPoP",
        "expires_in": tokens.expires_in,
    }
