"""Where providers differ from the standard: many schools at one place, signed secrets, names in forms."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.jwk import import_key

from gateway.client_keys import ClientKeys, parse_client_keys
from gateway.errors import ProviderRefusedError, ProviderUnavailableError
from gateway.provider_presets import PRESETS, Dialect
from gateway.providers import Original, ProviderIdentity
from gateway.providers.oidc import OidcProvider
from gateway.providers.profile import told_in_form
from tests.campus_of_liars import EXPECTED, LOGIN, Campus, campus_of_liars
from tests.lying_provider import CLIENT_ID, Json

SCHOOL = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
OTHER = "11111111-2222-3333-4444-555555555555"


@pytest.fixture(name="campus")
async def _campus() -> AsyncGenerator[Campus, None]:
    async with campus_of_liars() as opened:
        yield opened


def keys() -> ClientKeys:
    key = ec.generate_private_key(ec.SECP256R1())
    return parse_client_keys(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


# --- many organisations at one place


def shared(campus: Campus) -> OidcProvider:
    """Configured as for any school of one service; the metadata lies where no single school's would."""
    place = campus.liar.issuer
    campus.liar.metadata = {
        "issuer": f"{place}/{{tenantid}}/v2.0",
        "authorization_response_iss_parameter_supported": None,
    }
    dialect = Dialect(discovery=place, tells_auth_time=False)
    return campus.configured(issuer=f"{place}/{{tenantid}}/v2.0", dialect=dialect)


async def of_school(campus: Campus, provider: OidcProvider, **claims: object) -> ProviderIdentity:
    issuer = f"{campus.liar.issuer}/{SCHOOL}/v2.0"
    campus.liar.claims = {"iss": issuer, "tid": SCHOOL, **claims}
    params = campus.liar.authorize(await provider.begin(LOGIN))
    del params["iss"]
    return await provider.finish(params, EXPECTED)


async def test_a_person_is_of_their_own_organisation(campus: Campus) -> None:
    provider = shared(campus)
    identity = await of_school(campus, provider)
    assert (identity.issuer, identity.subject) == (f"{campus.liar.issuer}/{SCHOOL}/v2.0", "ada")
    other = await of_school(campus, provider, iss=f"{campus.liar.issuer}/{OTHER}/v2.0", tid=OTHER)
    assert other.issuer != identity.issuer, "one sub in two organisations is two people"


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"tid": OTHER}, id="another organisation than the issuer's"),
        pytest.param({"tid": None}, id="none"),
        pytest.param({"iss": "https://login.evil/{tenantid}/v2.0"}, id="another place"),
        pytest.param({"iss": "{place}/{tenantid}/v2.0"}, id="the pattern itself"),
    ],
)
async def test_an_organisation_that_lies(campus: Campus, claims: Json) -> None:
    lies = {
        name: value.replace("{place}", campus.liar.issuer) if isinstance(value, str) else value
        for name, value in claims.items()
    }
    with pytest.raises(ProviderRefusedError):
        await of_school(campus, shared(campus), **lies)


async def test_a_refresh_is_of_the_same_organisation(campus: Campus) -> None:
    provider = shared(campus)
    first = await of_school(campus, provider)
    original = Original(first.subject, LOGIN.nonce, first.issuer)
    token = (await provider.refresh(first.tokens.refresh_token or "", original)).refresh_token
    campus.liar.claims = {"iss": f"{campus.liar.issuer}/{OTHER}/v2.0", "tid": OTHER}
    with pytest.raises(ProviderUnavailableError, match="iss"):
        await provider.refresh(token or "", original)


@pytest.mark.parametrize(
    ("issuer", "believed"),
    [
        pytest.param("{place}/{tenantid}/v2.0", True, id="a key for everybody"),
        pytest.param(f"{{place}}/{SCHOOL}/v2.0", True, id="the school's own key"),
        pytest.param(f"{{place}}/{OTHER}/v2.0", False, id="another school's key"),
    ],
)
async def test_a_key_signs_for_its_own_issuer(campus: Campus, issuer: str, believed: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument] - a column of the table
    provider = shared(campus)
    published = campus.liar.key.as_dict(private=False)
    entry = {**published, "issuer": issuer.replace("{place}", campus.liar.issuer)}

    async def jwks(_request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"keys": [entry]})

    campus.liar.trouble["/jwks"] = jwks
    if believed:
        assert (await of_school(campus, provider)).subject == "ada"
        return
    with pytest.raises(ProviderRefusedError, match="another issuer's"):
        await of_school(campus, provider)


