"""The client as a running gateway serves it: within 12 KB before a book knows anything, to every origin."""

import gzip
import re

import pytest

from tests.system.house import DENIED, TRUSTED, House

MOST = 12_288
STATIC = re.compile(r'^(?:import|export)\b[^;]*?"(\.?/[^"]+)";', re.MULTILINE)


async def test_the_client_and_its_static_imports_are_small(house: House) -> None:
    sizes: dict[str, int] = {}
    waiting = ["/bookgate.js"]
    async with house.reader() as ada:
        while waiting:
            path = waiting.pop()
            if path in sizes:
                continue
            plain, _ = await ada.raw("GET", path, {"Origin": TRUSTED})
            assert plain.status == 200
            sizes[path] = len(gzip.compress(plain.text.encode(), 9, mtime=0))
            folder = path.rpartition("/")[0]
            waiting += [name if name[0] == "/" else folder + name[1:] for name in STATIC.findall(plain.text)]
    assert len(sizes) > 5, "the imports are found"
    assert sum(sizes.values()) <= MOST, sizes


@pytest.mark.parametrize("origin", [TRUSTED, DENIED])
async def test_pages_of_every_origin_may_import_by_major(house: House, origin: str) -> None:
    """A module's import is a CORS request, and so is the redirect's answer."""
    async with house.reader() as ada:
        got, _ = await ada.raw("GET", "/client/1/texts/doctor-en.js", {"Origin": origin})
        assert (got.status, got.one("Cache-Control")) == (307, "public, max-age=300")
        assert got.one("Access-Control-Allow-Origin") == "*"
        got, _ = await ada.raw("GET", got.one("Location") or "", {"Origin": origin})
        assert (got.status, got.one("Content-Type")) == (200, "text/javascript; charset=utf-8")
        assert got.one("Access-Control-Allow-Origin") == "*"
        assert "Accept-Encoding" in (got.one("Vary") or "")
