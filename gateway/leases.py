"""How the workers of all gateways share budgets: what one used is told to Redis, and what is left learned.

No request waits for it. What a worker believes to be left is its lease until the next exchange; in that time
they may let through a bucket each, and then owe it. Where Redis is away each goes by its own view.
"""

import asyncio
from contextlib import suppress
from typing import Final

from gateway.budgets import Budgets
from gateway.errors import StoreUnavailableError
from gateway.store.buckets import Buckets, Used

EVERY: Final = 0.1  # seconds between two exchanges


class Leases:
    def __init__(self, budgets: Budgets, buckets: Buckets) -> None:
        self._budgets = budgets
        self._buckets = buckets

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            with suppress(StoreUnavailableError):
                await self.exchange()

    async def exchange(self) -> None:
        """Tells what was used and learns what is left, in one round trip (in a cluster: one a slot)."""
        told = self._budgets.untold()
        if told:
            used = [Used(bucket.key, seconds, bucket.terms.burst) for bucket, seconds in told]
            self._budgets.learn(told, await self._buckets.use(used))
