"""Which event loop a worker has: uvloop's, which bookgate[fast] brings along, else asyncio's own."""

import asyncio
from collections.abc import Callable

try:
    import uvloop
except ImportError:
    uvloop = None


def loop_factory(environment: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes it; None: asyncio does. environment: BOOKGATE_PURE."""
    return None if uvloop is None or environment == "1" else uvloop.new_event_loop
