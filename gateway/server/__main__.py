"""`python -m gateway.server CONFIG [WORKERS]`: `bookgate run`, without what the other commands import."""

import asyncio
import sys
from pathlib import Path

from gateway.config.faults import ConfigError
from gateway.server.crew import CannotServeError
from gateway.server.log_stream import LogStream, make_lock
from gateway.server.parent import Parent
from gateway.server.redis import EmbeddedRedisError
from gateway.telemetry import make_log


async def _serve(config: Path, workers: int | None) -> None:
    lock = make_lock()
    log = make_log(LogStream(sys.stdout.fileno(), lock))
    await Parent(config, lock, log, workers).run(lambda: _say("bookgate serves"))


def main() -> int:
    try:
        asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None))
    except EmbeddedRedisError as error:
        return _refuse(str(error))
    except (ConfigError, CannotServeError, OSError) as error:  # also an address that is taken
        return _refuse(f"cannot start: {error}")
    return 0


def _say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()


def _refuse(reason: str) -> int:
    _say(reason)
    return 1


if __name__ == "__main__":
    sys.exit(main())
