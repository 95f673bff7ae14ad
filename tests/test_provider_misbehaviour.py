"""One suite of lies for every kind of provider: none signs anybody in, none costs more than its deadline."""

import asyncio
import gzip
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest
from multidict import MultiDict

from gateway.errors import GatewayError, ProviderRefusedError, ProviderUnavailableError
from gateway.providers import Expected, Original, ProviderIdentity, SubjectChangedError
from tests.campus_of_liars import DEADLINE, EXPECTED, LOGIN, Campus, campus_of_liars
from tests.lying_provider import Json, Trouble, answering, dribble, flood, hang, reset
from tests.lying_service import Service, lying_service

Liars = Campus | Service

KINDS: Mapping[str, Callable[[], AbstractAsyncContextManager[Liars]]] = {
    "oidc": campus_of_liars,
    "oauth2": lying_service,
}


@pytest.fixture(name="liars", params=list(KINDS))
async def _liars(request: pytest.FixtureRequest) -> AsyncGenerator[Liars, None]:
    async with KINDS[request.param]() as opened:
        yield opened


def person_of(liars: Liars) -> str:
    """The path that says who somebody is."""
    return "/user" if isinstance(liars, Service) else "/userinfo"


async def callback(liars: Liars, subject: str = "ada") -> dict[str, str]:
    return liars.liar.authorize(await liars.provider.begin(LOGIN), subject)


async def sign_in(liars: Liars, subject: str = "ada") -> ProviderIdentity:
    return await liars.provider.finish(await callback(liars, subject), EXPECTED)


async def test_the_truth_signs_in(liars: Liars) -> None:
    ada, bob, again = [await sign_in(liars, name) for name in ("ada", "bob", "ada")]
    assert (ada.issuer, ada.subject) == (again.issuer, again.subject) == (liars.liar.issuer, ada.subject)
    assert ada.subject != bob.subject


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param({"state": "another"}, id="state of another login"),
        pytest.param({"state": ""}, id="state empty"),
        pytest.param({"state": None}, id="state missing"),
        pytest.param({"state": "é"}, id="state not ASCII"),
        pytest.param({"iss": "https://other.example"}, id="mix-up"),
        pytest.param({"iss": ""}, id="iss empty"),
        pytest.param({"code": ""}, id="code empty"),
        pytest.param({"code": None}, id="code missing"),
        pytest.param({"code": "x" * 9000}, id="code huge"),
        pytest.param({"error": "access_denied"}, id="a no beside the code"),
    ],
)
async def test_a_callback_that_lies_reaches_no_endpoint(liars: Liars, lie: Mapping[str, str | None]) -> None:
    said = {**await callback(liars), **lie}
    params = {name: value for name, value in said.items() if value is not None}
    with pytest.raises(ProviderRefusedError):
        await liars.provider.finish(params, EXPECTED)
    assert liars.liar.seen["/token"] == 0


@pytest.mark.parametrize("name", ["code", "state"])
async def test_a_parameter_that_comes_twice(liars: Liars, name: str) -> None:
    params = MultiDict(await callback(liars))
    params.add(name, params[name])
    with pytest.raises(ProviderRefusedError):
        await liars.provider.finish(params, EXPECTED)
    assert liars.liar.seen["/token"] == 0


async def test_a_token_that_the_browser_brings_is_nobodys_word(liars: Liars) -> None:
    """Whatever the front channel says beside the code is not looked at: the code is redeemed."""
    await sign_in(liars, "bob")
    bobs = next(token for token, subject in liars.liar.tokens.items() if subject == "bob")
    params = {**await callback(liars, "ada"), "access_token": bobs, "id_token": "x", "user": "bob"}
    identity = await liars.provider.finish(params, EXPECTED)
    assert identity.subject == (await sign_in(liars, "ada")).subject


