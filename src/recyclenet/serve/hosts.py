"""By which names the server may be called, so that no foreign page gets in by a name of its own.

A page's site can let its name point at any address once the page is loaded, also at 127.0.0.1 (DNS rebinding). The
browser then takes this server for that site; only the Host header still tells them apart.
"""

import ipaddress
import re
from collections.abc import Sequence

from fastapi import Request

from recyclenet.errors import RecycleNetError
from recyclenet.serve.problems import Problem

_HOST = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[a-z0-9_.-]+))(?::[0-9]*)?", re.ASCII | re.IGNORECASE)

_LOCAL_ENDINGS = (".local", ".localhost", ".lan", ".home", ".home.arpa", ".internal")


class Hosts:
    """Lets those requests through that call the server by a name which no stranger can point at it.

    Those are localhost and this machine's own addresses, and the names in `allowed`. Where there are none in it and
    the network can reach the server, also every address, since an address points nowhere else, and every name that
    the internet's DNS does not know: raspberrypi, raspberrypi.local. A request without the header is no browser's.

    Args:
        is_private: only this machine can reach the server.
        allowed: other names or addresses; a port makes no difference.

    Raises:
        RecycleNetError: one of `allowed` is neither name nor address.
    """

    def __init__(self, is_private: bool, allowed: Sequence[str] = ()) -> None:
        self._allowed = {_checked(name) for name in allowed}
        self._takes_local_names = not is_private and not allowed

    async def __call__(self, request: Request) -> None:
        """Returns if the request may go on.

        Raises:
            Problem: 403 for another name.
        """
        host = request.headers.get("host")
        if host is None:
            return
        name = _name_in(host)
        if name is None:
            raise Problem(403, "the Host header is no name of a server")
        if not self._takes(name):
            raise Problem(
                403,
                f"this server does not go by the name {name[:100]}; if it should, start it with --allowed-host NAME",
            )

    def _takes(self, name: str) -> bool:
        if name == "localhost" or name in self._allowed:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return self._takes_local_names and ("." not in name or name.endswith(_LOCAL_ENDINGS))
        return address.is_loopback or self._takes_local_names


def _name_in(host: str) -> str | None:
    match = _HOST.fullmatch(host)
    return None if match is None else _plain(match["address"] or match["name"])


def _plain(name: str) -> str:
    """One way to write each: small letters, no dot at the end, addresses in their short form."""
    name = name.lower().removesuffix(".")
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name


def _checked(name: str) -> str:
    plain = _name_in(name) or _name_in(f"[{name}]")  # an address of IPv6 may come without its brackets
    if plain is None:
        raise RecycleNetError(f"--allowed-host takes a name such as bins.example.org, not {name!r}")
    return plain
