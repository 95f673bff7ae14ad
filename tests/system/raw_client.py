"""A client that sends the very bytes it is given and reads answers by their framing."""

import asyncio
from dataclasses import dataclass

HEARD: list["RawAnswer"] = []  # by all clients, for whoever compares


@dataclass(frozen=True)
class RawAnswer:
    status: int
    pairs: tuple[tuple[str, str], ...]
    body: bytes
    complete: bool  # False: the connection broke before the body's end
    interim: tuple[int, ...]  # 1xx that came before

    def values(self, name: str) -> list[str]:
        return [value for found, value in self.pairs if found.lower() == name.lower()]


@dataclass
class RawClient:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def connect(cls, port: int) -> "RawClient":
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 20))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> tuple[int, tuple[tuple[str, str], ...]]:
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = (line.partition(":") for line in lines[1:] if line)
        return int(lines[0].split(" ")[1]), tuple((name, value.strip()) for name, _, value in pairs)

    async def answer(self, method: str = "GET") -> RawAnswer:
        HEARD.append(found := await self._answer(method))
        return found

    async def _answer(self, method: str) -> RawAnswer:
        interim: tuple[int, ...] = ()
        status, pairs = await self.head()
        while 100 <= status < 200 and status != 101:
            interim += (status,)
            status, pairs = await self.head()
        if method == "HEAD" or status in {101, 204, 304}:
            return RawAnswer(status, pairs, b"", complete=True, interim=interim)
        body = bytearray()
        complete = await self._body({name.lower(): value for name, value in pairs}, body)
        return RawAnswer(status, pairs, bytes(body), complete=complete, interim=interim)

    async def _body(self, headers: dict[str, str], body: bytearray) -> bool:
        try:
            await self._read(headers, body)
        except asyncio.IncompleteReadError as error:
            body += error.partial
            return False
        except ConnectionError:
            return False
        return True

    async def _read(self, headers: dict[str, str], body: bytearray) -> None:
        if headers.get("transfer-encoding") == "chunked":
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                body += await self.reader.readexactly(size)
                await self.reader.readexactly(2)
            await self.reader.readuntil(b"\r\n")
        elif "content-length" in headers:
            body += await self.reader.readexactly(int(headers["content-length"]))
        else:
            body += await self.reader.read(-1)

    async def at_end(self) -> bool:
        """Whether the gateway closed the connection, within two seconds."""
        try:
            return await asyncio.wait_for(self.reader.read(1), 10) == b""
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        self.writer.transport.abort()