async def test_a_code_counts_once(liars: Liars) -> None:
    params = await callback(liars)
    await liars.provider.finish(params, EXPECTED)
    with pytest.raises(ProviderRefusedError):
        await liars.provider.finish(params, EXPECTED)


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param(replace(EXPECTED, verifier="w" * 43), id="verifier of another login"),
        pytest.param(replace(EXPECTED, redirect_uri="http://127.0.0.1/other"), id="another callback"),
        pytest.param(replace(EXPECTED, acr_values=("urn:mfa",)), id="a way of proof that nobody said"),
    ],
)
async def test_a_login_that_is_another(liars: Liars, expected: Expected) -> None:
    with pytest.raises(GatewayError):
        await liars.provider.finish(await callback(liars), expected)


TROUBLES: list[Trouble] = [hang, dribble, flood, reset]
ANSWERS = [
    pytest.param(answering(500, {"error": "server_error"}), id="500"),
    pytest.param(answering(401, {"message": "Bad credentials"}), id="401"),
    pytest.param(answering(200, b""), id="nothing"),
    pytest.param(answering(200, b"<html>hello"), id="a page"),
    pytest.param(answering(200, b"[]"), id="a list"),
    pytest.param(answering(200, b"[" * 15_000), id="deep"),
    pytest.param(answering(200, b'{"id": "\xff"}'), id="bad UTF-8"),
    pytest.param(answering(200, {}), id="empty object"),
    pytest.param(answering(200, {"padding": "x" * 30_000}), id="huge"),
    pytest.param(answering(302, b"", Location="/elsewhere"), id="a redirect"),
    pytest.param(answering(200, gzip.compress(b" " * 10**6), **{"Content-Encoding": "gzip"}), id="a bomb"),
]


@pytest.mark.parametrize("endpoint", ["token", "person"])
@pytest.mark.parametrize("trouble", [*TROUBLES, *ANSWERS])
async def test_an_endpoint_in_trouble(liars: Liars, endpoint: str, trouble: Trouble) -> None:
    path = "/token" if endpoint == "token" else person_of(liars)
    liars.liar.trouble[path] = trouble
    with pytest.raises((ProviderUnavailableError, ProviderRefusedError)):
        async with asyncio.timeout(DEADLINE + 2):
            await sign_in(liars)
    assert liars.liar.seen["/elsewhere"] == 0, "redirects are not followed"


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (400, "invalid_grant", ProviderRefusedError),
        (401, "invalid_client", ProviderUnavailableError),
        (400, None, ProviderUnavailableError),
        (400, ["invalid_grant"], ProviderUnavailableError),
    ],
)
async def test_what_the_token_endpoint_refuses(
    liars: Liars, status: int, error: object, expected: type[GatewayError]
) -> None:
    liars.liar.trouble["/token"] = answering(status, {"error": error})
    with pytest.raises(expected):
        await sign_in(liars)


async def test_a_refresh_that_speaks_of_somebody_else(liars: Liars) -> None:
    """Not noticed, a session would go on with another person's tokens."""
    first = await sign_in(liars)
    assert first.tokens.refresh_token is not None
    if isinstance(liars, Service):
        liars.liar.numbers["ada"] = 99
    else:
        liars.liar.claims = {"sub": "eve"}
    with pytest.raises(SubjectChangedError):
        await liars.provider.refresh(first.tokens.refresh_token, Original(first.subject, LOGIN.nonce))


async def test_a_refresh_token_counts_once(liars: Liars) -> None:
    first = await sign_in(liars)
    token, original = first.tokens.refresh_token or "", Original(first.subject, LOGIN.nonce)
    assert (await liars.provider.refresh(token, original)).access_token is not None
    with pytest.raises(ProviderRefusedError):
        await liars.provider.refresh(token, original)


async def test_a_logout_token_that_nobody_signed(liars: Liars) -> None:
    unsigned = liars.liar.unsigned({"iss": liars.liar.issuer, "sub": "ada"}, "none") + "."
    with pytest.raises(ProviderRefusedError):
        await liars.provider.read_logout_token(unsigned)


# --- what only a service without ID tokens can lie about


@pytest.fixture(name="service")
async def _service() -> AsyncGenerator[Service, None]:
    async with lying_service() as opened:
        yield opened


