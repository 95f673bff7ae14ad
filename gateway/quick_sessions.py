"""Book sessions as the data path asks for them: at once where one is known, else by one look at Redis."""

import asyncio
from collections.abc import Callable

from gateway.errors import GatewayError
from gateway.known import Known, caller_of
from gateway.records import LiveBook
from gateway.sealing import Sealer
from gateway.sessions import Sessions

Done = Callable[[Known | GatewayError | None], None]


class QuickSessions:
    def __init__(self, sessions: Sessions, sealer: Sealer) -> None:
        self._sessions = sessions
        self._sealer = sealer
        self._kept: dict[str, Known] = {}
        self._asking: set[asyncio.Task[None]] = set()

    def kept(self, cookie_value: str) -> Known | None:
        """The session of a cookie that may be served without a question; None: it is to be asked for."""
        return self._kept.get(cookie_value)

    def ask(self, cookie_value: str, done: Done) -> None:
        """Looks the session of a cookie up. done: called once, never from in here.

        None: nobody's. StoreUnavailableError: Redis does not say.
        """
        task = asyncio.create_task(self._ask(cookie_value, done))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def find(self, cookie_value: str) -> Known | None:
        """The same for who can wait. StoreUnavailableError."""
        kept = self.kept(cookie_value)
        if kept is not None:
            return kept
        live = await self._sessions.load_book(cookie_value)
        return None if live is None else self.known(live)

    async def look(self, key: str, parent_key: str | None, token: str | None = None) -> LiveBook | None:
        """A session by its key, as Redis has it now. token: a field that must be there.

        StoreUnavailableError.
        """
        return await self._sessions.load_book_key(key, parent_key, token)

    def known(self, live: LiveBook) -> Known:
        """What the data path keeps of a session that was found alive."""
        return Known(live, caller_of(live), self._sealer.name_for_logs(live.record.person))

    async def _ask(self, cookie_value: str, done: Done) -> None:
        try:
            answer: Known | GatewayError | None = await self.find(cookie_value)
        except GatewayError as error:
            answer = error
        done(answer)
