import asyncio
from collections.abc import AsyncGenerator

import aiohttp
import msgspec
import pytest
from joserfc.jwk import ECKey

from backends.jwks import FRESH, PAUSE, FetchFailedError, RemoteKeys, parse
from backends.problem import KeysUnavailable
from tests.backends.issuer import Issuer


class Ticking:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def gateway() -> AsyncGenerator[Issuer, None]:
    issuer = await Issuer().start()
    yield issuer
    await issuer.stop()


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture
async def keys(gateway: Issuer, clock: Ticking) -> AsyncGenerator[RemoteKeys, None]:
    async with aiohttp.ClientSession() as session:
        keys = RemoteKeys(session, gateway.url, clock)
        yield keys
        await keys.close()


async def test_fetches_once_and_remembers(gateway: Issuer, keys: RemoteKeys) -> None:
    found = await asyncio.gather(*(keys.find("key-1") for _ in range(20)))
    assert all(key is not None for key in found)
    assert gateway.asked == 1


async def test_unknown_key_ids_cannot_flood_the_gateway(
    gateway: Issuer, keys: RemoteKeys, clock: Ticking
) -> None:
    await keys.find("key-1")
    for number in range(50):
        clock.now += PAUSE / 40
        assert await keys.find(f"made-up-{number}") is None
    assert gateway.asked == 2


async def test_finds_a_key_that_was_published_later(
    gateway: Issuer, keys: RemoteKeys, clock: Ticking
) -> None:
    await keys.find("key-1")
    gateway.published.append(ECKey.generate_key("P-256", {"kid": "key-2"}))
    clock.now += PAUSE
    assert await keys.find("key-2") is not None


@pytest.mark.parametrize("answer", [pytest.param(500, id="error"), pytest.param(302, id="redirect")])
async def test_known_keys_work_while_the_jwks_does_not(
    gateway: Issuer, keys: RemoteKeys, clock: Ticking, answer: int
) -> None:
    await keys.find("key-1")
    gateway.answer = answer
    clock.now += FRESH + 1
    assert await keys.find("key-1") is not None
    assert await keys.find("key-2") is None
    assert await keys.find("key-1") is not None


async def test_known_keys_never_wait_for_a_jwks_that_hangs(
    gateway: Issuer, keys: RemoteKeys, clock: Ticking
) -> None:
    await keys.find("key-1")
    gateway.answer = None
    clock.now += FRESH + 1
    async with asyncio.timeout(1):
        assert await keys.find("key-1") is not None


async def test_a_withdrawn_key_ends_at_the_next_look(
    gateway: Issuer, keys: RemoteKeys, clock: Ticking
) -> None:
    await keys.find("key-1")
    gateway.published = [ECKey.generate_key("P-256", {"kid": "key-2"})]
    clock.now += FRESH + 1
    assert await keys.find("key-1") is not None  # this one started the look
    assert await keys.find("key-2") is not None
    assert await keys.find("key-1") is None


async def test_without_any_key_the_service_says_so_and_tries_again(
    gateway: Issuer, keys: RemoteKeys, clock: Ticking
) -> None:
    gateway.answer = 503
    with pytest.raises(KeysUnavailable):
        await keys.find("key-1")
    assert not keys.known
    gateway.answer = 200
    clock.now += 1
    assert await keys.find("key-1") is not None
    assert keys.known


async def test_nobody_there() -> None:
    async with aiohttp.ClientSession() as session:
        keys = RemoteKeys(session, "http://127.0.0.1:1/jwks", Ticking())
        with pytest.raises(KeysUnavailable):
            await keys.find("key-1")


def test_one_bad_key_does_not_spoil_the_rest() -> None:
    good = ECKey.generate_key("P-256", {"kid": "good"}).as_dict(private=False)
    bad: list[object] = [
        "no object",
        {"kty": "EC"},
        {"kty": "oct", "k": "AAAA", "kid": "symmetric"},
        ECKey.generate_key("P-384", {"kid": "curve"}).as_dict(private=False),
        good | {"kid": "x", "y": good["x"]},
        good | {"kid": "x", "x": "!"},
        good | {"kid": "encryption", "use": "enc"},
        good | {"kid": "other", "alg": "ES384"},
    ]
    assert list(parse(msgspec.json.encode({"keys": [*bad, good]}))) == ["good"]


@pytest.mark.parametrize("document", [b"", b"[]", b'{"keys": 1}', b"\xff", b"<html>"])
def test_what_is_no_jwks(document: bytes) -> None:
    with pytest.raises(FetchFailedError):
        parse(document)
