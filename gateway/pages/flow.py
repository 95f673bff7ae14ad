"""From a proved authorization request to a page or a code: the steps of the protocol, bound to HTTP."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import assert_never
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from gateway.access import offers
from gateway.authorize_rules import (
    ANY_PROOF,
    AskConsent,
    AskKeep,
    AskWho,
    Deliver,
    DeliverError,
    Greet,
    Proof,
    RefusePlainly,
    Visitor,
    asks_every_time,
    next_step,
    parse_client_id,
)
from gateway.client_address import network
from gateway.config.settings import ClassSettings
from gateway.directory import Directory
from gateway.errors import ForbiddenError, ProviderUnavailableError
from gateway.grant_rules import is_loopback
from gateway.grants import Grants
from gateway.lifecycle import Lifecycle
from gateway.limits import CODES, LOGINS, SILENT_CODES, SignInLimits
from gateway.lti import Rosters
from gateway.origins import Origin, Policy, Trust, parse_origin
from gateway.pages.language import say
from gateway.pages.plain_refusal import plain_refusal
from gateway.pages.render import Renderer
from gateway.pages.shell import has_dead_cookie, held_here, last_way
from gateway.pages.transactions import Transactions
from gateway.pages.ways import Kind, Way
from gateway.passkeys import RelyingParty
from gateway.provider_tokens import ProviderTokens
from gateway.providers import LoginRequest
from gateway.records import Authorization, Code, Login
from gateway.request_context import ASKED
from gateway.roles import RoleRule
from gateway.session_ids import slot_of
from gateway.sessions import LiveSignIn, Sessions
from gateway.studies_rules import Study

_TEMPLATES = {AskConsent: "consent.html", AskKeep: "keep.html", Greet: "greet.html"}


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that the pages share. secret: makes a fresh 256-bit text."""

    public_url: str
    renderer: Renderer
    sessions: Sessions
    grants: Grants
    directory: Directory
    ways: Mapping[str, Way]
    transactions: Transactions
    limits: SignInLimits
    secret: Callable[[], str]
    today: Callable[[], date]
    clock: Callable[[], float]
    provider_tokens: ProviderTokens
    applications: Mapping[str, Policy]  # by origin: those with a host of their own
    lifecycle: Lifecycle
    studies: tuple[Study, ...]
    classes: ClassSettings
    roles: tuple[RoleRule, ...]
    passkeys: RelyingParty | None  # None: this site has none
    script_backends: Sequence[str]  # that take personal tokens
    rosters: Rosters

    def callback(self, provider: str) -> str:
        return f"{self.public_url}/auth/callback/{provider}"


async def proceed(
    request: web.Request, parts: Parts, asked: Authorization, live: LiveSignIn | None
) -> web.Response:
    """Do what comes next for this request and this person."""
    origin = parse_client_id(asked.origin)
    policy = policy_of(request, parts, origin)
    if policy is None:
        return denied_page(request, parts, asked.origin)
    if live is not None and not offers(policy, live.record.provider):
        live = None  # signed in by a way that this book does not take: asked again, by one that it does
    proof = Proof(asked.max_age, asked.acr_values)
    if live is not None and not proof.met_by(live.record.proved_at, live.record.acr, parts.clock()):
        live = None  # proved too long ago, or in another way
    approved = live is not None and await _approved(parts, live, origin, policy)
    visitor = None if live is None else Visitor(live.record.own_device, approved)
    match next_step(asked.prompt, policy, visitor, guest=asked.guest):
        case AskWho():
            return await ask_who(request, parts, asked, policy)
        case AskConsent() | AskKeep() | Greet() as question if live is not None:
            return await _ask(request, parts, _TEMPLATES[type(question)], asked, policy, live)
        case Deliver() if live is not None:
            await _limit_silent_codes(parts, asked, live)
            code = await issue_code(parts, asked, live, approved=approved, clicked=False)
            return deliver(request, parts, asked, {"code": code})
        case DeliverError(code):
            return deliver(request, parts, asked, {"error": code})
        case RefusePlainly():
            return plain_refusal(request, parts.renderer)
        case (
            AskConsent() | AskKeep() | Greet() | Deliver()
        ):  # pragma: no cover  # next_step gives these to visitors only
            raise ForbiddenError("a step for a visitor without one")
        case unreachable:  # pragma: no cover
            assert_never(unreachable)


