"""Keys change while readers work: nobody is signed out, no service refuses anybody."""

import asyncio
import json
import os
import sys
import time
from base64 import urlsafe_b64decode
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp

from gateway.config import key_file
from gateway.sealing import key_id
from gateway.signing_keys import Rotation
from tests.lying_provider import SECRET
from tests.ports import free_port
from tests.reliability.traffic import Traffic, traffic
from tests.reliability.workers import Workers, open_workers
from tests.system.guests import ITEM
from tests.system.house import TRUSTED, House, open_house
from tests.system.reader import Flow, Reader
from tests.system.real_services import storage_at

PATIENCE = 120  # seconds; how fast a machine is does not matter here


async def keys(folder: Path, redis_url: str, *words: str) -> str:
    """`bookgate keys`, as somebody beside the gateway calls it."""
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "keys", *words, "--config", str(folder / "gateway.yaml"),
        env={**os.environ, "REDIS": redis_url, "SECRET": SECRET}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE):
        output, _ = await running.communicate()
    assert running.returncode == 0, output
    return output.decode()


def ring_of(folder: Path) -> list[str]:
    return [key_id(line.key) for line in key_file.read(folder / "root.key")]


async def until_all_have(workers: Workers, ring: list[str]) -> None:
    """Every gateway uses these root keys."""
    async with asyncio.timeout(PATIENCE):
        # ruff: ignore[async-busy-wait]  # gateways poll too
        while not all(json.dumps(ring, separators=(",", ":")) in log.getvalue() for log in workers.logs):
            await asyncio.sleep(0.1)


class TokenReader:
    """A reader in token mode, who asks for a new token every moment, at each gateway in turn."""

    def __init__(self, reader: Reader, refresh: str, flow: Flow) -> None:
        self._reader, self._refresh, self._flow = reader, refresh, flow
        self.statuses: list[int] = []

    @classmethod
    async def sign_in(cls, reader: Reader) -> "TokenReader":
        flow = Flow(TRUSTED)
        confirmed = await reader.sign_in(flow, cookies=False)
        return cls(reader, str(confirmed.json["refresh_token"]), flow)

    async def go_on(self) -> None:
        form = {"grant_type": "refresh_token", "refresh_token": self._refresh, "client_id": TRUSTED}
        while True:
            self.statuses.append((await self._reader.post(self._flow, "/auth/token", form)).status)
            await asyncio.sleep(0.7)


async def test_two_rotations_of_the_root_key_end_no_session(tmp_path: Path, redis_url: str) -> None:
    async with AsyncExitStack() as stack, AsyncExitStack() as working:
        workers = await stack.enter_async_context(open_workers(tmp_path, redis_url, deadline="5s"))
        signed_in: list[Traffic] = []

        async def sign_in(people: int) -> None:
            """They begin to work at once, and go on to the end."""
            readers = await stack.enter_async_context(traffic(workers, people))
            await working.enter_async_context(readers.running())
            signed_in.append(readers)

        by_token = await TokenReader.sign_in(await stack.enter_async_context(workers.reader("token")))
        refreshing = asyncio.create_task(by_token.go_on())
        await sign_in(3)
        first = asyncio.create_task(keys(tmp_path, redis_url, "rotate", "--wait", "4"))
        await sign_in(2)
        await first
        await until_all_have(workers, ring_of(tmp_path))
        await sign_in(2)
        await keys(tmp_path, redis_url, "rotate", "--wait", "4")
        await until_all_have(workers, ring_of(tmp_path))
        await sign_in(2)
        await asyncio.sleep(1)
        refreshing.cancel()
        await working.aclose()
        for readers in signed_in:
            readers.judge()
            assert [answer.got.text for answer in readers.answers if not answer.served] == []
        assert sum(len(readers.answers) for readers in signed_in) > 100
        assert len(by_token.statuses) > 5
        assert set(by_token.statuses) == {200}
        assert len(ring_of(tmp_path)) == 3
        # whoever signed in under whichever key is the same person, and everywhere is everywhere
        last = await stack.enter_async_context(workers.reader("regular-0"))
        await last.sign_in_here()
        page = await last.navigate("/auth/account", site="none")
        form = {"transaction": page.transaction, "act": "everywhere"}
        assert (await last.navigate("/auth/account", form=form)).status == 200
        for readers in signed_in:
            statuses = {each.person: (await each.ask()).got.status for each in readers.regulars}
            assert sorted(statuses.values()) == [200] * (len(statuses) - 1) + [401]


