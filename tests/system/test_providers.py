"""Through a whole gateway: a plain OAuth 2.0 service, and a client that proves itself by a key."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import orjson
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.jwk import ECKey

from gateway.client_keys import parse_client_keys
from gateway.provider_presets import PRESETS
from tests.lying_provider import LyingProvider, answering, serving
from tests.lying_service import LyingService
from tests.ports import free_port
from tests.providers_fixture import Visitor, independent_provider
from tests.system.house import TRUSTED, House, open_house, subject
from tests.system.reader import Flow, Got, Reader

SERVICE = """
  code_host:
    preset: oauth2
    issuer: {place}
    authorization_endpoint: {place}/authorize
    token_endpoint: {place}/token
    user_endpoint: {place}/user
    subject: id
    secret_in: body
    client_id: "gate way:1"
    client_secret: {{env: SECRET}}
"""
KEYED = """
  keyed:
    preset: oidc
    issuer: {issuer}
    client_id: bookgate
    client_key: {{file: client.pem}}
    response_mode: form_post
"""


def make_key(folder: Path) -> str:
    """The key of a client, as PEM and in a file."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    (folder / "client.pem").write_text(pem)
    return pem


@dataclass
class LyingApple(LyingProvider):
    """As Apple: a secret that the client signs, the answer in a form, the name once and unsigned."""

    public: Mapping[str, object] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)

    def _know_client(self, request: web.BaseRequest, form: dict[str, str]) -> None:
        assert "Authorization" not in request.headers
        key = ECKey.import_key({name: str(value) for name, value in self.public.items()})
        signed = jws.deserialize_compact(form["client_secret"], key, algorithms=["ES256"])
        said = orjson.loads(signed.payload or b"")
        assert signed.headers()["kid"] == "KEY1234567"
        assert (said["iss"], said["sub"], said["aud"]) == ("TEAM123456", form["client_id"], self.issuer)
        assert 0 < said["exp"] - said["iat"] < 180 * 86400
        self.secrets.append(form["client_secret"])


async def arrives(reader: Reader, way: str) -> Got:
    """Signed in by this way at the gateway itself."""
    page = await reader.navigate("/auth/account", site="none")
    return await reader.through_provider(await reader.choose(page, way))


async def who(house: House, reader: Reader) -> str:
    """The id by which a service knows whoever is signed in."""
    await reader.sign_in(Flow(TRUSTED))
    before = len(house.storage.received)
    assert (await reader.fetch(TRUSTED, "GET", "/storage/v1/items/a")).status == 200
    return subject(house.storage.received[before])


def at(service: LyingService, person: str) -> Callable[[str], dict[str, str]]:
    """What this person does there."""

    def agree(url: str) -> dict[str, str]:
        service.redirect = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        assert service.redirect.endswith("/auth/callback/code_host")
        return service.authorize(url, person)

    return agree


async def test_a_plain_service_knows_people_by_their_numbers(tmp_path: Path, redis_url: str) -> None:
    service = LyingService("")
    async with (
        serving(service),
        open_house(tmp_path, redis_url, more_providers=SERVICE.format(place=service.issuer)) as house,
    ):
        found = []
        for person, login in (("ada", "ada"), ("ada", "renamed"), ("bob", "ada")):
            service.user = {"login": login}
            async with Reader(house.url, at(service, person)) as reader:
                assert (await arrives(reader, "code_host")).status == 303
                found.append(await who(house, reader))
        assert found[0] == found[1] != found[2], "the number is the person, the name is not"


async def test_a_plain_service_that_says_nothing_of_anybody(tmp_path: Path, redis_url: str) -> None:
    service = LyingService("")
    async with (
        serving(service),
        open_house(tmp_path, redis_url, more_providers=SERVICE.format(place=service.issuer)) as house,
        Reader(house.url, at(service, "ada")) as reader,
    ):
        service.trouble["/user"] = answering(200, {"login": "ada"})
        page = await reader.navigate("/auth/account", site="none")
        sent = await reader.choose(page, "code_host")
        params = at(service, "ada")(sent.one("Location") or "")
        got = await reader.navigate(f"/auth/callback/code_host?code={params['code']}&state={params['state']}")
        assert got.status == 502
        assert "code_host did not confirm who you are" in got.text


