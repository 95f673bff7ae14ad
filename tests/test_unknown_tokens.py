"""Personal tokens that are none: how many of them an address may try."""

import secrets

import pytest

from gateway.errors import InvalidTokenError, TooManyRequestsError
from gateway.limits import UNKNOWN_TOKENS
from gateway.personal_tokens import PersonalToken, mint
from gateway.proxy import unknown_tokens
from gateway.proxy.unknown_tokens import UnknownTokens

GOOD = mint(secrets.token_bytes)
ALIVE = PersonalToken("id", "ada", "Ada", "campus", 1, frozenset({"reports"}), "", "", 2)
CLIENT = "192.0.2.7"


class Directory:
    """Knows one token. asked: how often it was."""

    def __init__(self) -> None:
        self.asked = 0
        self.now = 1000.0

    async def find(self, text: str) -> PersonalToken:
        self.asked += 1
        if text != GOOD:
            raise InvalidTokenError("unknown")
        return ALIVE

    def clock(self) -> float:
        return self.now


async def tried(tokens: UnknownTokens, client: str | None, times: int) -> None:
    for _ in range(times):
        with pytest.raises(InvalidTokenError):
            await tokens.find(mint(secrets.token_bytes), client)


async def test_too_many_of_an_address_are_refused_before_the_directory_is_asked() -> None:
    directory = Directory()
    tokens = UnknownTokens(directory.find, directory.clock)
    await tried(tokens, CLIENT, UNKNOWN_TOKENS.amount)
    asked = directory.asked
    with pytest.raises(TooManyRequestsError) as refused:
        await tokens.find(mint(secrets.token_bytes), CLIENT)
    assert (refused.value.retry_after, directory.asked) == (1, asked)
    assert await tokens.find(GOOD, "192.0.2.8") == ALIVE, "others are not counted with it"
    directory.now += 1
    assert await tokens.find(GOOD, CLIENT) == ALIVE, "and it may again"


async def test_an_ipv6_subscriber_is_one_address() -> None:
    directory = Directory()
    tokens = UnknownTokens(directory.find, directory.clock)
    await tried(tokens, "2001:db8::1", UNKNOWN_TOKENS.amount)
    with pytest.raises(TooManyRequestsError):
        await tokens.find(GOOD, "2001:db8::2")


async def test_what_is_alive_or_not_of_the_form_or_from_nowhere_is_not_counted() -> None:
    directory = Directory()
    tokens = UnknownTokens(directory.find, directory.clock)
    for _ in range(UNKNOWN_TOKENS.amount + 1):
        assert await tokens.find(GOOD, CLIENT) == ALIVE
    asked = directory.asked
    for _ in range(UNKNOWN_TOKENS.amount + 1):
        with pytest.raises(InvalidTokenError):
            await tokens.find("bg_nonsense", CLIENT)
    assert directory.asked == asked
    await tried(tokens, None, UNKNOWN_TOKENS.amount + 1)


async def test_addresses_are_not_kept_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unknown_tokens, "KEPT", 4)
    directory = Directory()
    tokens = UnknownTokens(directory.find, directory.clock)
    await tried(tokens, CLIENT, UNKNOWN_TOKENS.amount)
    for last in range(4):
        await tried(tokens, f"192.0.2.{last + 100}", 1)
    assert await tokens.find(GOOD, CLIENT) == ALIVE
