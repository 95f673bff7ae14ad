"""Work that waits on the device: killing, filling, hiding or taking over the browser loses and mixes none."""

import json
import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.browser.conftest import NewReader
from tests.browser.house import House
from tests.browser.names import TRUSTED
from tests.browser.reader import Reader, RefusedError

VERSIONS = "book.fetch(`/storage/v1/items/${arg}/versions`).then((answer) => answer.json())"
SAVES = "Promise.all(arg.map((id) => book.save(id, id + 'x'.repeat(20000), {kind: 'program'})))"
FILE = "book.exportWaiting().then((blob) => blob.text())"
OUTBOX = """new Promise((done) => {
  const asked = indexedDB.open('bookgate ' + book.gateway);
  asked.onsuccess = () => {
    const all = asked.result.transaction('outbox').objectStore('outbox').getAll();
    all.onsuccess = () => {
      asked.result.close();
      done(all.result.map(({person, body}) => ({person, body})));
    };
  };
})"""
ALL_SPEEDS = {"downloadThroughput": -1, "uploadThroughput": -1}
# 150,000 characters that a disk cannot squeeze
NOISE = """Array.from({length: 5}, () => Array.from(crypto.getRandomValues(new Uint16Array(30000)),
  (number) => String.fromCharCode(number % 0xd000)).join('')).join('')"""
DEAF = """
globalThis.BroadcastChannel = class { postMessage() {} close() {} };
const ignore = (event) => event.stopImmediatePropagation();
for (const type of ['focus', 'visibilitychange']) addEventListener(type, ignore, true);
"""


def network(reader: Reader, *, offline: bool = False, latency: int = 0) -> None:
    reader.cdp("Network.enable")
    reader.cdp("Network.emulateNetworkConditions", offline=offline, latency=latency, **ALL_SPEEDS)


def block_storage(reader: Reader, *urls: str) -> None:
    """The gateway answers, its storage does not."""
    reader.cdp("Network.enable")
    reader.cdp("Network.setBlockedURLs", urls=list(urls))


def fill_device(reader: Reader, origin: str, size: int) -> None:
    """size: bytes that the browser lets the origin keep."""
    reader.cdp("Storage.overrideQuotaForOrigin", origin=origin, quotaSize=size)


def kill(reader: Reader) -> None:
    """The browser, and every tab of it, at once and without a word: it is the driver's child."""
    driver = reader.driver.service.process.pid  # type: ignore[attr-defined]  # Chromium's driver has a service
    for stat in Path("/proc").glob("[0-9]*/stat"):
        fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
        if int(fields[1]) == driver:
            os.kill(int(stat.parent.name), signal.SIGKILL)


def stored(house: House, prefix: str) -> list[str]:
    with closing(sqlite3.connect(house.folder / "storage.sqlite3")) as database:
        rows = database.execute("select id from items where id like ? order by id", (f"{prefix}%",))
        return [str(row[0]) for row in rows]


