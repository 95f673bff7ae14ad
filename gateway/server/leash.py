"""Runs one command that cannot outlive whoever started it: when standard input closes, the command ends.

`python -m gateway.server.leash COMMAND [ARGUMENT ...]`. A pipe closes however its other end died,
kill -9 too, and on every system; PR_SET_PDEATHSIG does the same on Linux alone.
"""

import contextlib
import os
import signal
import subprocess  # ruff: ignore[suspicious-subprocess-import]  running a command is its purpose
import sys
import threading
import time

GRACE = 10.0  # seconds between SIGTERM and SIGKILL


def _end_when_input_closes(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):  # not by sys.stdin: a buffer's lock must not be held when the interpreter ends
        pass
    child.terminate()
    deadline = time.monotonic() + GRACE
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    child.kill()


def main() -> int:
    """The command's own exit status (128 + N where signal N ended it)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the holder decides, not the terminal
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)  # ruff: ignore[subprocess-without-shell-equals-true]  the holder's own
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    threading.Thread(target=_end_when_input_closes, args=(child,), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):
        child.wait()
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


if __name__ == "__main__":
    sys.exit(main())
