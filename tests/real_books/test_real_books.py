"""Unmodified Runestone and PreTeXt books: every answer is back elsewhere, whatever came in between."""

from itertools import groupby

import pytest

from tests.browser.conftest import NewReader
from tests.browser.reader import Reader
from tests.browser.setting import Setting
from tests.real_books.activities import (
    Activity,
    Desk,
    pretext_activities,
    runestone_activities,
    seen,
    until_ready,
)
from tests.real_books.conftest import Address

BOOKS = {"runestone": runestone_activities(), "pretext": pretext_activities()}
KEPT = "/storage/v1/items?prefix=ns&course=smallbook&limit=200"
ON_THE_WAY = ("ns.log:", "ns:timedExam.begun:")  # no answers yet
Seen = dict[str, list[object]]


@pytest.fixture(params=BOOKS)
def book(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def address(book: str, request: pytest.FixtureRequest) -> Address:
    found: Address = request.getfixturevalue(book)
    return found


@pytest.fixture
def activities(book: str) -> tuple[Activity, ...]:
    return BOOKS[book]


def pages(activities: tuple[Activity, ...]) -> list[tuple[str, list[Activity]]]:
    return [(page, list(group)) for page, group in groupby(activities, lambda one: one.page)]


def answer_page(reader: Reader, activities: list[Activity]) -> Seen:
    for activity in activities:
        until_ready(reader, activity)
        activity.answer(Desk(reader, activity.name))
        reader.wait(lambda one=activity: seen(reader, one), activity.kind)  # type: ignore[misc]
    return {one.kind: seen(reader, one) for one in activities}


def restored(reader: Reader, activities: list[Activity], expected: Seen) -> Seen:
    for activity in activities:
        until_ready(reader, activity)

    def now() -> Seen:
        return {one.kind: seen(reader, one) for one in activities}

    def wanted() -> Seen:
        return {one.kind: expected[one.kind] for one in activities}

    try:
        reader.wait(lambda: now() == wanted())
    except Exception:  # ruff: ignore[blind-except]  # the difference says more than the time
        assert now() == wanted()
    return now()


def sign_in(reader: Reader, name: str) -> None:
    """Until the page has been loaded again for the reader who signed in."""
    before = reader.driver.execute_script("return performance.timeOrigin")
    again = "return globalThis.bookgate !== undefined && performance.timeOrigin !== arguments[0]"
    reader.sign_in(name, until=lambda: bool(reader.driver.execute_script(again, before)))
    reader.until_connected()


def until_kept(reader: Reader, activities: list[Activity]) -> None:
    """Until storage has all of the answers: components show some of them before they report them."""

    def kept() -> bool:
        if not reader.driver.execute_script("return globalThis.bookgate !== undefined"):
            return False  # the page is being loaded again
        items = reader.book(f"book.fetch('{KEPT}').then((answer) => answer.json())").get("items", [])
        ids = [item["id"] for item in items if not item["id"].startswith(ON_THE_WAY)]
        return all(any(name.endswith(f":{one.name}") for name in ids) for one in activities)

    reader.wait(kept, "all is kept")
    reader.until_saved()


def is_back_elsewhere(
    phone: Reader, address: Address, activities: tuple[Activity, ...], name: str, answers: Seen
) -> None:
    phone.open(address(activities[0].page))
    sign_in(phone, name)
    for page, group in pages(activities):
        phone.open(address(page))
        restored(phone, group, answers)


@pytest.mark.parametrize("setting", [Setting.CHROMIUM, Setting.FIREFOX], ids=lambda one: one.label)
def test_every_answer_is_back_in_a_fresh_profile(
    new_reader: NewReader, address: Address, activities: tuple[Activity, ...], book: str
) -> None:
    laptop, name, answers = new_reader("laptop"), f"Ada of {book}", Seen()
    laptop.open(address(activities[0].page))
    sign_in(laptop, name)
    for page, group in pages(activities):
        laptop.open(address(page))
        answers |= answer_page(laptop, group)
        until_kept(laptop, group)
    laptop.close()
    is_back_elsewhere(new_reader("phone"), address, activities, name, answers)


def network(reader: Reader, *, cut: bool) -> None:
    reader.cdp("Network.enable")
    unlimited = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    reader.cdp("Network.emulateNetworkConditions", offline=cut, **unlimited)


def test_with_the_network_cut_in_mid_page(
    new_reader: NewReader, address: Address, activities: tuple[Activity, ...], book: str
) -> None:
    laptop, name, answers = new_reader("laptop"), f"Bea of {book}", Seen()
    laptop.open(address(activities[0].page))
    sign_in(laptop, name)
    for page, group in pages(activities):
        laptop.open(address(page))
        for activity in group:
            until_ready(laptop, activity)
        network(laptop, cut=True)
        answers |= answer_page(laptop, group)
        laptop.wait(lambda: laptop.book("book.status")["state"] == "waiting", "waiting")
        network(laptop, cut=False)
        laptop.open(address(page))  # what waits is shown, wherever it is by now
        restored(laptop, group, answers)
        until_kept(laptop, group)
    laptop.close()
    is_back_elsewhere(new_reader("phone"), address, activities, name, answers)


def test_with_the_session_ended_in_mid_page(
    new_reader: NewReader, address: Address, activities: tuple[Activity, ...], book: str
) -> None:
    laptop, name, answers = new_reader("laptop"), f"Cleo of {book}", Seen()
    laptop.open(address(activities[0].page))
    sign_in(laptop, name)
    for page, group in pages(activities):
        laptop.open(address(page))
        for activity in group:
            until_ready(laptop, activity)
        laptop.cdp("Network.clearBrowserCookies")
        answers |= answer_page(laptop, group)
        laptop.wait(lambda reader=laptop: reader.name() is None, "signed out")  # type: ignore[misc]
        laptop.sign_in(name)
        if laptop.book("book.status")["unclaimed"] > 0:
            laptop.click("keep")
        until_kept(laptop, group)
    laptop.close()
    is_back_elsewhere(new_reader("phone"), address, activities, name, answers)


def test_the_next_pupil_at_the_same_computer(
    reader: Reader, address: Address, activities: tuple[Activity, ...], book: str
) -> None:
    page, group = pages(activities)[0]
    reader.open(address(page))
    sign_in(reader, f"Dora of {book}")
    answer_page(reader, group)
    until_kept(reader, group)
    reader.click("sign-out")
    reader.wait(lambda: reader.driver.execute_script("return eBookConfig.username === ''"), "nobody's page")
    nothing: Seen = {one.kind: [] for one in group}
    restored(reader, group, nothing)
    assert not reader.driver.execute_script(
        "return Object.keys(localStorage).filter((name) => name.includes(' '))"
    )
    sign_in(reader, f"Eve of {book}")
    restored(reader, group, nothing)
    assert reader.book("book.status")["unclaimed"] == 0


def test_answers_of_nobody_are_asked_about(
    new_reader: NewReader, address: Address, activities: tuple[Activity, ...], book: str
) -> None:
    laptop, name = new_reader("laptop"), f"Fay of {book}"
    page, group = pages(activities)[0]
    laptop.open(address(page))
    answers = answer_page(laptop, group)
    laptop.open(address(page))
    restored(laptop, group, answers)
    sign_in(laptop, name)
    restored(laptop, group, {one.kind: [] for one in group})
    laptop.click("keep")
    until_kept(laptop, group)
    restored(laptop, group, answers)
    laptop.close()
    phone = new_reader("phone")
    phone.open(address(page))
    sign_in(phone, name)
    restored(phone, group, answers)


def test_a_page_that_was_completed_is_so_elsewhere(new_reader: NewReader, runestone: Address) -> None:
    laptop, page = new_reader("laptop"), runestone("chap1/questions.html")
    laptop.open(page)
    sign_in(laptop, "Gil")
    Desk(laptop, "scprogresscontainer").click("#completionButton.buttonAskCompletion")
    laptop.until_saved()
    laptop.close()
    phone = new_reader("phone")
    phone.open(page)
    sign_in(phone, "Gil")
    Desk(phone, "scprogresscontainer").find("#completionButton.buttonConfirmCompletion")
