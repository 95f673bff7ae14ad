"""Stands for the gateway: a key of its own, a JWKS on a real socket, and assertions signed with joserfc."""

import asyncio
import time
from typing import Self

import msgspec
from aiohttp import web
from joserfc import jws
from joserfc.jwk import ECKey

ISSUER = "https://gw.example.edu"
TYPE = "bookgate-assertion+jwt"


class Issuer:
    """`answer` is what the JWKS says next: a status, or None to hang."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": "key-1"})
        self.published = [self.key]
        self.answer: int | None = 200
        self.asked = 0
        self.url = ""

    async def start(self) -> Self:
        app = web.Application()
        app.add_routes([web.get("/.well-known/jwks.json", self._jwks)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/.well-known/jwks.json"
        return self

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _jwks(self, _request: web.Request) -> web.Response:
        self.asked += 1
        if self.answer is None:
            await asyncio.sleep(60)
        keys = [key.as_dict(private=False) | {"use": "sig", "alg": "ES256"} for key in self.published]
        return web.json_response({"keys": keys}, status=self.answer or 500)

    def mint(self, **claims: object) -> str:
        return sign(self.key, {"alg": "ES256", "typ": TYPE, "kid": "key-1"}, claims_of(**claims))


def claims_of(**changed: object) -> dict[str, object]:
    now = int(time.time())
    claims: dict[str, object] = {
        "iss": ISSUER,
        "aud": "storage",
        "sub": "ada",
        "book": "book-1",
        "origin": "https://book.example.edu",
        "classes": [{"id": "class-1", "role": "student"}],
        "roles": [],
        "auth_level": "user",
        "auth_time": now,
        "research_cap": 1,
        "iat": now,
        "exp": now + 60,
        "jti": "jti-1",
    }
    return {name: value for name, value in (claims | changed).items() if value is not None}


def sign(key: ECKey, header: dict[str, object], claims: dict[str, object] | bytes) -> str:
    payload = claims if isinstance(claims, bytes) else msgspec.json.encode(claims)
    return jws.serialize_compact(header, payload, key, algorithms=["ES256"])
