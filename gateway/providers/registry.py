"""The `providers:` blocks of gateway.yaml as providers, by id."""

from collections.abc import Callable, Iterable, Mapping

import aiohttp

from gateway.providers.contract import Block, Provider
from gateway.providers.oidc import OidcProvider
from gateway.providers.transport import Transport


def build(
    blocks: Iterable[Block], session: aiohttp.ClientSession, clock: Callable[[], float]
) -> Mapping[str, Provider]:
    """One provider a block, in the file's order; nobody is asked anything before the first login."""
    transport = Transport(session)
    return {block.id: OidcProvider(block, transport, clock) for block in blocks}
