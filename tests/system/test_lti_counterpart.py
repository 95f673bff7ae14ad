"""A learning platform that nobody here wrote (PyPI lti-provider-mock): from its course into a book."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import aiohttp

from tests.ports import free_port
from tests.system.house import TRUSTED, open_house
from tests.system.reader import Flow

PAGE = f"{TRUSTED}/cs1/"


class Form(HTMLParser):
    """The first form of a page: where it goes and what it holds."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.action:
            self.action = given["action"]
        if tag == "input" and given.get("type") == "hidden":
            self.fields[given["name"]] = given.get("value", "")


@asynccontextmanager
async def platform(port: int, gateway: str) -> AsyncGenerator[str]:
    """A process of its own; its issuer."""
    issuer = f"http://127.0.0.1:{port}"
    said = {
        "USERS": json.dumps(
            [{"id": "u1", "given_name": "Ada", "family_name": "King", "email": "a@example.edu"}]
        ),
        "COURSES": json.dumps([{"id": "c1", "name": "CS 1"}]),
        "LTI__ISS": issuer,
        "LTI__LOGIN_URL": f"{gateway}/auth/lti/login",
        "LTI__LAUNCH_URL": f"{gateway}/auth/lti/launch",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "uvicorn", "--port", str(port), "--log-level", "warning"),
        "lti_provider_mock.server:app",
        env={**os.environ, **{f"LTI_PROVIDER_MOCK__{name}": value for name, value in said.items()}},
    )
    try:
        async with asyncio.timeout(60), aiohttp.ClientSession() as client:
            while True:
                try:
                    async with client.get(f"{issuer}/jwks") as answer:
                        assert answer.status == 200
                        break
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.1)
        yield issuer
    finally:
        process.terminate()
        await process.wait()


async def test_from_its_course_into_a_book(tmp_path: Path, redis_url: str) -> None:
    port, theirs = free_port(), free_port()
    gateway, issuer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{theirs}"
    block = (
        f"\nlti: {{mock: {{preset: lti, issuer: '{issuer}', client_id: lti-provider-mock, deployments: ['1'],"
        f" authorization: '{issuer}/authorize', jwks: '{issuer}/jwks', page: '{PAGE}'}}}}\n"
    )
    async with (
        open_house(tmp_path, redis_url, more_backends=block, port=port) as house,
        platform(theirs, gateway),
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as there,
        house.reader() as ada,
    ):
        async with there.post(f"{issuer}/login", data={"userid": "u1"}) as signed_in:
            assert signed_in.status == 200
        async with there.get(f"{issuer}/courses/c1") as course:
            begins = Form(await course.text())
        assert begins.action == f"{gateway}/auth/lti/login"
        cross = {"Origin": issuer, "Sec-Fetch-Site": "cross-site"}
        sent = await ada.navigate("/auth/lti/login", form=begins.fields, headers=cross)
        assert sent.status == 303, sent.text
        async with there.get(sent.one("Location") or "") as asked:
            answer = Form(await asked.text())
        assert answer.action == f"{gateway}/auth/lti/launch", await asked.text()
        launched = await ada.navigate("/auth/lti/launch", form=answer.fields, headers=cross)
        assert launched.status == 303, launched.text
        arrived = await ada.navigate(launched.one("Location") or "")
        assert (arrived.status, arrived.one("Location")) == (303, f"{PAGE}#bookgate=launched")
        assert await ada.code(Flow(TRUSTED))
        page = re.sub(r"\s+", " ", (await ada.navigate("/auth/account", site="none")).text)
        assert "Ada King" in page
        replayed = await ada.navigate("/auth/lti/launch", form=answer.fields, headers=cross)
        assert replayed.status == 400, urlencode(answer.fields)
