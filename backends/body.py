"""Request bodies: read to the end, never more than a limit, never slower than a deadline."""

import asyncio
import zlib
from typing import Final

from aiohttp import web
from aiohttp.client_exceptions import ClientPayloadError

from backends.problem import BodyTooSlow, InvalidRequest, TooLarge, UnsupportedType

DEADLINE: Final = 30.0
GZIP: Final = frozenset({"gzip", "x-gzip"})  # RFC 9110 section 8.4.1.3


async def read(request: web.Request, limit: int, *, gzip: bool = False) -> bytes:
    """The body. limit: bytes, before and after decoding. gzip: whether it may come with that coding (RFC 9110
    section 8.4.1.3); other content codings are refused.
    """
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding in GZIP and gzip:
        return _unzipped(await _whole(request, limit), limit)
    if coding != "identity":
        raise UnsupportedType("That Content-Encoding is not taken here.")
    return await _whole(request, limit)


async def _whole(request: web.Request, limit: int) -> bytes:
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


def _unzipped(body: bytes, limit: int) -> bytes:
    """What was zipped: never more than `limit` of it is made, whatever it claims to be."""
    whole = b""
    while body:  # RFC 1952 section 2.2: members, one after another
        member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            whole += member.decompress(body, limit + 1 - len(whole))
        except zlib.error as error:
            raise InvalidRequest("The body says that it is gzip and is not.") from error
        if len(whole) > limit:
            raise TooLarge(members={"limit": limit})
        if not member.eof:
            raise InvalidRequest("The body ended too early.")
        body = member.unused_data
    return whole


def media_type(request: web.Request) -> str:
    """The content type without parameters, in lower case; empty when there is none."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
