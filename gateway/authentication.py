"""Who a request is from: its credential looked up, its proof checked, its origin compared."""

import asyncio
from collections.abc import Callable, Sequence
from typing import assert_never

from gateway import dpop
from gateway.access import (
    CookieCredential,
    DpopCredential,
    Facts,
    NoCredential,
    TicketCredential,
    TokenCredential,
    admits,
    cookie_values,
    credential,
)
from gateway.cookies import book_name
from gateway.errors import (
    GatewayError,
    InvalidProofError,
    LoginRequiredError,
    UseNonceError,
    UseNonceOnResourceError,
)
from gateway.grants import Grants
from gateway.known import Known
from gateway.origins import Policy
from gateway.quick_sessions import Done, QuickSessions
from gateway.records import LiveBook, Mode
from gateway.sealing import Sealer

Clock = Callable[[], float]

_REPLAYABLE = frozenset({"GET", "HEAD"})  # safe: a replay reads what its maker could read


class Authenticator:
    def __init__(self, sessions: QuickSessions, grants: Grants, clock: Clock, sealer: Sealer) -> None:
        self._sessions = sessions
        self._grants = grants
        self._clock = clock
        self._sealer = sealer

    async def authenticate(self, facts: Facts, policy: Policy | None) -> LiveBook | None:
        """The book session that the request is made in; None: anonymous.

        LoginRequiredError: a token came whose proof is wrong. UseNonceOnResourceError: only its clock is.
        """
        known = await self.recognise(facts, policy)
        return None if known is None else known.live

    async def recognise(self, facts: Facts, policy: Policy | None) -> Known | None:
        """The same for the data path, with what was made of the session before."""
        match credential(facts):
            case NoCredential() | TokenCredential():  # a token has no session: proxy/passage.py asks for it
                return None
            case CookieCredential(values):
                return await self._by_cookie(facts, policy, values)
            case DpopCredential(token):
                return self._admitted(facts, policy, await self._by_token(facts, token))
            case TicketCredential(ticket):
                return self._admitted(facts, policy, await self._by_ticket(facts, ticket))
            case never:
                assert_never(never)

    def at_hand(self, origin: str, policy: Policy | None, cookie_lines: Sequence[str]) -> Known | None:
        """The session of a cookie that serves this origin and may be served without a question.

        None: `recognise` tells. To be asked only where a cookie would count.
        """
        begins = f"{book_name(origin)}="
        if len(cookie_lines) == 1 and cookie_lines[0].startswith(begins) and ";" not in cookie_lines[0]:
            values: Sequence[str] = (cookie_lines[0][len(begins) :],)  # nearly always
        else:
            values = cookie_values(origin, cookie_lines)
        known = self._sessions.kept(values[0]) if values else None
        if known is None or policy is None:
            return None
        record, now = known.live.record, int(self._clock())
        if known.admitted is policy and record.origin == origin:
            return known if now < record.ends else None  # all else that `admits` asks stays as it is
        if not admits(record, origin, policy, now):
            return None
        known.admitted = policy
        return known

    def _admitted(self, facts: Facts, policy: Policy | None, known: Known | None) -> Known | None:
        if known is None or facts.origin is None:
            return None
        return known if admits(known.live.record, facts.origin, policy, int(self._clock())) else None

    async def _by_cookie(self, facts: Facts, policy: Policy | None, values: tuple[str, ...]) -> Known | None:
        """The first that serves: a guest goes on where the sign-in that set them aside got nowhere."""
        for value in values:
            known = self._admitted(facts, policy, await self._sessions.find(value))
            if known is not None:
                return known
        return None

    def ask(self, facts: Facts, policy: Policy | None, token: str, done: Done) -> None:
        """As `recognise`, of a request with a token that only reads. done: called once, never from in here.

        Whoever gets an error or None there may have it told by `recognise`: nothing was used up.
        """
        if facts.method not in _REPLAYABLE:
            raise ValueError("what writes may come once: only `recognise` can tell")
        place = self._grants.access_book(token)
        if place is None:
            asyncio.get_running_loop().call_soon(done, None)
            return

        def looked(answer: Known | GatewayError | None) -> None:
            if isinstance(answer, Known):
                answer = self._tried(facts, policy, token, answer)
            done(answer)

        self._sessions.ask_key(*place, looked)

    def _tried(
        self, facts: Facts, policy: Policy | None, token: str, known: Known
    ) -> Known | GatewayError | None:
        if known.live.record.mode is not Mode.DPOP:
            return None
        try:
            self._proof(facts, token, known)
        except GatewayError as error:
            return error
        return self._admitted(facts, policy, known)

    async def _by_token(self, facts: Facts, token: str) -> Known | None:
        """The token is looked up first: a signature is checked only for a session that is there."""
        place = self._grants.access_book(token)
        known = None if place is None else await self._sessions.look(*place)
        if known is None or known.live.record.mode is not Mode.DPOP:
            return None
        proof = self._proof(facts, token, known)
        if facts.method not in _REPLAYABLE and not await self._grants.proof_is_new(proof.jkt, proof.jti):
            raise LoginRequiredError("the proof was used before")
        return known

    def _proof(self, facts: Facts, token: str, known: Known) -> dpop.Proof:
        """The one that came with the token, if it is by the session's key. Raises as `authenticate`."""
        now = int(self._clock())
        try:
            proof = dpop.verify(
                facts.dpop_lines,
                facts.method,
                facts.url,
                now,
                access_token=token,
                nonce_keys=self._sealer.derived(dpop.NONCE),
            )
        except UseNonceError as error:
            raise UseNonceOnResourceError(error.nonce, error.detail) from error
        except InvalidProofError as error:
            raise LoginRequiredError(error.detail) from error
        if proof.jkt != known.live.record.jkt:
            raise LoginRequiredError("the proof is by another key than the token's")
        return proof

    async def _by_ticket(self, facts: Facts, ticket: str) -> Known | None:
        record = await self._grants.redeem_websocket_ticket(ticket)
        if record is None or record.origin != facts.origin or record.path != facts.path:
            return None
        known = await self._sessions.look(record.book, record.parent)
        return known if known is not None and known.live.record.mode is Mode.DPOP else None
