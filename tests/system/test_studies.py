"""What research asks, through a whole gateway: the page, and what services are told."""

import uuid
from collections.abc import AsyncGenerator

import pytest

from tests.system.guests import claims
from tests.system.house import TRUSTED, House, open_house
from tests.system.reader import Flow, Got, Reader

PAGE = "/auth/studies"
ITEM = "/storage/v1/items/a"
BOOK = "books.example.edu"


@pytest.fixture(scope="module")
async def lab(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> AsyncGenerator[House]:
    """Where a study asks the readers of one book."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "study.md").write_text("We look at errors.\n\nNobody learns your name.", "utf-8")
    study = (
        f"{{title: Error messages, irb: STUDY1, basis: consent, level: 3, books: [{BOOK}],"
        ' text: {file: study.md}, from: "2020-01-01", to: "2099-12-31"}'
    )
    async with open_house(folder, redis_url, more=f"studies: {{errors: {study}}}\n") as running:
        yield running


def somebody() -> str:
    return f"ada-{uuid.uuid4().hex[:8]}"


async def cap(house: House, reader: Reader) -> object:
    """What storage is told."""
    assert (await reader.fetch(TRUSTED, "GET", ITEM)).status == 200
    said = claims(house.storage.last)
    assert said["book"] == BOOK
    return said["research_cap"]


async def say(reader: Reader, page: Got, answer: str) -> Got:
    act = page.text.split(f'value="{answer}:errors:')[1].split('"')[0]
    form = {"transaction": page.transaction, "act": f"{answer}:errors:{act}"}
    return await reader.navigate(PAGE, form=form)


async def test_yes_and_no_are_told_at_once_and_after_the_next_sign_in(lab: House) -> None:
    name = somebody()
    async with lab.reader(name) as ada, lab.reader(name) as elsewhere:
        for reader in (ada, elsewhere):
            await reader.sign_in(Flow(TRUSTED))
        assert await cap(lab, ada) == 1, "nobody is in before they said so"
        page = await ada.navigate(PAGE, site="none")
        assert "Nobody learns your name." in page.text
        assert "You have not answered yet" in page.text
        yes = await say(ada, page, "yes")
        assert "You take part." in yes.text
        assert [await cap(lab, reader) for reader in (ada, elsewhere)] == [3, 3]
        async with lab.reader(name) as later:
            await later.sign_in(Flow(TRUSTED))
            assert await cap(lab, later) == 3
        assert "Error messages" in (await ada.navigate("/auth/account", site="none")).text
        await say(ada, yes, "no")
        assert [await cap(lab, reader) for reader in (ada, elsewhere)] == [1, 1]


async def told(reader: Reader) -> object:
    return (await reader.fetch(TRUSTED, "GET", "/auth/session")).json.get("studies")


async def test_the_book_hears_of_the_question_until_it_is_answered(lab: House) -> None:
    name = somebody()
    async with lab.reader(name) as ada, lab.reader(name) as elsewhere, lab.reader() as nobody:
        assert await told(nobody) is None
        for reader in (ada, elsewhere):
            assert (await reader.sign_in(Flow(TRUSTED))).json["studies"] == [BOOK]
            assert await told(reader) == [BOOK]
        await say(ada, await ada.navigate(PAGE, site="none"), "no")
        assert [await told(reader) for reader in (ada, elsewhere)] == [None, None]
        assert "studies" not in (await ada.sign_in(Flow(TRUSTED))).json


async def test_who_is_not_in_the_book_is_not_asked(lab: House) -> None:
    async with lab.reader(somebody()) as ada:
        await ada.sign_in_here()
        page = await ada.navigate(PAGE, site="none")
        assert "No study asks you at the moment." in page.text
        account = await ada.navigate("/auth/account", site="none")
        form = {"transaction": account.transaction, "act": "yes:errors:x"}
        assert (await ada.navigate(PAGE, form=form)).status == 400


async def test_the_answer_is_to_the_text_that_was_read(lab: House) -> None:
    async with lab.reader(somebody()) as ada:
        await ada.sign_in(Flow(TRUSTED))
        page = await ada.navigate(PAGE, site="none")
        form = {"transaction": page.transaction, "act": "yes:errors:anothertext0"}
        assert "The text has changed" in (await ada.navigate(PAGE, form=form)).text
        assert await cap(lab, ada) == 1


async def test_a_form_counts_once_and_is_the_sessions_own(lab: House) -> None:
    async with lab.reader(somebody()) as ada:
        await ada.sign_in(Flow(TRUSTED))
        page = await ada.navigate(PAGE, site="none")
        other = await ada.navigate(PAGE, site="none")
        await say(ada, page, "no")
        assert (await say(ada, page, "yes")).status == 400
        await ada.through_provider(await ada.navigate("/auth/login?provider=campus", site="same-origin"))
        assert (await say(ada, other, "yes")).status == 403
        async with lab.reader() as nobody:
            form = {"transaction": page.transaction, "act": "yes:errors:x"}
            assert (await nobody.navigate(PAGE, form=form)).one("Location") == "/auth/account"
            asked = await nobody.navigate(PAGE, site="none")
            led = await nobody.through_provider(await nobody.choose(asked, "campus"))
            assert led.one("Location") == PAGE, "after the sign-in"
