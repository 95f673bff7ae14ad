"""Readers who go on asking every worker while a test breaks what lies below, and what they were answered."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.reliability.workers import Roamer, Workers
from tests.system.house import TRUSTED, subject
from tests.system.reader import Flow, Got
from tests.system.recording_backend import Connection

PAUSE = 0.03  # seconds between two requests of a reader


async def tell_person(connection: Connection) -> None:
    """A backend's answer: whom it was told."""
    await connection.read_body()
    body = json.dumps({"told": subject(connection.received)}).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    await connection.say(head + body)


@dataclass(frozen=True, slots=True)
class Answer:
    """One request of one reader. asked, answered: by the monotonic clock."""

    target: str
    worker: int
    asked: float
    answered: float
    got: Got

    @property
    def seconds(self) -> float:
        return self.answered - self.asked

    @property
    def served(self) -> bool:
        return self.got.status == 200


@dataclass
class Regular:
    """A reader who asks for something every moment. person: whom their book session is of."""

    reader: Roamer
    worker: int
    person: str
    number: int
    answers: list[Answer] = field(default_factory=list)

    async def ask(self) -> Answer:
        target = f"/storage/{self.number}/{len(self.answers)}"
        self.reader.at = self.worker
        asked = time.monotonic()
        got = await self.reader.fetch(TRUSTED, "GET", target)
        answer = Answer(target, self.worker, asked, time.monotonic(), got)
        self.answers.append(answer)
        return answer

    async def go_on(self) -> None:
        while True:
            await self.ask()
            await asyncio.sleep(PAUSE)


@dataclass
class Traffic:
    workers: Workers
    regulars: list[Regular]
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    @property
    def answers(self) -> list[Answer]:
        return [answer for regular in self.regulars for answer in regular.answers]

    def meanwhile(self, began: float, ended: float) -> list[Answer]:
        return [answer for answer in self.answers if began <= answer.asked and answer.answered <= ended]

    async def served_again(self, since: float, within: float) -> float:
        """Seconds from `since` until every reader was served at their worker and stays so."""
        ends = time.monotonic() + within
        while True:
            last = [self._last_refused(regular, since) for regular in self.regulars]
            served = [moment for moment in last if moment is not None]
            if len(served) == len(last):
                return max(0.0, max(served) - since)
            assert time.monotonic() < ends, [regular.answers[-1].got.text for regular in self.regulars]
            self.check()
            await asyncio.sleep(PAUSE)

    @staticmethod
    def _last_refused(regular: Regular, since: float) -> float | None:
        """When the reader's first served answer came of three in a row; None: there are not yet three."""
        later = [answer for answer in regular.answers if answer.asked >= since]
        if len(later) < 3 or not all(answer.served for answer in later[-3:]):
            return None
        refused = [number for number, answer in enumerate(later) if not answer.served]
        return later[refused[-1] + 1 if refused else 0].answered

    def check(self) -> None:
        """Raises what a reader's task raised."""
        for task in self._tasks:
            if task.done():
                task.result()

    def judge(self) -> None:
        """What holds whatever is broken: one's own person or a refusal that says to come again, soon."""
        for regular in self.regulars:
            for answer in regular.answers:
                got = answer.got
                if answer.served:
                    assert got.json["told"] == regular.person, answer
                    continue
                assert (got.status, got.error) == (503, "sessions_unavailable"), got.text
                assert got.one("Retry-After") == "1"
                assert not got.every("Set-Cookie")
        self.workers.house.storage.assert_sound()
        assert self.workers.unforeseen() == []

    def slowest(self) -> float:
        return max(answer.seconds for answer in self.answers)

    def forwarded(self, answers: Sequence[Answer]) -> list[str]:
        """What of these the backend saw all the same."""
        seen = {received.target for received in self.workers.house.storage.received}
        return [answer.target for answer in answers if answer.target.removeprefix("/storage") in seen]

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        self._tasks = [asyncio.create_task(regular.go_on()) for regular in self.regulars]
        try:
            yield
        finally:
            self.check()
            for task in self._tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


@asynccontextmanager
async def traffic(workers: Workers, people: int = 3) -> AsyncGenerator[Traffic]:
    """Each person signed in by the front door, and asking at each worker."""
    workers.house.storage.script = tell_person
    async with AsyncExitStack() as stack:
        regulars = []
        for number in range(people):
            reader = await stack.enter_async_context(workers.reader(f"regular-{number}"))
            got = await reader.sign_in(Flow(TRUSTED))
            assert got.status == 200, got.text
            for worker in range(len(workers.urls)):
                asking = await stack.enter_async_context(reader.again())
                regulars.append(Regular(asking, worker, "", 10 * number + worker))
        for regular in regulars:
            told = (await regular.ask()).got.json["told"]
            assert isinstance(told, str)
            regular.person = told
        assert len({regular.person for regular in regulars}) == people
        yield Traffic(workers, regulars)
