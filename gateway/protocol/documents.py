"""Public documents: metadata (RFC 8414), keys, and what an author's page may ask."""

from collections.abc import Callable, Mapping
from datetime import date

import orjson
from aiohttp import web

from gateway.origins import MAX_HEADER, Trust, parse_origin
from gateway.protocol.guests import GUEST_GRANT
from gateway.protocol.token import Handler
from gateway.request_context import ASKED

SHORT = "public, max-age=300"


def metadata(public_url: str, *, guests: bool) -> dict[str, object]:
    """Authorization server metadata (RFC 8414 section 2, RFC 9207 section 3, RFC 9449 section 5.1)."""
    return {
        "issuer": public_url,
        "authorization_endpoint": f"{public_url}/auth/authorize",
        "token_endpoint": f"{public_url}/auth/token",
        "jwks_uri": f"{public_url}/.well-known/jwks.json",
        "response_types_supported": ["code"],
        "response_modes_supported": ["fragment", "web_message"],
        "grant_types_supported": ["authorization_code", "refresh_token", *([GUEST_GRANT] if guests else [])],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "authorization_response_iss_parameter_supported": True,
        "prompt_values_supported": ["none", "consent"],
    }


def _document(body: bytes, content_type: str, cache: str) -> web.Response:
    return web.Response(
        body=body, content_type=content_type, charset="utf-8", headers={"Cache-Control": cache}
    )


def fixed(fields: Mapping[str, object]) -> Handler:
    """A JSON document that does not change while the process runs."""
    body = orjson.dumps(fields)

    async def handle(_: web.Request) -> web.StreamResponse:
        return _document(body, "application/json", SHORT)

    return handle


def keys_handler(jwks: Callable[[], Mapping[str, object]]) -> Handler:
    """The assertion keys (RFC 7517 section 5)."""

    async def handle(_: web.Request) -> web.StreamResponse:
        return _document(orjson.dumps(jwks()), "application/json", SHORT)

    return handle


def about_handler(version: str, contact: str | None, today: Callable[[], date]) -> Handler:
    """`/.well-known/bookgate`: what this gateway makes of the page that asks."""

    async def handle(request: web.Request) -> web.StreamResponse:
        lines = request.headers.getall("Origin", [])
        origin = parse_origin(lines[0]) if len(lines) == 1 else None
        table = request[ASKED].policies
        policy = table.find(origin, today()) if origin else None
        listed = policy or (table.listed(origin) if origin else None)  # whom a denied book asks
        status = policy.trust if policy else Trust.DENIED
        book = None
        if origin and policy:
            book = next(iter(policy.books.values()), origin.default_book)
        fields = {
            "version": version,
            "contact": (listed and listed.contact) or contact,
            "your_origin": lines[0][:MAX_HEADER] if len(lines) == 1 and lines[0].isascii() else None,
            "status": str(status) if origin else None,
            "book": book,
            "listed": listed is not None and listed.line > 0,
            "backends": sorted(policy.backends) if policy else [],
            "methods": policy.methods if policy else (),
        }
        return _document(orjson.dumps(fields), "application/json", "no-store")

    return handle