def test_a_tab_that_is_killed_in_mid_save(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.sign_in("Kim")
    network(reader, latency=10_000)
    reader.book("book.save('killed', 'all of it')")  # the promise is kept from here on
    kill(reader)
    reader.restart()
    reader.open(house.book(TRUSTED))
    if reader.name() is None:
        assert stored(house, "killed") == []
        reader.sign_in("Kim")
    reader.until_saved()
    reader.open(house.book(TRUSTED))
    assert reader.book("book.load('killed')") == "all of it"
    assert len(reader.book(VERSIONS, "killed")["versions"]) == 1


def test_what_is_sent_late_says_when_it_was_made(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.sign_in("Lea")
    network(reader, offline=True)
    reader.book("book.write('/storage/v1/items/late?mode=lww', {method: 'PUT', body: '1', label: 'late'})")
    reader.book("book.write('/storage/v1/items/late?mode=lww', {method: 'PUT', body: '2', label: 'late'})")
    reader.wait(lambda: reader.shown("status").text == "2 changes waiting on this device")
    time.sleep(1.5)
    network(reader)
    reader.until_saved()
    versions = reader.book(VERSIONS, "late")["versions"]
    assert [version["revision"] for version in versions] == [2, 1]
    assert all(version["client_ts"][:19] < version["saved"][:19] for version in versions)
    assert reader.book("book.load('late')") == 2


def test_a_full_device_refuses_only_what_the_gateway_cannot_take_either(house: House, reader: Reader) -> None:
    fill_device(reader, house.books.origin(TRUSTED), 200_000)
    reader.open(house.book(TRUSTED))
    reader.sign_in("Max")
    network(reader, offline=True)
    reader.book("book.save('full-before', 'older', {kind: 'program'})")
    with pytest.raises(RefusedError, match="device_full"):
        reader.book(f"book.save('full-large', globalThis.noise = {NOISE}, {{kind: 'program'}})")
    reader.wait(lambda: reader.shown("status").text == "Not saved")
    assert "no room" in reader.shown("note").text
    assert [entry["body"] for entry in reader.book(OUTBOX)] == ['"older"']
    network(reader)
    reader.book("book.save('full-large', globalThis.noise, {kind: 'program'})")  # past the device
    reader.until_saved()
    assert reader.book(OUTBOX) == []
    assert reader.book("book.load('full-before')") == "older"
    assert reader.book("book.load('full-large').then((value) => value === globalThis.noise)")


def test_the_next_pupil_at_the_same_computer(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.sign_in("Nele")
    block_storage(reader, "*/storage/*")
    reader.book("book.save('pupil', 'of Nele')")
    reader.cdp("Network.clearBrowserCookies")
    block_storage(reader)
    reader.open(house.book(TRUSTED))
    reader.sign_in("Omar")
    assert json.loads(reader.book(FILE))["work"] == []
    assert reader.book("book.load('pupil')") is None
    reader.book("book.save('pupil', 'of Omar')")
    reader.until_saved()
    assert [entry["body"] for entry in reader.book(OUTBOX)] == ['"of Nele"']
    reader.click("sign-out")
    reader.wait(lambda: reader.name() is None)
    reader.sign_in("Nele")
    reader.until_saved()
    reader.open(house.book(TRUSTED))
    assert reader.book("book.load('pupil')") == "of Nele"


def test_signing_out_with_waiting_work_offers_a_file_and_then_erases(
    house: House, reader: Reader, tmp_path: Path
) -> None:
    reader.open(house.book(TRUSTED))
    reader.sign_in("Pia")
    reader.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    block_storage(reader, "*/storage/*")
    reader.book("book.save('leftover', {answer: 42})")
    reader.click("sign-out")
    reader.wait(lambda: "1 change could not be sent" in reader.shown("note").text)
    assert reader.name() == "Pia"
    reader.click("file")
    file = tmp_path / "work-not-yet-saved.json"
    reader.wait(file.exists)
    (work,) = json.loads(file.read_text(encoding="utf-8"))["work"]
    assert (work["id"], work["value"], work["refused"]) == ("leftover", {"answer": 42}, None)
    reader.click("give-up")
    reader.wait(lambda: reader.name() is None)
    assert reader.book(OUTBOX) == []


def test_an_account_switched_in_another_tab_before_a_save(house: House, reader: Reader) -> None:
    reader.cdp("Page.addScriptToEvaluateOnNewDocument", source=DEAF)  # it hears nothing of the other tab
    reader.open(house.book(TRUSTED))
    reader.sign_in("Quin")
    quin = reader.book("book.user.sub")
    first = reader.driver.current_window_handle
    reader.cdp("Network.clearBrowserCookies")
    reader.driver.switch_to.new_window("tab")
    reader.open(house.book(TRUSTED))
    reader.sign_in("Rosa")
    reader.driver.switch_to.window(first)
    assert reader.name() == "Quin"
    reader.book("book.save('switched', 'of Quin')")
    reader.wait(lambda: reader.name() == "Rosa")
    assert reader.book(OUTBOX) == [{"person": quin, "body": '"of Quin"'}]
    assert reader.book("book.load('switched')") is None
    assert reader.book("book.status")["waiting"] == 0


def test_a_page_that_goes_with_more_waiting_than_it_can_send(house: House, reader: Reader) -> None:
    ids = [f"hide-{number}" for number in range(5)]
    reader.open(house.book(TRUSTED))
    reader.sign_in("Sam")
    network(reader, latency=1500)
    reader.book(f"{SAVES}.then(() => void setTimeout(() => location.assign('about:blank')))", ids)
    reader.wait(lambda: reader.driver.current_url == "about:blank")
    reader.wait(lambda: len(stored(house, "hide-")) >= 2, "some went out with the page")
    assert len(stored(house, "hide-")) < 5, "64 KiB in all"
    network(reader)
    reader.open(house.book(TRUSTED))
    reader.until_saved()
    assert stored(house, "hide-") == ids
    assert all(len(reader.book(VERSIONS, name)["versions"]) == 1 for name in ids), "each once"


def test_a_second_tab_sends_what_the_first_left(house: House, new_reader: NewReader) -> None:
    reader = new_reader()
    reader.open(house.book(TRUSTED))
    reader.sign_in("Tea")
    block_storage(reader, "*/storage/*")
    reader.book("book.save('second-tab', 1)")
    reader.driver.switch_to.new_window("tab")
    reader.open(house.book(TRUSTED))
    reader.wait(lambda: stored(house, "second-tab") == ["second-tab"])
