"""Where the master is, as the sentinels say."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from redis.exceptions import ConnectionError as RedisConnectionError

from gateway.store.pools import Host


class NoMasterError(RedisConnectionError):
    """No sentinel answers, or none knows a master that is up."""


class Sentinels:
    """Asks all at once: one that hangs costs nothing, one that is cut off is outvoted by a newer epoch.

    ask: SENTINEL MASTERS of one. patience: seconds until those that have not answered are given up.
    """

    def __init__(
        self, hosts: Sequence[Host], service: str, ask: Callable[[Host], Awaitable[object]], patience: float
    ) -> None:
        self._hosts = hosts
        self._service = service
        self._ask = ask
        self._patience = patience
        self._asking: asyncio.Task[Host] | None = None

    async def master(self) -> Host:
        """RedisConnectionError: no sentinel knows a master that is up."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_all())
            self._asking.add_done_callback(_seen)
        # shared: one operation's deadline does not end it for the others
        return await asyncio.shield(self._asking)

    async def aclose(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _ask_all(self) -> Host:
        loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(self._ask_one(host)) for host in self._hosts]
        pending, answers, found = set(tasks), 0, list[tuple[int, Host]]()
        end = loop.time() + self._patience
        try:
            while pending and (not found or 2 * answers <= len(tasks)):
                done, pending = await asyncio.wait(
                    pending, timeout=max(0, end - loop.time()), return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    break
                answered = [task.result() for task in done if task.exception() is None]
                answers += len(answered)
                found += [said for said in answered if said is not None]
                if found:  # one that says otherwise is waited for, but not long
                    end = min(end, loop.time() + self._patience / 4)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if not found:
            raise NoMasterError("no sentinel knows a master that is up")
        return max(found)[1]

    async def _ask_one(self, host: Host) -> tuple[int, Host] | None:
        """The epoch and the master, if it is up as far as this sentinel sees."""
        said = await self._ask(host)
        for master in said if isinstance(said, list) else ():
            state = _state(master)
            if state.get("name") != self._service:
                continue
            flags = state.get("flags", "").split(",")
            epoch, port = state.get("config-epoch", ""), state.get("port", "")
            up = "master" in flags and not {"s_down", "o_down"} & set(flags)
            if up and epoch.isdecimal() and port.isdecimal() and state.get("ip"):
                return int(epoch), (state["ip"], int(port))
        return None


def _state(master: object) -> dict[str, str]:
    """Pairs of a flat list; nothing where the answer is of another form."""
    if not isinstance(master, list) or not all(isinstance(word, bytes) for word in master):
        return {}
    words = [word.decode("utf-8", "replace") for word in master]
    return dict(zip(words[::2], words[1::2], strict=False))


def _seen(task: "asyncio.Task[Host]") -> None:
    """Its error belongs to whoever waits; if nobody does, to nobody."""
    if not task.cancelled():
        task.exception()
