"""Whoever has proved who they are, by whatever way in, gets a session and goes on where they were going."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from aiohttp import web

from gateway import devices
from gateway.directory import Person
from gateway.errors import SignInAgainError
from gateway.pages.classes.forms import restate
from gateway.pages.flow import Parts, proceed
from gateway.pages.shell import held_here, old_cookie, on_own_device, replace_session, signed_in
from gateway.pages.transactions import forget
from gateway.records import Authorization, KeptTokens
from gateway.sessions import LiveSignIn
from gateway.telemetry import AUDIT, Audited

ACCOUNT = "/auth/account"


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody who came in. way: id of the way in, as origins name it. auth_time: Unix seconds.

    held: hash of the id that the browser held as their login began; None: they get a session of their own.
    """

    person: Person
    way: str
    auth_time: int
    own_device: bool
    claims: Mapping[str, str] = field(default_factory=dict)
    provider_session: str | None = None
    tokens: KeptTokens | None = None
    roles: tuple[str, ...] = ()
    acr: str | None = None  # how they proved who they are
    proved: bool = True  # at auth_time; else they came back then
    held: str | None = None


async def begin_session(request: web.Request, parts: Parts, arrival: Arrival) -> LiveSignIn:
    """The person's session, under a new id; whatever the browser held before has ended.

    Of several tabs in which they sign in at once the first one's is everybody's. SignInAgainError: they were
    deleted, or became somebody else, while they came in.
    """
    live = await _of_another_tab(request, parts, arrival)
    if live is None:
        live = await _begin(request, parts, arrival)
    if arrival.tokens is not None:
        await parts.provider_tokens.keep(live, arrival.tokens)
    return live


async def _of_another_tab(request: web.Request, parts: Parts, arrival: Arrival) -> LiveSignIn | None:
    """A session that began here since this login did, by the same word of the same provider.

    Another one would end it, with all that the other tab signed in to. Its id is newer than this login:
    nobody can have known it before (session fixation), and it is no weaker a proof.
    """
    live = await signed_in(request, parts.public_url)
    if live is None or arrival.held in {None, await held_here(request)}:
        return None
    had, has = live.record, arrival
    same = (had.person, had.provider, had.provider_session, had.acr) == (
        has.person.id,
        has.way,
        has.provider_session,
        has.acr,
    )
    weaker = (has.proved and not had.proved) or (has.own_device and not had.own_device)
    return live if same and not weaker else None


async def _begin(request: web.Request, parts: Parts, arrival: Arrival) -> LiveSignIn:
    classes = await parts.directory.classes.of_person(arrival.person.id)
    live = await parts.sessions.begin_sign_in(
        arrival.person.id,
        arrival.person.name,
        arrival.way,
        arrival.auth_time,
        claims=dict(arrival.claims),
        own_device=arrival.own_device or await on_own_device(request, arrival.person.id),
        replaces=await old_cookie(request),
        device=devices.name_of(request.headers.get("User-Agent")),
        provider_session=arrival.provider_session,
        acr=arrival.acr,
        proved=arrival.proved,
        roles=arrival.roles,
        classes=classes,
    )
    if await parts.directory.classes.of_person(arrival.person.id) != classes:
        await restate(parts, [arrival.person.id])  # taken out meanwhile, when this session could not be told
    answers = await parts.directory.participation.of_person(arrival.person.id)
    if answers:
        await parts.sessions.restate(arrival.person.id, studies=answers)
    # Asked once the session is there: whatever is decided from now on finds it, and ends it.
    if not await parts.directory.is_somebody(arrival.person.id):
        await parts.sessions.end_sign_in(live.key)
        raise SignInAgainError("the person is somebody else, or nobody, since")
    request[AUDIT].note(Audited.SIGN_IN, who=arrival.person.id, provider=arrival.way, session=live.key)
    await replace_session(request, live)
    return live


async def go_on(
    request: web.Request, parts: Parts, live: LiveSignIn, authorization: str | None, back: str | None = None
) -> web.StreamResponse:
    """To what the book asked (the id of its transaction); without one to `back`, or to the account page."""
    if authorization is None:
        return web.Response(status=303, headers={"Location": back or ACCOUNT, "Cache-Control": "no-store"})
    asked = await parts.transactions.take(Authorization, authorization, request)
    # Asked once, and no more: what a service needs it asks of the session itself.
    answered = msgspec.structs.replace(asked, not_you=False, max_age=None, acr_values=())
    response = await proceed(request, parts, answered, live)
    forget(response, authorization)
    return response
