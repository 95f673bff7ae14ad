"""/auth/lti/login and /auth/lti/launch: from a course of a learning platform into a book, without a click."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from gateway.access import LTI
from gateway.authorize_rules import parameters
from gateway.classes_rules import BookPlace
from gateway.client_address import network
from gateway.errors import ForbiddenError, ProviderRefusedError, ProviderUnavailableError
from gateway.forms import read_form, required
from gateway.lti import (
    Initiation,
    Launch,
    Linking,
    Registry,
    ToolKey,
    UnusableLaunchError,
    read_initiation,
)
from gateway.lti.launch import KIND
from gateway.lti_platforms import Platform
from gateway.pages.authorize import Handler
from gateway.pages.book_targets import place_of, refused
from gateway.pages.courses import enrol, launched
from gateway.pages.flow import Parts, denied_page
from gateway.pages.language import mark, say
from gateway.pages.lti_pick import KEYLESS, LINKS, begin, picked
from gateway.pages.transactions import forget
from gateway.records import Continuation, Launched, LtiLogin, LtiPicking
from gateway.request_context import ASKED

_FRAMES: Final = frozenset({"iframe", "frame", "embed", "object"})
_WHY: Final = {
    "anonymous": mark(
        "Your course did not say who you are, so nothing could be saved for you. Tell your teacher: the "
        "link's settings have to share your name, or at least your id, with this service."
    ),
    "kind": mark(
        "Your platform came to pick a page, and asked at the address where pages are opened. Tell the people "
        "who run it: pages are picked at /auth/lti/links."
    ),
    KEYLESS: mark(
        "This service has no key yet by which your platform would know it, so no page can be picked. Tell "
        "the people who run it."
    ),
}
LAUNCHED: Final = "#bookgate=launched"  # on which a book begins its own sign-in, without a click


def lti_login_handler(parts: Parts, registry: Registry) -> Handler:
    """The platform asks us to ask it who somebody is (Security Framework section 5.1.1.1); GET or POST."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate":
            # any page may have pictures, each of which would begin one and leave a cookie here
            raise ForbiddenError("an LTI initiation that is no navigation")
        posted = request.method == "POST"
        params = await read_form(request) if posted else parameters(request.query.items())
        asked = read_initiation(params)
        await parts.transactions.admit(request)  # the directory is asked, whoever asks
        platform = await registry.find(asked)
        if platform is None:
            return refused(request, parts, _unknown(), f"platform {asked.issuer[:100]!r}")
        if asked.target == f"{parts.public_url}{LINKS}":
            state, nonce = await begin(request, parts, platform)
            return _to_platform(parts, platform, asked, state, nonce)
        target = platform.target(asked.target, parts.public_url)
        if target is None:
            return refused(request, parts, _no_page(), f"target {asked.target[:100]!r}")
        place = place_of(request, parts, target)
        if place is None or not platform.opens(place.book):
            return denied_page(request, parts, target)
        if request.headers.get("Sec-Fetch-Dest") in _FRAMES:
            return _framed(parts, platform, params)
        client = request[ASKED].client
        if client is not None:
            await parts.grants.limit("sign-ins", network(client), parts.limits.per_address)
        return await _ask(request, parts, platform, asked)

    return handle


async def _ask(request: web.Request, parts: Parts, platform: Platform, asked: Initiation) -> web.Response:
    record = LtiLogin(platform=platform.id, nonce=parts.secret(), target=asked.target)
    begun = await parts.transactions.begin(record, request)
    response = _to_platform(parts, platform, asked, begun.id, record.nonce)
    response.headers.add("Set-Cookie", begun.line)
    return response


def _to_platform(parts: Parts, platform: Platform, asked: Initiation, state: str, nonce: str) -> web.Response:
    """Security Framework section 5.1.1.2: an authentication request, answered by form_post."""
    question = {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": platform.client_id,
        "redirect_uri": f"{parts.public_url}/auth/lti/launch",
        "login_hint": asked.login_hint,
        "state": state,
        "nonce": nonce,
        **({} if asked.message_hint is None else {"lti_message_hint": asked.message_hint}),
    }
    mark_ = "&" if "?" in platform.authorization_endpoint else "?"
    location = f"{platform.authorization_endpoint}{mark_}{urlencode(question)}"
    return web.Response(status=303, headers={"Location": location, "Cache-Control": "no-store"})


