"""What every address of ours does with methods and expectations that it does not take."""

import pytest

from tests.system.house import TRUSTED, House
from tests.system.raw_client import RawClient

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
