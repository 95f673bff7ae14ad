"""All of a person's work in a book as a zip that is made while it is sent.

work.ndjson     every item with every version, as lines of JSON
files/...       what stands now, one file an item, to be opened by anything
manifest.json   what is in it: of each file its item, its size and its SHA-256
"""

import hashlib
import io
import re
import zipfile
from datetime import UTC, datetime
from typing import Final

import msgspec

from backends.storage.items import Item

WORK: Final = "work.ndjson"
ODD: Final = re.compile(r"[^A-Za-z0-9._-]+")
SUFFIXES: Final = {
    "application/json": ".json", "image/gif": ".gif", "image/jpeg": ".jpg", "image/png": ".png",
    "image/webp": ".webp", "text/csv": ".csv", "text/html": ".html", "text/markdown": ".md",
    "text/plain": ".txt", "text/x-python": ".py",
}  # fmt: skip


class _Pipe(io.RawIOBase):
    """What was written since it was asked last. It cannot seek: sizes then stand behind files."""

    def __init__(self) -> None:
        super().__init__()
        self._written = bytearray()

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]  # zipfile writes no other
        self._written += data
        return len(data)

    def taken(self) -> bytes:
        data = bytes(self._written)
        self._written.clear()
        return data


class Archive:
    """Each method gives the bytes that may be sent from then on; they are asked for in this order.

    book: whose work it is a part of; now: milliseconds.
    """

    def __init__(self, book: str, now: int) -> None:
        self._book = book
        self._made = datetime.fromtimestamp(now / 1000, UTC)
        self._pipe = _Pipe()
        self._zip = zipfile.ZipFile(self._pipe, "w", zipfile.ZIP_DEFLATED)
        self._files: list[dict[str, object]] = []
        self._work = self._zip.open(self._info(WORK), "w", force_zip64=True)
        self._seen, self._size = hashlib.sha256(), 0

    def add(self, piece: bytes) -> bytes:
        """Of work.ndjson."""
        self._work.write(piece)
        self._seen.update(piece)
        self._size += len(piece)
        return self._pipe.taken()

    def finish(self) -> bytes:
        """No more of work.ndjson."""
        self._work.close()
        self._files.append({"file": WORK, "bytes": self._size, "sha256": self._seen.hexdigest()})
        return self._pipe.taken()

    def file(self, item: Item, body: bytes) -> bytes:
        """The item's content as it stands."""
        path = _path(len(self._files), item)
        self._whole(path, body)
        said = {"file": path, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        about = {"item": item.id, "course": item.course, "kind": item.kind, "content_type": item.content_type}
        self._files.append(said | about)
        return self._pipe.taken()

    def end(self) -> bytes:
        """The manifest, and the end of the zip."""
        said = {"made": self._made.isoformat(), "book": self._book, "files": self._files}
        self._whole("manifest.json", msgspec.json.format(msgspec.json.encode(said)))
        self._zip.close()
        return self._pipe.taken()

    def _whole(self, path: str, data: bytes) -> None:
        with self._zip.open(self._info(path), "w") as file:
            file.write(data)

    def _info(self, path: str) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(path, self._made.timetuple()[:6])
        info.compress_type = zipfile.ZIP_DEFLATED
        return info


def _path(number: int, item: Item) -> str:
    """The number keeps apart what differs in case or in characters that not every system has in names."""
    suffix = SUFFIXES.get(item.content_type.partition(";")[0].strip().lower(), ".bin")
    name = ODD.sub("-", item.id)[:80].removesuffix(suffix)
    return f"files/{number:05}-{name}{suffix}"