def _framed(parts: Parts, platform: Platform, params: Mapping[str, str]) -> web.Response:
    """In a frame no cookie of ours would come back: one link, to a tab of its own, and nothing else."""
    values = {"again": f"/auth/lti/login?{urlencode(params)}", "platform": platform.label}
    return parts.renderer.page("lti_framed.html", values, framed_by=platform.frames)


def lti_launch_handler(parts: Parts, registry: Registry, tool: ToolKey | None) -> Handler:
    """The platform's answer: a cross-site POST, where the first-party cookie is absent."""

    async def handle(request: web.Request) -> web.StreamResponse:
        form = await read_form(request)
        state = required(form, "state")
        picking = await parts.grants.take(LtiPicking, state)
        if picking is not None:
            frames = (await registry.named(picking.platform)).frames
            return await _told(request, parts, picked(request, parts, registry, picking, form, tool), frames)
        login = await parts.transactions.take(LtiLogin, state, request)
        response = await _told(request, parts, _launched(request, parts, registry, login, form))
        forget(response, state)
        return response

    return handle


async def _told(
    request: web.Request, parts: Parts, answer: Awaitable[web.Response], framed_by: Sequence[str] = ()
) -> web.Response:
    """The answer, or a page that says why there is none."""
    try:
        return await answer
    except UnusableLaunchError as error:
        line, why, status = say(_WHY[error.why]), error.detail, 403
    except ProviderUnavailableError as error:
        line = say("Your course's platform does not answer at the moment. Open the link there once more.")
        why, status = f"{error.code}: {error.detail}", 502
    except ProviderRefusedError as error:
        line, why, status = _unproved(), f"{error.code}: {error.detail}", 403
    return refused(request, parts, line, why, status, framed_by=framed_by)


async def _launched(
    request: web.Request, parts: Parts, registry: Registry, login: LtiLogin, form: Mapping[str, str]
) -> web.Response:
    if "error" in form:
        raise ProviderRefusedError(f"the platform answered {form['error'][:60]!r}")
    platform = await registry.named(login.platform)
    launch = await registry.verify(platform, required(form, "id_token"), login.nonce)
    if isinstance(launch, Linking):
        raise UnusableLaunchError(KIND, "launch: deep linking that was asked for at another address")
    target = platform.target(launch.target, parts.public_url)
    place = None if target is None else place_of(request, parts, target)
    is_open = place is not None and platform.opens(place.book)
    if target is None or place is None or not is_open or launch.target != login.target:
        # section 5.2.3.2: the page that is signed counts, and only where it is the one that was asked for
        raise ProviderRefusedError(f"launch: target {launch.target[:100]!r}")
    begun = await parts.transactions.begin(_continuation(parts, platform, launch, target, place), request)
    # A navigation of its own, where the SameSite=Lax cookie is visible again.
    location = f"/auth/continue?transaction={begun.id}"
    response = web.Response(status=303, headers={"Location": location, "Cache-Control": "no-store"})
    response.headers.add("Set-Cookie", begun.line)
    return response


def _continuation(
    parts: Parts, platform: Platform, launch: Launch, target: str, place: BookPlace
) -> Continuation:
    """A person is (issuer and deployment, subject): subjects are unique in a deployment alone."""
    return Continuation(
        provider=LTI,
        issuer=f"{platform.issuer}#{launch.deployment}",
        subject=launch.subject,
        name=launch.name,
        claims={},
        auth_time=int(parts.clock()),
        authorization=None,
        own_device=False,
        roles=(f"teacher@{place.book}",) if launch.teaches else (),
        launch=launched(platform, launch, target),
    )


async def arrive(request: web.Request, parts: Parts, known: Continuation, person: str) -> None:
    """What follows from a launch, if this was one, now that it is known whose it is."""
    launch = known.launch
    place = None if launch is None else place_of(request, parts, launch.target)
    if launch is not None and place is not None:
        await enrol(parts, known, launch, place, person)


def to_book(launch: Launched) -> web.Response:
    """Into the book, which begins its own sign-in: a code that nobody asked for would have no state."""
    location = launch.target.partition("#")[0] + LAUNCHED
    headers = {"Location": location, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return web.Response(status=303, headers=headers)


def _no_page() -> str:
    return say("The link in your course names no page of a book. Tell your teacher.")


def _unknown() -> str:
    return say(
        "This service does not know the platform that your course is on. Tell the people who run your course."
    )


def _unproved() -> str:
    return say("Your course's platform did not confirm who you are. Open the link in your course once more.")
