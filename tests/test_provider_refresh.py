"""What is asked of a provider where tokens are kept, and what of a refresh's answer is believed."""

import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.errors import ProviderRefusedError, ProviderUnavailableError
from gateway.providers import LoginRequest, Original, SubjectChangedError, TokenSet
from gateway.providers.oidc import OidcProvider
from gateway.providers.token_answer import LONGEST, UNSAID_LIFE
from tests.campus_of_liars import LOGIN, Campus, campus_of_liars
from tests.lying_provider import LIFE, Json, Trouble, answering, dribble, flood, hang, reset

ADA = Original("ada", "nonce-1")
ODD_LIVES: list[object] = [0, -1, True, "soon", "", "9" * 30, "²", [], 1e30]


@pytest.fixture
async def campus() -> AsyncGenerator[Campus, None]:
    async with campus_of_liars() as opened:
        yield opened


async def signed_in(campus: Campus) -> str:
    """Ada's refresh token."""
    token = (await campus.sign_in()).tokens.refresh_token
    assert token is not None
    return token


async def query(provider: OidcProvider, login: LoginRequest = LOGIN) -> dict[str, list[str]]:
    return parse_qs(urlsplit(await provider.begin(login)).query)


async def test_nothing_more_is_asked_for_where_nothing_is_kept(campus: Campus) -> None:
    campus.liar.metadata["scopes_supported"] = ["openid", "offline_access"]
    asked = await query(campus.provider)
    assert asked["scope"] == ["openid profile email"]
    assert "prompt" not in asked


async def test_offline_access_where_tokens_are_kept_and_the_provider_has_it(campus: Campus) -> None:
    asked = await query(campus.configured(keeps_tokens=True))
    assert asked["scope"] == ["openid profile email"]
    campus.liar.metadata["scopes_supported"] = ["openid", "offline_access"]
    asked = await query(campus.configured(keeps_tokens=True))
    assert asked["scope"] == ["openid profile email offline_access"]


async def test_the_blocks_own_scopes_and_prompt(campus: Campus) -> None:
    campus.liar.metadata["scopes_supported"] = ["openid", "offline_access"]
    provider = campus.configured(scopes=("openid", "api"), keeps_tokens=True, asks_consent=True)
    asked = await query(provider)
    assert (asked["scope"], asked["prompt"]) == (["openid api"], ["consent"])
    asked = await query(provider, replace(LOGIN, select_account=True))
    assert asked["prompt"] == ["select_account consent"]


async def test_a_sign_in_hands_out_tokens(campus: Campus) -> None:
    before = int(time.time())
    identity = await campus.sign_in()
    tokens = identity.tokens
    assert before <= tokens.issued <= time.time()
    assert tokens == TokenSet("access-0", "code-0 1", identity.id_token, tokens.issued, tokens.issued + LIFE)


async def test_a_refresh_hands_out_others(campus: Campus) -> None:
    old = await signed_in(campus)
    first = await campus.provider.refresh(old, ADA)
    assert (first.access_token, first.refresh_token) == ("access-1", "code-0 2")
    assert first.refresh_token is not None
    assert (await campus.provider.refresh(first.refresh_token, ADA)).access_token == "access-2"
    assert campus.liar.grants == {"authorization_code": 1, "refresh_token": 2}


async def test_what_an_answer_leaves_out(campus: Campus) -> None:
    old = await signed_in(campus)
    campus.liar.token_answer = {"refresh_token": None, "id_token": None, "expires_in": None}
    tokens = await campus.provider.refresh(old, ADA)
    assert (tokens.access_token, tokens.refresh_token, tokens.id_token) == ("access-1", None, None)
    assert tokens.expires == tokens.issued + UNSAID_LIFE


