"""The page's own files, read once when the server starts: nothing of a request ever becomes a path."""

import hashlib
from importlib.resources import files

from fastapi import APIRouter, Request, Response

_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/camera.js": ("camera.js", "text/javascript; charset=utf-8"),
    "/service.js": ("service.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


def add_assets(router: APIRouter) -> None:
    """An address for each file of the page."""
    for address, (name, media_type) in _FILES.items():
        data = files("recyclenet.serve").joinpath("page", name).read_bytes()
        add_file(router, address, data, media_type)


def add_file(router: APIRouter, address: str, data: bytes, media_type: str) -> None:
    """An address that gives these bytes; a browser that has them already is told so."""
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}  # kept, but asked about each time

    @router.api_route(address, methods=["GET", "HEAD"], include_in_schema=False)
    async def _(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(data, media_type=media_type, headers=headers)
