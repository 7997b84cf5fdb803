"""The process that listens: a socket of its own, uvicorn on it, and an end that loses no request."""

import errno
import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from recyclenet.errors import RecycleNetError

_SILENCE_SECONDS = 15.0
_LINGER_SECONDS = 30.0
_GRACE_SECONDS = 5


class ImpatientH11(H11Protocol):
    """uvicorn's HTTP/1.1, but a connection that only holds its place is closed.

    That is one whose first request has no whole header after 15 seconds, and one that still sends the body of a
    request 30 seconds after it was answered (with an error: what was not refused was read to its end).
    """

    def connection_made(self, transport: Any) -> None:
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self.loop.call_later(_SILENCE_SECONDS, self._close_if, lambda: self.cycle is None)

    def on_response_complete(self) -> None:
        """The last byte of an answer has gone out."""
        super().on_response_complete()
        cycle = self.cycle
        if self.conn.their_state is h11.SEND_BODY:
            self.loop.call_later(_LINGER_SECONDS, self._close_if, lambda: self.cycle is cycle and cycle.more_body)

    def _close_if(self, is_idle: Callable[[], bool]) -> None:
        if is_idle() and not self.transport.is_closing():
            self.transport.close()


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address; with port 0 to a free one.

    Raises:
        RecycleNetError: no such address, or the port is taken or reserved.
    """
    if not 0 <= port <= 65535:
        raise RecycleNetError(f"--port must lie between 0 and 65535, not {port}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise RecycleNetError(f"--host {host} is no address of this machine ({error})") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        # Two sockets may be bound to one port before one of them listens; only listening finds out.
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        hint = _HINTS.get(error.errno or 0, "choose another --host or --port")
        raise RecycleNetError(f"cannot listen on {host}, port {port}: {error.strerror}; {hint}") from error
    return bound


_BACKLOG = 128

_HINTS = {
    errno.EADDRINUSE: "another program has it: choose another --port",
    errno.EACCES: "ports below 1024 are for the administrator: choose another --port",
    errno.EADDRNOTAVAIL: "this machine has no such address: choose another --host",
}


def address_of(bound: socket.socket) -> str:
    """Where a browser on this machine finds it."""
    host, port = bound.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_private(bound: socket.socket) -> bool:
    """Whether only this machine can reach it."""
    return ipaddress.ip_address(bound.getsockname()[0]).is_loopback


def serve_app(app: ASGIApp, bound: socket.socket, seconds: float) -> None:
    """Answers until SIGINT or SIGTERM comes; then takes nothing new, and ends when what is in flight is answered.

    Args:
        app: the application.
        bound: where to listen.
        seconds: the most that a request takes; after this and a little more those left are cut off.
    """
    config = uvicorn.Config(
        app,
        http=ImpatientH11,
        loop="asyncio",
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=int(seconds) + _GRACE_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[bound])