async def test_a_key_that_is_fetched_from_the_gateway(tmp_path: Path, redis_url: str) -> None:
    """The provider knows nothing of the client but the address of its keys; it answers by a form."""
    pem = make_key(tmp_path)
    port = free_port()
    here = f"http://127.0.0.1:{port}"
    more = {
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "jwks_uri": f"{here}/auth/client-keys/keyed",
    }
    async with (
        independent_provider([f"{here}/auth/callback/keyed"], more=more) as provider,
        open_house(
            tmp_path, redis_url, more_providers=KEYED.format(issuer=provider.issuer), port=port
        ) as house,
        house.reader() as ada,
        Visitor() as visitor,
    ):
        got, _ = await ada.raw("GET", "/auth/client-keys/keyed", {})
        assert got.status == 200
        assert got.json == parse_client_keys(pem).jwks()
        assert '"d"' not in got.text
        assert (await ada.raw("GET", "/auth/client-keys/campus", {}))[0].status == 404

        page = await ada.navigate("/auth/account", site="none")
        sent = await ada.choose(page, "keyed")
        callback = await visitor.sign_in(sent.one("Location") or "", "Ada", f"{here}/auth/callback/keyed")
        posted = {"Origin": "null", "Sec-Fetch-Site": "cross-site"}
        got = await ada.navigate(callback.path, form=dict(callback.query), headers=posted)
        assert got.status == 303, got.text
        assert (await ada.navigate(got.one("Location") or "")).status == 303
        assert "Ada" in (await ada.navigate("/auth/account", site="same-origin")).text


async def test_a_portal_sends_people_unasked(tmp_path: Path, redis_url: str) -> None:
    """The code that comes along may be anybody's: it is never redeemed."""
    clever = PRESETS["clever"].dialect
    async with (
        open_house(tmp_path, redis_url, dialects={"campus": clever}) as house,
        house.reader("bob") as bob,
    ):
        await bob.sign_in_here()
        sent = await bob.navigate("/auth/callback/campus?code=mallorys")
        assert sent.status == 303
        assert (sent.one("Location") or "").startswith(f"{house.liar.issuer}/authorize")
        assert house.liar.grants["authorization_code"] == 1, "of the first sign-in"
        bob.at_provider = lambda url: house.at_provider(url, "ada")
        assert (await bob.through_provider(sent)).one("Location") == "/auth/account"
        assert "Ada" in (await bob.navigate("/auth/account", site="same-origin")).text, "who sits here now"


async def test_nobody_else_comes_unasked(tmp_path: Path, redis_url: str) -> None:
    async with open_house(tmp_path, redis_url) as house, house.reader() as ada:
        assert (await ada.navigate("/auth/callback/campus?code=mallorys")).status == 400
        assert house.liar.grants["authorization_code"] == 0


async def test_an_answer_to_a_question_is_no_portal(tmp_path: Path, redis_url: str) -> None:
    clever = PRESETS["clever"].dialect
    async with open_house(tmp_path, redis_url, dialects={"campus": clever}) as house, house.reader() as ada:
        for answer in ("code=x&state=made-up", "error=access_denied", "state="):
            assert (await ada.navigate(f"/auth/callback/campus?{answer}")).status == 400


async def test_a_secret_that_is_signed_and_an_answer_in_a_form(tmp_path: Path, redis_url: str) -> None:
    pem = make_key(tmp_path)
    keys = parse_client_keys(pem).named("KEY1234567")
    apple = LyingApple("", public=keys.keys[0].key.as_dict(private=False))
    apple.metadata = {
        "userinfo_endpoint": None,
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "authorization_response_iss_parameter_supported": None,
    }
    apple.claims = {"aud": "bookgate", "email": "ada@example.edu", "email_verified": "true"}
    dialect = replace(PRESETS["apple"].dialect, team="TEAM123456")
    user = json.dumps({"name": {"firstName": "Ada", "lastName": "Lovelace"}, "email": "eve@evil.example"})
    async with (
        serving(apple),
        open_house(
            tmp_path,
            redis_url,
            more_providers=KEYED.format(issuer=apple.issuer),
            dialects={"keyed": dialect},
            client_keys={"keyed": keys},
        ) as house,
        house.reader() as ada,
    ):
        apple.redirect = f"{house.url}/auth/callback/keyed"
        for more in ({"user": user}, {}):
            page = await ada.navigate("/auth/account", site="none")
            sent = (await ada.choose(page, "keyed")).one("Location") or ""
            asked = parse_qs(urlsplit(sent).query)
            assert (asked["response_mode"], asked["scope"]) == (["form_post"], ["openid name email"])
            params = apple.authorize(sent)
            del params["iss"]
            posted = {"Origin": apple.issuer, "Sec-Fetch-Site": "cross-site"}
            got = await ada.navigate("/auth/callback/keyed", form={**params, **more}, headers=posted)
            assert got.status == 303, got.text
            await ada.navigate(got.one("Location") or "")
            account = await ada.navigate("/auth/account", site="same-origin")
            assert "Ada Lovelace" in account.text, "said once, and kept"
            await ada.navigate("/auth/account", form={"transaction": account.transaction, "act": "sign-out"})
    assert len(apple.secrets) == 2