@pytest.mark.parametrize(
    "subject",
    [
        pytest.param(None, id="missing"),
        pytest.param(0, id="zero"),
        pytest.param(-7, id="negative"),
        pytest.param(True, id="a boolean"),
        pytest.param(7.0, id="a fraction"),
        pytest.param("", id="empty"),
        pytest.param("x" * 256, id="huge"),
        pytest.param([7], id="a list"),
        pytest.param({"id": 7}, id="an object"),
    ],
)
async def test_a_subject_that_names_nobody(service: Service, subject: object) -> None:
    service.liar.user = {"id": subject}
    with pytest.raises(ProviderRefusedError, match="user endpoint"):
        await sign_in(service)


async def test_a_person_is_the_number_and_not_the_name(service: Service) -> None:
    first = await sign_in(service)
    service.liar.user = {"login": "renamed", "name": "Somebody Else", "email": "eve@example.edu"}
    second = await sign_in(service)
    assert (first.subject, first.name) == ("7", "ada")
    assert (second.subject, second.name, second.email) == ("7", "Somebody Else", None)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("bad_verification_code", ProviderRefusedError),
        ("incorrect_client_credentials", ProviderUnavailableError),
        ("redirect_uri_mismatch", ProviderUnavailableError),
    ],
)
async def test_an_error_that_comes_with_status_200(
    service: Service, error: str, expected: type[GatewayError]
) -> None:
    service.liar.token_answer = {"error": error}
    with pytest.raises(expected):
        await sign_in(service)


async def test_a_refresh_token_that_is_over_by_status_200(service: Service) -> None:
    first = await sign_in(service)
    service.liar.trouble["/token"] = answering(200, {"error": "bad_refresh_token"})
    with pytest.raises(ProviderRefusedError):
        await service.provider.refresh(first.tokens.refresh_token or "", Original("7", "n"))


@pytest.mark.parametrize("lie", [{"access_token": None}, {"token_type": "mac"}, {"access_token": "a\r\nb"}])
async def test_without_a_usable_token_nobody_is_asked_for(service: Service, lie: Json) -> None:
    service.liar.token_answer = lie
    with pytest.raises(ProviderUnavailableError):
        await sign_in(service)
    assert service.liar.seen["/user"] == 0


@pytest.mark.parametrize(
    ("addresses", "email"),
    [
        pytest.param(None, "ada@example.edu", id="the first of those that are verified"),
        pytest.param([{"email": "a@b.c", "verified": False, "primary": True}], None, id="not verified"),
        pytest.param([{"email": "a@b.c", "verified": "true", "primary": True}], None, id="verified as text"),
        pytest.param([{"email": "a@b.c", "verified": True, "primary": False}], None, id="not the first"),
        pytest.param([{"email": 7, "verified": True, "primary": True}], None, id="a number"),
        pytest.param([7, None, []], None, id="no objects"),
        pytest.param([], None, id="none"),
    ],
)
async def test_only_a_verified_address_counts(service: Service, addresses: object, email: str | None) -> None:
    service.liar.addresses = addresses
    service.provider = service.configured({"email": "email"})
    identity = await sign_in(service)
    assert identity.email == email
    assert identity.claims == ({} if email is None else {"email": email})


@pytest.mark.parametrize("trouble", [*TROUBLES, *ANSWERS])
async def test_addresses_that_do_not_come(service: Service, trouble: Trouble) -> None:
    service.liar.trouble["/user/emails"] = trouble
    service.provider = service.configured({"email": "email"})
    if trouble is ANSWERS[4].values[0]:  # an empty list is an answer: there is no address
        assert (await sign_in(service)).email is None
        return
    with pytest.raises(ProviderUnavailableError):
        await sign_in(service)


async def test_nobodys_address_is_asked_for_where_none_is_needed(service: Service) -> None:
    assert "scope" not in await service.provider.begin(LOGIN)
    assert (await sign_in(service)).email is None
    assert service.liar.seen["/user/emails"] == 0
    assert "scope=user%3Aemail" in await service.configured({"mail": "email"}).begin(LOGIN)
