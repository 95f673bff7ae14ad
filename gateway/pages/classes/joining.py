"""/auth/classes/join/CODE: what the teachers will see, and joining; before a sign-in and after it."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from gateway.access import offers
from gateway.classes_rules import Role, parse_address, parse_code, parse_name
from gateway.client_address import network
from gateway.directory import Class
from gateway.origins import Policy
from gateway.pages.authorize import Handler, keep_own_device
from gateway.pages.classes.forms import NOTHING, Act, Page, Said, answered, form_page, restate, ways_back
from gateway.pages.flow import Parts, policy_of
from gateway.pages.language import mark, say
from gateway.pages.shell import signed_in
from gateway.request_context import ASKED
from gateway.sessions import LiveSignIn
from gateway.telemetry import AUDIT, Audited

_NO_NAME: Final = mark("Write a name by which your teacher knows you: up to 60 letters.")
_CLOSED: Final = mark("That class takes nobody at the moment. Ask your teacher for the link.")


def join_handler(parts: Parts) -> Handler:
    """By link or typed code. Nothing is joined by looking: that takes a click."""

    async def handle(request: web.Request) -> web.StreamResponse:
        text = request.match_info.get("code") or request.query.get("code", "")
        if not text:
            return _code_page(parts, None)
        code = parse_code(text)
        if code is None or "code" in request.query:
            return _code_page(parts, text) if code is None else _to(code)
        one = await _found(request, parts, code)
        if one is None:
            return _code_page(parts, text)
        live = await signed_in(request, parts.public_url)
        policy = _policy(request, parts, one)
        if live is None or "not_you" in request.query or not _taken(live, policy):
            return await _who_page(request, parts, one, policy, live)
        return await _page(parts)(request, live, NOTHING)

    return handle


def join_form_handler(parts: Parts) -> Handler:
    return answered(parts, _page(parts), _join(parts))


async def _found(request: web.Request, parts: Parts, code: str) -> Class | None:
    """TooManyRequestsError: more looks from one address than a school has pupils."""
    client = request[ASKED].client
    if client is not None:
        await parts.grants.limit("class codes", network(client), parts.limits.per_address)
    return await parts.directory.classes.find_open(code)


def _policy(request: web.Request, parts: Parts, one: Class) -> Policy | None:
    address = parse_address(one.address)
    return None if address is None else policy_of(request, parts, address[0])


def _taken(live: LiveSignIn, policy: Policy | None) -> bool:
    """Whether the book takes people who came in as this one did: else they would join and be turned away."""
    return policy is None or offers(policy, live.record.provider)


def _to(code: str) -> web.Response:
    headers = {"Location": f"/auth/classes/join/{code}", "Cache-Control": "no-store"}
    return web.Response(status=303, headers=headers)


def _code_page(parts: Parts, wrong: str | None) -> web.Response:
    """A field for the code; wrong: what led to no class."""
    status = 200 if wrong is None else 404
    values = {"wrong": None if wrong is None else wrong[:40]}
    return parts.renderer.page("classes/code.html", values, status=status, in_flow=False)


async def _teachers(parts: Parts, one: Class) -> list[str]:
    members = await parts.directory.classes.members(one.id)
    return [member.name for member in members if member.role is Role.TEACHER and member.name]


async def _who_page(
    request: web.Request, parts: Parts, one: Class, policy: Policy | None, live: LiveSignIn | None
) -> web.Response:
    """The ways in that the book takes, each of which leads back here."""
    ways = ways_back(parts, request.path, policy, not_you=live is not None)
    values = {"one": one, "teachers": await _teachers(parts, one), "ways": ways, "person": None}
    return parts.renderer.page("classes/join.html", values, in_flow=False)


def _page(parts: Parts) -> Page:
    """The question, or that they are in already."""

    async def page(request: web.Request, live: LiveSignIn, said: Said) -> web.Response:
        one = await _found(request, parts, parse_code(request.match_info["code"]) or "")
        if one is None:
            return _code_page(parts, request.match_info["code"])
        role = await parts.directory.classes.role_of(one.id, live.record.person)
        values: Mapping[str, object] = {
            "one": one,
            "teachers": await _teachers(parts, one),
            "asks_name": live.record.name is None,
            "ways": [],
        }
        template = "join.html" if role is None else "joined.html"
        return await form_page(request, parts, live, template, values, said)

    return page


def _join(parts: Parts) -> Act:
    async def act(request: web.Request, live: LiveSignIn, form: Mapping[str, str]) -> Said | web.Response:
        one = await _found(request, parts, parse_code(request.match_info["code"]) or "")
        if one is None:
            return Said(trouble=say(_CLOSED), status=409)
        name = None
        if live.record.name is None:
            name = parse_name(form.get("name", ""))
            if name is None:
                return Said(trouble=say(_NO_NAME), status=400)
        await parts.directory.classes.enrol(one.id, live.record.person, Role.STUDENT, name)
        request[AUDIT].note(Audited.CLASS_JOINED, who=live.record.person, of=one.id)
        await keep_own_device(request, parts, live, form)
        await restate(parts, [live.record.person])
        return _to(one.code)

    return act
