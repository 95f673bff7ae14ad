"""People who save while they become one, two or nobody: what was acknowledged, and what there is then."""

import asyncio
import json
import re
import sqlite3
import uuid
from contextlib import closing, suppress
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

import aiohttp

from tests.system.house import TRUSTED
from tests.system.raw_client import RawAnswer, RawClient
from tests.system.reader import Got, Reader
from tests.tcp_proxy import TcpProxy

ACCOUNT = "/auth/account"
LINK = "/auth/account/link"
DATA = "/auth/account/data"
LWW = "?mode=lww&kind=program"
CUT = 0  # no answer: the session ended while the request was under way
PAUSE = 0.01  # seconds between two writes: services count how fast one person may write


async def act(reader: Reader, what: str) -> Got:
    """A button of the account page."""
    page = await reader.navigate(ACCOUNT, site="none")
    return await reader.navigate(ACCOUNT, form={"transaction": page.transaction, "act": what})


async def merge(reader: Reader, other: Reader) -> Got:
    """What the other one is becomes the reader's, who can sign in as both."""
    page = await act(reader, "way-add:campus")
    target = unescape(re.findall(r'href="(http[^"]+)"', page.text)[0])
    back = await reader.navigate(f"/auth/callback/campus?{urlencode(other.at_provider(target))}")
    on = await reader.navigate(back.one("Location") or "")
    page = await reader.navigate(on.one("Location") or "")
    return await reader.navigate(LINK, form={"transaction": page.transaction, "act": "merge"})


async def undo(reader: Reader) -> Got:
    page = await reader.navigate(ACCOUNT, site="none")
    (which,) = re.findall(r'value="unmerge:([^"]+)"', page.text)
    return await act(reader, f"unmerge:{which}")


async def delete(reader: Reader) -> Got:
    page = await reader.navigate(DATA, site="none")
    return await reader.navigate(DATA, form={"transaction": page.transaction, "act": "delete", "sure": "1"})


@dataclass
class Writing:
    """Somebody who saves and sends events until they are stopped or signed out; what was acknowledged."""

    reader: Reader
    name: str
    items: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    stopped: bool = False
    wanted: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self._write())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stopped = True
        assert self.task is not None
        await self.task

    async def more(self, count: int = 5) -> None:
        """Until so many more are saved."""
        self.wanted = len(self.items) + count
        self.enough.clear()
        async with asyncio.timeout(60):
            await self.enough.wait()

    async def _write(self) -> None:
        while not self.stopped and not self.refused:
            try:
                await self._save(f"{self.name}-{len(self.items)}")
                await self._tell(str(uuid.uuid4()))
            except aiohttp.ClientError:
                self.refused.append((CUT, ""))
            await asyncio.sleep(PAUSE)

    async def _save(self, item: str) -> None:
        path = f"/storage/v1/items/{item}{LWW}"
        got = await self.reader.fetch(TRUSTED, "PUT", path, item.encode(), Content_Type="text/plain")
        if got.status in {201, 204}:
            self.items.append(item)
            if len(self.items) >= self.wanted:
                self.enough.set()
        else:
            self.refused.append((got.status, got.text))

    async def _tell(self, event: str) -> None:
        said = json.dumps([{"id": event, "type": "Run.Program", "t": "2026-11-22T10:00:00Z"}])
        path = "/analytics/v1/events"
        got = await self.reader.fetch(TRUSTED, "POST", path, said, Content_Type="application/json")
        if got.status == 202:
            assert got.json["accepted"] == 1, got.text
            self.events.append(event)
        else:
            self.refused.append((got.status, got.text))


@dataclass
class OnItsWay:
    """A save that the gateway let through, and that reaches the service when the test says so."""

    proxy: TcpProxy
    sent: asyncio.Task[Got]
    held: list[bytes]

    @classmethod
    async def begin(cls, proxy: TcpProxy, reader: Reader, item: str) -> Self:
        held: list[bytes] = []
        there = asyncio.Event()
        path = f"/v1/items/{item}"

        def ask(piece: bytes) -> bytes:
            if path.encode() not in piece:
                return piece
            held.append(piece)
            there.set()
            return b""

        proxy.ask = ask
        put = reader.fetch(TRUSTED, "PUT", f"/storage{path}{LWW}", b"late", Content_Type="text/plain")
        sent = asyncio.create_task(put)
        async with asyncio.timeout(30):
            await there.wait()
        return cls(proxy, sent, held)

    async def arrive(self) -> RawAnswer:
        """Its own answer reaches nobody: whoever sent it was signed out."""
        with suppress(aiohttp.ClientError):
            async with asyncio.timeout(30):
                assert (await self.sent).status >= 400
        self.proxy.mend()
        client = await RawClient.connect(self.proxy.target[1])
        await client.send(b"".join(self.held))
        async with asyncio.timeout(30):
            answer = await client.answer("PUT")
        client.close()
        return answer


async def held(reader: Reader, items: list[str]) -> set[str]:
    """Those of the items that the reader has."""
    found = set()
    for item in items:
        got = await reader.fetch(TRUSTED, "GET", f"/storage/v1/items/{item}")
        assert got.status in {200, 404}, got.text
        if got.status == 200:
            found.add(item)
    return found


def events_in(file: Path) -> dict[str, set[str]]:
    """Of each pseudonym."""
    found: dict[str, set[str]] = {}
    with closing(sqlite3.connect(file)) as database:
        for pseudonym, event in database.execute("SELECT pseudonym, id FROM events"):
            found.setdefault(pseudonym, set()).add(event)
    return found
