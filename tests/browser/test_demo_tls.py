"""`bookgate dev --tls`: browsers that trust its authority show no warning, and WebKit signs in at last."""

from pathlib import Path

import pytest

from tests import dev_process
from tests.browser.chromium import Chromium
from tests.browser.reader import Browser, Reader
from tests.browser.setting import Engine, Setting
from tests.browser.webkit import WebKit
from tests.ports import free_port

BOOK = Path(__file__).parents[2] / "examples" / "book"


@pytest.mark.parametrize("setting", [Setting.CHROMIUM, Setting.WEBKIT], ids=str)
def test_sign_in_save_and_reload(tmp_path: Path, screen: str, setting: Setting) -> None:
    state, ports = tmp_path / "state", {"book-port": free_port(), "provider-port": free_port()}
    with dev_process.running(BOOK, state, ports, "--tls") as demo:
        browser: Browser
        if setting.engine is Engine.CHROMIUM:
            authority = state / "tls" / "authority.pem"
            browser = Chromium(tmp_path, authority, setting, block_popups=False, preferences={})
        else:
            browser = WebKit(tmp_path, screen, setting)
        reader = Reader(browser, setting)
        try:
            reader.open(f"{demo.book}/shapes.html")
            reader.sign_in("Ada Lovelace", own_device=True)
            assert reader.name() == "Ada Lovelace"
            reader.book("book.save('note', 'kept')")
            reader.until_saved()
            reader.open(f"{demo.book}/shapes.html")
            assert reader.name() == "Ada Lovelace"
            assert reader.book("book.load('note')") == "kept"
        finally:
            reader.close()
