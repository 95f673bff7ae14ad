"""Opens every part, puts the middlewares in order and adds the addresses."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from gateway.access import CLASS_CARD, LTI, PASSKEY
from gateway.app.addresses import (
    add_courses,
    add_documents,
    add_pages,
    add_protocol,
    add_provider_logout,
    page_parts,
)
from gateway.app.core import Core, beside, open_core, subject_for
from gateway.app.courses import Courses, open_courses
from gateway.app.data_path import add_proxy
from gateway.app.hosts import make_applications
from gateway.app.shown import show_parts
from gateway.applications import Applications
from gateway.config.settings import Settings
from gateway.config.watch import Origins
from gateway.health import private_app
from gateway.lifecycle import Lifecycle, Telling
from gateway.metric_files import MetricFiles
from gateway.metrics import Metrics
from gateway.middleware import ENTRANCE, Entrance, Refusals, cross_origin, errors, facts, host, on_prepare
from gateway.origins import parse_origin
from gateway.pages.render import Renderer, make_renderer
from gateway.pages.ways import Way, card_way, lti_way, passkey_way, provider_way
from gateway.provider_tokens import ProviderTokens
from gateway.providers import Provider, open_session
from gateway.providers import build as build_providers
from gateway.proxy.fast import Fast
from gateway.proxy.plain import Forwarding
from gateway.proxy.upstream import Upstreams
from gateway.sealing import encoded
from gateway.telemetry import Log


@dataclass(frozen=True, slots=True)
class Gateway:
    """What the two listeners serve.

    fast: what takes requests of the public one before it does; None: `data_path: plain`.
    ping: raises StoreUnavailableError while Redis does not answer. keep_no_more: answers close connections.
    end_streams: ends politely what does not end by itself. metrics: whose listeners show more.
    """

    public: web.Application
    fast: Fast | None
    private: web.Application
    ping: Callable[[], Awaitable[None]]
    keep_no_more: Callable[[], None]
    end_streams: Callable[[], None]
    metrics: Metrics


@asynccontextmanager
async def build(
    settings: Settings,
    origins: Origins,
    redis_url: str,
    log: Log,
    clock: Callable[[], float] = time.time,
) -> AsyncGenerator[Gateway]:
    """Open every part, yield the applications, close the parts again in reverse order.

    clock: Unix seconds, which may be stepped while it runs.
    """
    async with AsyncExitStack() as stack:
        core = await open_core(stack, settings, origins, redis_url, log, clock)
        providers, courses = await _providers(stack, core)
        ways = _ways(settings, providers)
        renderer = make_renderer(settings.pages, settings.contact, core.token)
        applications = make_applications(core, renderer)
        app, entrance = _application(core, renderer, applications)
        tokens = ProviderTokens.over(
            core.store.connection, settings, core.sealer, core.sessions, providers, clock, core.token, log
        )
        stack.push_async_callback(tokens.close)
        upstreams = Upstreams(settings.routes, settings.public_url.partition("://")[2], log)
        stack.push_async_callback(upstreams.close)
        lifecycle = make_lifecycle(core, upstreams, applications)
        await stack.enter_async_context(beside(lifecycle.run()))
        await stack.enter_async_context(beside(courses.gradebook.run()))
        add_protocol(app, core, lifecycle, tokens, courses.gradebook)
        add_provider_logout(app, core, providers)
        add_documents(app, core)
        app.add_subapp("/auth/", _pages(core, ways, renderer, tokens, applications, lifecycle, courses))
        streams, forward, fast = await add_proxy(stack, app, core, upstreams, tokens, applications)
        app[ENTRANCE] = entrance(forward)
        show_parts(core, upstreams)
        private = private_app(
            core.store, core.origins, core.sealer, core.assertions, await _metric_files(stack, core)
        )
        yield Gateway(
            app, fast, private, core.store.ping, streams.keep_no_more, streams.end_all, core.metrics
        )


def _ways(settings: Settings, providers: Mapping[str, Provider]) -> Mapping[str, Way]:
    """In the order of the sign-in page."""
    ways = {
        block.id: provider_way(block.id, block.label, providers[block.id]) for block in settings.providers
    }
    if settings.classes.cards:
        ways[CLASS_CARD] = card_way()
    if settings.passkeys:
        ways[PASSKEY] = passkey_way()
    if settings.platforms:
        ways[LTI] = lti_way(settings.platforms[0].label if len(settings.platforms) == 1 else None)
    return ways


async def _providers(stack: AsyncExitStack, core: Core) -> tuple[Mapping[str, Provider], Courses]:
    """Who says who somebody is: providers by id, and the platforms of courses."""
    outbound, settings = core.settings.outbound, core.settings
    session = await stack.enter_async_context(open_session(outbound.proxy, outbound.ca))
    providers = build_providers(settings.providers, session, core.clock, core.token)
    return providers, await open_courses(core, session)


async def _metric_files(stack: AsyncExitStack, core: Core) -> MetricFiles | None:
    settings = core.settings
    if not settings.telemetry.metrics:
        return None
    files = MetricFiles(core.metrics, settings.state / "metrics", core.log)
    await stack.enter_async_context(beside(files.run()))
    return files


def _pages(
    core: Core,
    ways: Mapping[str, Way],
    renderer: Renderer,
    tokens: ProviderTokens,
    applications: Applications,
    lifecycle: Lifecycle,
    courses: Courses,
) -> web.Application:
    parts = page_parts(core, ways, renderer, tokens, applications.policies, lifecycle, courses.rosters)
    pages = add_pages(parts, core)
    add_courses(pages, parts, courses.registry, courses.tool, courses.transport)
    return pages


def make_lifecycle(core: Core, upstreams: Upstreams, applications: Applications) -> Lifecycle:
    def books_of(origin: str) -> Sequence[str]:
        """By the policy of now; none of an origin that is not let in any more."""
        parsed = parse_origin(origin)
        policy = applications.policies.get(origin)
        if policy is None and parsed is not None:
            policy = core.origins.current.find(parsed, core.today())
        return () if parsed is None or policy is None else policy.book_ids(parsed)

    telling = Telling(
        core.settings.routes, upstreams, core.assertions, partial(subject_for, core.settings.keys)
    )
    return Lifecycle(
        core.directory.orders,
        telling,
        core.sessions.end_everywhere,
        books_of,
        lambda: encoded(core.token(16)),
        core.clock,
        core.log,
        core.settings.privacy.delete_inactive_after,
    )


def _application(
    core: Core, renderer: Renderer, applications: Applications
) -> tuple[web.Application, Callable[[Forwarding], Entrance]]:
    """And what makes its entrance, where it is known how requests are forwarded."""
    settings = core.settings
    refusals = Refusals(renderer, settings.public_url, core.log)
    app = web.Application(
        middlewares=[
            # the id and the verdict on Origin, which every later refusal's answer needs
            facts(core.reception, core.log, core.requests, settings.privacy.log_addresses),
            # outside all that may refuse
            errors(refusals),
            # before anything is done for a name that is not ours
            host(applications),
            # before sessions and routing: a preflight has no cookie and an unknown path may be asked for
            cross_origin(),
        ],
        client_max_size=0,
    )
    app.on_response_prepare.append(on_prepare(settings.public_url))
    return app, partial(Entrance, core.reception, refusals, applications, core.requests)