async def test_retiring_now_ends_what_old_keys_sealed_and_nothing_else(
    tmp_path: Path, redis_url: str
) -> None:
    async with open_workers(tmp_path, redis_url, deadline="5s") as workers, traffic(workers, 1) as before:
        await keys(tmp_path, redis_url, "rotate", "--wait", "4")
        await until_all_have(workers, ring_of(tmp_path))
        async with traffic(workers, 1) as after:
            signs = await kids(workers.house)
            assert "1 keys in the directory were sealed anew" in await keys(
                tmp_path, redis_url, "retire", "--now", "--yes"
            )
            await until_all_have(workers, ring_of(tmp_path))
            assert {(await each.ask()).got.status for each in after.regulars} == {200}
            assert {(await each.ask()).got.status for each in before.regulars} == {401}
            assert await kids(workers.house) == signs
        missing = [line for log in workers.logs for line in log.getvalue().splitlines() if "missing" in line]
        assert len(missing) == len(workers.logs), "one line each, not one a request"


async def kids(house: House) -> list[str]:
    """The ids of the keys in the JWKS."""
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"{house.private}/.well-known/jwks.json") as answer,
    ):
        return [key["kid"] for key in (await answer.json())["keys"]]


def signed_by(assertion: str) -> str:
    head = assertion.partition(".")[0]
    kid = json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]
    assert isinstance(kid, str)
    return kid


async def test_services_go_on_over_two_changes_of_the_key_that_signs(tmp_path: Path, redis_url: str) -> None:
    """A real storage service, which looks keys up as ever; beside it one that tells which key signed."""
    port = free_port()
    quick = Rotation(every=8, publish_before=4)
    async with (
        open_house(
            tmp_path, redis_url, storage_url=f"http://127.0.0.1:{port}", assertion_keys=quick
        ) as house,
        storage_at(port, tmp_path / "storage.db", house),
        house.reader() as ada,
    ):
        await ada.sign_in(Flow(TRUSTED))
        published: dict[str, float] = {}
        signed: dict[str, float] = {}
        statuses: list[int] = []
        ends = time.monotonic() + PATIENCE
        while len(signed) < 3:
            assert time.monotonic() < ends, published
            for kid in await kids(house):
                published.setdefault(kid, time.monotonic())
            # an assertion is kept for a while: for somebody new one is signed now
            async with house.reader(f"reader-{len(statuses)}") as new:
                await new.sign_in(Flow(TRUSTED))
                for reader in (ada, new):
                    statuses += await work(reader)
                    await reader.fetch(TRUSTED, "GET", "/analytics/v1/ping")
                    (assertion,) = house.analytics.received[-1].values("X-Bookgate-Assertion")
                    signed.setdefault(signed_by(assertion), time.monotonic())
        assert set(statuses) <= {200, 201, 204}
        assert len(statuses) > 20
        first, *later = signed
        assert first in await kids(house), "what it signed may still be on its way"
        for kid in later:
            # not all of `publish_before`: this test looks only once in a while
            assert signed[kid] - published[kid] > quick.publish_before / 2


async def work(reader: Reader) -> list[int]:
    """A save and a look, with storage."""
    saved = await reader.fetch(
        TRUSTED, "PUT", f"{ITEM}?mode=lww&kind=program", "print(1)", Content_Type="text/plain"
    )
    return [saved.status, (await reader.fetch(TRUSTED, "GET", ITEM)).status]
