"""What somebody is called: their own word on the account page, told to books and services."""

from pathlib import Path

import pytest

from tests.system.guests import claims
from tests.system.house import TRUSTED, House, open_house
from tests.system.reader import Flow, Got, Reader
from tests.system.recording_backend import recording_backend


async def account(reader: Reader) -> Got:
    return await reader.navigate("/auth/account", site="none")


async def rename(reader: Reader, name: str) -> Got:
    page = await account(reader)
    form = {"transaction": page.transaction, "act": "name", "name": name}
    return await reader.navigate("/auth/account", form=form)


async def called(reader: Reader) -> object:
    user = (await reader.fetch(TRUSTED, "GET", "/auth/session")).json["user"]
    assert isinstance(user, dict)
    return user["name"]


async def test_books_hear_the_new_name_in_every_browser_and_after_the_next_sign_in(house: House) -> None:
    async with house.reader("amy") as amy, house.reader("amy") as elsewhere:
        for reader in (amy, elsewhere):
            await reader.sign_in(Flow(TRUSTED))
            assert await called(reader) == "Amy"
        page = await rename(amy, "  Amélie   O'Neil ")
        assert "Books call you so" in page.text
        assert 'value="Amélie O&#39;Neil"' in page.text
        assert [await called(reader) for reader in (amy, elsewhere)] == ["Amélie O'Neil"] * 2
        async with house.reader("amy") as later:
            await later.sign_in(Flow(TRUSTED))
            assert await called(later) == "Amélie O'Neil", "whatever the provider says"
        log = house.log.getvalue()
        assert '"person.renamed"' in log
        assert "O'Neil" not in log


async def test_an_empty_name_gives_the_word_back_to_the_provider(house: House) -> None:
    async with house.reader("gus") as gus:
        await gus.sign_in(Flow(TRUSTED))
        await rename(gus, "Gustav")
        page = await rename(gus, " ")
        assert "From your next sign-in on" in page.text
        assert await called(gus) == "Gustav"
        async with house.reader("gus") as later:
            await later.sign_in(Flow(TRUSTED))
            assert await called(later) == "Gus"


@pytest.mark.parametrize("name", ["x" * 61, "Ada\u202eevE", "Ada\x07", "\u200b"])
async def test_a_name_that_is_none_changes_nothing(house: House, name: str) -> None:
    async with house.reader("ida") as ida:
        await ida.sign_in(Flow(TRUSTED))
        page = await rename(ida, name)
        assert page.status == 422
        assert "A name has 1 to 60 letters" in page.text
        assert await called(ida) == "Ida"


async def test_a_name_is_text(house: House) -> None:
    async with house.reader("eve") as eve:
        await eve.sign_in(Flow(TRUSTED))
        page = await rename(eve, '"><script>alert(1)</script>')
        assert "<script>alert" not in page.text
        assert await called(eve) == '"><script>alert(1)</script>'


async def test_nobody_changes_it_without_an_end(house: House) -> None:
    async with house.reader("ned") as ned:
        await ned.sign_in_here()
        answers = [(await rename(ned, f"Ned {number}")).status for number in range(31)]
        assert answers == [200] * 30 + [429]


async def test_services_are_told_where_they_ask_for_names(tmp_path: Path, redis_url: str) -> None:
    wanted = "assertion: {claims: [name]}"
    async with (
        recording_backend() as grades,
        open_house(tmp_path, redis_url, grades_url=grades.url, grades_identity=wanted) as house,
        house.reader("lea") as lea,
    ):
        await lea.sign_in(Flow(TRUSTED))
        for name in ("Lea", "Lea L."):
            await rename(lea, name)
            assert (await lea.fetch(TRUSTED, "GET", "/grades/x")).status == 200
            assert claims(grades.last)["name"] == name


async def test_where_no_names_are_kept_nobody_has_one(
    tmp_path_factory: pytest.TempPathFactory, redis_url: str
) -> None:
    folder = tmp_path_factory.mktemp("children")
    async with open_house(folder, redis_url, guests="true, under_13: true") as school, school.reader() as ada:
        await ada.sign_in_here()
        assert 'value="name"' not in (await account(ada)).text
        assert (await rename(ada, "Ada")).status == 422