def policy_of(request: web.Request, parts: Parts, origin: Origin) -> Policy | None:
    """What the origin may do by the policy this request is served with; None: denied."""
    application = parts.applications.get(str(origin))
    if application is not None:
        return application
    policy = request[ASKED].policies.find(origin, parts.today())
    return None if policy is None or policy.trust is Trust.DENIED or not policy.credentials else policy


async def _approved(parts: Parts, live: LiveSignIn, origin: Origin, policy: Policy) -> bool:
    if policy.trust is not Trust.CONSENT or asks_every_time(origin, policy):
        return False
    return await parts.directory.approved(live.record.person, str(origin))


async def _limit_silent_codes(parts: Parts, asked: Authorization, live: LiveSignIn) -> None:
    """XSS in a book could mint codes without an end by prompt=none."""
    if asked.prompt == "none":
        await parts.grants.limit("silent", f"{live.key} {asked.origin}", SILENT_CODES)


async def issue_code(
    parts: Parts,
    asked: Authorization,
    live: LiveSignIn,
    *,
    approved: bool,
    clicked: bool,
    keep: bool | None = None,
) -> str:
    """A code for this request, bound to the session, origin, return page, challenge, key and answer."""
    await parts.grants.limit("codes", f"{live.key} {asked.origin}", CODES)
    return await parts.grants.issue_code(
        Code(
            slot=slot_of(live.key),
            parent=live.key,
            origin=asked.origin,
            redirect_uri=asked.redirect_uri,
            challenge=asked.challenge,
            jkt=asked.jkt,
            approved=approved,
            clicked=clicked,
            keep=keep,
        )
    )


