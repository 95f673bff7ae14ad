"""/auth/lti/register: a learning platform registers this site (LTI Dynamic Registration 1.0).

The platform's administrator opens the address of an invitation there, which shows it in a frame or a window,
and says yes once. Only the site that was invited is asked anything.
"""

import json
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from gateway.authorize_rules import parameters
from gateway.directory import Registering
from gateway.errors import InvalidRequestError, ProviderRefusedError, ProviderUnavailableError
from gateway.forms import read_form, required
from gateway.lti.registration import (
    Accepted,
    Configuration,
    is_configuration_of,
    read_answer,
    read_configuration,
    registration,
    site_of,
)
from gateway.pages.authorize import Handler, require_own_page
from gateway.pages.book_targets import refused
from gateway.pages.flow import Parts
from gateway.pages.language import say
from gateway.pages.lti_pick import LINKS
from gateway.providers.transport import Transport
from gateway.telemetry import AUDIT, Audited

REGISTER: Final = "/auth/lti/register"
_LONGEST: Final = 4000  # characters of what a platform hands over
_ASKED: Final = ("invitation", "openid_configuration", "registration_token")


def register_handler(parts: Parts) -> Handler:
    """Says who is to be connected, and asks."""

    async def handle(request: web.Request) -> web.StreamResponse:
        await parts.transactions.admit(request)
        asked = parameters(request.query.items())
        if "openid_configuration" not in asked:
            return _by_itself(request, parts)
        given = _given(asked)
        found = await parts.directory.platforms.invited(given["invitation"])
        if found is None:
            return _not_invited(request, parts)
        name, issuer = found
        if not is_configuration_of(given["openid_configuration"], issuer):
            return _elsewhere(request, parts, issuer, given)
        values = {"given": given, "issuer": issuer, "name": name, "register": REGISTER}
        return parts.renderer.page("lti_register.html", values, framed_by=(site_of(issuer),))

    return handle


def register_form_handler(parts: Parts, transport: Transport, name: str) -> Handler:
    """Registers. name: the site's, as the platform shows it."""

    async def handle(request: web.Request) -> web.StreamResponse:
        require_own_page(request)
        await parts.transactions.admit(request)
        given = _given(await read_form(request))
        found = await parts.directory.platforms.invited(given["invitation"])
        if found is None:
            return _not_invited(request, parts)
        platform, issuer = found
        if not is_configuration_of(given["openid_configuration"], issuer):
            return _elsewhere(request, parts, issuer, given)
        frames = (site_of(issuer),)
        try:
            said, accepted = await _exchange(parts, transport, issuer, given, name)
        except (ProviderRefusedError, ProviderUnavailableError) as error:
            line = say("The platform did not register this service: nothing was changed here. Try again.")
            why = f"{error.code}: {error.detail}"
            return refused(request, parts, line, why, 502, framed_by=frames, title=_title())
        if not await parts.directory.platforms.register(given["invitation"], _row(said, accepted)):
            return _not_invited(request, parts)
        request[AUDIT].note(Audited.LTI_REGISTERED, platform=platform, issuer=issuer)
        values = {"name": platform, "deployment": accepted.deployment}
        return parts.renderer.page("lti_registered.html", values, framed_by=frames)

    return handle


async def _exchange(
    parts: Parts, transport: Transport, issuer: str, given: Mapping[str, str], name: str
) -> tuple[Configuration, Accepted]:
    told = await transport.get(given["openid_configuration"])
    if told.status != 200:
        raise ProviderUnavailableError(f"{given['openid_configuration'][:100]}: {told.status}")
    said = read_configuration(told.body, issuer)
    headers = {"Content-Type": "application/json"}
    if given["registration_token"]:
        headers["Authorization"] = f"Bearer {given['registration_token']}"
    body = json.dumps(registration(parts.public_url, name, parts.public_url + LINKS))
    answered = await transport.post(said.registration, headers, body)
    return said, read_answer(answered.status, answered.body)


def _row(said: Configuration, accepted: Accepted) -> Registering:
    deployments = () if accepted.deployment is None else (accepted.deployment,)
    return Registering(accepted.client_id, deployments, said.authorization, said.token, said.jwks)


def _given(params: Mapping[str, str]) -> Mapping[str, str]:
    """Raises InvalidRequestError: it says too little, or what no platform hands over."""
    given = {name: params.get(name, "") for name in _ASKED}
    required(given, "invitation")
    required(given, "openid_configuration")
    plain = (len(value) <= _LONGEST and value.isascii() and value.isprintable() for value in given.values())
    if not all(plain):
        raise InvalidRequestError("a registration that is too long, or no text")
    return given


def _by_itself(request: web.Request, parts: Parts) -> web.Response:
    """Whoever was sent an invitation opens it first of all."""
    line = say(
        "This address is for your learning platform: paste it there, where tools are registered. "
        "Opening it in a browser does nothing, and does not use it up."
    )
    return refused(request, parts, line, "registration: opened by itself", 400, title=_title())


def _not_invited(request: web.Request, parts: Parts) -> web.Response:
    line = say("This invitation was used, is older than a day, or was taken back. Ask for a new one.")
    return refused(request, parts, line, "registration: no invitation", title=_title())


def _elsewhere(request: web.Request, parts: Parts, issuer: str, given: Mapping[str, str]) -> web.Response:
    line = say("This invitation is for %(site)s, and another site came with it.", site=issuer)
    why = f"registration: from {given['openid_configuration'][:100]!r}"
    return refused(request, parts, line, why, framed_by=(site_of(issuer),), title=_title())


def _title() -> str:
    return say("The platform was not connected")
