"""Who finds a class card, guesses words or prints cards to be in the way of others."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.limits import CARD_TRIES
from tests.authenticator import Authenticator
from tests.system.house import House, open_house
from tests.system.test_class_cards import ORIGINS, printed, use
from tests.system.test_classes import make, post
from tests.system.test_passkeys import NEW, USE, made, used
from tests.system.test_token_pages import make as make_token
from tests.system.test_token_pages import status_of, token_of

REPORTS = """
  reports:
    urls: ["STORAGE"]
    routes: [{path: /reports/, strip: true}]
    personal_tokens: true
"""


@pytest.fixture(name="school")
async def _school(tmp_path: Path, redis_url: str) -> AsyncGenerator[House]:
    opened = open_house(
        tmp_path,
        redis_url,
        host="localhost",
        guests="true, class_cards: true, passkeys: true",
        more="classes: {create: anyone}\n",
        more_backends=REPORTS,
        origins=ORIGINS.replace("grades]", "grades, reports]"),
    )
    async with opened as running:
        yield running


async def test_who_found_a_card_has_nothing_of_it_when_it_is_replaced(school: House) -> None:
    phone = Authenticator(school.url, "localhost")
    async with school.reader("grace") as grace, school.reader() as finder, school.reader() as child:
        room = await make(grace)
        (_, words), _ = await printed(grace, room)
        await use(finder, words)
        got = await made(finder, await finder.navigate(NEW, site="same-origin"), phone)
        assert got.status == 303, got.text
        token = token_of(await make_token(finder))
        assert await status_of(school, token) == 200
        ((_, new),) = await printed(grace, room, act="replace:1")
        assert await status_of(school, token) == 401
        finder.first_party.clear()
        got = await used(finder, await finder.navigate(USE, site="same-origin"), phone)
        assert (got.status, got.one("Location")) == (400, None), got.text
        assert (await use(child, new)).status == 303


async def test_a_card_of_another_class_with_the_same_first_words_is_in_nobodys_way(school: House) -> None:
    async with (
        school.reader("mallory") as mallory,
        school.reader("grace") as grace,
        school.reader() as child,
    ):
        decoy = await make(mallory, "decoys")
        await printed(mallory, decoy, count="1")
        room = await make(grace)
        ((_, words),) = await printed(grace, room, count="1")
        with closing(sqlite3.connect(school.settings.state / "directory.sqlite3")) as connection, connection:
            same = "UPDATE class_cards SET found_by = (SELECT found_by FROM class_cards WHERE class_id = ?)"
            connection.execute(same, (room.rpartition("/")[2],))
        first, second, *rest = words.split()
        for _ in range(CARD_TRIES.amount):
            wrong = " ".join((first, second, *rest[::-1]))
            assert (await use(mallory, wrong)).status == 403
        assert (await use(mallory, wrong)).status == 429
        with closing(sqlite3.connect(school.settings.state / "directory.sqlite3")) as connection, connection:
            connection.execute(
                "UPDATE class_cards SET number = 2 WHERE class_id = ?", (room.rpartition("/")[2],)
            )
        assert (await use(child, words)).status == 303, "its own tries are all there"


async def test_a_sheet_of_many_cards_holds_nobody_up(school: House) -> None:
    """Each code costs some milliseconds: what others ask comes in between."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.thread_time()  # of this thread alone, however busy the machine is
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)

    async with school.reader("grace") as grace:
        room = await make(grace)
        got = await post(grace, room, await grace.navigate(room), act="cards", count="200")
        watching = asyncio.create_task(watch())
        sheet = await grace.navigate(got.one("Location") or "")
        watching.cancel()
        assert sheet.text.count('class="qr"') == 200
    assert longest < 0.3
