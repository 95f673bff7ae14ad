"""Where workers come from: a process that has imported the gateway, does nothing, and forks on request.

A start of Python with all that the gateway imports takes a second and more, a fork some milliseconds, and
pages that nobody writes to are shared. It has one thread and no event loop: nothing half done is forked.

`python -m gateway.server.nursery CONTROL LOCK CONFIG`. CONTROL: a socket on which each byte comes with a
descriptor, the new worker's line to the parent, and on which goes back how workers ended. When it closes, the
nursery ends; workers have leashes of their own. LOCK: of the log stream. CONFIG: for whoever reads `ps`.
"""

import gc
import os
import signal
import socket
import sys
from contextlib import suppress
from types import FrameType

from gateway.server.orders import ENDED
from gateway.server.worker import main as work

_OTHERS = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR2)  # what they mean is the parent's business


def main() -> None:
    control, lock = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])

    def reap(_: int, __: FrameType | None) -> None:
        with suppress(ChildProcessError, OSError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                control.sendall(ENDED.pack(*ended))

    for number in _OTHERS:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, reap)
    gc.collect()
    gc.freeze()  # a collector that walks everything would write to every page
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not descriptors:
            return
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            raise SystemExit(work(descriptors[0], lock))
        os.close(descriptors[0])


if __name__ == "__main__":
    main()
