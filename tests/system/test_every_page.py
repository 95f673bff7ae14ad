"""What holds of every page and every form of ours, whoever adds one: found where addresses are given out."""

import re
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

import gateway.app
from tests.system.house import TRUSTED, House, open_house
from tests.system.reader import Reader

_FOLDER = Path(gateway.app.__file__).parent
ADDRESSES = {
    (method, f"/auth{path}")
    for file in _FOLDER.glob("*.py")
    for method, path in re.findall(r'\("(GET|POST)", "(/[^"]*)", ', file.read_text())
}
# answers of providers and platforms, which come from other sites; each is bound by its login cookie
FROM_ELSEWHERE = {"/auth/callback/{provider}", "/auth/lti/login", "/auth/lti/launch"}
FORMS = sorted(path for method, path in ADDRESSES if method == "POST" and path not in FROM_ELSEWHERE)
PAGES = sorted(path for method, path in ADDRESSES if method == "GET" and "assets" not in path)
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module", name="everything")
async def _everything(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> AsyncGenerator[House]:
    opened = open_house(
        tmp_path_factory.mktemp("everything"),
        redis_url,
        host="localhost",
        guests="true, class_cards: true, passkeys: true",
        more="classes: {create: anyone}\n",
    )
    async with opened as running:
        yield running


def filled(path: str) -> str:
    return re.sub(r"\{\w+\}", "campus", path)


def cookies(reader: Reader) -> str:
    return "; ".join(f"{name}={value}" for name, value in reader.first_party.items())


def test_the_addresses_are_found() -> None:
    assert {"/auth/consent", "/auth/account", "/auth/classes/card", "/auth/tokens/new"} <= set(FORMS)
    assert {"/auth/authorize", "/auth/account", "/auth/classes/join/{code}"} <= set(PAGES)


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_that_another_page_sends_does_nothing(everything: House, path: str) -> None:
    own, sent = everything.url, {"Content-Type": FORM}
    async with everything.reader() as ada:
        await ada.sign_in_here()
        transaction = (await ada.navigate("/auth/account", site="none")).transaction
        for said in (
            {"Origin": TRUSTED, "Sec-Fetch-Site": "cross-site"},
            {"Origin": "null"},
            {"Origin": own.replace("localhost", "sub.localhost"), "Sec-Fetch-Site": "same-site"},
            {"Referer": f"{own}/auth/account", "Sec-Fetch-Site": "same-origin"},
            {},
        ):
            headers = {**sent, **said, "Cookie": cookies(ada)}
            got, _ = await ada.raw("POST", filled(path), headers, f"transaction={transaction}&act=everywhere")
            assert got.status == 403, (said, got.text)
            assert not got.every("Set-Cookie")
        assert "Signed in" in (await ada.navigate("/auth/account", site="none")).text


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_framed_and_kept_and_read_by_nobody(everything: House, path: str) -> None:
    async with everything.reader() as ada:
        await ada.sign_in_here()
        for site in ("none", "cross-site"):
            got = await ada.navigate(filled(path), site=site)
            assert got.status < 500
            assert "no-store" in (got.one("Cache-Control") or "")
            assert not got.every("Access-Control-Allow-Origin")
            if got.status == 303:
                continue
            policy = got.one("Content-Security-Policy") or ""
            assert "frame-ancestors 'none'" in policy
            assert "default-src 'none'" in policy
            assert got.one("X-Frame-Options") == "DENY"
            nonces = set(re.findall(r'<(?:script|style) nonce="([^"]+)"', got.text))
            assert len(nonces) == 1
            assert f"'nonce-{nonces.pop()}'" in policy
            assert not re.search(r"<(?:script|style)(?! nonce)|\son\w+=|javascript:|\sstyle=", got.text)


@pytest.mark.parametrize("path", [path for path in PAGES if not path.startswith("/auth/lti/")])
async def test_a_page_is_no_picture_and_no_frame_of_another_page(everything: House, path: str) -> None:
    """It would begin something and leave a cookie: a hundred such end a sign-in that is under way."""
    async with everything.reader() as ada:
        for dest, mode in (
            ("image", "no-cors"),
            ("iframe", "navigate"),
            ("empty", "cors"),
            ("embed", "navigate"),
        ):
            headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": dest, "Sec-Fetch-Mode": mode}
            got = await ada.navigate(filled(path), headers=headers)
            assert got.status == 403
            assert not got.every("Set-Cookie")


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_that_is_asked_for_with_odd_words_says_them_as_words(
    everything: House, path: str
) -> None:
    """In whatever parameter: nothing that comes with an address becomes markup, or a line of the head."""
    odd = "%22%27%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E%0D%0AX-Odd:%201"
    names = ("transaction", "provider", "back", "code", "book", "lang", "state", "error", "iss", "leave")
    async with everything.reader() as ada:
        await ada.sign_in_here()
        for name in (*names, "client_id", "redirect_uri", "again", "not_you", "words", "own_device"):
            got = await ada.navigate(f"{filled(path)}?{name}={odd}", site="none")
            assert got.status < 500, name
            assert "<script>alert" not in got.text
            assert got.one("X-Odd") is None
        got = await ada.navigate(re.sub(r"\{\w+\}", "%22%3E%3Cscript%3Ealert(1)", path), site="none")
        assert got.status < 500
        assert "<script>alert" not in got.text
