"""What a book loads before it knows anything: within 12 KB, as the gateway serves it."""

import gzip
import re

from tests.system.house import TRUSTED, House

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
