"""What a page does by itself: how much it asks, what it says of its reader, when it learns who that is."""

from tests.browser.house import House
from tests.browser.names import ALSO_TRUSTED, TRUSTED
from tests.browser.reader import Reader

ASKED = """performance.getEntriesByType('resource').filter(({name}) => name.includes('/storage/'))
  .map(({name, responseStatus}) => [new URL(name).pathname, responseStatus])"""
TWENTY = """Promise.all(Array.from({length: 20}, (_, number) => book.load(`activity-${number}`)))
  .then((values) => values.filter((value) => value !== undefined))"""
# Runs before the page's own scripts; what it heard is there after the page went.
LISTENING = """{
  const {fetch} = window;
  window.fetch = (url, init = {}) => {
    const heard = JSON.parse(sessionStorage.heard ?? '[]');
    const person = new Headers(init.headers).get('X-Bookgate-Person');
    heard.push([init.method ?? 'GET', new URL(url).pathname, person, init.keepalive ?? false]);
    sessionStorage.heard = JSON.stringify(heard);
    return fetch(url, init);
  };
}"""
BEFORE_THERE_IS_A_PERSON = {"/auth/token", "/auth/confirm"}
WRITES = """(async () => {
  await book.save('by-save', 1);
  await book.write('/storage/v1/items/by-write?mode=lww', {method: 'PUT', body: '1'});
  const send = (method, init = {}) => book.fetch('/storage/v1/items/by-fetch?mode=lww', {method, ...init});
  await send('PUT', {body: '1', headers: {'Content-Type': 'application/json'}});
  await send('DELETE');
})()"""
LEAVES = """(async () => {
  book.log({type: 'Submit', item: 'by-log'});
  await book.save('last', 'words');
  location.search = '?next';
})()"""

# At every look: the browser may have given the tab the focus for a moment in between.
MUCH_LATER = "(({now}, looks = 0) => void (Date.now = () => now() + 120_000 * ++looks))(Date)"


def test_twenty_activities_that_nobody_did_yet(house: House, reader: Reader) -> None:
    """One request, and nothing for the console to be red about."""
    reader.open(house.book(TRUSTED))
    reader.sign_in("Olga")
    assert reader.book(TWENTY) == []
    assert reader.book(ASKED) == [["/storage/v1/contents", 200]]


def test_every_write_says_whose_it_is(house: House, reader: Reader) -> None:
    reader.cdp("Page.addScriptToEvaluateOnNewDocument", source=LISTENING)
    reader.open(house.book(TRUSTED))
    reader.sign_in("Paul")
    sub = reader.book("book.user.sub")
    reader.book(WRITES)
    reader.until_saved()
    reader.book(f"({LEAVES}, 1)")
    reader.wait(lambda: reader.driver.current_url.endswith("?next"), "the next page")
    reader.until_connected()
    reader.sign_out()
    heard = reader.book("JSON.parse(sessionStorage.heard)")
    unsafe = [one for one in heard if one[0] != "GET" and one[1] not in BEFORE_THERE_IS_A_PERSON]
    assert {person for _, _, person, _ in unsafe} == {sub}
    assert {path.split("/")[1] for _, path, _, _ in unsafe} == {"storage", "analytics", "auth"}
    assert {path for _, path, _, keepalive in unsafe if keepalive} >= {"/analytics/v1/events"}


def test_a_sign_out_in_another_book_is_seen_when_the_reader_is_back(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.sign_in("Rita", own_device=True)
    reader.book("(book.addEventListener('signedout', () => (globalThis.cleared = true)), 1)")
    reader.book(MUCH_LATER)
    first = reader.driver.current_window_handle
    reader.driver.switch_to.new_window("tab")
    reader.open(house.book(ALSO_TRUSTED))
    reader.sign_in()
    reader.sign_out()
    reader.to_tab(first)
    reader.wait(lambda: reader.name() is None, "seen")
    assert reader.book("globalThis.cleared") is True
