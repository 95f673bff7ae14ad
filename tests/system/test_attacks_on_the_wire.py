"""Requests that no browser sends: what is no HTTP, addresses in disguise, bodies that drip."""

import asyncio
import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from tests.system.house import TRUSTED, House
from tests.system.raw_client import RawClient
from tests.system.reader import no_cors, refused

FORM = "Content-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture
async def client(house: House) -> AsyncIterator[RawClient]:
    connected = await RawClient.connect(urlsplit(house.url).port or 0)
    yield connected
    connected.close()


def head(house: House, line: str, more: str = "") -> bytes:
    host = urlsplit(house.url).netloc
    return f"{line} HTTP/1.1\r\nHost: {host}\r\nOrigin: {TRUSTED}\r\n{more}\r\n".encode("latin-1")


@pytest.mark.parametrize(
    ("more", "status"),
    [
        pytest.param("Cookie: s3cret\x01\r\n", 400, id="control byte"),
        pytest.param("s3cret value: x\r\n", 400, id="blank in a name"),
        pytest.param("X: a\r\n s3cret\r\n", 400, id="obs-fold"),
        pytest.param("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", 400, id="smuggling"),
        pytest.param("Content-Length: 3\r\nContent-Length: 3\r\n", 400, id="two lengths"),
        pytest.param("X: " + "s3cret" * 4000 + "\r\n", 431, id="too long"),
        pytest.param("X: a\r\n" * 500, 400, id="too many"),
    ],
)
async def test_what_is_no_http_is_refused_without_an_echo(
    house: House, client: RawClient, caplog: pytest.LogCaptureFixture, more: str, status: int
) -> None:
    await client.send(head(house, "POST /auth/token", more))
    answer = await client.answer()
    assert answer.status == status
    assert answer.values("Server") == ["bookgate"]
    assert answer.values("X-Content-Type-Options") == ["nosniff"]
    assert set(json.loads(answer.body)) == {"error", "error_description"}
    assert b"s3cret" not in answer.body
    assert "s3cret" not in caplog.text, "a cookie in the log"
    assert await client.at_end(), "framing in doubt"


@pytest.mark.parametrize(
    "target", ["/%61uth/account", "/auth/%61ccount", "/%61uth/session", "/auth%2Fsession", "/%63lient/x"]
)
async def test_an_address_of_ours_has_one_spelling(house: House, client: RawClient, target: str) -> None:
    """Else the router and the rules for origins would speak of two different addresses."""
    await client.send(head(house, f"GET {target}"))
    answer = await client.answer()
    assert answer.status == 404
    assert b"<html" not in answer.body or not answer.values("Access-Control-Allow-Origin")


async def test_a_page_is_for_no_origin_to_read_however_it_is_asked_for(
    house: House, client: RawClient
) -> None:
    async with house.reader() as ada:
        no_cors(await ada.fetch(TRUSTED, "GET", "/auth/account"))
    await client.send(head(house, f"GET {house.url}/auth/account"))
    answer = await client.answer()
    assert answer.status == 400
    assert await client.at_end()


async def test_a_form_that_drips_is_given_up(
    house: House, client: RawClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.forms.DEADLINE", 0.3)
    await client.send(head(house, "POST /auth/token", f"{FORM}Content-Length: 60000\r\n"))
    for _ in range(3):
        await client.send(b"a")
        await asyncio.sleep(0.05)
    answer = await asyncio.wait_for(client.answer(), 10)
    assert (answer.status, json.loads(answer.body)["error"]) == (408, "request_timeout")
    assert answer.values("Connection") == ["close"]


async def test_a_form_whose_framing_breaks(house: House, client: RawClient) -> None:
    await client.send(head(house, "POST /auth/token", f"{FORM}Transfer-Encoding: chunked\r\n"))
    await client.send(b"3\r\na=b\r\nxyz\r\n")
    answer = await client.answer()
    assert answer.status == 400
    assert await client.at_end()
    assert "unforeseen" not in house.log.getvalue()


async def test_an_origin_that_is_no_text(house: House, client: RawClient) -> None:
    sent = head(house, "GET /.well-known/bookgate").replace(TRUSTED.encode(), b"\xff\xfe")
    await client.send(sent)
    answer = await client.answer()
    assert answer.status == 200
    assert json.loads(answer.body)["your_origin"] is None


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
async def test_a_form_is_of_one_type_and_of_few_fields(house: House, kind: str) -> None:
    fields = 1 if kind == "text/plain" else 65
    body = "&".join(f"{number}=a" for number in range(fields)) + "&client_id=https://evil.example"
    async with house.reader() as ada:
        got = await ada.fetch(TRUSTED, "POST", "/auth/token", body, Content_Type=kind)
        refused(got, 400, "invalid_request")
