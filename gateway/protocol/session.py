"""GET /auth/session, POST /auth/logout and POST /auth/ws-ticket: a book and its session."""

from aiohttp import web

from gateway.cookies import book_name, expired_line
from gateway.errors import InvalidRequestError, LoginRequiredError
from gateway.forms import read_form, required
from gateway.origins import Trust
from gateway.protocol.answers import answer
from gateway.protocol.context import Parts, caller, current_book, user
from gateway.protocol.token import TICKET_LIFE, Handler
from gateway.records import Leaving, LiveBook, Mode, WebSocketTicket
from gateway.request_context import VERDICT
from gateway.session_ids import slot_of

SIGN_OUT_PAGE = "/auth/logout"
LEAVING_LIFE = 60


def session_handler(parts: Parts) -> Handler:
    """Who is signed in at this book: `{user: {...} | null, expires_in, now}`.

    An origin of several books learns which page belongs to which: `books`, path prefix -> book id.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        live = await current_book(request, parts)
        policy = request[VERDICT].policy
        books = {"books": dict(policy.books)} if policy is not None and len(policy.books) > 1 else {}
        if live is None:
            return answer(parts, {"user": None, "expires_in": 0, **books})
        expires_in = live.record.ends - parts.now()
        return answer(parts, {"user": user(live, parts), "expires_in": expires_in, **books})

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
        if live is not None:
            # The parent first: whatever stops this halfway, the book can still ask again.
            if whole:
                await parts.sessions.end_sign_in(live.record.parent)
            await parts.sessions.end_book(live.key)
        page = parts.public_url + SIGN_OUT_PAGE
        response = answer(
            parts,
            {
                "signed_out": None if live is None else ("browser" if whole else "book"),
                "next": await _way_out(parts, page, live) if live is not None and whole else None,
                "sign_out_page": page,
            },
        )
        response.headers.add("Set-Cookie", expired_line(book_name(origin)))
        return response

    return handle


async def _way_out(parts: Parts, page: str, live: LiveBook) -> str | None:
    """Where the provider's own session ends too, if its block says so: a fetch cannot go there.

    The session that knew the provider has ended, so the address remembers it, once.
    """
    provider = live.record.provider
    if provider not in parts.logout_at_provider:
        return None
    return f"{page}?leave={await parts.grants.begin(Leaving(provider), LEAVING_LIFE)}"


def ticket_handler(parts: Parts) -> Handler:
    """A WebSocket's ticket for a book in token mode: a browser's WebSocket cannot carry a proof."""

    async def handle(request: web.Request) -> web.StreamResponse:
        origin, _ = caller(request)
        form = await read_form(request)
        path = required(form, "path")
        live = await current_book(request, parts)
        if live is None or live.record.mode is not Mode.DPOP:
            raise LoginRequiredError("no token session")
        ticket = await parts.grants.issue_websocket_ticket(
            WebSocketTicket(
                slot=slot_of(live.key), book=live.key, parent=live.record.parent, origin=origin, path=path
            )
        )
        return answer(parts, {"ticket": ticket, "expires_in": TICKET_LIFE})

    return handle
