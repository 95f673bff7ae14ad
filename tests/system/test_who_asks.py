"""Whose requests reach a backend, and how everybody else's is refused."""

from base64 import urlsafe_b64decode

import msgspec
import pytest

from tests.system.data_path import (
    BOOK,
    CONSENT,
    PUBLIC,
    READER,
    STRANGER,
    TWO_BOOKS,
    DataPath,
    sub_for_book,
)
from tests.system.recording_backend import RecordingBackend


@pytest.mark.parametrize(
    ("origin", "status", "code"),
    [
        pytest.param(BOOK, 401, "login_required", id="trusted"),
        pytest.param(CONSENT, 403, "consent_required", id="consent"),
        pytest.param(None, 401, "login_required", id="no origin"),
        pytest.param(PUBLIC, 401, "login_required", id="our own"),
    ],
)
async def test_nobody_s_request_is_refused_by_the_origin_s_trust(
    path: DataPath, recorder: RecordingBackend, origin: str | None, status: int, code: str
) -> None:
    answer = await path.ask(origin=origin, person=None)
    assert (answer.status, msgspec.json.decode(answer.body)["error"]) == (status, code)
    assert recorder.received == []


async def test_a_stranger_s_origin_is_refused_before_anything_is_looked_up(
    path: DataPath, recorder: RecordingBackend
) -> None:
    path.sign_in("mallory", STRANGER)
    asked = path.sessions.asked
    answer = await path.ask(origin=STRANGER, person="mallory", method="POST")
    assert answer.status == 403
    assert (recorder.received, path.sessions.asked) == ([], asked)


async def test_another_site_s_post_without_an_origin_is_refused(
    path: DataPath, recorder: RecordingBackend
) -> None:
    answer = await path.ask("/public/x", "Sec-Fetch-Site: cross-site", method="POST", origin=None)
    assert answer.status == 403
    assert recorder.received == []


async def test_a_public_route_is_nobody_s_even_with_a_session(
    path: DataPath, recorder: RecordingBackend
) -> None:
    asked = path.sessions.asked
    assert (await path.ask("/public/x")).status == 200
    recorder.assert_identity(None)
    assert path.sessions.asked == asked


async def test_an_optional_route_is_somebody_s_or_nobody_s(
    path: DataPath, recorder: RecordingBackend
) -> None:
    await path.ask("/maybe/x")
    recorder.assert_identity("ada")
    recorder.clear()
    await path.ask("/maybe/x", person=None)
    recorder.assert_identity(None)
    recorder.clear()
    answer = await path.ask("/maybe/x", f"X-Bookgate-Person: {sub_for_book('ada', BOOK)}", person=None)
    assert (answer.status, recorder.received) == (401, [])


async def test_another_person_s_session_is_409_before_anything_is_forwarded(
    path: DataPath, recorder: RecordingBackend
) -> None:
    believed = f"X-Bookgate-Person: {sub_for_book('ada', BOOK)}"
    assert (await path.ask("/storage/x", believed, method="PUT")).status == 200
    recorder.clear()
    answer = await path.ask("/storage/x", believed, method="PUT", person="ben")
    assert msgspec.json.decode(answer.body)["error"] == "person_changed"
    assert (answer.status, recorder.received) == (409, [])


def claims_of(recorder: RecordingBackend) -> dict[str, str]:
    token = recorder.last.values("X-Bookgate-Assertion")[0]
    payload = token.split(".")[1]
    claims: dict[str, str] = msgspec.json.decode(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


async def test_the_book_is_the_origin_s(path: DataPath, recorder: RecordingBackend) -> None:
    await path.ask("/storage/x")
    assert claims_of(recorder)["book"] == "books.example.edu"
    await path.ask("/storage/x", origin=TWO_BOOKS, person="cleo")
    assert claims_of(recorder)["book"] == "ada-cs1"
    await path.ask("/storage/x", "X-Bookgate-Book: ada-logic", origin=TWO_BOOKS, person="cleo")
    assert claims_of(recorder)["book"] == "ada-logic"


@pytest.mark.parametrize("origin", [BOOK, TWO_BOOKS])
async def test_a_book_of_another_origin_is_refused(
    path: DataPath, recorder: RecordingBackend, origin: str
) -> None:
    person = {BOOK: "ada", TWO_BOOKS: "cleo"}[origin]
    answer = await path.ask("/storage/x", "X-Bookgate-Book: other", origin=origin, person=person)
    assert (answer.status, recorder.received) == (400, [])


async def test_a_backend_that_policy_does_not_list_is_forbidden(
    path: DataPath, recorder: RecordingBackend
) -> None:
    assert ((await path.ask("/other/x")).status, recorder.received) == (403, [])


@pytest.mark.parametrize(
    ("target", "method", "origin", "person", "status"),
    [
        pytest.param("/storage/few/x", "POST", BOOK, "ada", 405, id="route"),
        pytest.param("/storage/x", "PUT", READER, "eve", 403, id="read only"),
        pytest.param("/storage/x", "OPTIONS", BOOK, "ada", 405, id="no preflight"),
        pytest.param("/public/x", "TRACE", None, None, 405, id="TRACE"),
    ],
)
async def test_methods(
    path: DataPath,
    recorder: RecordingBackend,
    target: str,
    method: str,
    origin: str | None,
    person: str | None,
    status: int,
) -> None:
    answer = await path.ask(target, method=method, origin=origin, person=person)
    assert (answer.status, recorder.received) == (status, [])


async def test_a_preflight_never_reaches_a_backend(path: DataPath, recorder: RecordingBackend) -> None:
    asked = "Access-Control-Request-Method: PUT"
    answer = await path.ask("/storage/x", asked, method="OPTIONS", person=None)
    assert (answer.status, recorder.received) == (204, [])


async def test_a_service_worker_s_script_is_refused(path: DataPath, recorder: RecordingBackend) -> None:
    answer = await path.ask("/public/worker.js", "Service-Worker: script", origin=None)
    assert (answer.status, recorder.received) == (403, [])
