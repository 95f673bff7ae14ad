"""The account page: where a person is signed in, ending any of it, and books that they allowed."""

import html
import re
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import pytest

from gateway.cookies import SIGN_IN
from tests.system.house import CONSENT, TRUSTED, House, open_house
from tests.system.reader import Flow, Got, Reader

ITEM = "/storage/v1/items/a"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19.0 Safari/604.1"


async def account(reader: Reader) -> Got:
    return await reader.navigate("/auth/account", site="none")


async def act(reader: Reader, page: Got, what: str) -> Got:
    return await reader.navigate("/auth/account", form={"transaction": page.transaction, "act": what})


async def sign_in_by(reader: Reader, device: str) -> None:
    """At the gateway itself, by a browser that calls itself so."""
    page = await account(reader)
    got = await reader.choose(page, "campus")
    params = reader.at_provider(got.one("Location") or "")
    got = await reader.navigate(f"/auth/callback/campus?{urlencode(params)}")
    await reader.navigate(got.one("Location") or "", headers={"User-Agent": device})


async def alive(reader: Reader, origin: str = TRUSTED) -> bool:
    return (await reader.fetch(origin, "GET", ITEM)).status == 200


def words(page: Got) -> str:
    """What a person reads."""
    text = re.sub(r"<(style|script).*?</\1>", "", page.text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def ends(page: Got) -> list[str]:
    return re.findall(r'value="(end:[^"]+)"', page.text)


async def test_sessions_are_told_apart_and_this_one_is_marked(house: House) -> None:
    async with house.reader("mira") as here, house.reader("mira") as phone:
        await sign_in_by(phone, IPHONE)
        await phone.sign_in(Flow(TRUSTED))
        await sign_in_by(here, FIREFOX)
        page = await account(here)
        read = words(page)
        assert "This browser Firefox on Linux" in read
        assert "Other browsers (1) Safari on iPhone" in read
        assert f"{TRUSTED} used just now" in read
        assert "with Example University" in read
        assert len(ends(page)) == 1
        assert "<script" not in page.text, "it works without"


async def test_nobody_else_is_shown(house: House) -> None:
    async with house.reader("nora") as nora, house.reader("otto") as otto:
        await nora.sign_in(Flow(TRUSTED))
        await otto.sign_in(Flow(TRUSTED))
        read = words(await account(nora))
        assert "You are signed in nowhere else." in read
        assert "Otto" not in read


async def test_one_other_browser_is_signed_out(house: House) -> None:
    async with house.reader("pia") as here, house.reader("pia") as phone, house.reader("pia") as third:
        for reader in (here, phone, third):
            await reader.sign_in(Flow(TRUSTED))
        page = await account(here)
        (chosen, _) = ends(page)
        got = await act(here, page, chosen)
        assert "That browser is signed out." in words(got)
        assert len(ends(got)) == 1
        assert await alive(here)
        assert sorted([await alive(phone), await alive(third)]) == [False, True]
        assert "was signed out already" in words(await act(here, got, chosen))


async def test_all_others_are_signed_out(house: House) -> None:
    async with house.reader("quin") as here, house.reader("quin") as phone, house.reader("bob") as bob:
        for reader in (here, phone, bob):
            await reader.sign_in(Flow(TRUSTED))
        got = await act(here, await account(here), "others")
        assert "signed out everywhere but here" in words(got)
        assert "nowhere else" in words(got)
        assert [await alive(reader) for reader in (here, phone, bob)] == [True, False, True]


async def test_somebody_elses_session_cannot_be_named(house: House) -> None:
    async with house.reader("rosa") as rosa, house.reader("sam") as sam, house.reader("sam") as sams_phone:
        for reader in (rosa, sam, sams_phone):
            await reader.sign_in(Flow(TRUSTED))
        (chosen,) = ends(await account(sam))
        got = await act(rosa, await account(rosa), chosen)
        assert "was signed out already" in words(got)
        assert [await alive(reader) for reader in (rosa, sam, sams_phone)] == [True, True, True]
        got = await act(rosa, got, f"end:{'x' * 5000}\r\n")
        assert got.status == 200


async def test_a_book_that_was_allowed_loses_its_permission(house: House) -> None:
    async with house.reader("tina") as here, house.reader("tina") as phone:
        for reader in (here, phone):
            await reader.sign_in(Flow(CONSENT))
        await here.sign_in(Flow(TRUSTED))
        page = await account(here)
        assert "Books that you allowed" in words(page)
        assert f'value="withdraw:{CONSENT}"' in page.text
        assert f'value="withdraw:{TRUSTED}"' not in page.text, "it was never asked for"
        got = await act(here, page, f"withdraw:{CONSENT}")
        assert f"{CONSENT} may not save your work any more." in words(got)
        assert "Books that you allowed" not in words(got)
        assert [await alive(reader, CONSENT) for reader in (here, phone)] == [False, False]
        assert await alive(here)
        assert "May this book save your work?" in (await here.ask(Flow(CONSENT))).text
        got = await act(here, got, f"withdraw:{CONSENT}")
        assert "had no permission any more" in words(got)


async def test_a_code_that_is_on_its_way_does_not_outlive_the_permission(house: House) -> None:
    async with house.reader("uma") as here:
        flow = Flow(CONSENT)
        code = await here.code(flow)
        await act(here, await account(here), f"withdraw:{CONSENT}")
        got = await here.post(flow, "/auth/token", flow.exchange(code, delivery="cookie"))
        assert (got.status, got.json["error"]) == (400, "invalid_grant")
        code = await here.code(flow)
        got = await here.post(flow, "/auth/token", flow.exchange(code, delivery="cookie"))
        assert got.status == 200, "a new word counts at once"


@pytest.mark.parametrize("what", ["", "end", "nonsense", "withdraw", "everywhere!", "end_others"])
async def test_what_is_no_act_of_the_page_does_nothing(house: House, what: str) -> None:
    async with house.reader("uma") as here, house.reader("uma") as phone:
        for reader in (here, phone):
            await reader.sign_in(Flow(TRUSTED))
        await act(here, await account(here), what)
        assert [await alive(here), await alive(phone)] == [True, True]


async def test_a_page_that_was_open_for_too_long_comes_again(house: House) -> None:
    async with house.reader("vera") as here, house.reader("vera") as phone:
        for reader in (here, phone):
            await reader.sign_in(Flow(TRUSTED))
        page = await account(here)
        cookies = dict(here.first_party)
        await act(here, page, "device")
        here.first_party |= cookies  # also of a browser that did not forget the transaction's
        got = await act(here, page, "others")
        assert got.status == 400
        assert "nothing was done" in words(got)
        assert 'role="alert"' in got.text
        assert await alive(phone)
        assert "everywhere but here" in words(await act(here, got, "others"))
        assert not await alive(phone)


async def test_names_are_shown_and_never_obeyed(house: House) -> None:
    house.liar.userinfo = {"name": '<b>Wanda</b> & "Co"'}
    try:
        async with house.reader("wanda") as here:
            await sign_in_by(here, "<script>alert(1)</script>Firefox/1 Linux")
            page = await account(here)
    finally:
        house.liar.userinfo = {}
    assert "<b>" not in page.text
    assert "<script" not in page.text
    assert '<b>Wanda</b> & "Co"' in words(page)


async def test_without_the_directory_what_can_be_ended_is(tmp_path: Path, redis_url: str) -> None:
    async with open_house(tmp_path, redis_url) as house, house.reader() as here, house.reader() as phone:
        for reader in (here, phone):
            await reader.sign_in(Flow(TRUSTED))
        page = await account(here)
        with closing(sqlite3.connect(tmp_path / "state" / "directory.sqlite3", isolation_level=None)) as held:
            held.execute("BEGIN EXCLUSIVE")
            got = await act(here, page, "others")
        assert got.status == 503
        assert got.one("Retry-After") is not None
        assert "not quite done" in words(got)
        assert "do it once more" in words(got)
        assert [await alive(here), await alive(phone)] == [True, False]
        got = await act(here, await account(here), "others")
        assert got.status == 200


async def test_who_wants_to_sign_out_does_not_wait_for_the_directory(tmp_path: Path, redis_url: str) -> None:
    async with open_house(tmp_path, redis_url) as house, house.reader() as here:
        await here.sign_in(Flow(CONSENT))
        with closing(sqlite3.connect(tmp_path / "state" / "directory.sqlite3", isolation_level=None)) as raw:
            for table in ("approvals", "revocations"):
                raw.execute(f"ALTER TABLE {table} RENAME TO {table}_gone")
        page = await account(here)
        assert page.status == 200
        assert "cannot be shown at the moment" in words(page)
        got = await act(here, page, "sign-out")
        assert got.status == 503
        assert not await alive(here, CONSENT)


async def test_a_page_of_who_was_signed_in_before_does_nothing(house: House) -> None:
    async with house.reader("xena") as phone:
        await sign_in_by(phone, FIREFOX)
        old = await account(phone)
        got = await phone.navigate("/auth/login?provider=campus", site="same-origin")
        params = phone.at_provider(got.one("Location") or "")
        got = await phone.navigate(f"/auth/callback/campus?{urlencode(params)}")
        await phone.navigate(got.one("Location") or "")
        got = await act(phone, old, "everywhere")
        assert got.status == 403
        assert "Somebody has signed in here" in words(got)
        assert "This browser" in words(got)
        assert "data-way" not in (await account(phone)).text, "still signed in"


async def test_a_device_of_ones_own_stays_it_for_its_person_alone(house: House) -> None:
    """Whoever proves once more who they are, as a service may want, says so once."""
    async with house.reader() as ada:
        await ada.sign_in_here(own_device="1")
        for person, lasts in (("ada", True), ("ben", False), ("ada", False)):
            ada.at_provider = partial(house.liar.authorize, subject=person)
            got = await ada.through_provider(
                await ada.navigate("/auth/login?provider=campus", site="same-origin")
            )
            (line,) = (each for each in got.every("Set-Cookie") if each.startswith(SIGN_IN))
            assert ("max-age" in line.lower()) is lasts, person
