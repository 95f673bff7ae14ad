"""Request bodies: read to the end, never more than a limit, never slower than a deadline."""

import asyncio
from typing import Final

from aiohttp import web
from aiohttp.client_exceptions import ClientPayloadError

from backends.problem import BodyTooSlow, InvalidRequest, TooLarge, UnsupportedType

DEADLINE: Final = 30.0


async def read(request: web.Request, limit: int) -> bytes:
    """The body. Content codings are refused, because their size says nothing about what comes out."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedType("Content-Encoding is not taken here.")
    if request.content_length is not None and request.content_length > limit:
        raise TooLarge(members={"limit": limit})
    body = bytearray()
    try:
        async with asyncio.timeout(DEADLINE):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limit:
                    raise TooLarge(members={"limit": limit})
    except TimeoutError as error:
        raise BodyTooSlow from error
    except (ClientPayloadError, web.RequestPayloadError) as error:
        raise InvalidRequest("The body ended too early.") from error
    return bytes(body)


def media_type(request: web.Request) -> str:
    """The content type without parameters, in lower case; empty when there is none."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
