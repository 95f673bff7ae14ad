"""GET /auth/session, POST /auth/logout, /auth/guest-code and /auth/ws-ticket: a book and its session."""

from aiohttp import web

from gateway.cookies import book_name, expired_line, guest_name
from gateway.errors import ForbiddenError, InvalidRequestError, LoginRequiredError
from gateway.forms import read_form, required
from gateway.grants import TICKET_LIFE
from gateway.limits import TICKETS
from gateway.origins import Trust
from gateway.protocol.answers import answer
from gateway.protocol.context import Parts, asked, caller, current_book, user, welcomes_guests
from gateway.protocol.token import Handler
from gateway.records import Leaving, LiveBook, Mode, WebSocketTicket
from gateway.request_context import ASKED
from gateway.session_ids import slot_of
from gateway.telemetry import AUDIT, Audited

SIGN_OUT_PAGE = "/auth/logout"
LEAVING_LIFE = 60


def session_handler(parts: Parts) -> Handler:
    """Who is signed in at this book: `{user: {...} | null, expires_in, now}`.

    An origin of several books learns which page belongs to which: `books`, path prefix -> book id. Where
    research asks this person something it says in which books: `studies`.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        live = await current_book(request, parts)
        policy = request[ASKED].verdict.policy
        books = {"books": dict(policy.books)} if policy is not None and len(policy.books) > 1 else {}
        site = {"guests": welcomes_guests(parts, policy), **books}
        if live is None:
            return answer(parts, {"user": None, "expires_in": 0, **site})
        expires_in = live.record.ends - parts.now()
        told = {"user": user(live, parts), "expires_in": expires_in, **asked(live, parts, policy)}
        return answer(parts, {**told, **site})

    return handle


def logout_handler(parts: Parts) -> Handler:
    """Sign out (step 7): from a trusted origin the whole browser, from a consent origin this book alone."""

    async def handle(request: web.Request) -> web.StreamResponse:
        origin, policy = caller(request)
        form = await read_form(request) if request.body_exists else {}
        scope = form.get("scope", "browser")
        if scope not in {"browser", "book"}:
            raise InvalidRequestError("scope is neither browser nor book")
        live = await current_book(request, parts)
        whole = policy.trust is Trust.TRUSTED and scope == "browser"
        hint = None
        if live is not None:
            act = Audited.SIGN_OUT_BROWSER if whole else Audited.SIGN_OUT_BOOK
            request[AUDIT].note(act, who=live.record.person, origin=origin, session=live.key)
            # The parent first: whatever stops this halfway, the book can still ask again.
            if whole and live.record.parent is not None:
                hint = await parts.id_token_hint(live.record.parent, live.record.provider)
                await parts.sessions.end_sign_in(live.record.parent)
            await parts.sessions.end_book(live.key)
        page = parts.public_url + SIGN_OUT_PAGE
        response = answer(
            parts,
            {
                "signed_out": _ended(live, whole=whole),
                "next": await _way_out(parts, page, live, hint) if live is not None and whole else None,
                "sign_out_page": page,
            },
        )
        response.headers.add("Set-Cookie", expired_line(book_name(origin)))
        if live is not None and live.record.is_guest:
            response.headers.add("Set-Cookie", expired_line(guest_name(origin)))
        return response

    return handle


def _ended(live: LiveBook | None, *, whole: bool) -> str | None:
    """What the sign-out ended; a guest has no sign-in session, nor a page of ours to sign out at."""
    if live is None:
        return None
    if live.record.is_guest:
        return "guest"
    return "browser" if whole else "book"


async def _way_out(parts: Parts, page: str, live: LiveBook, hint: str | None) -> str | None:
    """Where the provider's own session ends too, if its block says so: a fetch cannot go there.

    The session that knew the provider has ended, so the address remembers it, once.
    """
    provider = live.record.provider
    if provider not in parts.logout_at_provider:
        return None
    return f"{page}?leave={await parts.grants.begin(Leaving(provider, hint), LEAVING_LIFE)}"


def return_code_handler(parts: Parts) -> Handler:
    """By what a guest goes on at another device."""

    async def handle(request: web.Request) -> web.StreamResponse:
        origin, _ = caller(request)
        live = await current_book(request, parts)
        if live is None:
            raise LoginRequiredError("a return code for nobody")
        if not live.record.is_guest:
            raise ForbiddenError("a return code for who can sign in")
        code = await parts.guest_records.return_code(live.record.person, origin, parts.guest_life)
        if code is None:
            raise LoginRequiredError("a return code for a guest who became somebody")
        return answer(parts, {"code": code, "expires_in": parts.guest_life})

    return handle


def ticket_handler(parts: Parts) -> Handler:
    """A WebSocket's ticket for a book in token mode: a browser's WebSocket cannot carry a proof."""

    async def handle(request: web.Request) -> web.StreamResponse:
        origin, _ = caller(request)
        form = await read_form(request)
        path = required(form, "path")
        live = await current_book(request, parts)
        if live is None or live.record.mode is not Mode.DPOP:
            raise LoginRequiredError("no token session")
        await parts.grants.limit("tickets", live.key, TICKETS)
        ticket = await parts.grants.issue_websocket_ticket(
            WebSocketTicket(
                slot=slot_of(live.key), book=live.key, parent=live.record.parent, origin=origin, path=path
            )
        )
        return answer(parts, {"ticket": ticket, "expires_in": TICKET_LIFE})

    return handle
