"""Up to which row of the directory a data set was told: as old as the data beside which it lies."""

from itertools import count
from typing import Final

from redis.crc import key_slot

from gateway.store.operations import Store

_LIFE: Final = 400 * 86400  # seconds: longer than any row
_SHARE: Final = 512  # of a cluster's slots: a master that has twice as many in a row has a share whole
_SHARES: Final = 16384 // _SHARE


class Checkpoint:
    """Every method raises StoreUnavailableError.

    cluster: there are several masters. One may come back with older data than the others, so there is a key
    for each share of the slots, and each master has some.
    """

    def __init__(self, store: Store, *, cluster: bool) -> None:
        self._store = store
        self._cluster = cluster
        self.keys = [f"checkpoint:{{{tag}}}" for tag in (_tags() if cluster else ("0",))]

    async def read(self) -> int | None:
        """What the oldest data were told, unproved as they are. None: some do not know."""
        oldest = None
        for key in self.keys:
            found = await self._store.ungated.get(key)
            if found is None or not found.isdigit():
                return None
            oldest = int(found) if oldest is None else min(oldest, int(found))
        return oldest

    async def write(self, number: int) -> None:
        """To be called when all rows up to that one were done."""
        for key in self.keys:
            await self._store.put(key, b"%d" % number, _LIFE)

    async def nothing_is_kept(self) -> bool:
        """Whether Redis has lost everything; of several masters nobody says so at once."""
        if self._cluster:
            return False
        return bool(await self._store.ungated.connection.do(lambda redis: redis.dbsize()) == 0)


def _tags() -> list[str]:
    found: dict[int, str] = {}
    for number in count():
        found.setdefault(key_slot(b"%d" % number) // _SHARE, str(number))
        if len(found) == _SHARES:
            break
    return list(found.values())
