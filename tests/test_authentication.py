import asyncio
from dataclasses import replace

import msgspec
import pytest

from gateway.access import Facts
from gateway.authentication import Authenticator
from gateway.cookies import book_name
from gateway.dpop import NONCE, mint_nonce
from gateway.errors import GatewayError, InvalidRequestError, LoginRequiredError, UseNonceOnResourceError
from gateway.grants import Tokens
from gateway.known import Known
from gateway.origins import Policy, Trust
from gateway.records import LiveBook, Mode, WebSocketTicket
from gateway.session_ids import slot_of
from tests.policies import POLICY
from tests.proofs import ProofKey
from tests.sessions_parts import BOOK, Parts

Answer = Known | GatewayError | None

OWN = "https://gate.example"
URL = f"{OWN}/storage/items"
KEY = ProofKey()
FACTS = Facts(
    method="GET",
    url=URL,
    path="/storage/items",
    origin=BOOK,
    cookie_lines=(),
    authorization_lines=(),
    dpop_lines=(),
    protocol_lines=(),
    is_websocket=False,
    own_origin=OWN,
)


@pytest.fixture
async def authenticator(parts: Parts) -> Authenticator:
    return Authenticator(parts.quick(), parts.grants, parts.clock, parts.sealer)


def with_cookie(live: LiveBook, origin: str = BOOK) -> Facts:
    return replace(FACTS, cookie_lines=(f"{book_name(origin)}={live.id}",))


async def in_token_mode(parts: Parts) -> tuple[LiveBook, Tokens]:
    live = await parts.book(mode=Mode.DPOP, jkt=KEY.jkt)
    return live, await parts.grants.issue_tokens(live)


def with_token(parts: Parts, token: str, method: str = "GET", key: ProofKey = KEY, **claims: object) -> Facts:
    return with_proof(token, method, key.proof(method, URL, int(parts.clock()), token, None, **claims))


def with_proof(token: str, method: str, proof: str) -> Facts:
    return replace(FACTS, method=method, authorization_lines=(f"DPoP {token}",), dpop_lines=(proof,))


class TestCookie:
    async def test_the_session_of_this_origin(self, parts: Parts, authenticator: Authenticator) -> None:
        live = await parts.book()
        found = await authenticator.authenticate(with_cookie(live), POLICY)
        assert found == live

    async def test_one_that_was_looked_at_is_at_hand_for_its_origin_alone(self, parts: Parts) -> None:
        sessions = parts.quick()
        sessions.looks.fresh_until = float("inf")  # as if whoever tells of changes were heard
        authenticator = Authenticator(sessions, parts.grants, parts.clock, parts.sealer)
        live = await parts.book()
        lines = with_cookie(live).cookie_lines
        assert authenticator.at_hand(BOOK, POLICY, lines) is None
        known = await authenticator.recognise(with_cookie(live), POLICY)
        assert known is not None
        beside = (f"a=b; {lines[0]}", "c=d")
        for _ in range(2):  # what was found out the first time holds as long as the policy
            assert authenticator.at_hand(BOOK, POLICY, lines) is known
            assert authenticator.at_hand(BOOK, POLICY, beside) is known
        other = "https://frame.book.example"
        theirs = with_cookie(live, other).cookie_lines
        assert authenticator.at_hand(other, POLICY, theirs) is None
        for policy in (None, replace(POLICY, credentials=False), replace(POLICY, since=2**40)):
            assert authenticator.at_hand(BOOK, policy, lines) is None
        assert authenticator.at_hand(BOOK, POLICY, ()) is None
        parts.clock.now = known.live.record.ends
        assert authenticator.at_hand(BOOK, POLICY, lines) is None

    async def test_no_cookie_without_origin(self, parts: Parts, authenticator: Authenticator) -> None:
        facts = with_cookie(await parts.book())
        assert await authenticator.authenticate(replace(facts, origin=None), POLICY) is None

    @pytest.mark.parametrize(
        "origin", ["https://book.example:8443", "https://frame.book.example", "http://book.example", OWN]
    )
    async def test_a_session_serves_its_own_origin_alone(
        self, parts: Parts, authenticator: Authenticator, origin: str
    ) -> None:
        """Its cookie under the name of another origin of the same site, which could well set it there."""
        live = await parts.book()
        facts = replace(with_cookie(live, origin), origin=origin)
        assert await authenticator.authenticate(facts, POLICY) is None

    async def test_what_policy_does_not_grant(self, parts: Parts, authenticator: Authenticator) -> None:
        live = await parts.book()
        assert await authenticator.authenticate(with_cookie(live), None) is None
        assert await authenticator.authenticate(with_cookie(live), replace(POLICY, credentials=False)) is None
        consent = replace(POLICY, trust=Trust.CONSENT)
        assert await authenticator.authenticate(with_cookie(live), consent) is None
        approved = await parts.book(approved=True)
        assert await authenticator.authenticate(with_cookie(approved), consent) == approved

    async def test_pending_serves_nothing(self, parts: Parts, authenticator: Authenticator) -> None:
        pending = await parts.book(mode=Mode.PENDING)
        assert await authenticator.authenticate(with_cookie(pending), POLICY) is None

    async def test_a_session_in_token_mode_has_no_cookie(
        self, parts: Parts, authenticator: Authenticator
    ) -> None:
        live = await parts.book(mode=Mode.DPOP, jkt=KEY.jkt)
        assert await authenticator.authenticate(with_cookie(live), POLICY) is None

    async def test_unknown_and_ended(self, parts: Parts, authenticator: Authenticator) -> None:
        live = await parts.book()
        assert await authenticator.authenticate(FACTS, POLICY) is None
        unknown = replace(live, id="x" * 43 + (live.id or "")[43:])
        assert await authenticator.authenticate(with_cookie(unknown), POLICY) is None
        assert await authenticator.authenticate(with_cookie(replace(live, id="x")), POLICY) is None
        await parts.sessions.end_book(live.key)
        assert await authenticator.authenticate(with_cookie(live), POLICY) is None

    async def test_our_name_twice_is_refused(self, parts: Parts, authenticator: Authenticator) -> None:
        facts = with_cookie(await parts.book())
        doubled = replace(facts, cookie_lines=(*facts.cookie_lines, f"{book_name(BOOK)}=x"))
        with pytest.raises(InvalidRequestError):
            await authenticator.authenticate(doubled, POLICY)


