"""A download that survives: partial files are kept and gone on with, lengths are checked, sizes are bounded."""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from recyclenet.atomic import make_folder
from recyclenet.errors import RecycleNetError

_CHUNK = 256 * 1024
_LEAST_BYTES_A_SECOND = 500  # a server that sends less, over a whole timeout, only keeps people waiting


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
        timeout_s: longest silence of the server, and of answers that only drip.
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
            total = None if response.length is None else done + response.length
            told = on_progress or (lambda *_: None)
            with part.open("ab" if done else "wb") as file:
                done = _copy(response, file, done, max_bytes, timeout_s, lambda so_far: told(so_far, total))
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            reason = str(error.reason).partition("\n")[0]
            raise RecycleNetError(f"{url}: the server answered {error.code} {reason}") from error
        if not done or error.headers.get("Content-Range") != f"bytes */{done}":
            part.unlink(missing_ok=True)  # longer than the file itself: not a beginning of it
            raise RecycleNetError(f"{url}: the partial download was of no use and is removed; run it again") from error
        total = done  # all of it had arrived when an earlier try was killed
    except (OSError, ValueError, http.client.HTTPException) as error:  # ValueError: sent on to what is no address
        reason = str(getattr(error, "reason", None) or error)
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


def _copy(
    response: http.client.HTTPResponse,
    file: BinaryIO,
    done: int,
    max_bytes: int,
    timeout_s: float,
    told: Callable[[int], None],
) -> int:
    """Writes what comes after the first `done` bytes; returns how many there are then: over `max_bytes`, it stopped.

    Raises:
        TimeoutError: it only drips.
    """
    since, before = time.monotonic(), done
    while chunk := response.read1(_CHUNK):
        done += len(chunk)
        if done > max_bytes:
            break
        file.write(chunk)
        told(done)
        if (seconds := time.monotonic() - since) > timeout_s:
            if done - before < _LEAST_BYTES_A_SECOND * seconds:
                raise TimeoutError(f"only {done - before} bytes in {seconds:.0f} s")
            since, before = time.monotonic(), done
    return done


def _open(url: str, offset: int, timeout_s: float) -> http.client.HTTPResponse:
    if not url.startswith(("https://", "http://")):
        raise RecycleNetError(f"{url}: only http and https addresses can be fetched")
    request = urllib.request.Request(url, headers={"Range": f"bytes={offset}-"} if offset else {})  # noqa: S310
    # Made by hand, because urllib's own also follows a server that sends it on to FTP.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    response: http.client.HTTPResponse = opener.open(request, timeout=timeout_s)
    return response


class _Redirects(urllib.request.HTTPRedirectHandler):
    """urllib's own, which leaves the connection open where it is sent on to what is no address."""

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except ValueError:
            fp.close()
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302
