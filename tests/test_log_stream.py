"""gateway/server/log_stream.py: many processes, one pipe, lines far longer than a pipe keeps together."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from gateway.server.log_stream import HELD, LogStream, make_lock

WRITERS, LINES, LENGTH = 4, 50, 30_000
WRITER = """
import sys
from gateway.server.log_stream import LogStream
stream = LogStream(1, int(sys.argv[1]))
sys.stderr.write("up\\n")
sys.stdin.read()
for _ in range({lines}):
    stream.write(sys.argv[2] * {length} + "\\n")
    stream.flush()
"""


def test_lines_of_many_writers_are_whole() -> None:
    lock = make_lock()
    program = WRITER.format(lines=LINES, length=LENGTH)
    reading, writing = os.pipe()
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(lock), str(digit)],
            stdin=subprocess.PIPE,
            stdout=writing,
            stderr=subprocess.PIPE,
            pass_fds=(lock,),
        )
        for digit in range(WRITERS)
    ]
    os.close(writing)
    os.close(lock)
    for writer in writers:
        assert writer.stderr is not None
        assert writer.stderr.readline() == b"up\n"
        writer.stderr.close()
    for writer in writers:  # all at once, into a pipe that is soon full
        assert writer.stdin is not None
        writer.stdin.close()
    with os.fdopen(reading) as pipe:
        lines = Counter(line.rstrip("\n") for line in pipe)
    assert [writer.wait(30) for writer in writers] == [0] * WRITERS
    assert lines == {str(digit) * LENGTH: LINES for digit in range(WRITERS)}


def test_a_line_is_there_as_soon_as_it_is_written() -> None:
    lock = make_lock()
    reading, writing = os.pipe()
    stream = LogStream(writing, lock)
    stream.write("ä\n")
    assert os.read(reading, 100) == "ä\n".encode()
    stream.close()
    for descriptor in (reading, writing, lock):
        os.close(descriptor)


def test_a_pipe_that_nobody_reads_keeps_nobody_waiting() -> None:
    """What does not fit is counted, and told as soon as there is room; what is told is whole."""
    lock = make_lock()
    reading, writing = os.pipe()
    stream = LogStream(writing, lock)
    line = "x" * 9_999 + "\n"
    many = 2 * HELD // len(line)
    for _ in range(many):
        stream.write(line)  # waits for nobody: there is nobody
    whole = lost = 0
    with os.fdopen(reading, "rb") as pipe:
        while whole + lost < many:
            said = pipe.readline()
            if said.startswith(b"{"):
                lost += json.loads(said)["lost"]
            else:
                assert said == line.encode()
                whole += 1
    assert lost > many / 4
    assert stream.lost == lost
    stream.close()
    os.close(writing)
    os.close(lock)


def test_nobody_is_there_any_more() -> None:
    lock = make_lock()
    reading, writing = os.pipe()
    os.close(reading)
    stream = LogStream(writing, lock)
    stream.write("x\n")
    stream.close()
    assert stream.lost == 1
    os.close(writing)
    os.close(lock)


FULL_DISK = """
import resource, time
from gateway.server.log_stream import LogStream, make_lock
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
stream = LogStream(1, make_lock())
stream.write(("x" * 299 + "\\n") * 5)
while not stream.lost:
    time.sleep(0.01)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
stream.write("after\\n")
"""


def test_what_a_full_disk_tore_is_no_part_of_the_next_line(tmp_path: Path) -> None:
    """The limit of a file's size stands for the disk: some of a batch is written, then no more."""
    log = tmp_path / "log"
    with log.open("wb") as file:
        subprocess.run([sys.executable, "-c", FULL_DISK], stdout=file, check=True, timeout=60)
    *whole, torn, after, told = log.read_text("utf-8").splitlines()
    assert (whole, torn, after) == (["x" * 299] * 3, "x" * 100, "after")
    assert json.loads(told)["lost"] == 2
