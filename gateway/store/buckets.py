"""Buckets that all workers share: told what was used of them, Redis says what they lack."""

from collections.abc import Sequence
from math import ceil
from typing import Final, NamedTuple, cast

from gateway.store import scripts
from gateway.store.connection import Connection

OWED: Final = 64  # buckets, beyond the one that there is: as many workers may have had a full one each
AT_ONCE: Final = 256  # buckets that one script counts: Redis does nothing else meanwhile


class Used(NamedTuple):
    """used: seconds of the `burst` seconds that the bucket takes from empty to full."""

    key: str
    used: float
    burst: int


class Buckets:
    """connection: one that waits for no proof; nothing that is read here lets anybody in."""

    def __init__(self, connection: Connection, prefix: str) -> None:
        self._connection = connection
        self._prefix = prefix
        self._use = connection.script(scripts.USE)

    async def use(self, used: Sequence[Used]) -> list[float | None]:
        """Seconds until each is full; None: something else lies under its key. StoreUnavailableError."""
        asked = {self._prefix + each.key: each for each in used}
        found: dict[str, int] = {}
        for group in self._connection.of_one_slot(list(asked)):
            for first in range(0, len(group), AT_ONCE):
                keys = group[first : first + AT_ONCE]
                lacking = await self._run(keys, [asked[key] for key in keys])
                found.update(zip(keys, lacking, strict=True))
        milliseconds = [found[self._prefix + each.key] for each in used]
        return [None if each < 0 else each / 1000 for each in milliseconds]

    async def _run(self, keys: list[str], used: list[Used]) -> list[int]:
        args = [number for each in used for number in (_ms(each.used), _ms(each.burst * (1 + OWED)))]
        return cast("list[int]", await self._connection.do(lambda _: self._use(keys=keys, args=args)))


def _ms(seconds: float) -> int:
    return max(1, ceil(seconds * 1000))
