"""An application with pages on a host of its own: signed in by redirect, its own cookie, nobody else's."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from gateway.cookies import APPLICATION, SIGN_IN
from tests.system.echo_socket import echoing
from tests.system.house import TRUSTED, House, open_house, subject
from tests.system.raw_client import RawClient
from tests.system.reader import Flow, Got, Reader

NOTEBOOKS = """
  notebooks:
    urls: ["STORAGE"]
    host: notebooks.localhost:PORT
    routes:
      - {path: /}
      - {path: /open/, sign_in: none}
      - {path: /grades/, step_up: {max_age: 10m, acr: [mfa]}}
    response: {html: allow, cookies: [_xsrf]}
    request: {cookies: [_xsrf]}
    websocket: true
  pictures: {urls: ["STORAGE"], host: pictures.localhost:PORT, routes: [{path: /}]}
"""


@pytest.fixture(name="house", scope="module")
async def _house(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("house")
    async with open_house(folder, redis_url, more_backends=NOTEBOOKS) as opened:
        yield opened


class Visitor:
    """The same browser at an application's host: cookies of its own there."""

    def __init__(self, reader: Reader, name: str = "notebooks") -> None:
        self.reader = reader
        self.cookies: dict[str, str] = {}
        self.host = f"{name}.localhost:{urlsplit(reader.gateway).port}"
        self.origin = f"http://{self.host}"

    async def ask(self, target: str, method: str = "GET", data: str | None = None, **headers: str) -> Got:
        sent = {"Host": self.host, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.cookies and "Cookie" not in sent:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        got, lines = await self.reader.raw(method, target, sent, data)
        for line in lines:
            name, _, value = line.partition(";")[0].partition("=")
            if "max-age=0" in line.lower():
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return got

    async def navigate(self, target: str, site: str = "none") -> Got:
        return await self.ask(
            target, Sec_Fetch_Dest="document", Sec_Fetch_Mode="navigate", Sec_Fetch_Site=site
        )

    async def to_code(self, got: Got) -> str:
        """Through the gateway's own pages to the address that the code is sent to."""
        got = await self.reader.navigate(found(got))
        if "data-way" in got.text:
            got = await self.reader.choose(got, "campus")
        if got.status == 303 and self.host not in found(got):
            got = await self.reader.through_provider(got)
        if 'name="transaction"' in got.text:
            got = await self.reader.answer(got, "go")
        if got.status == 303:
            return found(got)
        target = re.search(r'"target":"([^"]*)"', got.text)
        assert target is not None, got.text
        return target[1].replace("\\u0026", "&")

    async def enter(self, target: str = "/tree?x=1") -> Got:
        """All the way to the page."""
        back = await self.to_code(await self.navigate(target))
        assert back.startswith(f"{self.origin}/auth/continue?")
        arrived = await self.navigate(path_of(back), "cross-site")
        assert arrived.status == 303, arrived.text
        again = await self.navigate(found(arrived), "cross-site")
        assert (again.status, found(again)) == (303, target)
        return await self.navigate(target, "cross-site")


def found(got: Got) -> str:
    return got.one("Location") or ""


def path_of(url: str) -> str:
    return url[len("/".join(url.split("/")[:3])) :]


@pytest.fixture
async def ada(house: House) -> AsyncIterator[Visitor]:
    async with house.reader() as reader:
        yield Visitor(reader)


async def test_a_page_of_its_own_after_one_sign_in(house: House, ada: Visitor) -> None:
    page = await ada.enter()
    assert page.status == 200
    last = house.storage.last
    assert last.target == "/tree?x=1"
    assert subject(last)
    assert APPLICATION not in "".join(last.values("Cookie"))
    assert "sandbox" not in (page.one("Content-Security-Policy") or "")
    assert page.one("Access-Control-Allow-Origin") is None
    assert (last.values("X-Forwarded-Host"), last.values("X-Forwarded-Proto")) == ([ada.host], ["http"])


async def test_a_page_that_wants_a_fresh_and_strong_sign_in_leads_to_one(house: House, ada: Visitor) -> None:
    assert (await ada.enter()).status == 200
    try:
        house.liar.claims = {"auth_time": int(time.time()), "acr": "mfa"}
        sent = await ada.navigate("/grades/1")
        asked = parse_qs(urlsplit(found(sent)).query)
        assert (sent.status, asked["max_age"], asked["acr_values"]) == (303, ["600"], ["mfa"])
        refused = await ada.ask("/grades/1", Origin=ada.origin)
        assert (refused.status, refused.error) == (401, "step_up_required"), "a script is told, not led"
        assert (await ada.enter("/grades/1")).status == 200
    finally:
        house.liar.claims = {}


async def test_signed_in_already_it_takes_no_click(ada: Visitor) -> None:
    await ada.reader.sign_in_here(own_device="1")
    page = await ada.enter()
    assert page.status == 200
    other = Visitor(ada.reader, "pictures")
    assert (await other.enter("/a")).status == 200
    assert other.cookies != ada.cookies


async def test_the_cookie_is_the_host_s_own(ada: Visitor) -> None:
    back = await ada.to_code(await ada.navigate("/tree"))
    got = await ada.navigate(path_of(back), "cross-site")
    (line,) = [line for line in got.every("Set-Cookie") if line.startswith(APPLICATION)]
    assert line.partition("; ")[2] == "Path=/; Secure; HttpOnly; SameSite=Lax"
    assert SIGN_IN not in ada.cookies


async def test_on_one_s_own_device_it_lasts(ada: Visitor) -> None:
    await ada.reader.sign_in_here(own_device="1")
    back = await ada.to_code(await ada.navigate("/tree"))
    got = await ada.navigate(path_of(back), "cross-site")
    (line,) = [line for line in got.every("Set-Cookie") if line.startswith(APPLICATION)]
    assert "Max-Age=" in line


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_is_no_navigation_is_told_to_sign_in(house: House, ada: Visitor, method: str) -> None:
    house.storage.clear()
    got = await ada.ask("/api", method, Origin=ada.origin, Sec_Fetch_Dest="empty", Sec_Fetch_Mode="cors")
    assert (got.status, got.error) == (401, "login_required")
    assert house.storage.received == []


async def test_a_public_route_needs_nobody(house: House, ada: Visitor) -> None:
    got = await ada.ask("/open/x")
    assert got.status == 200
    assert house.storage.last.identities() == []


@pytest.mark.parametrize(
    "origin", ["http://evil.localhost", TRUSTED, "null", "http://pictures.localhost", "GATEWAY"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_no_other_origin_reaches_it(house: House, ada: Visitor, origin: str, method: str) -> None:
    """Neither a book that policy trusts, nor a sibling, nor a page of the gateway's own."""
    await ada.enter()
    house.storage.clear()
    said = {"Origin": origin.replace("GATEWAY", house.url), "Sec_Fetch_Site": "same-site"}
    if method == "OPTIONS":
        said["Access_Control_Request_Method"] = "POST"
    got = await ada.ask("/api", method, **said)
    assert got.status == 403
    assert not [name for name, _ in got.lines if name.lower().startswith("access-control-")]
    assert house.storage.received == []


async def test_a_form_of_another_site_is_nobody_s(house: House, ada: Visitor) -> None:
    await ada.enter()
    house.storage.clear()
    got = await ada.ask("/api", "POST", Sec_Fetch_Site="cross-site", Sec_Fetch_Dest="document")
    assert (got.status, got.error) == (403, "cross_site_refused")
    got = await ada.ask("/api", "GET", Sec_Fetch_Site="cross-site", Sec_Fetch_Dest="image")
    assert (got.status, got.error) == (401, "login_required")
    assert house.storage.received == []


async def test_its_own_page_may_write(house: House, ada: Visitor) -> None:
    await ada.enter()
    house.storage.clear()
    got = await ada.ask(
        "/api", "POST", "x", Origin=ada.origin, X_XSRFToken="t", Cookie=cookies(ada, _xsrf="t")
    )
    assert got.status == 200
    last = house.storage.last
    assert (last.values("X-XSRFToken"), last.values("Cookie"), last.values("Origin")) == (
        ["t"],
        ["_xsrf=t"],
        [],
    )


def cookies(visitor: Visitor, **more: str) -> str:
    return "; ".join(f"{name}={value}" for name, value in {**visitor.cookies, **more}.items())


async def test_another_host_s_cookie_is_nobody_s(house: House, ada: Visitor) -> None:
    await ada.enter()
    other = Visitor(ada.reader, "pictures")
    house.storage.clear()
    got = await other.ask("/a", Origin=other.origin, Cookie=cookies(ada))
    assert (got.status, got.error) == (401, "login_required")
    book = await ada.reader.fetch(TRUSTED, "GET", "/storage/v1/items/a", Cookie=cookies(ada))
    assert book.status == 401
    assert house.storage.received == []


async def test_the_public_url_s_cookie_is_nobody_s_here(house: House, ada: Visitor) -> None:
    await ada.reader.sign_in_here()
    house.storage.clear()
    value = ada.reader.first_party[SIGN_IN]
    for name in (SIGN_IN, APPLICATION):
        got = await ada.ask("/api", Origin=ada.origin, Cookie=f"{name}={value}")
        assert got.status == 401
    assert house.storage.received == []


# --- the way there and back


async def test_a_code_is_good_once_and_a_second_use_ends_the_session(ada: Visitor) -> None:
    first = path_of(await ada.to_code(await ada.navigate("/tree")))
    login = dict(ada.cookies)
    assert (await ada.navigate(first, "cross-site")).status == 303
    ada.cookies |= login
    again = await ada.navigate(first, "cross-site")
    assert again.status == 400
    assert (await ada.ask("/api", Origin=ada.origin)).status == 401


async def test_a_code_of_somebody_else_is_not_taken(house: House, ada: Visitor) -> None:
    """Who is sent to a return page with a code of the attacker's would work as the attacker."""
    async with house.reader("eve") as reader:
        eve = Visitor(reader)
        theirs = parse_qs(urlsplit(await eve.to_code(await eve.navigate("/tree"))).query)
    mine = path_of(await ada.to_code(await ada.navigate("/tree")))
    state = parse_qs(urlsplit(mine).query)["state"][0]
    got = await ada.navigate(f"/auth/continue?code={theirs['code'][0]}&state={state}&iss={house.url}")
    assert got.status == 400
    got = await ada.navigate(
        f"/auth/continue?code={theirs['code'][0]}&state={theirs['state'][0]}&iss={house.url}"
    )
    assert got.status == 400
    assert APPLICATION not in ada.cookies


async def test_an_answer_of_another_gateway_is_not_taken(ada: Visitor) -> None:
    mine = path_of(await ada.to_code(await ada.navigate("/tree")))
    assert (await ada.navigate(mine.replace("iss=http", "iss=https"))).status == 400
    assert (await ada.navigate(mine.partition("&iss")[0])).status == 400


async def test_a_code_of_one_host_is_no_other_s(house: House, ada: Visitor) -> None:
    other = Visitor(ada.reader, "pictures")
    await other.navigate("/a")
    theirs = parse_qs(urlsplit(await ada.to_code(await ada.navigate("/tree"))).query)["code"][0]
    sent = await other.navigate("/a")
    state = parse_qs(urlsplit(found(sent)).query)["state"][0]
    got = await other.navigate(f"/auth/continue?code={theirs}&state={state}&iss={house.url}")
    assert got.status == 400


async def test_a_transaction_of_one_host_is_no_other_s(ada: Visitor) -> None:
    other = Visitor(ada.reader, "pictures")
    await other.enter("/a")
    mine = parse_qs(urlsplit(found(await ada.navigate("/tree"))).query)["state"][0]
    other.cookies |= ada.cookies
    assert (await other.navigate(f"/auth/arrived?state={mine}")).status == 400


async def test_a_browser_without_cookies_does_not_go_round(ada: Visitor) -> None:
    back = path_of(await ada.to_code(await ada.navigate("/tree")))
    arrived = found(await ada.navigate(back, "cross-site"))
    ada.cookies.pop(APPLICATION)
    got = await ada.navigate(arrived)
    assert got.status == 400
    assert "cookie" in got.text


async def test_who_says_no_is_told_so(house: House, ada: Visitor) -> None:
    sent = await ada.navigate("/tree")
    state = parse_qs(urlsplit(found(sent)).query)["state"][0]
    got = await ada.navigate(f"/auth/continue?error=access_denied&state={state}&iss={house.url}")
    assert got.status == 403
    assert "Open it again" in got.text


@pytest.mark.parametrize("target", ["//evil.example/x", "/\\evil.example", "/%2fevil.example", "/a/../b"])
async def test_no_way_back_is_read_as_another_host_s(ada: Visitor, target: str) -> None:
    client = await RawClient.connect(urlsplit(ada.reader.gateway).port or 0)
    await client.send(
        f"GET {target} HTTP/1.1\r\nHost: {ada.host}\r\nSec-Fetch-Dest: document\r\n\r\n".encode()
    )
    answer = await client.answer()
    client.close()
    assert answer.status in {400, 404}


async def test_authorize_takes_no_other_way_back(house: House, ada: Visitor) -> None:
    sent = found(await ada.navigate("/tree"))
    for old, new in (
        ("%2Fauth%2Fcontinue", "%2Fauth%2Farrived"),
        ("%2Fauth%2Fcontinue", "%2Ftree%2Fbookgate-return.html"),
        ("response_mode=query", "response_mode=fragment"),
        ("response_mode=query", "response_mode=web_message"),
    ):
        assert old in sent
        assert (await ada.reader.navigate(sent.replace(old, new))).status == 400
    book = Flow(TRUSTED, mode="query")
    assert (await ada.reader.ask(book)).status == 400, "no book's page reads a query"
    assert house.url in sent


async def test_ours_on_that_host_is_little(ada: Visitor) -> None:
    for path in ("/auth/", "/auth/account", "/auth/authorize", "/auth/token", "/auth/session", "/auth"):
        assert (await ada.navigate(path)).status == 404, path
    assert (await ada.ask("/auth/continue", "POST", Origin=ada.origin)).status == 405
    assert found(await ada.navigate("/auth/logout")) == f"{ada.reader.gateway}/auth/logout"


async def test_hosts_that_nobody_has_are_misdirected(ada: Visitor) -> None:
    ada.host = "evil.localhost"
    got = await ada.ask("/tree")
    assert (got.status, got.error) == (421, "misdirected")


async def test_its_routes_are_nowhere_else(ada: Visitor) -> None:
    got = await ada.reader.navigate("/open/x", site="none")
    assert got.status == 404
    other = Visitor(ada.reader, "pictures")
    assert (await other.ask("/open/x", Origin=other.origin)).status == 401, "nor at another application's"


# --- how it ends


@pytest.mark.parametrize("act", ["sign-out", "everywhere"])
async def test_signing_out_ends_it(house: House, ada: Visitor, act: str) -> None:
    await ada.enter()
    page = await ada.reader.navigate("/auth/account", site="none")
    assert ada.origin in page.text
    await ada.reader.navigate("/auth/account", form={"transaction": page.transaction, "act": act})
    house.storage.clear()
    got = await ada.ask("/api", Origin=ada.origin)
    assert (got.status, got.error) == (401, "login_required")
    assert house.storage.received == []


async def test_a_socket_is_its_own_page_s_and_ends_with_the_session(house: House, ada: Visitor) -> None:
    await ada.enter()
    house.storage.script = echoing()
    url, signed_in = f"{house.url}/live", {"Host": ada.host, "Cookie": cookies(ada)}
    async with aiohttp.ClientSession() as client:
        for headers, status in (
            ({**signed_in, "Origin": "http://evil.localhost"}, 403),
            ({**signed_in, "Origin": house.url}, 403),
            ({"Host": ada.host, "Origin": ada.origin}, 401),
        ):
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await client.ws_connect(url, headers=headers)
            assert caught.value.status == status
        async with client.ws_connect(url, headers={**signed_in, "Origin": ada.origin}) as socket:
            await socket.send_str("there?")
            assert (await socket.receive(10)).data == "there?"
            await asyncio.sleep(2.5)  # longer than whoever watches over streams needs to cut a stranger's
            await socket.send_str("still?")
            assert (await socket.receive(10)).data == "still?"
            page = await ada.reader.navigate("/auth/account", site="none")
            form = {"transaction": page.transaction, "act": "everywhere"}
            await ada.reader.navigate("/auth/account", form=form)
            assert (await socket.receive(10)).type is aiohttp.WSMsgType.CLOSE
            assert socket.close_code == 4401
