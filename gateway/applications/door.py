"""The way from an application's page to the sign-in page and back, and out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from gateway.applications.rules import check_code
from gateway.applications.sites import Application
from gateway.authorize_rules import Proof, parameters
from gateway.code_exchange import redeem
from gateway.cookies import APPLICATION, application_line, parse
from gateway.directory import Places
from gateway.errors import InvalidGrantError, InvalidRequestError
from gateway.grant_rules import challenge_of
from gateway.grants import Grants
from gateway.limits import EXCHANGES
from gateway.pages.render import Renderer
from gateway.pages.transactions import Transactions, forget
from gateway.records import Entering, LiveBook, Mode
from gateway.session_ids import parse_book_id
from gateway.sessions import Sessions
from gateway.telemetry import AUDIT, Audited

ARRIVED: Final = "/auth/arrived"


@dataclass(frozen=True, slots=True)
class Door:
    """secret: makes a fresh 256-bit text. clock: Unix seconds."""

    public_url: str
    transactions: Transactions
    grants: Grants
    sessions: Sessions
    places: Places
    renderer: Renderer
    secret: Callable[[], str]
    clock: Callable[[], float]

    async def enter(self, request: web.Request, application: Application, proof: Proof) -> web.Response:
        """Off to the sign-in page, with a transaction that only this browser can finish at this host.

        proof: when and how they are to have proved who they are.
        """
        verifier = self.secret()
        # the data path has judged it: a path of one spelling, which no browser takes for another host's
        record = Entering(application.site.authority, request.raw_path, verifier)
        begun = await self.transactions.begin(record, request)
        asked = {
            "response_type": "code",
            "client_id": application.origin,
            "redirect_uri": application.redirect_uri,
            "response_mode": "query",
            "state": begun.id,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        if proof.max_age is not None:
            asked["max_age"] = str(proof.max_age)
        if proof.acr_values:
            asked["acr_values"] = " ".join(proof.acr_values)
        response = _to(f"{self.public_url}/auth/authorize?{urlencode(asked)}")
        response.headers.add("Set-Cookie", begun.line)
        return response

    async def finish(self, request: web.Request, application: Application) -> web.Response:
        """The answer of the sign-in page: a session of this host, under a new id.

        The page that was asked for comes after a look whether the cookie came back: a browser that keeps none
        would go round and round.
        """
        params = parameters(request.query.items())
        if params.get("iss") != self.public_url:  # RFC 9207 section 2.4
            raise InvalidRequestError("the answer is another gateway's")
        transaction = params.get("state", "")
        entering = await self._of(request, application, transaction)
        if "error" in params:
            return self._refused(transaction)
        live = await self._session(request, application, entering, params.get("code", ""))
        if live.id is None:
            raise InvalidGrantError("the session ended meanwhile")
        response = _to(f"{ARRIVED}?{urlencode({'state': transaction})}")
        max_age = live.record.ends - int(self.clock()) if live.record.own_device else None
        response.headers.add("Set-Cookie", application_line(live.id, max_age))
        return response

    async def arrive(self, request: web.Request, application: Application) -> web.Response:
        """On to the page, if the cookie came back."""
        transaction = parameters(request.query.items()).get("state", "")
        entering = await self._of(request, application, transaction)
        if parse(request.headers.getall("Cookie", [])).one(APPLICATION) is None:
            raise InvalidGrantError("the browser keeps no cookie of this host")
        await self.transactions.take(Entering, transaction, request)
        response = _to(entering.target)
        forget(response, transaction)
        return response

    def leave(self) -> web.Response:
        """Signing out is the public URL's."""
        return _to(f"{self.public_url}/auth/logout")

    async def _of(self, request: web.Request, application: Application, transaction: str) -> Entering:
        entering = await self.transactions.peek(Entering, transaction, request)
        if entering.host != application.site.authority:
            raise InvalidGrantError("the transaction belongs to another host")
        return entering

    async def _session(
        self, request: web.Request, application: Application, entering: Entering, text: str
    ) -> LiveBook:
        minted, code = await redeem(self.sessions, self.grants, text)
        check_code(code, application.origin, application.redirect_uri, entering.verifier)
        parent = await self.sessions.load_sign_in_key(code.parent)
        if parent is None:
            raise InvalidGrantError("the sign-in session of this code has ended")
        await self.grants.limit("exchanges", parent.key, EXCHANGES)
        await self._end_old(request)
        await self.places.note(parent.key, parent.record.person, application.origin, application.books)
        live = await self.sessions.begin_book(parent, application.origin, None, approved=True, minted=minted)
        if await self.sessions.confirm_book(live.key, Mode.COOKIE) is None:
            raise InvalidGrantError("the session ended meanwhile")
        who, origin = live.record.person, application.origin
        request[AUDIT].note(Audited.SIGN_IN_BOOK, who=who, origin=origin, session=live.key)
        return live

    async def _end_old(self, request: web.Request) -> None:
        """What the browser held before is dead from here on."""
        value = parse(request.headers.getall("Cookie", [])).one(APPLICATION)
        keys = None if value is None else parse_book_id(value)
        if keys is not None and await self.sessions.load_book_key(*keys) is not None:
            await self.sessions.end_book(keys[0])

    def _refused(self, transaction: str) -> web.Response:
        values = {
            "title": "You were not signed in",
            "lines": ["Nobody was signed in to this page. Open it again to try once more."],
            "origin": None,
            "book": None,
            "request_id": None,
        }
        response = self.renderer.page("message.html", values, status=403)
        forget(response, transaction)
        return response


def _to(location: str) -> web.Response:
    headers = {"Location": location, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return web.Response(status=303, headers=headers)
