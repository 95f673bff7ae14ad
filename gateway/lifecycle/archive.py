"""A zip that is made while it is sent: nothing of it lies in memory or on a disk."""

import io
import zipfile
from datetime import datetime
from typing import IO


class _Pipe(io.RawIOBase):
    """What was written since it was asked last. No seeking: zipfile then writes sizes behind files."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]  # bytes are all that zipfile writes
        self._pieces.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


class Archive:
    """Each method gives the bytes that may be sent from then on."""

    def __init__(self, made: datetime) -> None:
        self._pipe = _Pipe()
        self._zip = zipfile.ZipFile(self._pipe, "w", zipfile.ZIP_DEFLATED)
        self._made = made.timetuple()[:6]
        self._file: IO[bytes] | None = None

    def begin(self, path: str) -> None:
        info = zipfile.ZipInfo(path, self._made)
        info.compress_type = zipfile.ZIP_DEFLATED
        self._file = self._zip.open(info, "w", force_zip64=True)

    def add(self, data: bytes) -> bytes:
        """Of the file that was begun."""
        if self._file is not None:
            self._file.write(data)
        return self._pipe.taken()

    def finish(self) -> bytes:
        if self._file is not None:
            self._file.close()
            self._file = None
        return self._pipe.taken()

    def whole(self, path: str, data: bytes) -> bytes:
        self.begin(path)
        return self.add(data) + self.finish()

    def end(self) -> bytes:
        self._zip.close()
        return self._pipe.taken()
