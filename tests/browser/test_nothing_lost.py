"""A write that cannot be taken now is lost by nobody: signed out, offline, another account, a killed tab."""

import sqlite3
from contextlib import closing

from tests.browser.house import House
from tests.browser.names import TRUSTED
from tests.browser.reader import Reader

PUT_AS = """fetch(book.gateway + '/storage/v1/items/a?mode=lww', {
  method: 'PUT', body: '1', credentials: 'include',
  headers: {'Content-Type': 'application/json', 'X-Bookgate-Person': arg}}).then((answer) => answer.json())"""
OTHER_DEVICE = """book.fetch('/storage/v1/items/p?mode=lww&kind=program', {
  method: 'PUT', body: '"other device"',
  headers: {'Content-Type': 'application/json'}}).then((answer) => answer.status)"""


def events_of(house: House) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(house.folder / "analytics.sqlite3")) as database:
        return database.execute("select type, item from events where item = 'q'").fetchall()


def end_session(reader: Reader) -> None:
    """The session ends behind the page's back."""
    reader.cdp("Network.clearBrowserCookies")


def test_offline_then_online(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.sign_in("Mia")
    network = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    reader.cdp("Network.enable")
    reader.cdp("Network.emulateNetworkConditions", offline=True, **network)
    reader.book("book.save('a', 'offline')")
    reader.wait(lambda: reader.shown("status").text == "1 change waiting on this device")
    assert reader.book("book.load('a')") == "offline"
    reader.cdp("Network.emulateNetworkConditions", offline=False, **network)
    reader.wait(lambda: reader.book("book.status")["state"] == "saved")
    reader.open(house.book(TRUSTED))
    assert reader.book("book.load('a')") == "offline"


def test_a_session_that_ends_in_mid_page(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.sign_in("Nia")
    reader.book("book.save('a', 'first')")
    reader.wait(lambda: reader.book("book.status")["state"] == "saved")
    end_session(reader)
    reader.book("book.save('a', 'second')")
    reader.wait(lambda: reader.name() is None)
    reader.open(house.book(TRUSTED))  # the tab may even be gone
    reader.sign_in("Nia")
    reader.wait(lambda: reader.book("book.status")["state"] == "saved")
    reader.open(house.book(TRUSTED))
    assert reader.book("book.load('a')") == "second"


def test_work_of_one_person_never_goes_out_as_another(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.sign_in("Oda")
    end_session(reader)
    reader.book("book.save('a', 'of Oda')")
    reader.wait(lambda: reader.name() is None)
    reader.sign_in("Pia")
    assert reader.name() == "Pia"
    assert reader.book("book.load('a')") is None
    assert reader.book("book.status")["waiting"] == 0
    end_session(reader)
    reader.open(house.book(TRUSTED))
    reader.sign_in("Oda")
    reader.wait(lambda: reader.book("book.status")["state"] == "saved")
    assert reader.book("book.load('a')") == "of Oda"


def test_an_account_switched_in_another_tab_before_a_save(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.sign_in("Quin")
    quin = reader.book("book.user.sub")
    first = reader.driver.current_window_handle
    end_session(reader)
    reader.driver.switch_to.new_window("tab")
    reader.open(house.book(TRUSTED))
    reader.sign_in("Ria")
    reader.driver.switch_to.window(first)
    assert reader.book(PUT_AS, quin)["error"] == "person_changed"
    reader.wait(lambda: reader.name() == "Ria")  # the tabs of a book tell each other


def test_work_done_before_signing_in_is_asked_about(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.book("book.save('a', 'before')")
    reader.wait(lambda: reader.shown("status").text == "Kept on this device only")
    reader.open(house.book(TRUSTED))
    assert reader.book("book.load('a')") == "before"
    reader.sign_in("Sue")
    assert reader.book("book.load('a')") is None
    reader.wait(lambda: "Sue" in reader.shown("question").text)
    reader.click("keep")
    reader.wait(lambda: reader.book("book.status")["state"] == "saved")
    assert reader.book("book.load('a')") == "before"


def test_two_devices_that_write_the_same_item(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.sign_in("Tom")
    reader.book("book.save('p', 'one', {kind: 'program'})")
    reader.wait(lambda: reader.book("book.status")["state"] == "saved")
    assert reader.book(OTHER_DEVICE) == 204
    reader.book("(book.addEventListener('conflict', (event) => (window.conflict = event.detail)), 1)")
    reader.book("book.save('p', 'two', {kind: 'program'})")
    reader.wait(lambda: reader.book("window.conflict?.value") == "other device")
    reader.wait(lambda: reader.book("book.status")["state"] == "saved")
    assert reader.book("book.load('p')") == "two"
    answer = reader.book("book.fetch('/storage/v1/items/p/versions').then((answer) => answer.json())")
    assert len(answer["versions"]) >= 3


def test_events_reach_analytics_when_the_page_goes(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.sign_in("Uma")
    reader.book("book.log({type: 'Submit', item: 'q', answer: 'b'})")
    reader.driver.get("about:blank")
    reader.wait(lambda: events_of(house) == [("Submit", "q")])
