"""One gateway for all books of the guides, and each book served on `http://localhost` as it was built."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests import dev_process
from tests.browser.conftest import certificates, hosts, new_reader, screen, setting
from tests.guides.books import EXAMPLES, Book, build
from tests.ports import free_port

__all__ = ["certificates", "hosts", "new_reader", "screen", "setting"]

Serve = Callable[[Book], str]
START_SECONDS = 20.0


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tools are installed: kept for the next time where GUIDES_TOOLS names a folder."""
    named = os.environ.get("GUIDES_TOOLS")
    return Path(named).absolute() if named else tmp_path_factory.mktemp("tools")


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    state, ports = tmp_path_factory.mktemp("state"), {"book-port": free_port(), "provider-port": free_port()}
    with dev_process.running(EXAMPLES / "html", state, ports) as demo:
        yield demo.gateway


@pytest.fixture(scope="session")
def serve(gateway: str, tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """The address at which a book is read."""
    with ExitStack() as stack:

        def serve_book(book: Book) -> str:
            port = free_port()
            address = f"http://localhost:{port}/"
            pages = build(book, tools, tmp_path_factory.mktemp(book.name), address)
            command = [sys.executable, "-m", "gateway.development.book", "--root", str(pages)]
            process = subprocess.Popen([*command, "--port", str(port), "--gateway", gateway])
            stack.callback(process.wait, 10)
            stack.callback(process.terminate)
            _until_answered(address)
            return address

        yield serve_book


def _until_answered(address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urlopen(address) as answer:  # ruff: ignore[suspicious-url-open-usage]  # our own server
                answer.read()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