class TestToken:
    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_with_the_key_that_it_is_bound_to(
        self, parts: Parts, authenticator: Authenticator, method: str
    ) -> None:
        live, tokens = await in_token_mode(parts)
        found = await authenticator.authenticate(with_token(parts, tokens.access, method), POLICY)
        assert found == replace(live, id=None)

    async def test_another_key_is_nobodys(self, parts: Parts, authenticator: Authenticator) -> None:
        _, tokens = await in_token_mode(parts)
        with pytest.raises(LoginRequiredError, match="another key"):
            await authenticator.authenticate(with_token(parts, tokens.access, key=ProofKey()), POLICY)

    async def test_a_session_bound_to_no_key_takes_none(
        self, parts: Parts, authenticator: Authenticator
    ) -> None:
        live = await parts.book(mode=Mode.DPOP)
        tokens = await parts.grants.issue_tokens(live)
        with pytest.raises(LoginRequiredError):
            await authenticator.authenticate(with_token(parts, tokens.access), POLICY)

    async def test_a_replay_is_refused_where_something_is_written(
        self, parts: Parts, authenticator: Authenticator
    ) -> None:
        _, tokens = await in_token_mode(parts)
        post = with_token(parts, tokens.access, "POST")
        assert await authenticator.authenticate(post, POLICY) is not None
        with pytest.raises(LoginRequiredError, match="before"):
            await authenticator.authenticate(post, POLICY)
        get = with_token(parts, tokens.access)
        assert await authenticator.authenticate(get, POLICY) is not None
        assert await authenticator.authenticate(get, POLICY) is not None

    @pytest.mark.parametrize(
        ("claim", "wrong"),
        [("htm", "PUT"), ("htu", f"{OWN}/analytics/"), ("ath", "x"), ("jti", "x"), ("iat", None)],
    )
    async def test_a_wrong_proof(
        self, parts: Parts, authenticator: Authenticator, claim: str, wrong: str | None
    ) -> None:
        _, tokens = await in_token_mode(parts)
        now = int(parts.clock())
        proof = KEY.proof("GET", URL, now, tokens.access, None, **{claim: wrong})
        with pytest.raises(LoginRequiredError):
            await authenticator.authenticate(with_proof(tokens.access, "GET", proof), POLICY)

    async def test_without_a_proof_or_with_two(self, parts: Parts, authenticator: Authenticator) -> None:
        _, tokens = await in_token_mode(parts)
        facts = with_token(parts, tokens.access)
        for lines in ((), (*facts.dpop_lines, *facts.dpop_lines)):
            with pytest.raises(LoginRequiredError):
                await authenticator.authenticate(replace(facts, dpop_lines=lines), POLICY)

    async def test_a_wrong_clock_comes_in_with_a_nonce(
        self, parts: Parts, authenticator: Authenticator
    ) -> None:
        _, tokens = await in_token_mode(parts)
        wrong = int(parts.clock()) - 7200
        with pytest.raises(UseNonceOnResourceError) as refused:
            await authenticator.authenticate(with_token(parts, tokens.access, iat=wrong), POLICY)
        assert refused.value.status == 401
        assert refused.value.nonce == mint_nonce(parts.sealer.derived(NONCE)[0], int(parts.clock()))
        again = with_token(parts, tokens.access, "POST", iat=wrong, nonce=refused.value.nonce)
        assert await authenticator.authenticate(again, POLICY) is not None
        with pytest.raises(LoginRequiredError):
            await authenticator.authenticate(again, POLICY)

    async def test_unknown_ended_and_refresh_tokens_are_anonymous(
        self, parts: Parts, authenticator: Authenticator
    ) -> None:
        live, tokens = await in_token_mode(parts)
        for token in ("garbage", "x" * 43 + tokens.access[43:], tokens.refresh):
            assert await authenticator.authenticate(with_token(parts, token), POLICY) is None
        elsewhere = replace(with_token(parts, tokens.access), origin="https://other.example")
        assert await authenticator.authenticate(elsewhere, POLICY) is None
        nowhere = replace(with_token(parts, tokens.access), origin=None)
        assert await authenticator.authenticate(nowhere, POLICY) is None
        await parts.sessions.end_book(live.key)
        assert await authenticator.authenticate(with_token(parts, tokens.access), POLICY) is None

    async def test_an_old_access_token(self, parts: Parts, authenticator: Authenticator) -> None:
        _, tokens = await in_token_mode(parts)
        parts.clock.now += 600
        assert await authenticator.authenticate(with_token(parts, tokens.access), POLICY) is None

    async def test_a_token_of_a_session_in_cookie_mode(
        self, parts: Parts, authenticator: Authenticator
    ) -> None:
        tokens = await parts.grants.issue_tokens(await parts.book(jkt=KEY.jkt))
        assert await authenticator.authenticate(with_token(parts, tokens.access), POLICY) is None


