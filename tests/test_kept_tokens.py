"""What of a provider's tokens is kept, and for how long."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack

import pytest

from gateway.errors import SignInAgainError
from gateway.provider_tokens import Keeping
from gateway.provider_tokens.kept import place
from tests.campus_of_liars import EXPECTED, Campus, campus_of_liars
from tests.lying_provider import LIFE
from tests.token_workers import Worker, two_workers, worker

OVER = LIFE + 1


@pytest.fixture
async def campus() -> AsyncGenerator[Campus, None]:
    async with campus_of_liars(3.0) as opened:
        yield opened


@pytest.fixture
async def workers(campus: Campus, redis_url: str, prefix: str) -> AsyncIterator[tuple[Worker, Worker]]:
    async with two_workers(redis_url, prefix, campus) as both:
        yield both


@pytest.mark.parametrize(("tokens", "hint"), [(False, False), (True, False), (False, True), (True, True)])
async def test_only_what_there_is_a_use_for(campus: Campus, *, tokens: bool, hint: bool) -> None:
    identity = await campus.sign_in()
    kept = Keeping(campus.liar.issuer, tokens=tokens, id_token=hint).of(identity, EXPECTED.nonce)
    if kept is None:
        assert not tokens
        assert not hint
        return
    assert (kept.access_token is not None, kept.refresh_token is not None) == (tokens, tokens)
    assert (kept.id_token == identity.id_token) is hint
    assert (kept.issuer, kept.subject, kept.nonce) == (campus.liar.issuer, "ada", "nonce-1")


async def test_without_tokens_there_is_nothing_to_give(
    campus: Campus, workers: tuple[Worker, Worker]
) -> None:
    live = await workers[0].parts.signed_in()
    with pytest.raises(SignInAgainError):
        await workers[0].tokens.fresh(live)
    workers[0].tokens.seen(live)
    assert await workers[0].tokens.id_token_hint(live.key, "campus") is None


async def test_an_ended_session_keeps_nothing(campus: Campus, workers: tuple[Worker, Worker]) -> None:
    live = await workers[0].sign_in(campus)
    hint = await workers[0].tokens.id_token_hint(live.key, "campus")
    assert hint is not None
    assert hint.count(".") == 2
    kept = await workers[0].kept(live)
    assert kept is not None
    await workers[0].parts.sessions.end_sign_in(live.key)
    assert await workers[1].kept(live) is None
    await workers[0].tokens.keep(live, kept)
    assert await workers[1].kept(live) is None, "a slow sign-in brings nothing back"


async def test_a_sign_out_during_a_renewal_wins(campus: Campus, workers: tuple[Worker, Worker]) -> None:
    live = await workers[0].sign_in(campus)
    campus.clock.ahead = OVER

    async def sign_out() -> None:
        await workers[1].parts.sessions.end_sign_in(live.key)

    campus.liar.before_refreshed = sign_out
    assert await workers[0].tokens.fresh(live) is None
    assert await workers[1].kept(live) is None


async def test_tokens_of_another_issuer_go_nowhere(campus: Campus, redis_url: str, prefix: str) -> None:
    """The block was pointed to another provider: what the first handed out is not the second's to see."""
    async with AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(worker(redis_url, prefix, campus.clock, campus.provider, issuer))
            for issuer in (campus.liar.issuer, "https://new.example")
        ]
        live = await one.sign_in(campus)
        campus.clock.ahead = OVER
        with pytest.raises(SignInAgainError):
            await other.tokens.fresh(live)
        assert campus.liar.grants["refresh_token"] == 0


async def test_no_refresh_token_is_said_in_the_log(campus: Campus, workers: tuple[Worker, Worker]) -> None:
    campus.liar.token_answer = {"refresh_token": None}
    live = await workers[0].sign_in(campus)
    assert "no refresh token came" in workers[0].log.getvalue()
    assert await workers[0].tokens.fresh(live) == "access-0"
    campus.clock.ahead = OVER
    with pytest.raises(SignInAgainError):
        await workers[0].tokens.fresh(live)


async def test_redis_learns_nothing(campus: Campus, workers: tuple[Worker, Worker], redis_url: str) -> None:
    live = await workers[0].sign_in(campus)
    sealed = await workers[0].locked.read(place(live.key))
    assert sealed is not None
    for secret in (b"access-0", b"code-0", b"ada", campus.liar.issuer.encode()):
        assert secret not in sealed
