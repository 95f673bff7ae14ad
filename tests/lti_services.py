"""A learning platform's services: tokens, who is in a course, a gradebook. They tell the truth, or lie."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from tests.lti_platform import INSTRUCTOR, LEARNER

Lie = Callable[[web.Request], web.StreamResponse | None]
NRPS = "https://purl.imsglobal.org/spec/lti-nrps/"
AGS = "https://purl.imsglobal.org/spec/lti-ags/"
SCORE = f"{AGS}scope/score"
MEMBERS = f"{NRPS}scope/contextmembership.readonly"


def member(subject: str, role: str = LEARNER, **more: object) -> dict[str, object]:
    said = {"user_id": subject, "roles": [role], "status": "Active", "email": f"{subject}@school.example"}
    return {**said, "name": subject.title(), **more}


@dataclass
class LtiServices:
    """asked: forms of token requests. seen: what came to the services. strayed: what was led astray.

    lies: by path, instead of the truth. hanging: paths that do not answer before `freed` is set.
    """

    url: str = ""
    token: dict[str, object] = field(
        default_factory=lambda: {"access_token": "t1", "token_type": "Bearer", "expires_in": 3600}
    )
    valid: set[str] = field(default_factory=lambda: {"t1"})
    members: list[dict[str, object]] = field(
        default_factory=lambda: [member("grace", INSTRUCTOR), member("ada"), member("ben")]
    )
    asked: list[dict[str, str]] = field(default_factory=list)
    scores: list[dict[str, object]] = field(default_factory=list)
    seen: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    strayed: list[str] = field(default_factory=list)
    lies: dict[str, Lie] = field(default_factory=dict)
    hanging: set[str] = field(default_factory=set)
    freed: asyncio.Event = field(default_factory=asyncio.Event)
    page: int = 100

    def claims(self, link: str = "1") -> dict[str, object]:
        """What a launch says of them."""
        memberships = {"context_memberships_url": f"{self.url}/members", "service_versions": ["2.0"]}
        grades = {"scope": [SCORE], "lineitem": f"{self.url}/items/{link}?type_id=7"}
        return {f"{NRPS}claim/namesroleservice": memberships, f"{AGS}claim/endpoint": grades}

    async def _lied(self, request: web.Request) -> web.StreamResponse | None:
        self.seen.append((request.path_qs, dict(request.headers)))
        if request.path in self.hanging:
            await self.freed.wait()
        lie = self.lies.get(request.path)
        return None if lie is None else lie(request)

    async def give_token(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(dict(parse_qsl(await request.text())))
        return await self._lied(request) or web.json_response(self.token)

    def _refuses(self, request: web.Request) -> bool:
        return request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.valid

    async def list_members(self, request: web.Request) -> web.StreamResponse:
        lie = await self._lied(request)
        if lie is not None:
            return lie
        if self._refuses(request):
            return web.Response(status=401)
        first = int(request.query.get("from", "0"))
        size = min(self.page, int(request.query["limit"]))
        headers = {"Content-Type": "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"}
        if first + size < len(self.members):
            headers["Link"] = f'<{self.url}/members?limit={size}&from={first + size}>; rel="next"'
        found = {"id": self.url, "context": {"id": "course-1"}, "members": self.members[first : first + size]}
        return web.Response(body=orjson.dumps(found), headers=headers)

    async def take_score(self, request: web.Request) -> web.StreamResponse:
        lie = await self._lied(request)
        if lie is not None:
            return lie
        if self._refuses(request):
            return web.Response(status=401)
        assert request.content_type == "application/vnd.ims.lis.v1.score+json"
        said = orjson.loads(await request.read())
        if any(
            each["userId"] == said["userId"] and str(each["timestamp"]) >= said["timestamp"]
            for each in self.scores
        ):
            return web.Response(status=409)
        self.scores.append({**said, "line_item": request.match_info["item"], "query": request.query_string})
        return web.Response(status=204)

    async def elsewhere(self, request: web.Request) -> web.StreamResponse:
        """Where nobody of ours should come to; whoever does is answered well."""
        self.strayed.append(request.path)
        return web.json_response({"members": []})


def elsewhere(request: web.Request) -> str:
    """An address of another host, which is this server's too."""
    return f"http://localhost:{request.url.port}/elsewhere"


@asynccontextmanager
async def lti_services() -> AsyncGenerator[LtiServices]:
    services = LtiServices()
    app = web.Application()
    app.router.add_post("/token", services.give_token)
    app.router.add_get("/members", services.list_members)
    app.router.add_post("/items/{item}/scores", services.take_score)
    app.router.add_route("*", "/elsewhere", services.elsewhere)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    services.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield services
    finally:
        services.freed.set()
        await runner.cleanup()
