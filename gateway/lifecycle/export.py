"""Everything that is known of a person, as a zip: what the gateway has, and what each backend answers."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Final

from gateway.directory.belongings import Row
from gateway.directory.orders import Order
from gateway.errors import GatewayError
from gateway.lifecycle.archive import Archive
from gateway.proxy.answer_head import AnswerHead
from gateway.proxy.reply import Reply

# What backends answer an export with, and what such a file is called.
_SUFFIXES: Final[Mapping[str, str]] = {
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "application/zip": "zip",
    "text/csv": "csv",
    "text/plain": "txt",
}
_ODD: Final = re.compile(r"[^A-Za-z0-9._-]+")

Write = Callable[[bytes], Awaitable[None]]


class Exporting:
    """One export. had: of the directory, by table. asked: of backends. now: Unix seconds."""

    def __init__(
        self,
        had: Mapping[str, Sequence[Row]],
        asked: Sequence[Order],
        silent: Sequence[str],
        asking: Callable[[Order], AbstractAsyncContextManager[Reply]],
        now: int,
    ) -> None:
        self._had = had
        self._asked = asked
        self._silent = silent
        self._asking = asking
        self._now = now
        self._archive = Archive(datetime.fromtimestamp(now, UTC))
        self._files: list[dict[str, str]] = []
        self._missing: list[dict[str, str]] = []

    async def send(self, write: Write) -> None:
        """Write the zip. Its last file says what is in it, and which backend did not answer."""
        for name, rows in self._had.items():
            path = f"gateway/{name}.json"
            await write(self._archive.whole(path, _json(rows)))
            self._files.append({"file": path})
        for number, order in enumerate(self._asked):
            await self._answer(number, order, write)
        said = {
            "made": datetime.fromtimestamp(self._now, UTC).isoformat(),
            "files": self._files,
            "missing": self._missing,
            "services_without_export": list(self._silent),
        }
        await write(self._archive.whole("receipt.json", _json(said)))
        await write(self._archive.end())

    async def _answer(self, number: int, order: Order, write: Write) -> None:
        """One backend's word on one book; a file that broke off is there, and named as missing."""
        about = {"backend": order.backend, "book": order.book}
        try:
            async with self._asking(order) as reply:
                path = _path(order, number, reply.head.result())
                await self._copy(reply, path, write)
        except GatewayError as error:
            self._missing.append({**about, "fault": error.code})
        else:
            self._files.append({"file": path, **about})
        await write(self._archive.finish())

    async def _copy(self, reply: Reply, path: str, write: Write) -> None:
        self._archive.begin(path)
        while data := await reply.read():
            await write(self._archive.add(data))


def _path(order: Order, number: int, answer: AnswerHead) -> str:
    said = next((line.value for line in answer.lines if line.low == "content-type"), "")
    suffix = _SUFFIXES.get(said.partition(";")[0].strip().lower(), "bin")
    return f"{_ODD.sub('-', order.backend)}/{_ODD.sub('-', order.book)[:80]}-{number}.{suffix}"


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode()
