"""The development provider's OpenID Connect, by authlib's AuthorizationServer: no sockets, no files."""

# ruff: file-ignore[no-self-use] - authlib calls its hooks on an object, whether they need it or not

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from authlib.common.security import generate_token
from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import OAuth2Payload
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode, UserInfo
from joserfc.jwk import ECKey

from gateway.development.loopback import is_callback
from gateway.development.readers import Reader

CODE_LIFE = 60  # seconds
TOKEN_LIFE = 600
ALGORITHM = "ES256"
SCOPES = ("openid", "profile", "email")

T = TypeVar("T")
Pairs = Iterable[tuple[str, str]]


class Kept(Generic[T]):
    """Things that are forgotten after a while, in memory alone."""

    def __init__(self, life: int, clock: Callable[[], float], most: int = 10_000) -> None:
        self._life = life
        self._clock = clock
        self._most = most
        self._things: dict[str, tuple[float, T]] = {}

    def keep(self, key: str, thing: T) -> None:
        if len(self._things) >= self._most:
            del self._things[next(iter(self._things))]  # the oldest
        self._things[key] = (self._clock() + self._life, thing)

    def get(self, key: str) -> T | None:
        ends, thing = self._things.get(key, (0.0, None))
        return thing if self._clock() < ends else None

    def take(self, key: str) -> T | None:
        thing = self.get(key)
        self._things.pop(key, None)
        return thing


@dataclass(frozen=True, slots=True)
class Reply:
    """What authlib wants to be answered."""

    status: int
    body: Mapping[str, object] | str
    headers: Mapping[str, str]


class Payload(OAuth2Payload):  # type: ignore[misc]  # authlib has no types
    def __init__(self, pairs: Pairs) -> None:
        self._lists: defaultdict[str, list[str]] = defaultdict(list)
        for name, value in pairs:
            self._lists[name].append(value)

    @property
    def data(self) -> dict[str, str]:
        return {name: values[0] for name, values in self._lists.items()}

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        return self._lists


class Request(OAuth2Request):  # type: ignore[misc]  # authlib has no types
    """A request in authlib's terms; `pairs` are the query's or the form's."""

    def __init__(self, method: str, uri: str, headers: Mapping[str, str], pairs: Pairs) -> None:
        super().__init__(method, uri, headers=headers)
        self.payload = Payload(pairs)

    @property
    def args(self) -> dict[str, str]:
        data: dict[str, str] = self.payload.data
        return data

    @property
    def form(self) -> dict[str, str]:
        data: dict[str, str] = self.payload.data
        return data


class Client(ClientMixin):  # type: ignore[misc]  # authlib has no types
    """The one client: the gateway, public (PKCE proves it), on loopback."""

    id_token_signed_response_alg = ALGORITHM

    def __init__(self, client_id: str, gateway: str) -> None:
        self.client_id = client_id
        self._gateway = gateway

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        return None

    def get_allowed_scope(self, scope: str | None) -> str:
        return " ".join(word for word in (scope or "").split() if word in SCOPES)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return is_callback(redirect_uri, self._gateway)

    def check_client_secret(self, _secret: str) -> bool:
        return False

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return method == "none"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code's meaning, under the names that authlib asks for."""

    reader: Reader
    client_id: str
    redirect_uri: str
    scope: str
    nonce: str | None
    auth_time: int
    code_challenge: str | None
    code_challenge_method: str | None

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return self.auth_time

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


class CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]  # authlib has no types
    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)

    def save_authorization_code(self, code: str, request: Request) -> None:
        data = request.payload.data
        meaning = Code(
            reader=request.user,
            client_id=request.client.client_id,
            redirect_uri=data["redirect_uri"],
            scope=request.scope,
            nonce=data.get("nonce"),
            auth_time=self.server.now(),
            code_challenge=data.get("code_challenge"),
            code_challenge_method=data.get("code_challenge_method"),
        )
        self.server.codes.keep(code, meaning)

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        """Found once, whatever comes of it: a code that was shown is spent."""
        found: Code | None = self.server.codes.take(code)
        return found if found is not None and found.client_id == client.client_id else None

    def delete_authorization_code(self, authorization_code: Code) -> None:
        """It was taken already."""

    def authenticate_user(self, authorization_code: Code) -> Reader:
        return authorization_code.reader


class S256(CodeChallenge):  # type: ignore[misc]  # authlib has no types
    """PKCE without `plain` (RFC 9700 section 2.1.1)."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)


class IdToken(OpenIDCode):  # type: ignore[misc]  # authlib has no types
    def __init__(self, issuer: str, key: ECKey) -> None:
        super().__init__(require_nonce=False)
        self._issuer = issuer
        self._key = key

    def exists_nonce(self, _nonce: str, _request: Request) -> bool:
        return False  # the gateway makes each once

    def resolve_client_private_key(self, _client: Client) -> ECKey:
        return self._key

    def get_client_claims(self, client: Client) -> dict[str, object]:
        return {"iss": self._issuer, "aud": client.client_id}

    def get_encode_header(self, _client: Client) -> dict[str, str | None]:
        return {"alg": ALGORITHM, "kid": self._key.kid}

    def generate_user_info(self, user: Reader, scope: str) -> UserInfo:
        return UserInfo(user.claims()).filter(scope)


class DevelopmentServer(AuthorizationServer):  # type: ignore[misc]  # authlib has no types
    """Codes and tokens for the gateway; the signing key is made at each start."""

    def __init__(self, issuer: str, client: Client, clock: Callable[[], float]) -> None:
        super().__init__(scopes_supported=list(SCOPES))
        self.issuer = issuer
        self.key = ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM})
        self.key.ensure_kid()
        self.codes: Kept[Code] = Kept(CODE_LIFE, clock)
        self.tokens: Kept[tuple[Reader, str]] = Kept(TOKEN_LIFE, clock)
        self._client = client
        self._clock = clock
        self.register_token_generator("default", _bearer)
        self.register_grant(CodeGrant, [IdToken(issuer, self.key), S256(required=True)])

    def now(self) -> int:
        return int(self._clock())

    def query_client(self, client_id: str) -> Client | None:
        return self._client if client_id == self._client.client_id else None

    def save_token(self, token: Mapping[str, str], request: Request) -> None:
        self.tokens.keep(token["access_token"], (request.user, token["scope"]))

    def send_signal(self, name: str, *_arguments: object, **_named: object) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: Request) -> Request:
        return request

    def handle_response(
        self, status: int, body: Mapping[str, object] | str, headers: Iterable[tuple[str, str]]
    ) -> Reply:
        answered = dict(headers)
        if "Location" in answered:  # RFC 9207: errors name the issuer too
            answered["Location"] = add_params_to_uri(answered["Location"], [("iss", self.issuer)])
        return Reply(status, body, answered)

    def userinfo(self, access_token: str) -> Mapping[str, object] | None:
        """OpenID Connect Core section 5.3."""
        found = self.tokens.get(access_token)
        return None if found is None else UserInfo(found[0].claims()).filter(found[1])

    def jwks(self) -> Mapping[str, object]:
        return {"keys": [self.key.as_dict(private=False)]}

    def metadata(self) -> Mapping[str, object]:
        """OpenID Connect Discovery section 3."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/logout",
            "scopes_supported": SCOPES,
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "token_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
            "prompt_values_supported": ["none", "login", "select_account"],
            "authorization_response_iss_parameter_supported": True,
        }


def _bearer(*, scope: str, **_named: object) -> dict[str, str | int]:
    return {
        "token_type": "Bearer",
        "access_token": generate_token(43),
        "expires_in": TOKEN_LIFE,
        "scope": scope,
    }
