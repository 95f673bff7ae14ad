"""What the gateway has to do with learning platforms: opened together."""

from dataclasses import dataclass
from functools import partial

import aiohttp

from gateway.app.core import Core
from gateway.lti import Gradebook, PlatformServices, Registry, Rosters, ToolKey
from gateway.pages.courses import self_reported
from gateway.pages.language import NAMES, read_languages
from gateway.providers.transport import Transport


@dataclass(frozen=True, slots=True)
class Courses:
    """tool: None: this site has no key for platforms."""

    transport: Transport
    registry: Registry
    tool: ToolKey | None
    rosters: Rosters
    gradebook: Gradebook


async def open_courses(core: Core, session: aiohttp.ClientSession) -> Courses:
    """No platform is asked anything yet."""
    transport, keys = Transport(session), core.settings.keys.lti
    registry = Registry(core.settings.platforms, transport, core.clock, core.directory.platforms.all)
    await registry.look()
    tool = None if keys is None else ToolKey(keys)
    services = PlatformServices(transport, tool, core.clock, core.token)
    words = partial(self_reported, read_languages(tuple(NAMES)))
    gradebook = Gradebook(core.directory.line_items, registry, services, words, core.clock, core.log)
    return Courses(transport, registry, tool, Rosters(registry, services), gradebook)
