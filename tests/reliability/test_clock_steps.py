"""The clock of one gateway goes an hour wrong, and right again."""

import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.redis_server import RedisServer
from tests.reliability.stage import age
from tests.reliability.traffic import tell_person
from tests.reliability.workers import Roamer, Workers, open_workers
from tests.system.house import MIRROR, TRUSTED
from tests.system.reader import Flow, Got

HOUR = 3600
ITEM = "/storage/v1/items/a"
WRONG, RIGHT = 0, 1  # the workers
STEPS = pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["ahead", "back"])


@pytest.fixture
async def workers(tmp_path: Path, redis_server: RedisServer) -> AsyncGenerator[Workers]:
    async with open_workers(tmp_path, redis_server.url, deadline="5s") as opened:
        opened.house.storage.script = tell_person
        yield opened
        assert opened.unforeseen() == []


@dataclass
class Tokens:
    """A book in token mode, at a reader whose clock is right."""

    reader: Roamer
    flow: Flow
    access: str
    refresh: str

    @classmethod
    async def of(cls, reader: Roamer) -> "Tokens":
        flow = Flow(MIRROR)
        got = await reader.sign_in(flow, cookies=False)
        return cls(reader, flow, str(got.json["access_token"]), str(got.json["refresh_token"]))

    async def ask(self, at: int) -> Got:
        """As the client does: once more with a nonce that it is given, and with a fresh token."""
        got = await self._ask(at, "")
        if got.status == 401 and got.one("DPoP-Nonce") is None:
            await self._refresh(at)
            got = await self._ask(at, "")
        nonce = got.one("DPoP-Nonce")
        return got if nonce is None else await self._ask(at, nonce)

    async def _ask(self, at: int, nonce: str) -> Got:
        self.reader.at = at
        return await self.reader.fetch(
            MIRROR,
            "GET",
            ITEM,
            Authorization=f"DPoP {self.access}",
            DPoP=self._proof("GET", ITEM, nonce, self.access),
        )

    async def _refresh(self, at: int) -> None:
        self.reader.at = at
        form = {"grant_type": "refresh_token", "refresh_token": self.refresh, "client_id": MIRROR}
        got = await self.reader.post(self.flow, "/auth/token", form)
        nonce = got.one("DPoP-Nonce")
        if nonce is not None:
            proof = self._proof("POST", "/auth/token", nonce, None)
            got = await self.reader.post(self.flow, "/auth/token", form, DPoP=proof)
        assert got.status == 200, got.text
        self.access = str(got.json["access_token"])

    def _proof(self, method: str, path: str, nonce: str, token: str | None) -> str:
        assert self.flow.key is not None
        return self.flow.key.proof(
            method, self.reader.gateway + path, int(time.time()), token, nonce=nonce or None
        )


async def served(reader: Roamer, at: int) -> bool:
    reader.at = at
    got = await reader.fetch(TRUSTED, "GET", ITEM)
    assert got.status == 200 or (got.status, got.error) == (401, "login_required"), got.text
    return got.status == 200


@STEPS
@pytest.mark.parametrize("own_device", [True, False], ids=["own device", "shared device"])
async def test_nobody_is_signed_out(workers: Workers, step: int, *, own_device: bool) -> None:
    async with workers.reader() as ada, workers.reader("ben") as ben:
        await ada.sign_in(Flow(TRUSTED), own_device="1" if own_device else "")
        tokens = await Tokens.of(ben)
        workers.clocks[WRONG].ahead = step
        for _ in range(2):
            for at in (WRONG, RIGHT):
                assert await served(ada, at)
                assert (await tokens.ask(at)).status == 200
            workers.clocks[WRONG].ahead = 0.0
        for at in (WRONG, RIGHT):
            assert await served(ada, at)
            assert (await tokens.ask(at)).status == 200


@STEPS
async def test_nobody_stays_longer(workers: Workers, redis_server: RedisServer, step: int) -> None:
    """An hour without a sign of life is an hour, whatever a gateway thinks."""
    async with workers.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        workers.clocks[WRONG].ahead = step
        assert await served(ada, WRONG)
        await age(redis_server.url, HOUR - 60)
        assert await served(ada, RIGHT)
        await age(redis_server.url, HOUR)
        for at in (WRONG, RIGHT):
            assert not await served(ada, at)


@STEPS
@pytest.mark.parametrize("first", [WRONG, RIGHT], ids=["told to the wrong one", "told to the right one"])
async def test_a_sign_out_counts_at_once_and_once(workers: Workers, step: int, first: int) -> None:
    """Everywhere, at one worker; a new sign-in at the other is not ended by it."""
    async with workers.reader() as ada, workers.reader() as again:
        for reader in (ada, again):
            await reader.sign_in(Flow(TRUSTED))
        workers.clocks[WRONG].ahead = step
        ada.at = first
        page = await ada.navigate("/auth/account", site="none")
        form = {"transaction": page.transaction, "act": "everywhere"}
        assert (await ada.navigate("/auth/account", form=form)).status == 200
        for at in (WRONG, RIGHT):
            assert not await served(ada, at)
            assert not await served(again, at)
        again.at = RIGHT  # where the provider's tokens are in time
        await again.sign_in(Flow(TRUSTED))
        for at in (WRONG, RIGHT):
            assert await served(again, at)


@STEPS
async def test_a_provider_that_says_another_time_is_not_believed(workers: Workers, step: int) -> None:
    """Readable, nobody signed in; and it works as soon as the clock is right."""
    workers.clocks[WRONG].ahead = step
    async with workers.reader() as ada:
        ada.at = WRONG
        page = await ada.ask(Flow(TRUSTED))
        params = ada.at_provider(page.one("Location") or "")
        query = "&".join(f"{name}={value}" for name, value in params.items())
        got = await ada.navigate(f"/auth/callback/campus?{query}")
        assert got.status == 502
        assert "Nobody was signed in" in got.text
        workers.clocks[WRONG].ahead = 0.0
        await ada.sign_in(Flow(TRUSTED))
        assert await served(ada, WRONG)
