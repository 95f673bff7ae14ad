"""`Expect: 100-continue` (RFC 9110 section 10.1.1): aiohttp would answer it before anybody is asked anything.

Every route of ours takes `expect_handler`, so nothing is said until the body is wanted.
"""

from aiohttp import web

from gateway.errors import ExpectationFailedError


async def expect_handler(request: web.Request) -> None:
    """Leaves the expectation to whoever will read the body."""


async def say_continue(request: web.Request) -> None:
    """The body may come now."""
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # the answer proper has not begun


async def meet_expectation(request: web.Request) -> None:
    """What a request that is not proxied expects; raises ExpectationFailedError for all but 100-continue."""
    expected = [line.strip(" \t").lower() for line in request.headers.getall("Expect", [])]
    if not expected:
        return
    if expected != ["100-continue"]:
        raise ExpectationFailedError(", ".join(expected)[:80], close=True)
    await say_continue(request)
