"""A download that survives: partial files are kept and gone on with, lengths are checked, sizes are bounded."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from recyclenet.atomic import make_folder
from recyclenet.errors import RecycleNetError

_CHUNK = 256 * 1024


def download(
    url: str,
    target: Path,
    *,
    max_bytes: int,
    timeout_s: float = 30.0,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> Path:
    """Fetches a URL into a file, going on with `target`.part if an earlier try left one.

    The content behind the URL must never change (a commit's file), since a part is continued unchecked; the
    caller checks the whole.

    Args:
        url: http or https.
        target: appears only when complete.
        max_bytes: more than this is refused, whatever the server says.
        timeout_s: longest silence of the server.
        on_progress: told (bytes so far, bytes in all or None).

    Raises:
        RecycleNetError: no connection, an error status, a silent, short or overlong answer; what arrived
            is kept where going on makes sense.
    """
    make_folder(target.parent)
    part = target.with_name(target.name + ".part")
    done = part.stat().st_size if part.exists() else 0
    try:
        with _open(url, done, timeout_s) as response:
            if response.status != http.HTTPStatus.PARTIAL_CONTENT:
                done = 0  # the server sends the whole again
            elif not response.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
                part.unlink(missing_ok=True)
                raise RecycleNetError(f"{url}: the server answered with another part than asked for; run it again")
            length = response.headers.get("Content-Length")
            total = done + int(length) if length and length.isdecimal() else None
            with part.open("ab" if done else "wb") as file:
                while chunk := response.read1(_CHUNK):
                    done += len(chunk)
                    if done > max_bytes:
                        break
                    file.write(chunk)
                    if on_progress is not None:
                        on_progress(done, total)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)  # longer than the file itself: not a beginning of it
            raise RecycleNetError(f"{url}: the partial download was of no use and is removed; run it again") from error
        raise RecycleNetError(f"{url}: the server answered {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise RecycleNetError(
            f"{url} cannot be fetched ({reason}); what arrived is kept: run it again to go on, or use --from"
        ) from error
    if done > max_bytes:
        part.unlink()
        raise RecycleNetError(f"{url} is larger than the {max_bytes} bytes expected at most: not the file looked for")
    if total is not None and done < total:
        raise RecycleNetError(f"{url} ended after {done} of {total} bytes; run it again to go on")
    part.replace(target)
    return target


def _open(url: str, offset: int, timeout_s: float) -> http.client.HTTPResponse:
    if not url.startswith(("https://", "http://")):
        raise RecycleNetError(f"{url}: only http and https addresses can be fetched")
    request = urllib.request.Request(url, headers={"Range": f"bytes={offset}-"} if offset else {})  # noqa: S310
    response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=timeout_s)  # noqa: S310
    return response
