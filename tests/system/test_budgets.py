"""The `limits` of origins.yaml, from outside: refused readably, by person, origin and bytes."""

from pathlib import Path

from tests.system.house import MIRROR, ORIGINS, TRUSTED, open_house
from tests.system.reader import Flow, refused

ITEM = "/storage/v1/items/a"
LIMITED = ORIGINS.replace(
    "trust: trusted, backends", "limits: {per_person: 1/min, per_origin: 3/min}, trust: trusted, backends"
)
BYTES = ORIGINS.replace("trust: trusted, backends", "limits: {bytes: 1KB/h}, trust: trusted, backends")


async def test_requests_of_a_person_and_of_an_origin(tmp_path: Path, redis_url: str) -> None:
    async with (
        open_house(tmp_path, redis_url, origins=LIMITED) as house,
        house.reader("ada") as ada,
        house.reader("bob") as bob,
    ):
        await ada.sign_in(Flow(TRUSTED))
        await bob.sign_in(Flow(TRUSTED))
        assert (await ada.fetch(TRUSTED, "GET", ITEM)).status == 200
        got = await ada.fetch(TRUSTED, "GET", ITEM)
        refused(got, 429, "too_many_requests")
        assert 50 <= int(got.one("Retry-After") or "") <= 60
        assert got.one("Access-Control-Allow-Origin") == TRUSTED
        assert (await bob.fetch(TRUSTED, "GET", ITEM)).status == 200
        assert len(house.storage.received) == 2


async def test_bytes_both_ways(tmp_path: Path, redis_url: str) -> None:
    async with open_house(tmp_path, redis_url, origins=BYTES) as house, house.reader("ada") as ada:
        await ada.sign_in(Flow(TRUSTED))
        await ada.sign_in(Flow(MIRROR))
        assert (await ada.fetch(TRUSTED, "PUT", ITEM, b"x" * 1500)).status == 200
        refused(await ada.fetch(TRUSTED, "GET", ITEM), 429, "too_many_requests")
        assert (await ada.fetch(MIRROR, "GET", ITEM)).status == 200, "another origin's budget"
