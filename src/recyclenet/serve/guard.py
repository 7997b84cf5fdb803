"""Who may use the service: those with the key, where there is one, and no foreign page behind a visitor's back."""

import hmac
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from recyclenet.errors import RecycleNetError
from recyclenet.serve.hosts import Hosts
from recyclenet.serve.problems import Problem

_BEARER = HTTPBearer(auto_error=False, description="The key that the server was started with.")
_HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="The same in a header of its own.")


def guards(hosts: Hosts, api_key: str | None) -> list[Any]:
    """The dependencies of every route under guard; a key is asked for, and described, only where there is one.

    Raises:
        RecycleNetError: as `check_key`.
    """
    if api_key is None:
        return [Depends(hosts), Depends(refuse_foreign_pages)]
    return [Depends(hosts), Depends(refuse_foreign_pages), Depends(KeyGuard(api_key))]


def check_key(api_key: str | None) -> None:
    """Whether requests could bring the key.

    Raises:
        RecycleNetError: no header could carry it.
    """
    if api_key is not None and not (api_key.isascii() and api_key.isprintable() and api_key.strip() == api_key != ""):
        raise RecycleNetError("the API key must be printable ASCII without spaces around it, and not empty")


class KeyGuard:
    """Lets those through who bring the key."""

    def __init__(self, api_key: str) -> None:
        check_key(api_key)
        self._key = api_key.encode()

    async def __call__(
        self,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
        header: Annotated[str | None, Depends(_HEADER)],
    ) -> None:
        """Returns if the request may go on.

        Raises:
            Problem: 401 without the right key.
        """
        given = header if header is not None else bearer.credentials if bearer is not None else ""
        # In constant time, so that nobody can guess it letter by letter.
        if not hmac.compare_digest(given.encode(), self._key):
            raise Problem(
                401,
                "an API key is needed: send it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'",
                headers={"WWW-Authenticate": "Bearer"},
            )


async def refuse_foreign_pages(request: Request) -> None:
    """A browser sends forms for any site's page, also to 127.0.0.1; only this server's own page may.

    Raises:
        Problem: 403 for a page of another site.
    """
    if _is_foreign(request):
        raise Problem(403, "requests from pages of other sites are not taken")


def _is_foreign(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")  # none: the person themselves
    # Browsers leave that header out where the connection is plain http to another machine.
    origin = request.headers.get("origin")
    try:
        return origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    except ValueError:
        return True
