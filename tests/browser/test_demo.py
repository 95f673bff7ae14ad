"""`bookgate dev` as a person uses it: plain HTTP on loopback, cross-site, third-party cookies blocked."""

import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests import dev_process
from tests.browser.conftest import NewReader
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "examples" / "book"
SAVE = "book.save('note', {said: arg})"


@contextmanager
def second_book(gateway: str) -> Generator[str]:
    """The same book on another port: another origin of the same site."""
    port = free_port()
    command = [sys.executable, "-m", "gateway.development.book"]
    options = ["--root", str(BOOK), "--port", str(port), "--gateway", gateway]
    process = subprocess.Popen([*command, *options])
    try:
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait(10)


def test_two_books_a_restart_and_a_sign_out(tmp_path: Path, new_reader: NewReader) -> None:
    state, ports = tmp_path / "state", {"book-port": free_port(), "provider-port": free_port()}
    with dev_process.running(BOOK, state, ports) as demo, second_book(demo.gateway) as other:
        reader = new_reader()
        reader.open(f"{demo.book}/shapes.html")
        reader.sign_in("Ada Lovelace", own_device=True)
        assert (reader.name(), reader.mode()) == ("Ada Lovelace", "cookie")
        first = reader.book("book.user.sub")
        reader.book(SAVE, "from the first book")
        reader.wait(lambda: reader.book("book.status")["state"] == "saved")
        reader.open(f"{demo.book}/shapes.html")
        assert reader.name() == "Ada Lovelace", "signed in after a reload"
        assert reader.book("book.load('note')") == {"said": "from the first book"}

        reader.open(f"{other}/shapes.html")
        assert reader.name() is None, "another port is another book: the cookie of the site is not enough"
        reader.sign_in()
        assert reader.name() == "Ada Lovelace", "known at the gateway: no name was asked"
        assert reader.book("book.user.sub") != first
        assert reader.book("book.load('note')") is None, "each book has its own work"

        reader.open(f"{demo.book}/shapes.html")
        reader.click("sign-out")
        reader.wait(lambda: reader.name() is None)
        reader.open(f"{demo.book}/shapes.html")
        assert reader.name() is None
        assert demo.end(signal.SIGINT) == 0
        assert dev_process.until_gone(demo) == []

    with dev_process.running(BOOK, state, ports) as again:
        device = new_reader("another device")
        device.open(f"{again.book}/shapes.html")
        device.sign_in("Ada Lovelace")
        assert device.book("book.user.sub") == first
        assert device.book("book.load('note')") == {"said": "from the first book"}
