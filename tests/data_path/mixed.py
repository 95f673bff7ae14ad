"""Everything that happens to a gateway, mixed by chance: odd requests, faults, clients that leave."""

import asyncio
import gc
import random
import tracemalloc
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.data_path import answers
from tests.data_path.both_ways import OneWay
from tests.data_path.byte_backend import Plan
from tests.data_path.cases import KEY, ODD, SOUND, get
from tests.data_path.talk import LIMIT, Client, turns
from tests.system.test_websockets import SHAKE

AT_ONCE = 8
LOOSE = 5  # objects that the event loop had in hand last; of a leak there are hundreds
REQUESTS = (*SOUND.values(), *SOUND.values(), *ODD.values())
PLANS = (*answers.SOUND.values(), *answers.BROKEN.values(), *answers.TOO_LONG.values())
SOCKET = get("/storage/live", *SHAKE, f"Sec-WebSocket-Key: {KEY}")
SWITCHES = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
SWITCHED = Plan((SWITCHES, b"\x81\x02hi"))
WATCHED = (
    "_asyncio.Task", "asyncio.selector_events._SelectorSocketTransport", "gateway.proxy.call.Call",
    "gateway.proxy.exchange.Exchange", "gateway.proxy.fast.Asking", "gateway.server.connection.Connection",
    "gateway.server.front.Front",
)  # fmt: skip


@dataclass(frozen=True)
class Held:
    """What a process holds on to. kinds: objects that belong to a request or to a connection."""

    descriptors: int
    tasks: int
    kinds: dict[str, int]
    memory: int  # bytes, of Python's

    @classmethod
    def now(cls) -> "Held":
        gc.collect()
        kinds = Counter(f"{type(one).__module__}.{type(one).__name__}" for one in gc.get_objects())
        return cls(
            descriptors=sum(1 for _ in Path("/proc/self/fd").iterdir()),
            tasks=len(asyncio.all_tasks()),
            kinds={name: kinds[name] for name in WATCHED},
            memory=tracemalloc.get_traced_memory()[0],
        )

    def is_within(self, other: "Held") -> bool:
        """Whether it is no more than another, but for its memory."""
        return (
            self.descriptors <= other.descriptors
            and self.tasks <= other.tasks
            and all(count <= other.kinds[name] + LOOSE for name, count in self.kinds.items())
        )


@dataclass
class Mixed:
    """statuses: of the answers that came."""

    way: OneWay
    chance: random.Random
    statuses: Counter[int] = field(default_factory=Counter)
    left: int = 0

    def begin(self) -> None:
        usual = Plan()
        self.way.backend.plan = lambda _: (
            usual if self.chance.random() < 0.6 else self.chance.choice((*PLANS, SWITCHED))
        )

    async def run(self, requests: int) -> None:
        """So many, on as many connections as they take."""
        todo = iter(range(requests))

        async def one_by_one() -> None:
            for number in todo:
                await self.talk()
                if number % 100 == 0:
                    self.way.backend.forget()

        await asyncio.gather(*(one_by_one() for _ in range(AT_ONCE)))

    async def talk(self) -> None:
        """One connection, left at any moment."""
        client = await Client.connect(self.way.path.port)
        sent = b"".join(self.chance.choices(REQUESTS, k=self.chance.choice((1, 1, 1, 2, 3))))
        if self.chance.random() < 0.05:
            sent = SOCKET
        at = self.chance.randrange(len(sent)) if self.chance.random() < 0.3 else len(sent)
        await client.say_pieces([sent[:at], sent[at:]] if self.chance.random() < 0.8 else [sent[:at]])
        if self.chance.random() < 0.2:
            self.left += 1
            await turns(self.chance.randrange(30))
        else:
            async with asyncio.timeout(LIMIT):
                await client.answered(["GET"], 1, 0.05)
        for answer in client.heard(["GET"]).answers[:1]:
            if answer.fields:
                self.statuses[answer.status] += 1
        client.transport.abort()
        await turns(2)

    async def settled(self, held: Held) -> Held:
        """What is held when all that ends by itself has ended: no more than that, or what is left of it."""
        self.way.backend.clear()
        for line in tuple(self.way.backend.open):
            line.transport.abort()
        deadline = asyncio.get_running_loop().time() + LIMIT
        while True:
            now = Held.now()
            if now.is_within(held) or asyncio.get_running_loop().time() > deadline:
                return now
            await asyncio.sleep(0.1)
