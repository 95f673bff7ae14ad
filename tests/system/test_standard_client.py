"""npm oauth4webapi, which knows nothing of us, signs in and saves: the protocol is OAuth and not our own."""

import asyncio
import json
from pathlib import Path

from tests.providers_fixture import NODE
from tests.system.house import TRUSTED, House, subject

CLIENT = Path(__file__).parents[1] / "oauth4webapi" / "client.mjs"


async def node(step: str, **given: object) -> dict[str, object]:
    process = await asyncio.create_subprocess_exec(
        NODE, CLIENT, step, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(20):
        out, _ = await process.communicate(json.dumps(given).encode())
    assert process.returncode == 0
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


async def test_a_standard_client_works_unchanged(house: House) -> None:
    begun = await node(
        "begin", issuer=house.url, origin=TRUSTED, redirectUri=f"{TRUSTED}/bookgate-return.html"
    )
    async with house.reader() as ada:
        await ada.sign_in_here(own_device="1")
        got = await ada.navigate(str(begun["url"]))
        callback = got.one("Location")
    done = await node(
        "finish",
        issuer=house.url,
        origin=TRUSTED,
        kept=begun["kept"],
        callback=callback,
        api=f"{house.url}/storage/v1/items/a",
    )
    assert done == {"statuses": [200, 200], "tokenType": "dpop", "expiresIn": 600}
    assert [received.line.split(" ")[0] for received in house.storage.received] == ["PUT", "GET"]
    house.storage.assert_identity(subject(house.storage.last))
