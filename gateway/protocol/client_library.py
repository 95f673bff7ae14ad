"""The client library as books load it: no comments, compressed ahead, the newest edition of two majors."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from gzip import compress
from hashlib import sha256
from pathlib import Path

from aiohttp import web

from gateway.errors import NotFoundError
from gateway.protocol.token import Handler

IMMUTABLE = "public, max-age=31536000, immutable"
SHORT = "public, max-age=300"

_FILE = re.compile(r"(?:[a-z0-9-]+/)?[a-z0-9-]+\.(?:js|html)", re.ASCII)
_TYPES = {".js": "text/javascript", ".html": "text/html"}
_MAJOR = re.compile(r"([0-9]+)(?:\.[A-Za-z0-9.]+-[0-9a-f]{8})?", re.ASCII)  # `1`, or any edition of it
_COMMENTS = re.compile(r"^//.*|^/\*.*?\*/\s*$")
_CASTS = re.compile(r"/\*\* @[^*]*\*/ ?")
_TAIL_COMMENT = re.compile(r"\s+//[^\"'`]*$")
_NO_GZIP = re.compile(r"gzip\s*;\s*q=0(?:\.0*)?\s*(?:,|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class File:
    """One file, as it is and compressed (gzip, RFC 1952)."""

    body: bytes
    packed: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Edition:
    """The library of one version.

    name: the version with a hash of the files, so that `immutable` is true of the addresses below it.
    major: what pages rely on; versions 0.x are tries at 1.
    """

    name: str
    major: int
    files: Mapping[str, File]


def read_library(folder: Path) -> Mapping[int, Edition]:
    """By major: the edition in `folder`, and the last one of the major before where it is kept beside it."""
    newest = _read_edition(folder)
    before = folder.with_name(f"{folder.name}-{newest.major - 1}")
    kept = [_read_edition(before)] if before.is_dir() else []
    return {edition.major: edition for edition in (newest, *kept)}


def _read_edition(folder: Path) -> Edition:
    version = str(json.loads((folder / "package.json").read_text("utf-8"))["version"])
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))}
    files = {name: _file(path) for name, path in found.items() if _FILE.fullmatch(name)}
    digest = sha256()
    for name, file in files.items():
        digest.update(f"{name} {len(file.body)} ".encode() + file.body)
    major = max(1, int(version.partition(".")[0]))
    return Edition(f"{version}-{digest.hexdigest()[:8]}", major, files)


def _file(path: Path) -> File:
    source = path.read_text("utf-8")
    body = (served(source) if path.suffix == ".js" else source).encode()
    return File(body, compress(body, 9, mtime=0), _TYPES[path.suffix])


def served(source: str) -> str:
    """A module without indentation and without most comments: what runs is the same, token by token.

    By lines, so it knows no JavaScript but template literals, whose lines stay as they are. A test compares
    what a parser reads in each module before and after.
    """
    return "".join(f"{line}\n" for line in _code(source))


def _code(source: str) -> Iterator[str]:
    in_comment = in_template = False
    for line in source.splitlines():
        text = line.strip()
        if in_template:
            text = line
        elif in_comment or (text.startswith("/*") and "*/" not in text):
            in_comment = not text.endswith("*/")
            continue
        else:
            text = _TAIL_COMMENT.sub("", _CASTS.sub("", _COMMENTS.sub("", text)))
        if text or in_template:
            yield text
        in_template ^= text.count("`") % 2 == 1


def entry_handler(edition: Edition) -> Handler:
    """`/bookgate.js`: today's edition of the library, as one line that imports it."""
    module = f'export * from "/client/{edition.name}/bookgate.js";\n'.encode()

    async def handle(_: web.Request) -> web.StreamResponse:
        return web.Response(
            body=module, content_type="text/javascript", charset="utf-8", headers={"Cache-Control": SHORT}
        )

    return handle


def client_handler(library: Mapping[int, Edition]) -> Handler:
    """`/client/<edition>/<file>` never changes; `/client/<major>/<file>` leads to the newest edition of it.

    An edition that is gone leads there too: a page that was open while the gateway was renewed may still
    need a part that it had not loaded.
    """
    editions = {edition.name: edition for edition in library.values()}

    async def handle(request: web.Request) -> web.StreamResponse:
        asked, name = request.match_info["version"], request.match_info["name"]
        parsed = _MAJOR.fullmatch(asked)
        edition = editions.get(asked)
        newest = edition or (library.get(max(1, int(parsed[1]))) if parsed else None)
        if newest is None or name not in newest.files:
            raise NotFoundError("no such client file")
        if edition is None:
            headers = {"Location": f"/client/{newest.name}/{name}", "Cache-Control": SHORT}
            return web.Response(status=307, headers=headers)
        return _answer(request, newest.files[name])

    return handle


def _answer(request: web.Request, file: File) -> web.Response:
    said = ",".join(request.headers.getall("Accept-Encoding", []))
    headers = {"Cache-Control": IMMUTABLE, "Vary": "Accept-Encoding"}
    packed = "gzip" in said.lower() and not _NO_GZIP.search(said)
    if packed:
        headers["Content-Encoding"] = "gzip"
    body = file.packed if packed else file.body
    return web.Response(body=body, content_type=file.content_type, charset="utf-8", headers=headers)
