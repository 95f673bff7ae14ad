"""`Rosters`: who is in a course, asked of its platform when a teacher wants to know, and kept nowhere."""

import asyncio
from collections.abc import Collection
from typing import Final

from gateway.errors import ProviderUnavailableError
from gateway.lti.members import (
    MEDIA_TYPE,
    MEMBERS,
    PAGES,
    Listed,
    Missing,
    first_page,
    missing,
    next_page,
    read_members,
)
from gateway.lti.platform_services import PlatformServices
from gateway.lti.registry import Registry
from gateway.lti.services import MEMBERS_SCOPE
from gateway.lti_platforms import Platform

DEADLINE: Final = 8.0  # seconds for all pages together: somebody waits for them


class Rosters:
    """deadline: seconds."""

    def __init__(self, registry: Registry, services: PlatformServices, deadline: float = DEADLINE) -> None:
        self._registry = registry
        self._services = services
        self._deadline = deadline

    async def can_ask(self, deployment: str) -> bool:
        """Whether the platform of a class may be asked. deployment: its issuer and the deployment."""
        await self._registry.look()
        platform = self._registry.deployed(deployment)
        return platform is not None and self._services.serves(platform)

    async def missing(self, deployment: str, memberships: str, came: Collection[str]) -> Missing:
        """Who has not come yet. came: the subjects of those who have.

        Raises ProviderUnavailableError: the platform does not say, or not in time.
        """
        await self._registry.look()
        platform = self._registry.deployed(deployment)
        if platform is None:
            raise ProviderUnavailableError("the platform is there no more")
        try:
            async with asyncio.timeout(self._deadline):
                course, whole = await self._read(platform, memberships)
        except TimeoutError as error:
            raise ProviderUnavailableError(f"members: no end in {self._deadline} seconds") from error
        return missing(course, came, whole=whole)

    async def _read(self, platform: Platform, memberships: str) -> tuple[list[Listed], bool]:
        """And whether that is all."""
        found: list[Listed] = []
        url: str | None = first_page(memberships)
        for _ in range(PAGES):
            if url is None or len(found) >= MEMBERS:
                break
            page = await self._services.get(platform, MEMBERS_SCOPE, url, MEDIA_TYPE)
            found += read_members(page.answer.body)
            url = next_page(page.next, memberships)
        return found[:MEMBERS], url is None and len(found) <= MEMBERS
