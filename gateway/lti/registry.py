"""The platforms that may launch books, and their keys."""

from collections.abc import Callable, Iterable
from functools import partial

from gateway.errors import ProviderRefusedError, ProviderUnavailableError
from gateway.lti.deep_linking import Linking
from gateway.lti.launch import Initiation, Launch, verify
from gateway.lti_platforms import Platform
from gateway.providers.keys import SigningKeys, parse_jwks
from gateway.providers.remembered import Remembered
from gateway.providers.signed_token import UnknownKeyError
from gateway.providers.transport import Transport


class Registry:
    """clock: Unix seconds. Nobody is asked anything before the first launch."""

    def __init__(
        self, platforms: Iterable[Platform], transport: Transport, clock: Callable[[], float]
    ) -> None:
        self._platforms = tuple(platforms)
        self._transport = transport
        self._clock = clock
        self._keys = {
            platform.id: Remembered(partial(self._fetch, platform), clock) for platform in self._platforms
        }

    def find(self, asked: Initiation) -> Platform | None:
        """By its issuer, and by our id there and the deployment where it names them; None: none of ours."""
        for platform in self._platforms:
            if (
                platform.issuer == asked.issuer
                and asked.client_id in {None, platform.client_id}
                and (asked.deployment is None or asked.deployment in platform.deployments)
            ):
                return platform
        return None

    def named(self, name: str) -> Platform:
        """Raises ProviderRefusedError: it is not in gateway.yaml any more."""
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
        keys, now = await self._keys[platform.id].get(), int(self._clock())
        try:
            return verify(token, keys, platform, nonce, now)
        except UnknownKeyError:
            return verify(token, await self._keys[platform.id].newer(keys), platform, nonce, now)

    async def _fetch(self, platform: Platform) -> SigningKeys:
        answer = await self._transport.get(platform.jwks_uri)
        if answer.status != 200:
            raise ProviderUnavailableError(f"{platform.jwks_uri}: {answer.status}")
        return parse_jwks(answer.body)
