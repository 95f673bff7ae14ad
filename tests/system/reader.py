"""A reader at a browser, over real sockets: which cookies go along follows the browsers, not our wishes.

Navigations carry the first-party cookies; a book's fetch carries the partitioned cookies of its own site.
"""

import json
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_urlsafe
from types import MappingProxyType
from typing import Self
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import aiohttp

from tests.proofs import ProofKey

Headers = dict[str, str]


@dataclass(frozen=True)
class Got:
    """An answer, read whole."""

    status: int
    headers: aiohttp.typedefs.LooseHeaders
    lines: list[tuple[str, str]]
    text: str

    def one(self, name: str) -> str | None:
        values = [value for found, value in self.lines if found.lower() == name.lower()]
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None

    def every(self, name: str) -> list[str]:
        return [value for found, value in self.lines if found.lower() == name.lower()]

    @property
    def body(self) -> bytes:
        return self.text.encode(errors="surrogateescape")

    @property
    def json(self) -> dict[str, object]:
        found = json.loads(self.text)
        assert isinstance(found, dict)
        return found

    @property
    def error(self) -> object:
        return self.json["error"]

    @property
    def message(self) -> dict[str, str]:
        """What a delivery hands to the book: by the page's message, or in the fragment of a redirect."""
        if self.status == 303:
            return dict(parse_qsl(urlsplit(self.one("Location") or "").fragment))
        found = re.search(r'type="application/json" id="answer">(.*?)</script>', self.text)
        assert found is not None, self.text
        message = json.loads(found[1])["message"]
        assert isinstance(message, dict)
        return message

    @property
    def transaction(self) -> str:
        found = re.search(r'name="transaction" value="([^"]+)"', self.text)
        assert found is not None, self.text
        return found[1]