@pytest.mark.parametrize(
    ("said", "life"),
    [
        pytest.param(60, 60, id="a number"),
        pytest.param("60", 60, id="a number as text"),
        pytest.param(60.9, 60, id="a fraction"),
        *[pytest.param(odd, UNSAID_LIFE, id=f"{odd!r:.20}") for odd in ODD_LIVES],
    ],
)
async def test_how_long_a_token_lives(campus: Campus, said: object, life: int) -> None:
    campus.liar.token_answer = {"expires_in": said}
    tokens = (await campus.sign_in()).tokens
    assert tokens.expires - tokens.issued == life


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param({"token_type": "DPoP"}, id="bound to a key that we do not have"),
        pytest.param({"token_type": None}, id="of no type"),
        pytest.param({"access_token": "a b"}, id="blank"),
        pytest.param({"access_token": "a\r\nX-Evil: 1"}, id="line feed"),
        pytest.param({"access_token": "ä"}, id="not ASCII"),
        pytest.param({"access_token": ""}, id="empty"),
        pytest.param({"access_token": "a" * (LONGEST + 1)}, id="too long"),
    ],
)
async def test_an_access_token_that_fits_no_header(campus: Campus, lie: Json) -> None:
    old = await signed_in(campus)
    campus.liar.token_answer = {**lie, "id_token": None}
    assert (await campus.provider.refresh(old, ADA)).access_token is None


async def test_revoked_is_revoked(campus: Campus) -> None:
    old = await signed_in(campus)
    campus.liar.refreshable.clear()
    with pytest.raises(ProviderRefusedError, match="invalid_grant"):
        await campus.provider.refresh(old, ADA)


NO_WORD: list[tuple[str, Trouble]] = [
    *[
        (f"{status} {error}", answering(status, {"error": error}))
        for status, error in [
            (400, "invalid_request"),
            (400, "invalid_scope"),
            (401, "invalid_client"),
            (400, "unauthorized_client"),
            (503, "temporarily_unavailable"),
            (500, "invalid_grant"),
            (302, "invalid_grant"),
        ]
    ],
    ("400 without an error", answering(400, {})),
    ("400 with a number", answering(400, {"error": 5})),
    ("500", answering(500)),
    ("429", answering(429, b"slow down")),
    ("garbage", answering(200, b"<html>")),
    ("a list", answering(200, b"[]")),
    ("nothing in it", answering(200, {})),
    ("no access token", answering(200, {"refresh_token": "x"})),
    ("hangs", hang),
    ("byte after byte", dribble),
    ("without an end", flood),
    ("connection reset", reset),
]


@pytest.mark.parametrize("trouble", [case for _, case in NO_WORD], ids=[name for name, _ in NO_WORD])
async def test_whatever_else_it_says_ends_nobodys_session(campus: Campus, trouble: Trouble) -> None:
    old = await signed_in(campus)
    campus.liar.trouble["/token"] = trouble
    with pytest.raises(ProviderUnavailableError):
        await campus.provider.refresh(old, ADA)


async def test_another_subject(campus: Campus) -> None:
    old = await signed_in(campus)
    campus.liar.claims = {"sub": "mallory"}
    with pytest.raises(SubjectChangedError):
        await campus.provider.refresh(old, ADA)


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param({"iss": "https://other.example"}, id="issuer"),
        pytest.param({"aud": "another"}, id="audience"),
        pytest.param({"azp": "another"}, id="authorized party"),
        pytest.param({"iat": int(time.time()) - 3600}, id="made long ago"),
        pytest.param({"exp": int(time.time()) - 3600}, id="over"),
        pytest.param({"nonce": "of another sign-in"}, id="nonce"),
        pytest.param({"at_hash": "x" * 22}, id="of another access token"),
        pytest.param({"events": {}}, id="a logout token"),
        # an unproved subject is no word of the provider's
        pytest.param({"sub": "mallory", "iss": "https://other.example"}, id="subject of another issuer"),
    ],
)
async def test_an_id_token_that_proves_nothing(campus: Campus, lie: Json) -> None:
    old = await signed_in(campus)
    campus.liar.claims = lie
    with pytest.raises(ProviderUnavailableError):
        await campus.provider.refresh(old, ADA)


@pytest.mark.parametrize("nonce", [None, "nonce-1"])
async def test_a_nonce_may_be_left_out(campus: Campus, nonce: str | None) -> None:
    """OpenID Connect Core section 12.2."""
    old = await signed_in(campus)
    campus.liar.claims = {"nonce": nonce}
    assert (await campus.provider.refresh(old, ADA)).id_token is not None


async def test_a_hint_that_fits_no_address_stays_here(campus: Campus) -> None:
    for hint, sent in (("h" * 4096, True), ("h" * 4097, False)):
        url = await campus.provider.logout_url(hint, "https://gw.example/auth/logout")
        assert url is not None
        assert ("id_token_hint" in url) is sent
