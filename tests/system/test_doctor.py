"""/auth/doctor: what an author is told, what is told to nobody, and the window that is tried."""

import json
from html import unescape
from urllib.parse import urlencode

import pytest

from tests.system.house import CONSENT, DENIED, LOOPBACK, TRUSTED, House

MARK = "m4rk"


def page(**query: str) -> str:
    return f"/auth/doctor?{urlencode(query)}"


def window(origin: str, back: str | None = None, mark: str = MARK) -> str:
    query = {"origin": origin, "return": back or f"{origin}/x/bookgate-return.html", "mark": mark}
    return f"/auth/doctor/window?{urlencode(query)}"


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        pytest.param({}, [], id="the form alone"),
        pytest.param(
            {"origin": TRUSTED, "path": "/x/"}, ["origin_trusted", "return_page_accepted"], id="trusted"
        ),
        pytest.param({"book": f"{CONSENT}/x/y.html?z"}, ["origin_consent", "services"], id="consent"),
        pytest.param({"book": LOOPBACK}, ["origin_consent", "ways_in"], id="loopback"),
        pytest.param({"book": DENIED}, ["origin_denied"], id="denied"),
        pytest.param({"book": "https://new.example"}, ["origin_unlisted_consent"], id="unlisted"),
        pytest.param({"book": "http://new.example"}, ["origin_insecure"], id="plain http"),
        pytest.param({"book": f"{TRUSTED}/a%20b/"}, ["return_page_refused"], id="a path with blanks"),
    ],
)
async def test_what_an_author_is_told(house: House, query: dict[str, str], codes: list[str]) -> None:
    async with house.reader() as ada:
        got = await ada.navigate(page(**query), site="none")
    assert got.status == 200
    assert [code for code in codes if f'<span class="code">{code}</span>' not in got.text] == []
    assert got.one("Cross-Origin-Opener-Policy") == "same-origin"
    assert "frame-ancestors 'none'" in (got.one("Content-Security-Policy") or "")
    assert got.every("Set-Cookie") == []


async def test_ops_get_lines_and_a_number_and_the_public_no_file(house: House) -> None:
    async with house.reader() as ada:
        got = await ada.navigate(page(book=DENIED), site="none")
    assert f"      - {DENIED}\n" in unescape(got.text)
    assert "blocked-books@example.edu" in got.text
    request_id = got.one("X-Request-Id")
    assert request_id is not None
    assert request_id in got.text
    for secret in ("origins.yaml:", "blocked:", CONSENT, "grades"):
        assert secret not in got.text
    line = (await house.requests(request_id))[request_id]
    assert str(line["reason"]).startswith("doctor: origins.yaml:")


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        pytest.param("", "address_missing", id="empty"),
        pytest.param("bücher", "address_not_ascii", id="other letters"),
        pytest.param("javascript:alert(1)", "address_not_web", id="script"),
        pytest.param("https://<script>alert(1)</script>", "address_malformed", id="markup"),
        pytest.param("https://" + "a" * 3000, "address_too_long", id="long"),
    ],
)
async def test_what_is_no_address_is_said_with_the_form_again(house: House, typed: str, code: str) -> None:
    async with house.reader() as ada:
        got = await ada.navigate(page(book=typed), site="none")
    assert got.status == 400
    assert f'<span class="code">{code}</span>' in got.text
    assert "<script>alert" not in got.text
    assert 'name="book"' in got.text


async def test_no_book_reads_the_page_and_nobody_posts_to_it(house: House) -> None:
    async with house.reader() as ada:
        read = await ada.fetch(TRUSTED, "GET", page(book=TRUSTED))
        assert read.one("Access-Control-Allow-Origin") is None
        posted = await ada.fetch(TRUSTED, "POST", "/auth/doctor")
        assert posted.status == 403
        got = await ada.navigate("/auth/doctor?book=a&book=b", site="none")
        assert got.status == 400


async def test_the_window_tells_its_mark_to_the_book_alone(house: House) -> None:
    async with house.reader() as ada:
        got = await ada.navigate(window(TRUSTED), site="cross-site")
    assert got.message == {"bookgate": "doctor", "mark": MARK}
    assert f'"origin":"{TRUSTED}"' in got.text
    assert '"unasked":true' in got.text
    assert got.one("Cross-Origin-Opener-Policy") is None, "the opener is what is tried"


async def test_the_window_sends_nobody_on_to_a_book_that_nobody_vouches_for(house: House) -> None:
    async with house.reader() as ada:
        for origin in (CONSENT, "https://new.example"):
            got = await ada.navigate(window(origin), site="cross-site")
            assert '"unasked":false' in got.text
        got = await ada.navigate(window(DENIED), site="cross-site")
        assert (got.status, DENIED in got.text) == (403, True)
        assert "bookgate-return.html" not in got.text


@pytest.mark.parametrize(
    "address",
    [
        pytest.param(window(TRUSTED, "https://evil.example/bookgate-return.html"), id="another origin"),
        pytest.param(window(TRUSTED, f"{TRUSTED}.evil.example/x/bookgate-return.html"), id="a longer host"),
        pytest.param(window(TRUSTED, f"{TRUSTED}/redirect?to=evil"), id="another page"),
        pytest.param(window(TRUSTED, "javascript:alert(1)//bookgate-return.html"), id="script"),
        pytest.param(window(TRUSTED, mark="a b"), id="an odd mark"),
        pytest.param(window(TRUSTED, mark=""), id="no mark"),
        pytest.param(window("null"), id="no origin"),
        pytest.param("/auth/doctor/window", id="nothing"),
    ],
)
async def test_a_window_that_nobody_asked_for(house: House, address: str) -> None:
    async with house.reader() as ada:
        got = await ada.navigate(address, site="cross-site")
    assert got.status == 400
    assert "evil.example" not in got.text


async def test_a_page_asks_about_itself(house: House) -> None:
    async with house.reader() as ada:
        got, _ = await ada.raw("GET", "/.well-known/bookgate", {"Origin": CONSENT})
        told = json.loads(got.text)
        assert (told["status"], told["listed"]) == ("consent", True)
        assert told["backends"] == ["analytics", "grades", "storage"]
        assert "PUT" in told["methods"]
        got, _ = await ada.raw("GET", "/.well-known/bookgate", {"Origin": DENIED})
        told = json.loads(got.text)
        assert (told["listed"], told["backends"], told["methods"]) == (True, [], [])
        got, _ = await ada.raw("GET", "/.well-known/bookgate", {"Origin": "https://new.example"})
        assert json.loads(got.text)["listed"] is False
