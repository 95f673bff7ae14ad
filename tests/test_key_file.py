import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.config import key_file
from gateway.config.key_file import KeyFileError, RootKey, ShortKeyError

A, B, C = (letter * 43 for letter in "abc")
NOW = 1795374245  # 2026-11-22T19:04:05Z
SPELT = "2026-11-22T19:04:05Z"


def test_a_file_of_one_key_is_what_init_wrote() -> None:
    assert key_file.parse(A + "\n") == (RootKey(A.encode()),)


def test_notes_comments_and_blank_lines() -> None:
    text = f"# ours\n\n{A}\n{B} waits since={SPELT}\n  {C} opens until={SPELT}  \n"
    ring = (
        RootKey(A.encode()),
        RootKey(B.encode(), waits=True, since=NOW),
        RootKey(C.encode(), until=NOW),
    )
    assert key_file.parse(text) == ring
    assert key_file.parse(key_file.render(ring)) == ring


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("# nothing\n\n", id="no key"),
        pytest.param(f"{A} waits since={SPELT}", id="the first waits"),
        pytest.param(f"{A} opens until={SPELT}\n{B}", id="the first does not seal"),
        pytest.param(f"{A}\n{B}\n{A} opens until={SPELT}", id="one twice"),
        pytest.param(f"{A}\n{B} since {SPELT}", id="an unknown note"),
        pytest.param(f"{A}\n{B} waits since=yesterday", id="no moment"),
        pytest.param(f"{A} {B}", id="two on a line"),
    ],
)
def test_what_is_no_such_file_is_refused_without_showing_a_key(text: str) -> None:
    with pytest.raises(KeyFileError) as refused:
        key_file.parse(text)
    assert A not in str(refused.value)
    assert B not in str(refused.value)


def test_a_short_key_is_told_apart() -> None:
    with pytest.raises(ShortKeyError, match="line 2 has a key of 5 bytes"):
        key_file.parse(f"{A}\nshort")


def test_from_one_key_to_the_next() -> None:
    ring = key_file.parse(A)
    assert key_file.waiting(ring) is None
    ring = key_file.added(ring, B.encode(), NOW)
    assert ring == (RootKey(A.encode()), RootKey(B.encode(), waits=True, since=NOW))
    assert key_file.waiting(ring) == ring[1]
    ring = key_file.promoted(ring, NOW + 10)
    assert ring == (RootKey(B.encode()), RootKey(A.encode(), until=NOW + 10))
    again = key_file.promoted(key_file.added(ring, C.encode(), NOW + 20), NOW + 30)
    assert [(line.key, line.until) for line in again] == [
        (C.encode(), None),
        (B.encode(), NOW + 30),
        (A.encode(), NOW + 10),
    ]


def test_a_key_goes_when_nothing_alive_can_be_sealed_by_it() -> None:
    ring = key_file.dated(key_file.parse(f"{A}\n{B} opens until={SPELT}\n{C}"), NOW + 50)
    assert [line.until for line in ring] == [None, NOW, NOW + 50]
    assert key_file.outlived(ring, 100, NOW + 100) == ()
    assert key_file.outlived(ring, 100, NOW + 101) == (ring[1],)
    assert key_file.outlived(ring, 100, NOW + 151) == ring[1:]
    waits = key_file.added(key_file.parse(A), B.encode(), NOW)
    assert key_file.dated(waits, NOW) == waits
    assert key_file.outlived(waits, 1, NOW + 99) == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(0o600, 0o600, id="secret"),
        pytest.param(0o644, 0o600, id="careless"),
        pytest.param(0o640, 0o640, id="of a group"),
    ],
)
def test_a_file_is_written_whole_and_secret(before: int, after: int, tmp_path: Path) -> None:
    path = tmp_path / "root"
    path.write_text(A)
    path.chmod(before)
    key_file.write(path, key_file.added(key_file.parse(A), B.encode(), NOW))
    assert key_file.read(path) == key_file.added(key_file.parse(A), B.encode(), NOW)
    assert stat.S_IMODE(path.stat().st_mode) == after
    assert [file.name for file in tmp_path.iterdir()] == ["root"]


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(A)
    (tmp_path / "root").symlink_to("real")
    key_file.write(tmp_path / "root", key_file.parse(B))
    assert (tmp_path / "root").is_symlink()
    assert key_file.read(tmp_path / "real") == key_file.parse(B)


def test_an_owner_is_kept(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        return  # nobody else can give a file away
    path = tmp_path / "root"
    path.write_text(A)
    os.chown(path, 12345, 12346)
    key_file.write(path, key_file.parse(B))
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


KILLED = """
import os, pathlib, signal, sys
from gateway.config import key_file
path = pathlib.Path(sys.argv[1])
steps = 0

def trace(frame, event, argument):
    global steps
    if frame.f_code.co_filename.endswith("key_file.py") and event == "line":
        steps += 1
        if steps == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
    return trace

ring = key_file.added(key_file.parse("a" * 43), b"b" * 43, 1)
sys.settrace(trace)
key_file.write(path, ring)
"""


def test_a_crash_at_any_line_leaves_a_working_file(tmp_path: Path) -> None:
    path = tmp_path / "root"
    seen = set()
    for step in range(1, 60):
        path.write_text(A)
        done = subprocess.run([sys.executable, "-c", KILLED, str(path), str(step)], check=False, timeout=120)
        ring = key_file.read(path)
        assert ring[0].key == A.encode()
        seen.add(len(ring))
        if done.returncode == 0:
            break
    assert done.returncode == 0
    assert seen == {1, 2}


def test_two_do_not_change_it_at_once(tmp_path: Path) -> None:
    path = tmp_path / "root"
    path.write_text(A)
    with key_file.alone(path), pytest.raises(BlockingIOError), key_file.alone(path):
        pass
    with key_file.alone(path):
        pass
