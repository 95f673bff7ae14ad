"""How the gateway shows a token endpoint which client asks: by a secret, by a key, or not at all."""

from collections.abc import Collection, Mapping
from urllib.parse import quote_plus

from authlib.common.urls import add_params_to_qs
from authlib.oauth2.auth import ClientAuth

from gateway.providers.contract import Block

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 section 2.2


def authenticated(
    block: Block, methods: Collection[str], endpoint: str, body: str, now: int, jti: str
) -> tuple[Mapping[str, str], str]:
    """The headers and the body of a request to a token endpoint.

    methods: those that the endpoint says it takes. now: Unix seconds. jti: fresh and random.
    """
    client_id, keys, dialect = block.client_id, block.client_keys, block.dialect
    if keys is not None and not dialect.secret_is_signed:
        audience = endpoint if dialect.aud_is_token_endpoint else block.issuer
        assertion = keys.assertion(client_id, audience, now, jti)
        said = [
            ("client_id", client_id),
            ("client_assertion_type", _ASSERTION),
            ("client_assertion", assertion),
        ]
        return _FORM, _with(body, said)
    secret = block.client_secret if keys is None else keys.secret(dialect.team, client_id, block.issuer, now)
    if secret is None:
        return _prepared(ClientAuth(client_id, None, "none"), endpoint, body)
    if "client_secret_post" in methods and "client_secret_basic" not in methods:
        return _prepared(ClientAuth(client_id, secret, "client_secret_post"), endpoint, body)
    # RFC 6749 section 2.3.1: form-encoded first, which authlib leaves out.
    encoded = ClientAuth(quote_plus(client_id), quote_plus(secret), "client_secret_basic")
    return _prepared(encoded, endpoint, body)


def _prepared(auth: ClientAuth, endpoint: str, body: str) -> tuple[Mapping[str, str], str]:
    _, headers, written = auth.prepare("POST", endpoint, dict(_FORM), body)
    return headers, written


def _with(body: str, pairs: list[tuple[str, str]]) -> str:
    written: str = add_params_to_qs(body, pairs)
    return written
