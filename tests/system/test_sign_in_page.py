"""The page that everybody waits for: small, whole by itself, and of use without scripts."""

import re
from pathlib import Path

from tests.system.house import House, open_house
from tests.system.reader import Reader
from tests.system.test_small_ways import SECOND

MOST = 30 * 1024  # bytes of the page and all that it loads
LOGO = b"<svg xmlns='http://www.w3.org/2000/svg'><!--" + b"x" * 16300 + b"--></svg>"
LOADS = re.compile(r'<(?:img|script|link|iframe|source)\b[^>]*?(?:src|href)="([^"]+)"')


async def loaded(reader: Reader) -> tuple[int, set[str]]:
    """The bytes of the sign-in page with all that it loads, and the addresses of that."""
    page = await reader.navigate("/auth/account", site="none")
    more = set(LOADS.findall(page.text))
    sizes = [len((await reader.navigate(address, site="same-origin")).body) for address in more]
    return len(page.body) + sum(sizes), more


async def test_it_is_small_and_loads_one_thing_at_most(house: House) -> None:
    async with house.reader() as ada:
        size, more = await loaded(ada)
        assert size <= MOST
        assert more == {"/auth/assets/icon.svg"}


async def test_also_with_many_ways_in_and_the_largest_logo(tmp_path: Path, redis_url: str) -> None:
    ways = "".join(SECOND.replace("  second:", f"  way-{number}:") for number in range(12))
    (tmp_path / "logo.svg").write_bytes(LOGO)
    more = "pages: {name: Books, logo: {file: logo.svg}, links: {help: 'https://help.example.edu'}}"
    async with (
        open_house(tmp_path, redis_url, more_providers=ways, more=more) as house,
        house.reader() as ada,
    ):
        size, found = await loaded(ada)
        assert size <= MOST
        (address,) = found
        logo = await ada.navigate(address, site="same-origin")
        assert (logo.body, logo.one("Content-Type")) == (LOGO, "image/svg+xml")
        assert "sandbox" in (logo.one("Content-Security-Policy") or ""), "a drawing may hold scripts"
        assert logo.one("X-Content-Type-Options") == "nosniff"


async def test_every_way_in_is_a_plain_link(house: House) -> None:
    async with house.reader() as ada:
        page = await ada.navigate("/auth/account", site="none")
        without = re.sub(r"<script.*?</script>", "", page.text, flags=re.DOTALL)
        links = re.findall(r'<a class="button[^>]*href="(/auth/[^"]+)"', without)
        assert links
        assert '<div id="device" hidden>' in without, "a tick that nothing follows is not shown"
        assert "<form" not in without
