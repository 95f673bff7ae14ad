"""What is kept of a person, handed out and deleted, through a whole gateway."""

import asyncio
import io
import json
import sqlite3
import time
import uuid
import zipfile
from contextlib import closing
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.system.guests import BUSY, MERGE, begin, claims, save, sign_in
from tests.system.house import CONSENT, TRUSTED, House, open_house
from tests.system.reader import Flow, Got, Reader
from tests.system.recording_backend import Connection, saying


class Clock:
    """Unix time that a test can move."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


DATA = "/auth/account/data"
LINES = b'HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nContent-Length: 8\r\n\r\n{"a": 1}'
INTERNAL = "/v1/internal/"


def person(name: str) -> str:
    """Somebody who was in no book before this test."""
    return f"{name}-{uuid.uuid4().hex[:8]}"


async def page(reader: Reader) -> Got:
    got = await reader.navigate(DATA, site="none")
    assert got.status == 200, got.text
    return got


async def act(reader: Reader, got: Got, what: str, **more: str) -> Got:
    return await reader.navigate(DATA, form={"transaction": got.transaction, "act": what, **more})


def asked(house: House, purpose: str) -> list[tuple[str, object, object]]:
    """Whom both services were asked about, and in which book."""
    return [
        (name, said["sub"], said["book"])
        for name, service in (("storage", house.storage), ("analytics", house.analytics))
        for said in [claims(each) for each in service.received if each.target == f"{INTERNAL}{purpose}"]
    ]


async def test_everything_is_handed_out(house: House) -> None:
    for service in (house.storage, house.analytics):
        service.script = saying(LINES)
    async with house.reader(person("ada")) as ada:
        await ada.sign_in(Flow(TRUSTED))
        shown = await page(ada)
        assert TRUSTED in shown.text
        got = await act(ada, shown, "export")
        assert got.one("Content-Type") == "application/zip"
        archive = zipfile.ZipFile(io.BytesIO(got.body))
        assert archive.testzip() is None
        receipt = json.loads(archive.read("receipt.json"))
        assert receipt["missing"] == []
        assert receipt["services_without_export"] == ["grades"]
        (people,) = json.loads(archive.read("gateway/people.json"))
        assert people["name"].startswith("Ada")
        for each in asked(house, "export"):
            assert each[2] in [file.get("book") for file in receipt["files"]]
        answers = [name for name in archive.namelist() if name.startswith(("storage/", "analytics/"))]
        assert {archive.read(name) for name in answers} == {b'{"a": 1}'}
        assert len(answers) == len(asked(house, "export")) == 2


async def test_after_a_copy_the_same_page_deletes(house: House) -> None:
    async with house.reader(person("ada")) as ada:
        await ada.sign_in(Flow(TRUSTED))
        shown = await page(ada)
        for _ in range(2):
            got = await act(ada, shown, "export")
            assert got.one("Content-Type") == "application/zip"
        deleted = await act(ada, shown, "delete", sure="1")
        assert "Everything of yours is deleted here" in deleted.text


async def test_who_does_not_answer_is_named(house: House) -> None:
    house.storage.script, house.analytics.script = saying(BUSY), saying(LINES)
    async with house.reader(person("ada")) as ada:
        await ada.sign_in(Flow(TRUSTED))
        shown = await page(ada)
        got = await act(ada, shown, "export")
        archive = zipfile.ZipFile(io.BytesIO(got.body))
        (missing,) = json.loads(archive.read("receipt.json"))["missing"]
        assert missing["backend"] == "storage"
        assert len([name for name in archive.namelist() if name.startswith("analytics/")]) == 1


async def test_everything_goes_and_the_person_is_gone(house: House) -> None:
    name = person("ada")
    async with house.reader(name) as ada, house.reader(name) as elsewhere, house.reader("bob") as bob:
        await ada.sign_in(Flow(CONSENT))
        for reader in (elsewhere, bob):
            await reader.sign_in(Flow(TRUSTED))
        shown = await page(ada)
        assert CONSENT in shown.text
        kept = await act(ada, shown, "delete")
        assert "Nothing was deleted" in kept.text
        assert (await elsewhere.fetch(TRUSTED, "GET", "/storage/v1/items/a")).status == 200
        got = await act(ada, kept, "delete", sure="1")
        assert "Everything of yours is deleted here" in got.text
        for reader, origin, status in ((ada, CONSENT, 403), (elsewhere, TRUSTED, 401)):
            assert (await reader.fetch(origin, "GET", "/storage/v1/items/a")).status == status
        assert (await bob.fetch(TRUSTED, "GET", "/storage/v1/items/a")).status == 200
        assert {name for name, _, _ in asked(house, "delete")} == {"storage", "analytics"}
        assert "grades" in got.text, "it takes no such orders"
        again = await bob.navigate(receipt_address(got), site="none")
        assert "Everything of yours is deleted here" in again.text
        assert "Your account" not in (await ada.navigate(DATA, site="none")).text


def receipt_address(got: Got) -> str:
    return "/auth/account/receipt/" + unescape(got.text).split("/auth/account/receipt/")[1].split('"')[0]


async def test_until_a_service_knows_nobody_begins_anew(house: House) -> None:
    house.storage.script = saying(BUSY)
    async with house.reader(person("ada")) as ada:
        await ada.sign_in(Flow(TRUSTED))
        got = await act(ada, await page(ada), "delete", sure="1")
        assert "Services that are not told yet" in got.text
        refused = await ada.through_provider(await ada.ask(Flow(TRUSTED)))
        assert refused.status == 503
        heard = asyncio.Event()

        async def listen(connection: Connection) -> None:
            await saying(LINES)(connection)
            heard.set()

        house.storage.script = listen
        async with asyncio.timeout(30):
            await heard.wait()
            for _ in range(300):
                if "not told yet" not in (await ada.navigate(receipt_address(got), site="none")).text:
                    break
                await asyncio.sleep(0.1)
            await ada.sign_in(Flow(TRUSTED))


@pytest.mark.parametrize("number", ["x", "guest-somebody"])
async def test_a_receipt_is_known_by_its_address_alone(house: House, number: str) -> None:
    async with house.reader(person("ada")) as ada:
        assert (await ada.navigate(f"/auth/account/receipt/{number}", site="none")).status == 404


async def test_a_form_counts_once_and_from_our_own_page(house: House) -> None:
    async with house.reader(person("ada")) as ada:
        await ada.sign_in(Flow(TRUSTED))
        shown = await page(ada)
        form = {"transaction": shown.transaction, "act": "delete", "sure": "1"}
        for origin in ("https://evil.example", "null", TRUSTED):
            crossed = await ada.navigate(DATA, form=form, headers={"Origin": origin})
            assert crossed.status == 403
        unsaid = await ada.raw("POST", DATA, cookie_of(ada), urlencode(form))
        assert unsaid[0].status == 403
        stale = await act(ada, shown, "delete")
        twice = await act(ada, shown, "delete", sure="1")
        assert (stale.status, twice.status) == (200, 400)
        assert "nothing was done" in twice.text
        assert asked(house, "delete") == []


def cookie_of(reader: Reader) -> dict[str, str]:
    """What a browser sends that says nothing of where the form was."""
    cookies = "; ".join(f"{name}={value}" for name, value in reader.first_party.items())
    return {"Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded"}


async def test_a_page_of_the_session_before_deletes_nobody(house: House) -> None:
    """Somebody else signed in meanwhile, in the same browser: the old page is still open there."""
    async with house.reader(person("ada")) as ada:
        await ada.sign_in(Flow(TRUSTED))
        shown = await page(ada)
        await act(ada, await page(ada), "export")
        again = await ada.navigate("/auth/login?provider=campus", site="same-origin")
        await ada.through_provider(again)
        got = await act(ada, shown, "delete", sure="1")
        assert got.status == 403
        assert asked(house, "delete") == []


async def test_a_merge_has_no_such_page(house: House) -> None:
    async with house.reader(person("ada")) as ada:
        await begin(ada, Flow(TRUSTED))
        await save(house, ada)
        await sign_in(ada, Flow(TRUSTED), "keep")
        received = [each for each in house.storage.received if each.target == MERGE]
        assert received, "there is a decision"
        assert (
            await ada.navigate(f"/auth/account/receipt/{await decision(house)}", site="none")
        ).status == 404


async def decision(house: House) -> str:
    """The id of the newest merge, as the directory has it."""
    with closing(sqlite3.connect(house.settings.state / "directory.sqlite3")) as database:
        query = "SELECT id FROM decisions WHERE purpose = 'merge' ORDER BY decided DESC"
        return str(database.execute(query).fetchone()[0])


async def test_it_is_proved_again_who_they_are(tmp_path: Path, redis_url: str) -> None:
    clock = Clock()
    async with open_house(tmp_path, redis_url, clock=clock) as house, house.reader(person("ada")) as ada:
        await ada.sign_in(Flow(TRUSTED), own_device="1")
        shown = await page(ada)
        clock.ahead = 601
        opened = await ada.navigate(DATA, site="none")
        posted = await act(
            ada, shown, "delete", sure="1"
        )  # a form's answer is a page that goes there by itself
        assert "prompt=login" in (opened.one("Location") or "")
        assert "prompt=login" in posted.text
        assert asked(house, "delete") == []
