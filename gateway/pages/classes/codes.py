"""QR codes for walls and cards, as SVG inside the page: nothing else is fetched, no script draws them."""

from functools import lru_cache
from io import BytesIO

import segno
from markupsafe import Markup


def qr_code(text: str) -> Markup:
    """The QR code (ISO/IEC 18004) of an address, with the quiet zone that readers want around it.

    Error correction M: a fold in a card or a glare on a wall takes a seventh of it.
    """
    drawn = BytesIO()
    segno.make(text, error="m", micro=False).save(
        drawn, kind="svg", xmldecl=False, svgns=False, omitsize=True, border=4, light="#fff", dark="#000"
    )
    return Markup(drawn.getvalue().decode())  # ruff: ignore[unsafe-markup-use]  # drawn by segno: text is not in it


@lru_cache(maxsize=256)
def join_code(link: str) -> Markup:
    """The QR code of a class's link, which is shown again and again; words of cards are kept nowhere."""
    return qr_code(link)


def join_address(public_url: str, code: str) -> str:
    """The link of a class."""
    return f"{public_url}/auth/classes/join/{code}"
