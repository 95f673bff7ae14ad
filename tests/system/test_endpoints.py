"""What every address of ours does with methods and expectations that it does not take."""

import pytest

from gateway.proxy.streams import Streams
from tests.system.house import ORIGINS, TRUSTED, House
from tests.system.raw_client import RawClient
from tests.system.reader import Flow
from tests.system.recording_backend import closing

FORM = "Content-Type: application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/auth/session", "GET"),
        ("GET", "/auth/token", "POST"),
        ("PUT", "/auth/confirm", "POST"),
        ("DELETE", "/auth/logout", "GET, POST"),
        ("PUT", "/bookgate.js", "GET, HEAD"),
    ],
)
async def test_a_method_that_an_address_does_not_take(
    house: House, method: str, path: str, allow: str
) -> None:
    async with house.reader() as ada:
        got = await ada.fetch(TRUSTED, method, path)
        assert got.status == 405, got.text
        assert got.one("Allow") == allow
        assert got.error == "method_not_allowed"
        assert got.one("Access-Control-Allow-Origin") in {TRUSTED, "*"}


@pytest.mark.parametrize("path", ["/auth/nothing", "/auth", "/client/1/x.js", "/.well-known/x", "/nothing"])
async def test_an_address_that_nobody_has(house: House, path: str) -> None:
    async with house.reader() as ada:
        got, _ = await ada.raw("GET", path, {})
        assert got.status == 404
        assert not house.storage.received


async def test_documents_answer_head(house: House) -> None:
    async with house.reader() as ada:
        got, _ = await ada.raw("HEAD", "/bookgate.js", {"Origin": TRUSTED})
        assert (got.status, got.text) == (200, "")
        assert got.one("Access-Control-Allow-Origin") == "*"


@pytest.mark.parametrize("path", ["/auth/token", "/storage/v1/items/a"])
async def test_an_expectation_that_nobody_knows(house: House, path: str) -> None:
    async with house.reader() as ada:
        got = await ada.fetch(TRUSTED, "POST", path, "", Expect="tea")
        assert (got.status, got.error) == (417, "expectation_failed")
        assert got.one("Access-Control-Allow-Origin") == TRUSTED
        assert got.one("X-Content-Type-Options") == "nosniff"
        assert "Origin" in (got.one("Vary") or "")


async def ask_to_continue(house: House, origin: str) -> tuple[tuple[int, ...], int]:
    """The interim answers and the answer proper of a form that waits for 100."""
    client = await RawClient.connect(int(house.url.rpartition(":")[2]))
    host = house.url.partition("://")[2]
    lines = ["POST /auth/token HTTP/1.1", f"Host: {host}", f"Origin: {origin}", FORM]
    body = f"grant_type=nonsense&client_id={origin}".encode()
    lines += [f"Content-Length: {len(body)}", "Expect: 100-continue", "", ""]
    await client.send("\r\n".join(lines).encode())
    try:
        if origin == TRUSTED:
            await client.send(body)
        answer = await client.answer("POST")
    finally:
        client.close()
    return tuple(answer.interim), answer.status


async def test_a_body_is_asked_for_only_from_whom_policy_admits(house: House) -> None:
    assert await ask_to_continue(house, TRUSTED) == ((100,), 400)
    assert await ask_to_continue(house, "https://scraper.example.net") == ((), 403)


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics", "/admin", "/auth/check"])
async def test_what_is_private_is_not_on_the_public_listener(house: House, path: str) -> None:
    async with house.reader() as ada:
        got, _ = await ada.raw("GET", path, {"User-Agent": "kube-probe/1.30"})
        assert got.status == 404
        assert not house.storage.received


async def test_a_health_checks_name_opens_nothing(house: House) -> None:
    async with house.reader() as ada:
        for agent in ("kube-probe/1.30", "GoogleHC/1.0", "ELB-HealthChecker/2.0"):
            got = await ada.fetch(TRUSTED, "GET", "/storage/v1/items/a", User_Agent=agent)
            assert got.status == 401
        assert not house.storage.received


async def test_a_route_that_any_page_may_show(house: House) -> None:
    async with house.reader() as ada:
        got, _ = await ada.raw("GET", "/pictures/a.png", {"Sec-Fetch-Site": "cross-site"})
        assert (got.status, got.one("Cross-Origin-Resource-Policy")) == (200, "cross-origin")
        await ada.sign_in(Flow(TRUSTED))
        got = await ada.fetch(TRUSTED, "GET", "/storage/v1/items/a")
        assert got.one("Cross-Origin-Resource-Policy") == "same-origin"
    house.storage.received.pop()
    house.storage.assert_identity(None)


async def test_a_return_page_that_ops_listed(house: House) -> None:
    listed = f"{TRUSTED}/after-sign-in"
    async with house.reader() as ada:
        await ada.code(Flow(TRUSTED), own_device="1")
        assert (await ada.ask(Flow(TRUSTED), redirect_uri=listed)).status == 400
        try:
            house.set_origins(ORIGINS.replace("trust: trusted,", f'trust: trusted, redirects: ["{listed}"],'))
            assert "code" in (await ada.ask(Flow(TRUSTED), redirect_uri=listed)).message
            assert (await ada.ask(Flow(TRUSTED), redirect_uri=listed + "/")).status == 400
        finally:
            house.set_origins(ORIGINS)


ANSWERS = {
    "304": b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nVary: Accept\r\n\r\n',
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "302": b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
    "404": b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    "500": b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nAccess-Control-Allow-Origin: *\r\n\r\n",
    "stream": b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n",
    "garbage": b"220 ftp ready\r\n\r\n",
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("kind", ANSWERS)
async def test_every_answer_of_a_backend_can_be_read_by_its_book(
    house: House, kind: str, method: str
) -> None:
    house.storage.script = closing(ANSWERS[kind])
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        got = await ada.fetch(TRUSTED, method, "/storage/v1/items/a")
        assert got.one("Access-Control-Allow-Origin") == TRUSTED
        assert got.one("Access-Control-Allow-Credentials") == "true"
        vary = (got.one("Vary") or "").split(", ")
        assert "Origin" in vary
        assert ("Accept" in vary) == (kind == "304")


async def test_what_nobody_foresaw_is_told_as_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of our own: 500 as JSON, readable by the book; the traceback is in the log alone."""
    async with house.reader() as ada:
        await ada.sign_in(Flow(TRUSTED))
        monkeypatch.setattr(Streams, "enter", lambda *_: 1 / 0)
        got = await ada.fetch(TRUSTED, "GET", "/storage/v1/items/a")
        assert (got.status, got.error) == (500, "internal_error")
        assert got.one("Access-Control-Allow-Origin") == TRUSTED
        assert "ZeroDivision" not in got.text
        assert "ZeroDivisionError" in house.log.getvalue()
        house.log.seek(
            house.log.truncate(0)
        )  # other tests of this house ask that nothing of the kind is in it
