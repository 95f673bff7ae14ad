"""A teacher deletes everything: their classes are named first; who is in one stays, and nobody new comes."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.system.house import House, open_house
from tests.system.test_classes import join, link_of, make, shelf
from tests.system.writing import DATA, delete


@pytest.fixture
async def school(tmp_path: Path, redis_url: str) -> AsyncGenerator[House]:
    async with open_house(tmp_path, redis_url, more="classes: {create: anyone}\n") as running:
        yield running


async def test_a_class_that_is_left_without_a_teacher(school: House) -> None:
    async with school.reader("grace") as grace, school.reader("ada") as ada, school.reader("bob") as bob:
        room = await make(grace, "7b")
        link = await link_of(grace, room)
        await join(ada, link)
        page = (await grace.navigate(DATA, site="none")).text
        assert "only teacher of these classes" in page
        assert "<li>7b</li>" in page
        assert "only teacher" not in (await ada.navigate(DATA, site="none")).text
        assert (await delete(grace)).status == 200
        assert (await bob.navigate(link)).status == 404
        assert "7b" in (await shelf(ada)).text, "who is in it stays in it"
        assert (await ada.navigate(room)).status == 200
