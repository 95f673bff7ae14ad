"""The hosts file: our names stand in it while browser tests run, and go with the last run.

Every run holds a shared lock on the file's folder. A lock ends with its process, so a run that was killed
leaves no more than our block behind: the next run takes it over and takes it away.
As a program, for sudo: `hosts.py FILE TEXT`.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

HOSTS = Path("/etc/hosts")
FIRST = "# The names of Bookgate's browser tests: begin"
LAST = "# The names of Bookgate's browser tests: end"


class NoRightError(Exception):
    """The hosts file cannot be written; the message says what to do."""


def without_names(text: str) -> str:
    """The file as it was before: our block out, every other byte as it stands."""
    kept, ours = [], False
    for line in text.splitlines(keepends=True):
        if line.strip() == FIRST:
            ours = True
        elif ours and line.strip() == LAST:
            ours = False
        elif not ours:
            kept.append(line)
    return text if ours else "".join(kept)  # a block without an end: whose lines are they?


def with_names(text: str, address: str, names: Sequence[str]) -> str:
    """The file with our block at its end, and only there; the names of a run that is under way stay in it."""
    rest = without_names(text)
    kept = set(text.splitlines()) - set(rest.splitlines())
    wanted = {name for line in kept if line.startswith(f"{address} ") for name in line.split()[1:]}
    gap = "" if rest.endswith("\n") or not rest else "\n"
    return f"{rest}{gap}{FIRST}\n{address} {' '.join(sorted(wanted.union(names)))}\n{LAST}\n"


@contextmanager
def names_in(file: Path, address: str, names: Sequence[str]) -> Generator[None]:
    """The names lead to the address until the last of all runs has left."""
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_SH)  # waits while another run takes the names away
        _become(file, with_names(file.read_text("utf-8"), address, names))
        yield
    finally:
        if _alone(folder):
            _become(file, without_names(file.read_text("utf-8")))
        os.close(folder)


def _alone(folder: int) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False  # somebody else still needs the names
    return True


def _become(file: Path, text: str) -> None:
    if file.read_text("utf-8") == text:
        return
    if os.access(file.parent, os.W_OK):
        replace(file, text)
        return
    words = f"{file} needs the names of the browser tests"
    if shutil.which("sudo") is None:
        raise NoRightError(f"{words}: run them as root, or install sudo.")
    ran = subprocess.run(["sudo", "-n", sys.executable, __file__, str(file), text], check=False)
    if ran.returncode != 0:
        raise NoRightError(f"{words}: run them as root, or `sudo -v` first.")


def replace(file: Path, text: str) -> None:
    """Write it in one step, with the owner and mode that it had."""
    before = file.stat()
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as written:
            written.write(text)
            os.fchown(handle, before.st_uid, before.st_gid)
            os.fchmod(handle, before.st_mode & 0o7777)
        _move(Path(name), file, text)
    finally:
        Path(name).unlink(missing_ok=True)


def _move(written: Path, file: Path, text: str) -> None:
    try:
        written.replace(file)
    except OSError:  # a container mounts its hosts file: it cannot be replaced, only written
        file.write_text(text, "utf-8")


if __name__ == "__main__":
    replace(Path(sys.argv[1]), sys.argv[2])
