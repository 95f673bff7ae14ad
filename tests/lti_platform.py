"""A learning platform that tells the truth, or whatever a test wants."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import time
from urllib.parse import parse_qsl, urlsplit

import orjson
from aiohttp import web
from joserfc import jws
from joserfc.jwk import RSAKey

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
INSTRUCTOR = "http://purl.imsglobal.org/vocab/lis/v2/membership#Instructor"
LEARNER = "http://purl.imsglobal.org/vocab/lis/v2/membership#Learner"


@dataclass
class LtiPlatform:
    """claims: over the honest ones; None: left out. header: over the honest one.

    kid: of its key. silence: seconds before it says its keys. padding: bytes that stand beside them.
    """

    issuer: str = ""
    client_id: str = "bookgate"
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1"}))
    claims: dict[str, object] = field(default_factory=dict)
    header: dict[str, object] = field(default_factory=dict)
    published: bool = True
    kid: str = "k1"
    silence: float = 0.0
    padding: int = 0

    def honest(self, nonce: str, target: str, subject: str) -> dict[str, object]:
        now = int(time())
        return {
            "iss": self.issuer,
            "aud": self.client_id,
            "sub": subject,
            "name": subject.title(),
            "nonce": nonce,
            "iat": now,
            "exp": now + 300,
            f"{CLAIM}version": "1.3.0",
            f"{CLAIM}message_type": "LtiResourceLinkRequest",
            f"{CLAIM}deployment_id": "1:abc",
            f"{CLAIM}target_link_uri": target,
            f"{CLAIM}resource_link": {"id": "link-1"},
            f"{CLAIM}roles": [LEARNER],
            f"{CLAIM}context": {"id": "course-1", "title": "CS 1, autumn"},
        }

    def token(self, nonce: str, target: str, subject: str = "ada") -> str:
        said = {**self.honest(nonce, target, subject), **self.claims}
        payload = orjson.dumps({name: value for name, value in said.items() if value is not None})
        header = {"alg": "RS256", "kid": self.kid, **self.header}
        return jws.serialize_compact(header, payload, self.key, algorithms=["RS256", "RS384"])

    def answer(self, location: str, target: str, subject: str = "ada") -> dict[str, str]:
        """What the browser posts to us from there. location: where it was sent to."""
        asked = dict(parse_qsl(urlsplit(location).query))
        return {"id_token": self.token(asked["nonce"], target, subject), "state": asked["state"]}


@asynccontextmanager
async def lti_platform() -> AsyncGenerator[LtiPlatform]:
    platform = LtiPlatform()

    async def keys(_: web.Request) -> web.Response:
        if not platform.published:
            return web.Response(status=503)
        await asyncio.sleep(platform.silence)
        own = {**platform.key.as_dict(private=False), "kid": platform.kid}
        return web.json_response({"padding": "x" * platform.padding, "keys": [own]})

    app = web.Application()
    app.router.add_get("/mod/lti/certs.php", keys)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    platform.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield platform
    finally:
        await runner.cleanup()
