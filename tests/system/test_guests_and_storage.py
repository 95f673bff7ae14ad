"""A guest's work on its whole way: a real storage service, that may be away when its reader signs in."""

import asyncio
from pathlib import Path

from tests.ports import free_port
from tests.system.guests import ITEM, begin, sign_in
from tests.system.house import TRUSTED, House, open_house
from tests.system.reader import Flow, Got, Reader
from tests.system.real_services import storage_at


async def put(reader: Reader, body: bytes) -> Got:
    path = f"{ITEM}?mode=lww&kind=program"
    got = await reader.fetch(TRUSTED, "PUT", path, body, Content_Type="text/plain")
    assert got.status in {201, 204}, got.text
    return got


async def test_the_work_is_the_persons_with_its_history(tmp_path: Path, redis_url: str) -> None:
    port = free_port()
    async with (
        open_house(tmp_path, redis_url, storage_url=f"http://127.0.0.1:{port}") as house,
        storage_at(port, tmp_path / "storage.db", house),
        house.reader("ada") as ada,
        house.reader("ada") as elsewhere,
    ):
        await elsewhere.sign_in(Flow(TRUSTED))
        await put(elsewhere, b"what Ada had")
        await begin(ada, Flow(TRUSTED))
        await put(ada, b"first")
        saved = await put(ada, b"second")
        confirmed = await sign_in(ada, Flow(TRUSTED), "keep")
        assert (confirmed.json["merged"], confirmed.json["merge"]) == (True, "done")
        for reader in (ada, elsewhere):
            assert (await reader.fetch(TRUSTED, "GET", ITEM)).text == "second"
        listed = (await ada.fetch(TRUSTED, "GET", f"{ITEM}/versions")).json["versions"]
        assert isinstance(listed, list)
        assert sorted(one["role"] for one in listed) == ["branch", "main", "main"]
        assert saved.status == 204


async def test_storage_is_away_and_comes_back(tmp_path: Path, redis_url: str) -> None:
    port, file = free_port(), tmp_path / "storage.db"
    async with (
        open_house(tmp_path, redis_url, storage_url=f"http://127.0.0.1:{port}") as house,
        house.reader("ada") as ada,
    ):
        async with storage_at(port, file, house):
            await begin(ada, Flow(TRUSTED))
            await put(ada, b"before")
        confirmed = await sign_in(ada, Flow(TRUSTED), "keep")
        assert (confirmed.json["merged"], confirmed.json["merge"]) == (False, "later")
        async with storage_at(port, file, house), asyncio.timeout(30):
            assert await eventually(house, ada) == "before"


async def eventually(house: House, reader: Reader) -> str:
    """The item's text as soon as there is one; house: its log says why not yet."""
    for _ in range(100):
        got = await reader.fetch(TRUSTED, "GET", ITEM)
        if got.status == 200:
            return got.text
        await asyncio.sleep(0.25)
    raise AssertionError(house.log.getvalue())
