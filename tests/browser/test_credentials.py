"""Which mode a browser gets, and what a page can see of it."""

import pytest

from tests.browser.conftest import NewReader
from tests.browser.house import House
from tests.browser.names import ALSO_TRUSTED, GATEWAY, TRUSTED
from tests.browser.reader import Reader, RefusedError

# Chromium keeps partitioned cookies where third-party cookies are blocked; a reader may still forbid them.
NO_COOKIES_IN_THE_BOOK = {
    "profile.content_settings.exceptions.cookies": {f"[*.]{GATEWAY},[*.]{TRUSTED}": {"setting": 2}}
}
READ = """
const [{name}] = await indexedDB.databases();
const done = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
const objects = (await done(indexedDB.open(name))).transaction(arg).objectStore(arg);
"""
KEYS = f"(async () => {{ {READ} return done(objects.getAllKeys()); }})()"
TAKE_KEY = f"""(async () => {{ {READ}
  const {{privateKey}} = await done(objects.get("key"));
  return crypto.subtle.exportKey("jwk", privateKey).then(() => "taken", (error) => error.name);
}})()"""
# A sign-in whose state is known: nothing but the check under test stands between a forger and the exchange.
BEGIN = """(() => {
  const {open} = window;
  window.open = (url, ...more) => {
    window.state = new URL(url).searchParams.get("state");
    return open(url, ...more);
  };
  book.signIn().catch(() => null);
})() ?? 1"""
FORGERIES = {
    "from this window": "postMessage({code: 'x', state, iss: book.gateway}, '*')",
    "from a frame": """document.body.append(Object.assign(document.createElement('iframe'), {
        srcdoc: `<script>parent.postMessage(
          {code: 'x', state: '${state}', iss: '${book.gateway}'}, '*')</script>`}))""",
    "another state": """new BroadcastChannel('bookgate-return').postMessage(
        {answer: 'code=x&state=x&iss=' + book.gateway})""",
    "another issuer": """new BroadcastChannel('bookgate-return').postMessage(
        {answer: `code=x&state=${state}&iss=https://evil.test`})""",
}
UNTOUCHED = """new Promise((done) => setTimeout(done, 500)).then(
  () => [book.signingIn, book.error, performance.getEntriesByName(book.gateway + '/auth/token').length])"""


def stored(reader: Reader, store: str) -> list[str]:
    found: list[str] = reader.book(KEYS, store)
    return found


def test_no_token_reaches_the_page_where_the_cookie_works(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.sign_in("Ida", own_device=True)
    assert reader.mode() == "cookie"
    assert "refresh" not in stored(reader, "state")
    assert not reader.driver.execute_script("return document.cookie")
    cookies = reader.cdp("Network.getAllCookies")["cookies"]
    of_book = [cookie for cookie in cookies if cookie["name"].startswith("__Host-Http-book.")]
    assert len(of_book) == 1
    assert of_book[0]["httpOnly"]
    assert of_book[0]["partitionKey"]["topLevelSite"] == f"https://{TRUSTED}"


def test_the_key_cannot_be_taken_away(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    reader.wait(lambda: "key" in stored(reader, "state"))
    assert reader.book(TAKE_KEY, "state") == "InvalidAccessError"


@pytest.fixture
def forbidding(new_reader: NewReader) -> Reader:
    return new_reader(preferences=NO_COOKIES_IN_THE_BOOK)


def test_token_mode_where_the_cookie_does_not_come_back(house: House, forbidding: Reader) -> None:
    reader = forbidding
    reader.open(house.book(TRUSTED))
    reader.sign_in("Jo", own_device=True)
    assert (reader.name(), reader.mode()) == ("Jo", "dpop")
    reader.book("book.save('lesson', {n: 1})")
    reader.wait(lambda: reader.book("book.status")["state"] == "saved")
    assert "refresh" in stored(reader, "state")

    reader.open(house.book(TRUSTED))
    assert (reader.name(), reader.mode()) == ("Jo", "dpop")
    assert reader.book("book.load('lesson')") == {"n": 1}

    reader.click("sign-out")
    reader.wait(lambda: reader.name() is None)
    assert "refresh" not in stored(reader, "state")


def test_token_mode_on_a_shared_device_ends_with_the_tab(house: House, forbidding: Reader) -> None:
    reader = forbidding
    reader.open(house.book(TRUSTED))
    reader.sign_in("Kim")
    assert (reader.name(), reader.mode()) == ("Kim", "dpop")
    assert "refresh" not in stored(reader, "state")
    reader.open(house.book(TRUSTED))
    assert reader.name() == "Kim", "a reload stays in the tab"
    first = reader.driver.current_window_handle
    reader.driver.switch_to.new_window("tab")
    reader.driver.switch_to.window(first)
    reader.driver.close()
    reader.driver.switch_to.window(reader.driver.window_handles[0])
    reader.open(house.book(TRUSTED))
    assert reader.name() is None


def test_one_browser_can_have_both_modes(house: House, forbidding: Reader) -> None:
    forbidding.open(house.book(TRUSTED))
    forbidding.sign_in("Lou", own_device=True)
    assert forbidding.mode() == "dpop"
    forbidding.open(house.book(ALSO_TRUSTED))
    forbidding.sign_in()
    assert forbidding.mode() == "cookie"


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_answer_is_not_even_tried(house: House, reader: Reader, forgery: str) -> None:
    reader.open(house.book(TRUSTED))
    reader.wait(lambda: "key" in stored(reader, "state"))
    reader.book(BEGIN)
    reader.book(f"({forgery}, 1)")
    assert reader.book(UNTOUCHED) == [True, None, 0]


def test_credentials_are_for_the_gateway_alone(house: House, reader: Reader) -> None:
    reader.open(house.book(TRUSTED))
    with pytest.raises(RefusedError, match="foreign_url"):
        reader.book("book.fetch('https://evil.test/')")
