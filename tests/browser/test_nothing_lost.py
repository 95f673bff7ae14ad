"""A write that cannot be taken now is lost by nobody: signed out, offline, another account, a killed tab."""

from tests.browser.chromium import Reader
from tests.browser.house import House
from tests.browser.names import TRUSTED

FORGET = "indexedDB.databases().then((all) => all.length)"


def end_session(reader: Reader) -> None:
    """The session ends behind the page's back."""
    reader.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})


def test_offline_then_online(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.sign_in("Mia")
    network = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    reader.driver.execute_cdp_cmd("Network.enable", {})
    reader.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": True, **network})
    reader.book("book.save('a', 'offline')")
    reader.wait(lambda: reader.shown(".status").text == "1 waiting on this device")
    assert reader.book("book.load('a')") == "offline"
    reader.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": False, **network})
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
    reader.wait(lambda: reader.name is None)
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
    reader.wait(lambda: reader.name is None)
    reader.sign_in("Pia")
    assert reader.name == "Pia"
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
    end_session(reader)
    first = reader.driver.current_window_handle
    reader.driver.switch_to.new_window("tab")
    reader.open(house.book(TRUSTED))
    second = reader.driver.current_window_handle
    reader.click("#sign-in")
    popup = next(h for h in reader.driver.window_handles if h not in {first, second})
    reader.driver.switch_to.window(popup)
    reader.wait(lambda: len(reader.driver.window_handles) == 2 or not reader.answer_page("Ria", own_device=False, allow=True))
    while popup in reader.driver.window_handles:
        try:
            reader.answer_page("Ria", own_device=False, allow=True)
        except Exception:  # noqa: BLE001, S110
            pass
    reader.driver.switch_to.window(first)
    response = "book.fetch('/storage/v1/items/a?mode=lww', {method: 'PUT', body: '1', headers: {'Content-Type': 'application/json', 'X-Bookgate-Person': arg}}).then((r) => r.status)"
    assert reader.book(response, quin) in {409, 204, 201}


def test_work_done_before_signing_in_is_asked_about(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.book("book.save('a', 'before')")
    reader.wait(lambda: reader.shown(".status").text == "1 waiting on this device")
    reader.open(house.book(TRUSTED))
    assert reader.book("book.load('a')") == "before"
    reader.sign_in("Sue")
    assert reader.book("book.load('a')") is None
    reader.wait(lambda: "Sue" in reader.shown("#question").text)
    reader.click("#keep")
    reader.wait(lambda: reader.book("book.status")["state"] == "saved")
    assert reader.book("book.load('a')") == "before"


def test_two_devices_that_write_the_same_item(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.sign_in("Tom")
    reader.book("book.save('p', 'one', {kind: 'program'})")
    reader.wait(lambda: reader.book("book.status")["state"] == "saved")
    other = "{method: 'PUT', body: '\"other device\"', headers: {'Content-Type': 'application/json'}}"
    assert reader.book(f"book.fetch('/storage/v1/items/p?mode=lww&kind=program', {other}).then((r) => r.status)") == 204
    reader.book("(book.addEventListener('conflict', (event) => (window.conflict = event.detail)), 1)")
    reader.book("book.save('p', 'two', {kind: 'program'})")
    reader.wait(lambda: reader.book("window.conflict?.value") == "other device")
    reader.wait(lambda: reader.book("book.status")["state"] == "saved")
    assert reader.book("book.load('p')") == "two"
    versions = reader.book("book.fetch('/storage/v1/items/p/versions').then((r) => r.json())")["versions"]
    assert len(versions) >= 3


def test_events_reach_analytics_when_the_page_goes(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.sign_in("Uma")
    reader.book("book.log({type: 'Submit', item: 'q', answer: 'b'})")
    reader.driver.get("about:blank")
    reader.wait(lambda: '"POST"' in house.log("analytics") or "/v1/events" in house.log("gateway"))
