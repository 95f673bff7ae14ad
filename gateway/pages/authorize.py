"""GET /auth/authorize and POST /auth/consent: a book asks for a code, a person answers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from aiohttp import web

from gateway.authorize_rules import (
    Client,
    Decision,
    RefusedRequestError,
    asks_every_time,
    complete,
    is_top_level,
    parameters,
    parse_client_id,
    parse_decision,
    prove_client,
)
from gateway.cors import Standing
from gateway.errors import CrossSiteRefusedError, ForbiddenError, InvalidRequestError
from gateway.forms import read_form, required
from gateway.origins import Policy, Trust
from gateway.pages.flow import Parts, deliver, denied_page, issue_code, policy_of, proceed
from gateway.pages.shell import old_cookie, replace_session, signed_in
from gateway.pages.transactions import forget
from gateway.records import Authorization
from gateway.request_context import ASKED
from gateway.sessions import LiveSignIn
from gateway.telemetry import AUDIT, Audited

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def authorize_handler(parts: Parts) -> Handler:
    """The authorization endpoint (RFC 6749 section 3.1): a top-level document only."""

    async def handle(request: web.Request) -> web.StreamResponse:
        _refuse_embedded(request)
        params = parameters(request.query.items())
        origin = parse_client_id(params.get("client_id", ""))
        policy = policy_of(request, parts, origin)
        if policy is None:
            return denied_page(request, parts, str(origin))
        client = prove_client(params, origin, policy)
        try:
            asked = complete(params, client)
        except RefusedRequestError as error:
            if policy.trust is not Trust.TRUSTED:
                # RFC 9700 section 4.11.2: without a click nobody is sent on to a page that nobody vouches for
                raise InvalidRequestError(error.description) from error
            fields = {"error": error.code, "error_description": error.description}
            return deliver(request, parts, _unasked(client), fields)
        record = Authorization(
            origin=str(origin),
            redirect_uri=client.redirect_uri,
            response_mode=client.response_mode,
            state=client.state,
            challenge=asked.challenge,
            jkt=asked.jkt,
            prompt=asked.prompt,
            guest=asked.guest,
            max_age=asked.proof.max_age,
            acr_values=asked.proof.acr_values,
        )
        return await proceed(request, parts, record, await signed_in(request, parts.public_url))

    return handle


def _refuse_embedded(request: web.Request) -> None:
    headers = request.headers
    if "prefetch" in headers.get("Sec-Purpose", "") or "prefetch" in headers.get("Purpose", ""):
        raise ForbiddenError("prefetch of authorize")
    lines = [headers.getall(name, []) for name in ("Sec-Fetch-Dest", "Sec-Fetch-Mode", "Origin")]
    if not is_top_level(*lines):
        raise ForbiddenError("authorize is for top-level documents")


def _unasked(client: Client) -> Authorization:
    """A request that is only answered with an error: where to, and nothing else."""
    return Authorization(
        origin=str(client.origin),
        redirect_uri=client.redirect_uri,
        response_mode=client.response_mode,
        state=client.state,
        challenge="",
        jkt=None,
        prompt=None,
    )


def consent_handler(parts: Parts) -> Handler:
    """The answer of a person to the consent page, or of the two-second page."""

    async def handle(request: web.Request) -> web.StreamResponse:
        require_own_page(request)
        form = await read_form(request)
        transaction = required(form, "transaction")
        asked = await parts.transactions.peek(Authorization, transaction, request)
        live = await signed_in(request, parts.public_url)
        if live is None or live.key != asked.parent:
            raise ForbiddenError("the page was made for another sign-in session")
        origin = parse_client_id(asked.origin)
        policy = policy_of(request, parts, origin)
        if policy is None:
            return denied_page(request, parts, asked.origin)
        decision = parse_decision(required(form, "decision"), guest=asked.guest)
        approved = await _approved(request, parts, decision, asked, policy, live)
        await parts.transactions.take(Authorization, transaction, request)
        live = await keep_own_device(request, parts, live, form)
        if approved is None:
            return _finish(request, parts, asked, transaction, {"error": "access_denied"})
        clicked = form.get("clicked", "1") == "1"
        code = await issue_code(parts, asked, live, approved=approved, clicked=clicked, keep=decision.keep)
        return _finish(request, parts, asked, transaction, {"code": code})

    return handle


def require_own_page(request: web.Request) -> None:
    """A form counts only when our own page sent it: the browser says so in Origin."""
    if request[ASKED].verdict.standing is not Standing.OWN:
        raise CrossSiteRefusedError("a form of ours without our Origin")


async def _approved(
    request: web.Request,
    parts: Parts,
    decision: Decision,
    asked: Authorization,
    policy: Policy,
    live: LiveSignIn,
) -> bool | None:
    """Whether the code carries an approval; None: the person said no."""
    if not decision.allowed:
        return None
    origin = parse_client_id(asked.origin)
    person = live.record.person
    if policy.trust is Trust.TRUSTED:
        return False
    if decision.said_so:
        if not asks_every_time(origin, policy):
            await parts.directory.approve(person, str(origin))
        request[AUDIT].note(Audited.CONSENT_GIVEN, who=person, origin=str(origin))
        return True
    if not asks_every_time(origin, policy) and await parts.directory.approved(person, str(origin)):
        return True
    raise ForbiddenError("the approval is gone meanwhile")


async def keep_own_device(
    request: web.Request, parts: Parts, live: LiveSignIn, form: Mapping[str, str]
) -> LiveSignIn:
    """Follow the tick "this is my own device", where a page of ours had it."""
    if form.get("own_device") != "1" or live.record.own_device:
        return live
    kept = await parts.sessions.set_own_device(live, own_device=True)
    await replace_session(request, replace(kept, id=await old_cookie(request)))
    return kept


def _finish(
    request: web.Request, parts: Parts, asked: Authorization, transaction: str, fields: Mapping[str, str]
) -> web.Response:
    response = deliver(request, parts, asked, fields)
    forget(response, transaction)
    return response