@dataclass
class Flow:
    """What a book prepares before the click."""

    origin: str
    mode: str = "web_message"
    key: ProofKey | None = field(default_factory=ProofKey)
    state: str = field(default_factory=lambda: token_urlsafe(16))
    verifier: str = field(default_factory=lambda: token_urlsafe(48))

    @property
    def redirect_uri(self) -> str:
        return f"{self.origin}/bookgate-return.html"

    def query(self, **more: str) -> str:
        digest = sha256(self.verifier.encode()).digest()
        params = {
            "response_type": "code",
            "client_id": self.origin,
            "redirect_uri": self.redirect_uri,
            "response_mode": self.mode,
            "state": self.state,
            "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        if self.key is not None:
            params["dpop_jkt"] = self.key.jkt
        return urlencode({**params, **more})

    def exchange(self, code: str, **more: str) -> dict[str, str]:
        return {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": self.verifier,
            "client_id": self.origin,
            "redirect_uri": self.redirect_uri,
            **more,
        }


class Reader:
    """One browser profile. at_provider: what the person does there: a URL to the callback's parameters."""

    def __init__(self, gateway: str, at_provider: Callable[[str], dict[str, str]]) -> None:
        self.gateway = gateway
        self.at_provider = at_provider
        self.first_party: dict[str, str] = {}
        self.partitions: dict[str, dict[str, str]] = {}
        self.clock: Callable[[], float] = time.time
        self._client = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, skip_auto_headers=["Accept-Encoding"]
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def raw(
        self, method: str, url: str, headers: Headers, data: str | bytes | None = None
    ) -> tuple[Got, list[str]]:
        async with self._client.request(
            method, urljoin(self.gateway, url), headers=headers, data=data, allow_redirects=False
        ) as response:
            text = (await response.read()).decode(errors="surrogateescape")
            lines = [(name.decode(), value.decode()) for name, value in response.raw_headers]
            got = Got(response.status, headers, lines, text)
            return got, got.every("Set-Cookie")

    async def navigate(
        self,
        url: str,
        *,
        site: str = "cross-site",
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Got:
        """One top-level navigation, redirects not followed; a form is posted by a page of the gateway."""
        sent = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": site}
        if self.first_party:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.first_party.items())
        if form is not None:
            sent |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": self.gateway}
            sent["Sec-Fetch-Site"] = "same-origin"
        sent |= headers
        method = "GET" if form is None else "POST"
        got, cookies = await self.raw(method, url, sent, None if form is None else urlencode(form))
        _keep(self.first_party, cookies)
        return got

    async def fetch(
        self, origin: str, method: str, path: str, data: str | bytes | None = None, **headers: str
    ) -> Got:
        """A book's own fetch with credentials: its partition's cookies and its Origin."""
        site = ".".join((urlsplit(origin).hostname or "").split(".")[-2:])
        partition = self.partitions.setdefault(site, {})
        sent = {"Origin": origin, "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "cross-site"}
        if partition:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in partition.items())
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        got, cookies = await self.raw(method, path, sent, data)
        _keep(partition, cookies)
        return got

    async def post(self, flow: Flow, path: str, fields: Mapping[str, str], **headers: str) -> Got:
        """A form to one of the gateway's endpoints, with a proof where the book has a key."""
        more = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        if flow.key is not None and "DPoP" not in headers:
            more["DPoP"] = flow.key.proof("POST", self.gateway + path, int(self.clock()))
        return await self.fetch(flow.origin, "POST", path, urlencode(fields), **more)

    async def through_provider(self, got: Got) -> Got:
        """From the redirect to the provider to the page that follows the sign-in."""
        assert got.status == 303, got.text
        params = self.at_provider(got.one("Location") or "")
        state = dict(parse_qsl(urlsplit(got.one("Location") or "").query))["redirect_uri"]
        got = await self.navigate(f"{urlsplit(state).path}?{urlencode(params)}")
        assert got.status == 303, got.text
        return await self.navigate(got.one("Location") or "")

    async def choose(self, page: Got, provider: str, **more: str) -> Got:
        """Follow a provider's link on the sign-in page."""
        found = re.search(rf'href="(/auth/login\?[^"]*provider={provider}[^"]*)"', page.text)
        assert found is not None, page.text
        link = found[1].replace("&amp;", "&") + "".join(f"&{name}={value}" for name, value in more.items())
        return await self.navigate(link, site="same-origin")

    async def sign_in_here(self, **more: str) -> None:
        """Sign in to the gateway itself, without a book."""
        page = await self.navigate("/auth/account", site="none")
        await self.through_provider(await self.choose(page, "campus", **more))

    async def ask(self, flow: Flow, **more: str) -> Got:
        return await self.navigate(f"/auth/authorize?{flow.query(**more)}")

    async def answer(self, got: Got, decision: str, **more: str) -> Got:
        return await self.navigate(
            "/auth/consent", form={"transaction": got.transaction, "decision": decision, **more}
        )

    async def code(self, flow: Flow, decision: str = "allow", **more: str) -> str:
        """All the way to a code, whoever is signed in."""
        got = await self.ask(flow)
        if "data-way" in got.text:
            got = await self.choose(got, "campus")
        if got.status == 303 and flow.redirect_uri not in (got.one("Location") or ""):
            got = await self.through_provider(got)
        if 'name="transaction"' in got.text:
            choice = decision if "/auth/consent" in got.text and 'value="allow"' in got.text else "go"
            got = await self.answer(got, choice, **more)
        message = got.message
        assert message["state"] == flow.state
        assert message["iss"] == self.gateway
        return message["code"]

    async def sign_in(self, flow: Flow, *, cookies: bool = True, **more: str) -> Got:
        """Steps 1 to 5. cookies=False: this browser keeps none for the book."""
        code = await self.code(flow, **more)
        got = await self.post(flow, "/auth/token", flow.exchange(code, delivery="cookie"))
        assert got.status == 200, got.text
        if not cookies:
            self.partitions.clear()
        return await self.post(flow, "/auth/confirm", {"ticket": str(got.json["ticket"])})


def _keep(jar: dict[str, str], lines: list[str]) -> None:
    for line in lines:
        pair, _, attributes = line.partition(";")
        name, _, value = pair.partition("=")
        if "max-age=0" in attributes.lower():
            jar.pop(name, None)
        else:
            jar[name] = value


def refused(got: Got, status: int, code: str) -> None:
    assert (got.status, got.error) == (status, code), got.text
    assert got.json["request_id"] == got.one("X-Request-Id")
    assert set(got.json) == {"error", "error_description", "request_id"}


def no_cors(got: Got) -> None:
    assert not [name for name, _ in got.lines if name.lower().startswith("access-control-")]
    assert "Origin" in (got.one("Vary") or "")