def deliver(
    request: web.Request, parts: Parts, asked: Authorization, fields: Mapping[str, str]
) -> web.Response:
    """Hand the answer to the book: `iss` and `state` always with it (RFC 9207 section 2).

    A form whose end is on another site is answered with a page that goes there by itself, because
    CSP's form-action also binds the redirects of a form.
    """
    message = {**fields, "state": asked.state, "iss": parts.public_url}
    mark = "?" if asked.response_mode == "query" else "#"
    target = f"{asked.redirect_uri}{mark}{urlencode(message)}"
    if asked.response_mode != "web_message" and request.method == "GET":
        headers = {"Location": target, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        return web.Response(status=303, headers=headers)
    answer = {
        "message": message,
        "origin": asked.origin,
        "target": target,
        "by_message": asked.response_mode == "web_message",
    }
    return parts.renderer.page("deliver.html", {"answer": answer, "target": target})


async def ask_who(
    request: web.Request, parts: Parts, asked: Authorization, policy: Policy, trouble: str | None = None
) -> web.Response:
    """The sign-in page; with one way in and nothing to say, straight there."""
    select = asked.not_you or await has_dead_cookie(request)
    begun = await parts.transactions.begin(
        msgspec.structs.replace(asked, not_you=select, parent=None), request
    )
    ways = ways_in(parts, policy)
    way = _only_way(request, ways, not_you=asked.not_you)
    if way is not None and trouble is None:
        try:
            response = await _straight_there(request, parts, way, begun.id, asked, select_account=select)
        except ProviderUnavailableError as error:
            request[ASKED].reason = f"{error.code}: {error.detail}"
            trouble = unavailable(way)
        else:
            response.headers.add("Set-Cookie", begun.line)
            return response
    response = sign_in_page(request, parts, ways, origin=asked.origin, transaction=begun.id, trouble=trouble)
    response.headers.add("Set-Cookie", begun.line)
    return response


def _only_way(request: web.Request, ways: list[Way], *, not_you: bool) -> Way | None:
    """The one that there is; or a passkey where one was used last: the device asks for it by itself."""
    if len(ways) == 1:
        return ways[0]
    last = last_way(request)
    return next((way for way in ways if way.kind is Kind.PASSKEY and way.id == last and not not_you), None)


async def _straight_there(
    request: web.Request,
    parts: Parts,
    way: Way,
    transaction: str,
    asked: Authorization,
    *,
    select_account: bool,
) -> web.Response:
    if way.kind is not Kind.PROVIDER:
        headers = {"Location": way.address(transaction), "Cache-Control": "no-store"}
        return web.Response(status=303, headers=headers)
    return await start_login(
        request,
        parts,
        way,
        transaction,
        select_account=select_account,
        own_device=False,
        proof=Proof(asked.max_age, asked.acr_values),
    )


def ways_in(parts: Parts, policy: Policy | None) -> list[Way]:
    """The ways in that this book offers and that begin here."""
    here = [way for way in parts.ways.values() if way.href is not None]
    return [way for way in here if policy is None or offers(policy, way.id)]


def sign_in_page(
    request: web.Request,
    parts: Parts,
    ways: list[Way],
    *,
    origin: str | None,
    transaction: str,
    trouble: str | None,
    back: str | None = None,
) -> web.Response:
    """All ways in as links: a form's redirect to another site would be refused by our own CSP.

    The one that was taken last comes first. back: without a book, the page of ours to go on to. trouble: in
    words, `say`d.
    """
    last = last_way(request)
    values = {
        "ways": sorted(ways, key=lambda way: way.id != last),
        "last": last,
        "origin": origin,
        "transaction": transaction,
        "trouble": trouble,
        "back": back,
    }
    return parts.renderer.page("sign_in.html", values, status=502 if trouble else 200)


def unavailable(way: Way) -> str:
    """What the sign-in page says of a provider that is down, slow or answers garbage."""
    return say("%(provider)s does not answer at the moment. Nobody was signed in.", provider=way.label)


def declined(way: Way) -> str:
    """What it says of a provider that answered no, or what must not be trusted."""
    return say("%(provider)s did not confirm who you are. Nobody was signed in.", provider=way.label)


async def start_login(
    request: web.Request,
    parts: Parts,
    way: Way,
    transaction: str | None,
    *,
    select_account: bool,
    own_device: bool,
    back: str | None = None,
    again: str | None = None,
    link: str | None = None,
    proof: Proof = ANY_PROOF,
) -> web.Response:
    """Off to the provider, with a transaction that only this browser can finish.

    back: without a book, the page of ours to go on to. again: the person who is to prove once more that it is
    them. link: who wants this as another way in: whoever sat here before may still be known there.
    proof: when and how they are to have proved it. TooManyRequestsError: too many from here, or for one book.
    """
    fresh = again is not None or link is not None
    await _limit_logins(request, parts, transaction)
    record = Login(
        provider=way.id,
        nonce=parts.secret(),
        verifier=parts.secret(),
        authorization=transaction,
        own_device=own_device,
        back=back,
        again=again,
        link=link,
        max_age=0 if fresh else proof.max_age,
        acr_values=proof.acr_values,
        held=None if fresh or proof != ANY_PROOF else await held_here(request),
    )
    begun = await parts.transactions.begin(record, request)
    url = await way.its_provider().begin(
        LoginRequest(
            state=begun.id,
            nonce=record.nonce,
            verifier=record.verifier,
            redirect_uri=parts.callback(way.id),
            select_account=select_account,
            again=fresh,
            max_age=record.max_age,
            acr_values=record.acr_values,
        )
    )
    response = web.Response(status=303, headers={"Location": url, "Cache-Control": "no-store"})
    response.headers.add("Set-Cookie", begun.line)
    return response


async def _limit_logins(request: web.Request, parts: Parts, transaction: str | None) -> None:
    client = request[ASKED].client
    if client is not None:
        await parts.grants.limit("sign-ins", network(client), parts.limits.per_address)
    if transaction is not None:
        await parts.grants.limit("logins", transaction, LOGINS)


async def _ask(
    request: web.Request, parts: Parts, template: str, asked: Authorization, policy: Policy, live: LiveSignIn
) -> web.Response:
    """A page with one question; its answer is bound to this session and this request."""
    begun = await parts.transactions.begin(msgspec.structs.replace(asked, parent=live.key), request)
    values = {
        "name": live.record.name,
        "origin": asked.origin,
        "trusted": policy.trust is Trust.TRUSTED,
        "loopback": is_loopback(parse_client_id(asked.origin).host),
        "own_device": live.record.own_device,
        "guest": asked.guest,
        "transaction": begun.id,
    }
    response = parts.renderer.page(template, values)
    response.headers.add("Set-Cookie", begun.line)
    return response


def denied_page(request: web.Request, parts: Parts, origin: str) -> web.Response:
    """This origin may not sign anybody in: say so, and whom to ask."""
    request[ASKED].reason = f"origin_refused: authorize for {origin}"
    parsed = parse_origin(origin)
    listed = None if parsed is None else request[ASKED].policies.listed(parsed)
    values = {
        "title": say("This book is not connected here"),
        "lines": [
            say(
                "Nobody was signed in: the people who run this service have not allowed the book at this "
                "address:"
            )
        ],
        "origin": origin,
        "book": origin,
        "contact": (listed and listed.contact) or parts.renderer.contact,
        "request_id": request[ASKED].id,
    }
    return parts.renderer.page("message.html", values, status=403)
