"""GET /auth/assets/<name>: the few files that the pages show."""

from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Final

from aiohttp import web

from gateway.config.settings import Logo
from gateway.errors import NotFoundError

FOLDER = Path(__file__).parent / "assets"
_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp", ".jpg": "image/jpeg"}
)
_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Cache-Control": "public, max-age=86400",
        # a drawing that somebody opens by itself is a document of our origin, and may hold scripts
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
)


def assets_handler(logo: Logo | None) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The files of the package's assets folder, read once, and the site's logo."""
    files = {path.name: path.read_bytes() for path in FOLDER.iterdir() if path.suffix in _TYPES}
    if logo is not None:
        files[logo_name(logo)] = logo.content

    async def handle(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in files:
            raise NotFoundError("no such asset")
        return web.Response(body=files[name], content_type=_TYPES[Path(name).suffix], headers=_HEADERS)

    return handle


def logo_name(logo: Logo) -> str:
    """Of its content: a new logo has another address, so no browser shows the old one."""
    suffix = next(suffix for suffix, media_type in _TYPES.items() if media_type == logo.media_type)
    return f"logo-{sha256(logo.content).hexdigest()[:12]}{suffix}"
