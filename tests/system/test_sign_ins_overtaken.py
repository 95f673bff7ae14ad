"""Somebody is deleted while they sign in: the session that would be nobody's does not stay."""

import asyncio
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from gateway.cookies import SIGN_IN
from gateway.directory import Directory
from gateway.directory.orders import Plan
from tests.system.house import open_house
from tests.tcp_proxy import tcp_proxy

SLOW = 0.15  # seconds for each word with Redis: so long a sign-in lasts after the directory has answered


async def test_who_is_deleted_while_they_sign_in_is_not_signed_in(tmp_path: Path, redis_url: str) -> None:
    at = urlsplit(redis_url)
    async with tcp_proxy(at.hostname or "", at.port or 0) as proxy:
        slow_redis = at._replace(netloc=at.netloc.replace(str(at.port), str(proxy.port))).geturl()
        async with open_house(tmp_path, slow_redis) as house, house.reader("zoe") as zoe:
            page = await zoe.navigate("/auth/account", site="none")
            params = zoe.at_provider((await zoe.choose(page, "campus")).one("Location") or "")
            back = await zoe.navigate(f"/auth/callback/campus?{urlencode(params)}")
            file = tmp_path / "state" / "directory.sqlite3"
            directory = await Directory.open(f"sqlite+aiosqlite:///{file}", b"k" * 32, time.time)
            proxy.latency = lambda: SLOW
            coming = asyncio.create_task(zoe.navigate(back.one("Location") or ""))
            for _ in range(600):
                if person := await directory.person_of(house.liar.issuer, "zoe"):
                    break
                await asyncio.sleep(0.02)
            proxy.hold()
            await directory.orders.delete("decision", person or "", lambda _: Plan((), (), 0))
            proxy.release()
            await directory.close()
            got = await coming
            proxy.mend()
            assert got.status == 403, got.text
            assert "Sign in once more" in got.text
            assert SIGN_IN not in zoe.first_party
