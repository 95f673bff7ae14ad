"""The hosts file gets our names and nothing else, and is afterwards what it was."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.browser.book_server import ROOT
from tests.browser.hosts import FIRST, LAST, names_in, with_names, without_names

BEFORE = "127.0.0.1 localhost\n# somebody's own line\n192.0.2.7\tprinter\n"
NAMES = ("gw.test", "book-a.test")
ENDLESS = f"{FIRST}\n127.0.77.1 gw.test\n1.2.3.4 x\n"
BLOCK = f"{FIRST}\n127.0.77.1 book-a.test gw.test\n{LAST}\n"
HOLD = """
import signal, sys, time
from pathlib import Path
from tests.browser.hosts import names_in
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is begun without it
with names_in(Path(sys.argv[1]), "127.0.77.1", ("gw.test", "book-a.test")):
    print("in", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "hosts"
    path.write_text(BEFORE)
    path.chmod(0o640)
    return path


def another_run(file: Path) -> subprocess.Popen[str]:
    words: Sequence[str] = [sys.executable, "-c", HOLD, str(file)]
    run = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert run.stdout is not None
    assert run.stdout.readline() == "in\n"
    return run


def end(run: subprocess.Popen[str], number: signal.Signals) -> None:
    run.send_signal(number)
    run.communicate(timeout=20)


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        pytest.param(BEFORE, BEFORE, id="never had them"),
        pytest.param(BEFORE + BLOCK, BEFORE, id="left at the end"),
        pytest.param("1.2.3.4 x\n" + BLOCK + BEFORE, "1.2.3.4 x\n" + BEFORE, id="left in the middle"),
        pytest.param(BLOCK + BLOCK, "", id="twice"),
        pytest.param("", "", id="empty"),
        pytest.param(ENDLESS, ENDLESS, id="no end"),
    ],
)
def test_what_is_ours(text: str, bare: str) -> None:
    assert without_names(text) == bare
    assert with_names(text, "127.0.77.1", NAMES) == bare + BLOCK


def test_the_names_of_another_run_stay() -> None:
    theirs = f"{FIRST}\n127.0.77.1 gw.test new.test\n{LAST}\n"
    assert with_names(BEFORE + theirs, "127.0.77.1", NAMES) == (
        f"{BEFORE}{FIRST}\n127.0.77.1 book-a.test gw.test new.test\n{LAST}\n"
    )
    assert without_names(BEFORE + theirs) == BEFORE


def test_the_last_line_may_lack_its_end() -> None:
    assert with_names("1.2.3.4 x", "127.0.77.1", NAMES) == f"1.2.3.4 x\n{BLOCK}"


def test_in_and_out_again(file: Path) -> None:
    with names_in(file, "127.0.77.1", NAMES):
        assert file.read_text("utf-8") == BEFORE + BLOCK
        assert file.stat().st_mode & 0o777 == 0o640
    assert file.read_text("utf-8") == BEFORE
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in file.parent.iterdir()] == ["hosts"]


def test_an_owner_stays_the_owner(file: Path) -> None:
    if os.geteuid() != 0:  # nobody else can give a file away
        return
    os.chown(file, 65534, 65534)
    with names_in(file, "127.0.77.1", NAMES):
        assert (file.stat().st_uid, file.stat().st_gid) == (65534, 65534)


def test_taken_away_after_a_fault(file: Path) -> None:
    with pytest.raises(KeyboardInterrupt), names_in(file, "127.0.77.1", NAMES):
        raise KeyboardInterrupt
    assert file.read_text("utf-8") == BEFORE


def test_other_lines_written_meanwhile_stay(file: Path) -> None:
    with names_in(file, "127.0.77.1", NAMES):
        file.write_text(file.read_text("utf-8") + "198.51.100.1 new\n", "utf-8")
    assert file.read_text("utf-8") == BEFORE + "198.51.100.1 new\n"


def test_the_last_run_takes_them_away(file: Path) -> None:
    other = another_run(file)
    with names_in(file, "127.0.77.1", NAMES):
        assert file.read_text("utf-8") == BEFORE + BLOCK
    assert file.read_text("utf-8") == BEFORE + BLOCK, "another run still needs them"
    end(other, signal.SIGINT)
    assert file.read_text("utf-8") == BEFORE


def test_a_run_that_was_killed_is_cleaned_up_after(file: Path) -> None:
    end(another_run(file), signal.SIGKILL)
    assert file.read_text("utf-8") == BEFORE + BLOCK
    with names_in(file, "127.0.77.1", NAMES):
        assert file.read_text("utf-8") == BEFORE + BLOCK
    assert file.read_text("utf-8") == BEFORE
