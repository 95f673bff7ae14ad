"""What is served under the hosts of applications: their pages, and the few addresses there that are ours."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from aiohttp import web

from gateway.access import Facts, admits
from gateway.applications.door import ARRIVED
from gateway.applications.rules import judge
from gateway.applications.sites import CONTINUE, Application
from gateway.authorize_rules import ANY_PROOF, Proof
from gateway.cookies import APPLICATION, parse
from gateway.cors import Standing, Surface, Verdict
from gateway.errors import (
    LoginRequiredError,
    MethodNotAllowedError,
    MisdirectedError,
    NotFoundError,
    StepUpRequiredError,
)
from gateway.first_party import Said, is_navigation
from gateway.known import Known
from gateway.origins import Policy
from gateway.quick_sessions import QuickSessions
from gateway.request_context import ASKED, Asked
from gateway.surfaces import check_target

Forwarding = Callable[[web.Request, Asked], Awaitable[web.StreamResponse]]


class HostSessions:
    """Whose request it is at an application's host: its own cookie's, where that counts."""

    def __init__(self, sessions: QuickSessions, clock: Callable[[], float]) -> None:
        self._sessions = sessions
        self._clock = clock

    def at_hand(self, origin: str, policy: Policy | None, cookie_lines: Sequence[str]) -> Known | None:
        """The session of a cookie that may be served without a question."""
        value = parse(cookie_lines).one(APPLICATION)
        known = None if value is None else self._sessions.kept(value)
        return self._admitted(known, origin, policy)

    async def recognise(self, facts: Facts, policy: Policy | None) -> Known | None:
        """None: nobody's; without an origin no cookie counts."""
        value = parse(facts.cookie_lines).one(APPLICATION)
        if value is None or facts.origin is None:
            return None
        return self._admitted(await self._sessions.find(value), facts.origin, policy)

    def _admitted(self, known: Known | None, origin: str, policy: Policy | None) -> Known | None:
        if known is None or not admits(known.live.record, origin, policy, int(self._clock())):
            return None
        return known


class Doors(Protocol):
    """As door.Door."""

    async def enter(
        self, request: web.Request, application: Application, proof: Proof
    ) -> web.StreamResponse: ...
    async def finish(self, request: web.Request, application: Application) -> web.StreamResponse: ...
    async def arrive(self, request: web.Request, application: Application) -> web.StreamResponse: ...
    def leave(self) -> web.StreamResponse: ...


class Applications:
    """sites: by host. forwards: how the requests of each are forwarded."""

    def __init__(self, public_host: str, sites: Mapping[str, Application], door: Doors) -> None:
        self._public_host = public_host
        self._door = door
        self.sites = sites
        self.forwards: dict[str, Forwarding] = {}

    @property
    def policies(self) -> Mapping[str, Policy]:
        """By origin."""
        return {site.origin: site.policy for site in self.sites.values()}

    def of(self, request: web.Request) -> Application | None:
        """Whose host the request is for; None: the public URL's.

        Raises MisdirectedError: of neither (RFC 9110 section 15.5.20). A name rebound to us gets nothing.
        """
        hosts = request.headers.getall("Host", [])
        if hosts == [self._public_host]:
            return None
        found = self.sites.get(hosts[0]) if len(hosts) == 1 else None
        if found is None:
            raise MisdirectedError("Host is neither the public URL's nor an application's", close=True)
        return found

    async def serve(self, request: web.Request, asked: Asked, application: Application) -> web.StreamResponse:
        """Raises GatewayError."""
        request[ASKED] = asked
        asked.verdict = Verdict(Standing.OWN, application.origin)
        raw = request.raw_path.partition("?")[0]
        check_target(raw, request.path if "%" in raw else raw)
        if raw == "/auth" or raw.startswith("/auth/"):
            asked.surface = Surface.PAGE
            return await self._ours(request, application, raw)
        asked.surface = Surface.PROXIED
        said = Said.of(request.headers.getall)
        asked.verdict = judge(request.method, said, application.origin, application.policy)
        try:
            return await self.forwards[application.site.authority](request, asked)
        except LoginRequiredError:
            if not is_navigation(request.method, said):
                raise
            return await self._door.enter(request, application, ANY_PROOF)
        except StepUpRequiredError as step_up:
            if not is_navigation(request.method, said):
                raise
            return await self._door.enter(request, application, Proof(step_up.max_age, step_up.acr))

    async def _ours(self, request: web.Request, application: Application, path: str) -> web.StreamResponse:
        if path not in {CONTINUE, ARRIVED, "/auth/logout"}:
            raise NotFoundError("no such address at an application's host")
        if request.method != "GET":
            raise MethodNotAllowedError(("GET",))
        if path == CONTINUE:
            return await self._door.finish(request, application)
        if path == ARRIVED:
            return await self._door.arrive(request, application)
        return self._door.leave()