class TestTokenByCallback:
    """As the data path asks, without waiting."""

    async def answer(
        self, authenticator: Authenticator, facts: Facts, policy: Policy | None = POLICY
    ) -> Answer:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        token = facts.authorization_lines[0].removeprefix("DPoP ")
        authenticator.ask(facts, policy, token, future.set_result)
        assert not future.done()
        return await future

    async def test_it_is_the_same_as_for_who_waits(self, parts: Parts, authenticator: Authenticator) -> None:
        live, tokens = await in_token_mode(parts)
        found = await self.answer(authenticator, with_token(parts, tokens.access))
        assert isinstance(found, Known)
        assert found.live == replace(live, id=None)
        assert await self.answer(authenticator, with_token(parts, tokens.access), None) is None
        for token in ("garbage", "x" * 43 + tokens.access[43:], tokens.refresh):
            assert await self.answer(authenticator, with_token(parts, token)) is None
        other_key = await self.answer(authenticator, with_token(parts, tokens.access, key=ProofKey()))
        assert isinstance(other_key, LoginRequiredError)
        wrong = int(parts.clock()) - 7200
        late = await self.answer(authenticator, with_token(parts, tokens.access, iat=wrong))
        assert isinstance(late, UseNonceOnResourceError)
        elsewhere = replace(with_token(parts, tokens.access), origin="https://other.example")
        assert await self.answer(authenticator, elsewhere) is None

    async def test_a_session_in_cookie_mode(self, parts: Parts, authenticator: Authenticator) -> None:
        tokens = await parts.grants.issue_tokens(await parts.book(jkt=KEY.jkt))
        assert await self.answer(authenticator, with_token(parts, tokens.access)) is None

    async def test_what_writes_is_not_told_so(self, parts: Parts, authenticator: Authenticator) -> None:
        """It uses its proof up, and whoever hands it on would have it refused there."""
        _, tokens = await in_token_mode(parts)
        with pytest.raises(ValueError, match="once"):
            await self.answer(authenticator, with_token(parts, tokens.access, "POST"))


class TestTicket:
    @pytest.mark.parametrize("changed", [{}, {"path": "/other"}, {"origin": "https://other.example"}])
    async def test_once_for_its_path_and_origin(
        self, parts: Parts, authenticator: Authenticator, changed: dict[str, str]
    ) -> None:
        live = await parts.book(mode=Mode.DPOP, jkt=KEY.jkt)
        facts = await _upgrade(parts, live, **changed)
        found = await authenticator.authenticate(facts, POLICY)
        assert found == (None if changed else replace(live, id=None))
        assert await authenticator.authenticate(facts, POLICY) is None

    async def test_of_a_session_that_ended(self, parts: Parts, authenticator: Authenticator) -> None:
        live = await parts.book(mode=Mode.DPOP, jkt=KEY.jkt)
        facts = await _upgrade(parts, live)
        await parts.sessions.end_book(live.key)
        assert await authenticator.authenticate(facts, POLICY) is None

    async def test_of_a_session_in_cookie_mode(self, parts: Parts, authenticator: Authenticator) -> None:
        assert await authenticator.authenticate(await _upgrade(parts, await parts.book()), POLICY) is None


async def _upgrade(parts: Parts, live: LiveBook, **changed: str) -> Facts:
    record = WebSocketTicket(
        slot=slot_of(live.key), book=live.key, parent=live.record.parent, origin=BOOK, path=FACTS.path
    )
    ticket = await parts.grants.issue_websocket_ticket(msgspec.structs.replace(record, **changed))
    return replace(FACTS, is_websocket=True, protocol_lines=(f"bookgate, bookgate.ticket.{ticket}",))
