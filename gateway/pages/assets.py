"""GET /auth/assets/<name>: the few files that the pages show."""

from pathlib import Path

from aiohttp import web

from gateway.errors import NotFoundError
from gateway.pages.authorize import Handler

FOLDER = Path(__file__).parent / "assets"
_TYPES = {".svg": "image/svg+xml"}


def assets_handler() -> Handler:
    """The files of the package's assets folder, read once."""
    files = {path.name: path.read_bytes() for path in FOLDER.iterdir() if path.suffix in _TYPES}

    async def handle(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in files:
            raise NotFoundError("no such asset")
        headers = {"Cache-Control": "public, max-age=86400"}
        return web.Response(body=files[name], content_type=_TYPES[Path(name).suffix], headers=headers)

    return handle
