"""An unmodified book's calls, through the whole gateway to a real storage service."""

import json
from collections.abc import AsyncGenerator

import pytest

from tests.ports import free_port
from tests.system.house import CONSENT, MIRROR, TRUSTED, House, open_house
from tests.system.reader import Flow, Got, Reader, refused
from tests.system.real_services import storage_at

EVENT = {
    "event": "mChoice",
    "act": "answer:1:correct",
    "answer": "1",
    "correct": "T",
    "div_id": "mc_one",
    "course_name": "tinybook",
    "clientLoginStatus": True,
    "timezoneoffset": 0,
    "percent": 1,
}
ASKED = {"div_id": "mc_one", "course": "tinybook", "event": "mChoice"}


@pytest.fixture(scope="module")
async def books(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> AsyncGenerator[House]:
    folder, port = tmp_path_factory.mktemp("books"), free_port()
    async with (
        open_house(folder, redis_url, storage_url=f"http://127.0.0.1:{port}") as house,
        storage_at(port, folder / "storage.db", house),
    ):
        yield house


async def call(reader: Reader, origin: str, name: str, fields: object, **headers: str) -> Got:
    """As the books' scripts send it, with the credentials that the author's script adds."""
    return await reader.fetch(
        origin,
        "POST",
        f"/ns/{name}",
        json.dumps(fields),
        Content_Type="application/json; charset=utf-8",
        Accept="application/json",
        **headers,
    )


async def history(reader: Reader, origin: str) -> object:
    detail = (await call(reader, origin, "assessment/gethist", {"acid": "ac_hello"})).json["detail"]
    assert isinstance(detail, dict)
    return detail["history"]


async def test_a_preflight_allows_what_the_calls_send(books: House) -> None:
    asked = "content-type,idempotency-key,x-bookgate-person,x-bookgate-time"
    async with books.reader() as ada:
        got = await ada.fetch(
            TRUSTED,
            "OPTIONS",
            "/ns/logger/bookevent",
            Access_Control_Request_Method="POST",
            Access_Control_Request_Headers=asked,
        )
    allowed = (got.one("Access-Control-Allow-Headers") or "").lower().replace(" ", "").split(",")
    assert (got.status, set(asked.split(",")) - set(allowed)) == (204, set())


async def test_saved_here_and_restored_in_another_browser(books: House) -> None:
    run = {"div_id": "ac_hello", "code": "print(1)\n", "to_save": "True", "course": "tinybook"}
    async with books.reader("ada") as here, books.reader("ada") as elsewhere:
        await here.sign_in(Flow(TRUSTED))
        saved = await call(here, TRUSTED, "logger/bookevent", EVENT)
        assert (saved.status, saved.json) == (201, {"detail": None})
        assert saved.one("Access-Control-Allow-Origin") == TRUSTED
        assert (await call(here, TRUSTED, "logger/runlog", run)).status == 201
        with_partner = await call(here, TRUSTED, "logger/runlog", run | {"partner": "ben"})
        assert with_partner.status == 207
        await elsewhere.sign_in(Flow(TRUSTED))
        got = await call(elsewhere, TRUSTED, "assessment/results", ASKED)
        detail = got.json["detail"]
        assert isinstance(detail, dict)
        assert (detail["answer"], detail["correct"], detail["percent"]) == ("1", True, 1)
        assert await history(elsewhere, TRUSTED) == ["print(1)\n"] * 2
        assert (await elsewhere.fetch(TRUSTED, "GET", "/ns/logger/getAllCompletionStatus")).json == {
            "detail": []
        }
        # the same answer stands among the items
        item = await elsewhere.fetch(TRUSTED, "GET", "/storage/v1/items/ns:mChoice:mc_one?course=tinybook")
        assert item.json["answer"] == "1"


async def test_a_replay_and_the_time_of_the_device(books: House) -> None:
    made = "2026-11-20T08:00:00.000Z"
    async with books.reader("ben") as ben:
        await ben.sign_in(Flow(TRUSTED))
        for _ in range(2):
            got = await call(
                ben, TRUSTED, "logger/bookevent", EVENT, Idempotency_Key="k-1", X_Bookgate_Time=made
            )
            assert got.status == 201
        got = await ben.fetch(TRUSTED, "GET", "/storage/v1/items/ns:mChoice:mc_one/versions?course=tinybook")
        found = got.json["versions"]
        assert isinstance(found, list)
        assert [version["client_ts"] for version in found] == [made]


async def test_who_one_is_comes_from_the_session_alone(books: House) -> None:
    async with books.reader("cleo") as cleo, books.reader("eve") as eve:
        await cleo.sign_in(Flow(TRUSTED))
        assert (await call(cleo, TRUSTED, "logger/bookevent", EVENT)).status == 201
        await eve.sign_in(Flow(TRUSTED))
        asked = ASKED | {"sid": "cleo", "username": "cleo"}
        assert (await call(eve, TRUSTED, "assessment/results", asked)).json == {"detail": "no data"}
        # another book is another shelf, whatever course its pages name
        await cleo.sign_in(Flow(MIRROR))
        assert (await call(cleo, MIRROR, "assessment/results", ASKED)).json == {"detail": "no data"}
        stale = await call(cleo, TRUSTED, "logger/bookevent", EVENT, X_Bookgate_Person="somebody-else")
        refused(stale, 409, "person_changed")


async def test_signed_out_is_said_in_the_gateways_words(books: House) -> None:
    async with books.reader() as nobody:
        refused(await call(nobody, TRUSTED, "logger/bookevent", EVENT), 401, "login_required")
        refused(await call(nobody, CONSENT, "logger/bookevent", EVENT), 403, "consent_required")
        refused(await call(nobody, TRUSTED, "logger/set_tz_offset", {}), 401, "login_required")


async def test_refusals_keep_their_code_and_can_be_read(books: House) -> None:
    async with books.reader("dan") as dan:
        await dan.sign_in(Flow(TRUSTED))
        for fields, status, code in (
            ([], 400, "invalid_json"),
            ({"div_id": 1}, 400, "invalid_field"),
            ({"answer": "x" * 70_000}, 413, "too_large"),
        ):
            got = await call(dan, TRUSTED, "logger/bookevent", fields)
            assert (got.status, got.json["code"]) == (status, code)
            assert got.one("Access-Control-Allow-Origin") == TRUSTED
        assert (await call(dan, TRUSTED, "v1/internal/merge", {})).status == 404
