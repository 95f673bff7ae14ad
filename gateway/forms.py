"""Form-encoded request bodies, read strictly: one content type, a size, no name twice."""

import asyncio
from collections.abc import Mapping
from urllib.parse import parse_qsl

from aiohttp import web

from gateway.authorize_rules import parameters
from gateway.errors import InvalidRequestError, PayloadTooLargeError, RequestTimeoutError

MAX_FORM = 64 * 1024
DEADLINE = 15.0  # seconds for the whole body: a connection that drips is not held open


async def read_form(request: web.Request) -> Mapping[str, str]:
    """The form's fields (RFC 6749 appendix B: application/x-www-form-urlencoded, UTF-8).

    Raises PayloadTooLargeError over 64 KiB, RequestTimeoutError for one that drips, InvalidRequestError for
    anything else that is wrong.
    """
    if request.content_type != "application/x-www-form-urlencoded":
        raise InvalidRequestError("the body is not form-encoded")
    body = await _bounded_body(request)
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=64
        )
    except ValueError as error:
        raise InvalidRequestError("the form cannot be read") from error
    return parameters(pairs)


async def _bounded_body(request: web.Request) -> bytes:
    if request.content_length is not None and request.content_length > MAX_FORM:
        raise PayloadTooLargeError("form")
    body = bytearray()
    try:
        async with asyncio.timeout(DEADLINE):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > MAX_FORM:
                    raise PayloadTooLargeError("form", close=True)
    except TimeoutError:
        raise RequestTimeoutError("form", close=True) from None
    except web.RequestPayloadError as error:
        raise InvalidRequestError("the form's framing broke", close=True) from error
    return bytes(body)


def required(form: Mapping[str, str], name: str) -> str:
    """A field that must be there and not be empty."""
    value = form.get(name, "")
    if not value:
        raise InvalidRequestError(f"missing field {name}")
    return value
