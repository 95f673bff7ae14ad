"""The public listener's certificate: read again when it changes, kept when the new one is broken."""

import asyncio
import ssl
from pathlib import Path

from gateway.config.settings import ListenerTls
from gateway.telemetry import Log

EVERY = 10.0  # seconds between two looks at the files

_Stamp = tuple[tuple[int, int], ...]


class Certificate:
    """The TLS context of a listener. A renewed certificate serves every connection from then on."""

    def __init__(self, files: ListenerTls) -> None:
        self._files = files
        self._stamp = self._look()
        self.context = self._load()

    def renew(self) -> bool:
        """Take the files if they are others than before; raises OSError or ssl.SSLError and keeps the old."""
        stamp = self._look()
        if stamp == self._stamp:
            return False
        self._load()  # a key that does not fit must not reach the context that serves
        self.context.load_cert_chain(self._files.certificate, self._files.key)
        self._stamp = stamp
        return True

    async def watch(self, log: Log) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                renewed = await asyncio.to_thread(self.renew)
            except (OSError, ssl.SSLError) as error:
                log.warning("certificate", fault=str(error), kept=True)
            else:
                if renewed:
                    log.info("certificate", renewed=True)

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._files.certificate, self._files.key)
        return context

    def _look(self) -> _Stamp:
        return tuple(_stamp(path) for path in (self._files.certificate, self._files.key))


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_ino
