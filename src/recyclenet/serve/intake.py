"""Request bodies come in through here: counted while they stream, so that none is ever larger than allowed."""

import asyncio
from collections.abc import Callable

from fastapi import Request

from recyclenet.serve.limits import MIB
from recyclenet.serve.multipart import Upload, parse_multipart
from recyclenet.serve.problems import Problem

_PATIENCE_SECONDS = 10.0
_LEAST_BYTES = 10_000  # in each such time: a phone with hardly any signal sends several times as much

FORM = "multipart/form-data"


def check_media_type(request: Request) -> None:
    """Refuses what cannot be a photo by its headers, before anything is read.

    Raises:
        Problem: 415.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "compressed request bodies are not taken: photos are small already")
    kind = media_type(request)
    if kind and kind not in (FORM, "application/octet-stream") and not kind.startswith("image/"):
        raise Problem(
            415,
            f"expected a photo with the Content-Type image/…, or {FORM} with files, not {kind[:60]}",
            headers={"Accept-Post": f"image/*, {FORM}"},
        )


def media_type(request: Request) -> str:
    """The body's type without parameters, in lower case; empty where the request does not say."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, max_bytes: int, take: Callable[[int], None]) -> bytes:
    """The whole body.

    Args:
        request: it is read from here.
        max_bytes: the most that it may have.
        take: told of so many bytes more before they are kept; may refuse them.

    Raises:
        Problem: 413 as soon as it is known to be more than `max_bytes`, by its length or by what has come; 408 if it
            only drips; what `take` raises.
        ClientDisconnect: its sender left.
    """
    too_large = Problem(413, f"more than the limit of {max_bytes / MIB:.3g} MiB a request")
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and (len(declared) > 15 or int(declared) > max_bytes):
        raise too_large
    # One growing buffer: a list of a million tiny chunks would take many times their size.
    body = bytearray()
    enough = _LEAST_BYTES
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS) as patience:
            async for chunk in request.stream():
                if len(body) + len(chunk) > max_bytes:
                    raise too_large
                take(len(chunk))
                body += chunk
                if len(body) >= enough:
                    enough = len(body) + _LEAST_BYTES
                    patience.reschedule(asyncio.get_running_loop().time() + _PATIENCE_SECONDS)
    except TimeoutError as error:
        raise Problem(
            408, f"the request comes too slowly: less than {_LEAST_BYTES} bytes in {_PATIENCE_SECONDS:g} s"
        ) from error
    return bytes(body)


def unpack(kind: str, content_type: str, body: bytes, max_files: int) -> list[Upload]:
    """The photos of a body, one or many. Slow for large forms: not for the event loop.

    Args:
        kind: as `media_type` gives it.
        content_type: the whole header, with the form's boundary.
        body: as received.
        max_files: how many a form may have.

    Raises:
        Problem: 422 without any photo or for a damaged form, 413 for too many.
    """
    uploads = parse_multipart(content_type, body, max_files) if kind == FORM else [Upload(None, body)]
    if not any(upload.data for upload in uploads):
        raise Problem(422, "no photo came: send one as the request's body, or files as multipart/form-data")
    return uploads
