"""aiohttp-session as the shell of the pages: a thin storage over our own sessions.

The library holds the session for the length of one request; ids, limits, sealing and the cookie are ours.
"""

from collections.abc import Callable
from typing import cast

import aiohttp_session
from aiohttp import web

from gateway import first_party
from gateway.cookies import SIGN_IN, WAY, expired_line, parse, sign_in_line, way_line
from gateway.first_party import Said
from gateway.sealing import hashed
from gateway.sessions import LiveSignIn, Sessions

_LIVE = "live"
_NEW = web.RequestKey("new_sign_in", LiveSignIn)


class SignInStorage(aiohttp_session.AbstractStorage):
    """Loads the sign-in session that the first-party cookie names; writes the cookie of a new one."""

    def __init__(self, sessions: Sessions, clock: Callable[[], float]) -> None:
        super().__init__()
        self._sessions = sessions
        self._clock = clock

    async def load_session(self, request: web.Request) -> aiohttp_session.Session:
        value = parse(request.headers.getall("Cookie", [])).one(SIGN_IN)
        live = None if value is None else await self._sessions.load_sign_in(value)
        session = aiohttp_session.Session(value, data=None, new=value is None)
        if live is not None:
            session[_LIVE] = live
        return session

    async def save_session(
        self, _request: web.Request, _response: web.StreamResponse, _session: aiohttp_session.Session
    ) -> None:
        """Nothing: the library calls this only where a handler returned; `write_cookie` sees every answer."""

    async def write_cookie(self, request: web.Request, response: web.StreamResponse) -> None:
        """For `on_response_prepare`: the cookie of a session that this request began or changed.

        Also where the page after it failed: the old session has ended by then, and the new one would be lost.
        """
        live = request.get(_NEW)
        if live is not None and live.id is not None:
            # A shared computer forgets when the browser closes.
            max_age = live.record.ends - int(self._clock()) if live.record.own_device else None
            response.headers.add("Set-Cookie", sign_in_line(live.id, max_age))
            # where others sit down too, how somebody signs in is nobody's business
            kept = way_line(live.record.provider) if live.record.own_device else expired_line(WAY)
            response.headers.add("Set-Cookie", kept)


def last_way(request: web.Request) -> str | None:
    """The id of the way in that was taken last in this browser; of two cookies neither counts."""
    values = [value for name, value in parse(request.headers.getall("Cookie", [])).pairs if name == WAY]
    return values[0] if len(values) == 1 else None


def counts(request: web.Request, own_origin: str) -> bool:
    """Whether the first-party cookie counts on this request (docs/protocol.md, "Whose cookie counts")."""
    return first_party.counts(request.method, Said.of(request.headers.getall), own_origin)


async def signed_in(request: web.Request, own_origin: str) -> LiveSignIn | None:
    """The live sign-in session of the browser that asks, or None."""
    if not counts(request, own_origin):
        return None
    session = await aiohttp_session.get_session(request)
    return cast("LiveSignIn | None", session.get(_LIVE))


async def has_dead_cookie(request: web.Request) -> bool:
    """Whether the browser holds the id of a session that ended: somebody signed out here."""
    session = await aiohttp_session.get_session(request)
    return session.identity is not None and _LIVE not in session


async def on_own_device(request: web.Request, person: str) -> bool:
    """Whether this very person said here before that the device is theirs, and is signed in still."""
    session = await aiohttp_session.get_session(request)
    before = cast("LiveSignIn | None", session.get(_LIVE))
    return before is not None and before.record.person == person and before.record.own_device


async def replace_session(request: web.Request, live: LiveSignIn) -> None:
    """From this answer on the browser holds `live`."""
    session = await aiohttp_session.new_session(request)
    session[_LIVE] = live
    request[_NEW] = live


async def held_here(request: web.Request) -> str:
    """Hash of the id that the browser holds, alive or dead; of the empty text where it holds none."""
    return hashed(await old_cookie(request) or "")


async def old_cookie(request: web.Request) -> str | None:
    """The id that the browser holds, alive or dead."""
    session = await aiohttp_session.get_session(request)
    return cast("str | None", session.identity)
