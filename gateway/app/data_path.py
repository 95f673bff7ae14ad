"""The data path wired: whatever nothing else claims is a backend's, or nobody's."""

import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial

from aiohttp import web

from gateway.access import admits
from gateway.app.core import Core, beside
from gateway.app.hosts import forward_applications
from gateway.applications import Applications
from gateway.budgets import Budgets
from gateway.directory.ids import pairwise
from gateway.expectation import expect_handler
from gateway.known import caller_of
from gateway.leases import Leases
from gateway.origins import Policy, parse_origin
from gateway.personal_tokens import PersonalToken
from gateway.provider_tokens import ProviderTokens
from gateway.proxy.answer_bytes import AnswerBytes
from gateway.proxy.decide import Matched, Site, caller_by, may_go_on, takes_script
from gateway.proxy.exchange import Shared
from gateway.proxy.fast import Fast
from gateway.proxy.noting import Notes
from gateway.proxy.plain import Forwarding, forwarding, proxy_handler
from gateway.proxy.streams import StillAlive, Streams
from gateway.proxy.unknown_tokens import UnknownTokens
from gateway.proxy.upstream import Upstreams
from gateway.proxy.wiring import Scripts, Wiring
from gateway.records import LiveBook
from gateway.store.buckets import Buckets
from gateway.surfaces import PROXIED_PATHS


async def add_proxy(
    stack: AsyncExitStack,
    app: web.Application,
    core: Core,
    upstreams: Upstreams,
    tokens: ProviderTokens,
    applications: Applications,
) -> tuple[Streams, Forwarding, Fast | None]:
    """Whatever nothing else claims is a backend's, or nobody's."""
    keys, routes = core.settings.keys, core.settings.routes
    theirs = applications.policies

    streams = Streams(_still_alive(core, theirs))
    core.sessions.on_end.append(streams.cut)
    core.revocations.on_rows.append(streams.look)
    await stack.enter_async_context(beside(streams.watch()))

    async def end_streams(_: web.Application) -> None:
        streams.end_all()

    app.on_shutdown.append(end_streams)
    budgets = Budgets(core.settings.requests, time.monotonic)
    core.metrics.show("bookgate_budget_refusals_total", lambda: budgets.refusals)
    shared = Buckets(core.store.connection.ungated, core.settings.redis.prefix)
    await stack.enter_async_context(beside(Leases(budgets, shared).run()))
    tried = UnknownTokens(core.directory.personal_tokens.find, time.monotonic)
    wiring = Wiring(
        site=Site.of(core.settings.public_url, routes),
        max_head=core.settings.max_head,
        authenticator=core.authenticator,
        provider_tokens=tokens,
        assertions=core.assertions,
        upstreams=upstreams,
        streams=streams,
        budgets=budgets,
        sub_for_book=partial(pairwise, keys.people),
        clock=core.clock,
        scripts=Scripts(tried.find, core.sealer.name_for_logs),
    )
    forward_applications(core, applications, wiring)
    forward = forwarding(wiring)
    app.router.add_route("*", PROXIED_PATHS, proxy_handler(forward), expect_handler=expect_handler)
    return streams, forward, make_fast(core, wiring) if core.settings.data_path == "fast" else None


def _still_alive(core: Core, applications: Mapping[str, Policy]) -> StillAlive:
    """applications: by origin, what those with a host of their own may do."""

    def policy_of(text: str) -> Policy | None:
        origin = parse_origin(text)
        if text in applications or origin is None:
            return applications.get(text)
        return core.origins.current.find(origin, core.today())

    async def still_alive(live: LiveBook | PersonalToken, matched: Matched) -> bool:
        if isinstance(live, PersonalToken):
            policy, script = policy_of(live.origin), caller_by(live)
            granted = not live.origin or (policy is not None and takes_script(policy, live))
            granted = granted and may_go_on(matched, policy, script, script, core.clock)
            return granted and await core.directory.personal_tokens.is_alive(live)
        found = await core.sessions.load_book_key(live.key, live.record.parent)
        policy = policy_of(live.record.origin)
        if found is None or not admits(found.record, found.record.origin, policy, int(core.clock())):
            return False
        return may_go_on(matched, policy, caller_of(live), caller_of(found), core.clock)

    return still_alive


def make_fast(core: Core, wiring: Wiring) -> Fast:
    secure = core.settings.public_url.startswith("https://")
    shared = Shared(wiring, Notes(core.requests), AnswerBytes(secure=secure, clock=time.time), core.log)
    return Fast(shared, core.quick, core.authenticator, core.reception, core.clock)
