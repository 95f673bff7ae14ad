"""The `providers:` blocks of gateway.yaml as providers, by id."""

from collections.abc import Callable, Iterable, Mapping
from secrets import token_bytes

import aiohttp

from gateway.providers.contract import Block, Provider
from gateway.providers.oauth2 import OAuth2Provider
from gateway.providers.oidc import OidcProvider
from gateway.providers.transport import Transport
from gateway.sealing import encoded


def build(
    blocks: Iterable[Block],
    session: aiohttp.ClientSession,
    clock: Callable[[], float],
    token: Callable[[int], bytes] = token_bytes,
) -> Mapping[str, Provider]:
    """One provider a block, in the file's order; nobody is asked anything before the first login."""
    transport = Transport(session)

    def fresh() -> str:
        return encoded(token(16))

    def provider(block: Block) -> Provider:
        endpoints = block.dialect.oauth2
        if endpoints is None:
            return OidcProvider(block, transport, clock, fresh)
        return OAuth2Provider(block, endpoints, transport, clock, fresh)

    return {block.id: provider(block) for block in blocks}
