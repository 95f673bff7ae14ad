"""What must hold after every way to sign in, in every setting."""

import json
import re

from tests.browser.reader import Reader
from tests.browser.setting import Mode

TOKEN = re.compile(r"access_token|refresh_token|authorization: *(?:dpop|bearer)", re.IGNORECASE)
ALL_THAT_IS_STORED = """(async () => {
  const done = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const found = [location.href, document.cookie];
  found.push(JSON.stringify(sessionStorage), JSON.stringify(localStorage));
  for (const {name} of await indexedDB.databases()) {
    const database = await done(indexedDB.open(name));
    for (const store of database.objectStoreNames) {
      const objects = database.transaction(store).objectStore(store);
      for (const key of await done(objects.getAllKeys())) {
        const value = await done(database.transaction(store).objectStore(store).get(key));
        found.push(`${store} ${key}: ${JSON.stringify(value)}`);
      }
    }
    database.close();
  }
  return found;
})()"""


def read_by_page(reader: Reader) -> list[str]:
    """All that a script of the page heard (pages/watched.html) or can find now."""
    heard: list[str] = reader.driver.execute_script("return JSON.stringify(globalThis.seen)")
    stored: list[str] = reader.book(ALL_THAT_IS_STORED)
    return [*json.loads(str(heard)), *stored]


def tokens(texts: list[str]) -> list[str]:
    return [text for text in texts if TOKEN.search(text) or text.startswith("state refresh:")]


def assert_signed_in(reader: Reader, name: str) -> None:
    """Signed in, in the mode of the setting; no token within the reach of the page where a cookie does it."""
    assert reader.name() == name
    assert reader.mode() in reader.setting.modes
    found = tokens(read_by_page(reader))
    if reader.mode() == Mode.COOKIE:
        assert found == []
    else:
        assert found, "what finds no token in cookie mode finds them where there are some"


def assert_keeps(reader: Reader, value: str) -> None:
    """A save arrives at the gateway, and comes back to a page that is loaded again."""
    reader.book("book.save('lesson', arg)", value)
    reader.until_saved()
    reader.reload()
    assert reader.book("book.load('lesson')") == value
