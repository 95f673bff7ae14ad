"""The platforms that may launch books, and their keys."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

from gateway.directory import Registered
from gateway.errors import DirectoryUnavailableError, ProviderRefusedError, ProviderUnavailableError
from gateway.lti.deep_linking import Linking
from gateway.lti.launch import Initiation, Launch, verify
from gateway.lti.registration import site_of
from gateway.lti_platforms import Platform, ServiceAccess
from gateway.providers.keys import SigningKeys, parse_jwks
from gateway.providers.remembered import Remembered
from gateway.providers.signed_token import UnknownKeyError
from gateway.providers.transport import Transport


class Registry:
    """clock: Unix seconds. registered: those that did so themselves; seen at each launch."""

    def __init__(
        self,
        platforms: Iterable[Platform],
        transport: Transport,
        clock: Callable[[], float],
        registered: Callable[[], Awaitable[Sequence[Registered]]],
    ) -> None:
        self._configured = tuple(platforms)
        self._platforms = self._configured
        self._transport = transport
        self._clock = clock
        self._registered = registered
        self._keys: dict[tuple[str, str], Remembered[SigningKeys]] = {}

    async def look(self) -> None:
        """See who has registered, or was removed, since; while the directory is away it stays as it was."""
        try:
            found = await self._registered()
        except DirectoryUnavailableError:
            return
        names = {platform.id for platform in self._configured}
        own = (platform_of(one) for one in found if one.client_id is not None and one.name not in names)
        self._platforms = (*self._configured, *own)

    async def find(self, asked: Initiation) -> Platform | None:
        """By its issuer, and by our id there and the deployment where it names them; None: none of ours."""
        await self.look()
        for platform in self._platforms:
            if (
                platform.issuer == asked.issuer
                and asked.client_id in {None, platform.client_id}
                and (asked.deployment is None or asked.deployment in platform.deployments)
            ):
                return platform
        return None

    async def named(self, name: str) -> Platform:
        """Raises ProviderRefusedError: it is there no more."""
        await self.look()
        for platform in self._platforms:
            if platform.id == name:
                return platform
        raise ProviderRefusedError(f"no platform {name}")

    def deployed(self, deployment: str) -> Platform | None:
        """By its issuer with one of its deployments, as identities have it."""
        issuer, _, number = deployment.partition("#")
        for platform in self._platforms:
            if platform.issuer == issuer and number in platform.deployments:
                return platform
        return None

    async def verify(self, platform: Platform, token: str, nonce: str) -> Launch | Linking:
        """Raises ProviderRefusedError; ProviderUnavailableError: its keys cannot be had."""
        known = self._keys_of(platform)
        keys, now = await known.get(), int(self._clock())
        try:
            return verify(token, keys, platform, nonce, now)
        except UnknownKeyError:
            return verify(token, await known.newer(keys), platform, nonce, now)

    def _keys_of(self, platform: Platform) -> Remembered[SigningKeys]:
        """By where they are, so that a platform which registers anew is not held to keys of before."""
        where = (platform.id, platform.jwks_uri)
        if where not in self._keys:
            self._keys[where] = Remembered(partial(self._fetch, platform), self._clock)
        return self._keys[where]

    async def _fetch(self, platform: Platform) -> SigningKeys:
        answer = await self._transport.get(platform.jwks_uri)
        if answer.status != 200:
            raise ProviderUnavailableError(f"{platform.jwks_uri}: {answer.status}")
        return parse_jwks(answer.body)


def platform_of(one: Registered) -> Platform:
    """What registered, as if a block of gateway.yaml said it."""
    return Platform(
        id=one.name,
        label=one.name,
        issuer=one.issuer,
        client_id=one.client_id or "",
        deployments=frozenset(one.deployments),
        authorization_endpoint=one.authorization_endpoint,
        jwks_uri=one.jwks_uri,
        frames=(site_of(one.issuer),),
        books=frozenset(one.books) or None,
        services=ServiceAccess(one.token_endpoint, one.token_endpoint, scores=one.scores),
    )