# --- how the client shows who it is


async def form_at_token_endpoint(campus: Campus, provider: OidcProvider) -> dict[str, list[str]]:
    """What the token endpoint was sent; the liar would take a secret only."""
    seen: list[str] = []

    async def note(request: web.BaseRequest) -> web.StreamResponse:
        seen.append((await request.read()).decode())
        return web.json_response({"error": "invalid_grant"}, status=400)

    campus.liar.trouble["/token"] = note
    with pytest.raises(ProviderRefusedError):
        await provider.finish(campus.liar.authorize(await provider.begin(LOGIN)), EXPECTED)
    return parse_qs(seen[0])


def read(token: str, client_keys: ClientKeys) -> Json:
    public = client_keys.keys[0].key.as_dict(private=False)
    found = orjson.loads(
        jws.deserialize_compact(token, import_key(public), algorithms=["ES256"]).payload or b""
    )
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("at_endpoint", [False, True])
async def test_a_client_with_a_key(campus: Campus, at_endpoint: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument] - a column of the table
    own = keys()
    dialect = Dialect(aud_is_token_endpoint=at_endpoint)
    form = await form_at_token_endpoint(campus, campus.configured(client_keys=own, dialect=dialect))
    said = read(form["client_assertion"][0], own)
    place = campus.liar.issuer
    assert said["aud"] == (f"{place}/token" if at_endpoint else place)
    assert (said["iss"], said["sub"]) == (CLIENT_ID, CLIENT_ID)
    assert form["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    assert form["client_id"] == [CLIENT_ID]
    assert "client_secret" not in form


async def test_an_assertion_is_never_used_twice(campus: Campus) -> None:
    own = keys()
    provider = campus.configured(client_keys=own)
    forms = [await form_at_token_endpoint(campus, provider) for _ in range(2)]
    assert len({str(read(form["client_assertion"][0], own)["jti"]) for form in forms}) == 2


async def test_a_secret_that_is_signed(campus: Campus) -> None:
    own = keys()
    campus.liar.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    dialect = Dialect(secret_is_signed=True, team="TEAM123456")
    form = await form_at_token_endpoint(campus, campus.configured(client_keys=own, dialect=dialect))
    said = read(form["client_secret"][0], own)
    assert (said["iss"], said["sub"], said["aud"]) == ("TEAM123456", CLIENT_ID, campus.liar.issuer)
    assert "client_assertion" not in form


# --- what is asked for


async def asked(provider: OidcProvider, **login: object) -> dict[str, list[str]]:
    return parse_qs(urlsplit(await provider.begin(replace(LOGIN, **login))).query)  # type: ignore[arg-type]  # the row's own fields


async def test_who_they_are_is_asked_once_more(campus: Campus) -> None:
    query = await asked(campus.provider, again=True, max_age=0, acr_values=("urn:mfa", "urn:card"))
    assert (query["prompt"], query["max_age"], query["acr_values"]) == (
        ["login"],
        ["0"],
        ["urn:mfa urn:card"],
    )
    google = campus.configured(dialect=PRESETS["google"].dialect)
    query = await asked(google, again=True, max_age=0)
    assert query["prompt"] == ["select_account"], "it takes no other word for this"
    assert "max_age" not in query
    apple = campus.configured(dialect=PRESETS["apple"].dialect)
    assert "prompt" not in await asked(apple, again=True, select_account=True)


async def test_refresh_tokens_as_google_hands_them_out(campus: Campus) -> None:
    dialect = PRESETS["google"].dialect
    assert (await asked(campus.configured(keeps_tokens=True, dialect=dialect)))["access_type"] == ["offline"]
    assert "access_type" not in await asked(campus.configured(dialect=dialect))


@pytest.mark.parametrize(
    ("ago", "max_age", "taken"),
    [
        pytest.param(60, 0, True, id="just now, on the way here"),
        pytest.param(3600, 0, False, id="not asked again"),
        pytest.param(3600, 7200, True, id="young enough"),
        pytest.param(None, 7200, False, id="not said"),
        pytest.param(None, None, True, id="not said, and nobody wanted to know"),
    ],
)
async def test_when_they_proved_who_they_are(
    campus: Campus,
    ago: int | None,
    max_age: int | None,
    taken: bool,  # ruff: ignore[boolean-type-hint-positional-argument] - a column of the table
) -> None:
    campus.liar.claims = {"auth_time": None if ago is None else int(campus.clock()) - ago}
    params = campus.liar.authorize(await campus.provider.begin(LOGIN))
    expected = replace(EXPECTED, max_age=max_age)
    if taken:
        assert (await campus.provider.finish(params, expected)).subject == "ada"
        return
    with pytest.raises(ProviderRefusedError, match="auth_time"):
        await campus.provider.finish(params, expected)


@pytest.mark.parametrize(
    ("ago", "max_age", "proved"),
    [
        pytest.param(3600, None, True, id="said"),
        pytest.param(None, None, False, id="not said: the provider may have known them still"),
    ],
)
async def test_whether_they_proved_it(
    campus: Campus,
    ago: int | None,
    max_age: int | None,
    proved: bool,  # ruff: ignore[boolean-type-hint-positional-argument] - a column of the table
) -> None:
    campus.liar.claims = {"auth_time": None if ago is None else int(campus.clock()) - ago}
    params = campus.liar.authorize(await campus.provider.begin(LOGIN))
    assert (await campus.provider.finish(params, replace(EXPECTED, max_age=max_age))).proved is proved


async def test_how_they_proved_it(campus: Campus) -> None:
    campus.liar.claims = {"acr": "urn:mfa"}
    params = campus.liar.authorize(await campus.provider.begin(LOGIN))
    identity = await campus.provider.finish(params, replace(EXPECTED, acr_values=("urn:card", "urn:mfa")))
    assert identity.acr == "urn:mfa"
    params = campus.liar.authorize(await campus.provider.begin(LOGIN))
    with pytest.raises(ProviderRefusedError, match="acr"):
        await campus.provider.finish(params, replace(EXPECTED, acr_values=("urn:card",)))


# --- what a form says


@pytest.mark.parametrize(
    ("user", "told"),
    [
        (None, {}),
        ("", {}),
        ("{", {}),
        ("[]", {}),
        ('{"name": 7}', {}),
        (
            '{"name": {"firstName": "Ada", "lastName": "L"}, "email": "eve@evil.example"}',
            {"given_name": "Ada", "family_name": "L"},
        ),
    ],
)
def test_a_form_tells_a_name_and_no_more(user: str | None, told: Json) -> None:
    assert told_in_form(user) == told


async def test_a_name_that_comes_once_and_unsigned(campus: Campus) -> None:
    campus.liar.metadata = {"userinfo_endpoint": None}
    user = '{"name": {"firstName": "Ada", "lastName": "Lovelace"}, "email": "eve@evil.example", "sub": "eve"}'
    for dialect, name in ((PRESETS["apple"].dialect, "Ada Lovelace"), (Dialect(), None)):
        provider = campus.configured(dialect=dialect)
        params = {**campus.liar.authorize(await provider.begin(LOGIN)), "user": user}
        identity = await provider.finish(params, EXPECTED)
        assert (identity.subject, identity.name, identity.email) == ("ada", name, None)


async def test_a_signed_name_outweighs_one_that_a_form_says(campus: Campus) -> None:
    campus.liar.metadata = {"userinfo_endpoint": None}
    campus.liar.claims = {"given_name": "Signed", "family_name": "Name"}
    provider = campus.configured(dialect=PRESETS["apple"].dialect)
    user = '{"name": {"firstName": "Ada", "lastName": "Lovelace"}}'
    params = {**campus.liar.authorize(await provider.begin(LOGIN)), "user": user}
    assert (await provider.finish(params, EXPECTED)).name == "Signed Name"


async def test_verified_as_text_counts_where_the_provider_is_known_to_write_so(campus: Campus) -> None:
    campus.liar.metadata = {"userinfo_endpoint": None}
    campus.liar.claims = {"email": "ada@example.edu", "email_verified": "true"}
    assert (await campus.sign_in()).email is None
    apple = campus.configured(dialect=replace(PRESETS["apple"].dialect, secret_is_signed=False))
    assert (await campus.sign_in(apple)).email == "ada@example.edu"
    campus.liar.claims = {"email": "ada@example.edu", "email_verified": "false"}
    assert (await campus.sign_in(apple)).email is None
