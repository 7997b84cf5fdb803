"""The page's own files, read once when the server starts: nothing of a request ever becomes a path."""

import hashlib
from importlib.resources import files

from fastapi import APIRouter, Request, Response

from recyclenet.page import PAGE_FILES, page_file

_MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


def add_assets(router: APIRouter) -> None:
    """An address for each file of the page."""
    service = files("recyclenet.serve").joinpath("web", "service.js").read_bytes()
    for name, data in [*((name, page_file(name)) for name in PAGE_FILES), ("service.js", service)]:
        address = "/" if name == "index.html" else f"/{name}"
        add_file(router, address, data, _MEDIA_TYPES[name.rpartition(".")[2]])


def add_file(router: APIRouter, address: str, data: bytes, media_type: str) -> None:
    """An address that gives these bytes; a browser that has them already is told so."""
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}  # kept, but asked about each time

    @router.api_route(address, methods=["GET", "HEAD"], include_in_schema=False)
    async def _(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(data, media_type=media_type, headers=headers)
