"""The process that listens: a socket of its own, uvicorn on it, and an end that loses no request."""

import asyncio
import errno
import ipaddress
import socket
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from recyclenet.errors import RecycleNetError

_SILENCE_SECONDS = 15.0
_LINGER_SECONDS = 30.0
_READ_SECONDS = 10.0
_LEAST_BYTES_READ = 10_000
_GRACE_SECONDS = 5

MAX_CONNECTIONS = 512
"""At the same time; below the 1024 open files that a process usually may have. One more is closed at once."""


class ImpatientH11(H11Protocol):
    """uvicorn's HTTP/1.1, but a connection that only holds its place is closed.

    The first request must have come with all its headers 15 seconds after the connection, the next one 30 seconds
    after the last answer. So long may also the rest of a body come that was refused; it is thrown away. Of an answer
    that does not fit into the buffers, and of what is left when a connection is to be closed, 10,000 bytes at least
    must be read in every 10 seconds.
    """

    _timer: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        else:
            self._expect_a_request(_SILENCE_SECONDS, None)

    def on_response_complete(self) -> None:
        """The last byte of an answer is on its way."""
        answered = self.cycle
        super().on_response_complete()  # this may already begin the next request, where one waits
        self._expect_a_request(_LINGER_SECONDS, answered)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        super().pause_writing()
        self._expect_reading()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        super().resume_writing()
        if not self.transport.is_closing():
            _cancel(self._reading)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        _cancel(self._timer)
        _cancel(self._reading)
        super().connection_lost(exc)

    def _expect_a_request(self, seconds: float, last: RequestResponseCycle | None) -> None:
        _cancel(self._timer)
        self._timer = self.loop.call_later(seconds, self._close_without, last)

    def _close_without(self, last: RequestResponseCycle | None) -> None:
        if self.cycle is last:
            self.transport.close()  # which waits until all that was written is read
            self._expect_reading()

    def _expect_reading(self) -> None:
        _cancel(self._reading)
        unread = self.transport.get_write_buffer_size()
        self._reading = self.loop.call_later(_READ_SECONDS, self._abort_without_reading, unread)

    def _abort_without_reading(self, unread: int) -> None:
        if unread - self.transport.get_write_buffer_size() < _LEAST_BYTES_READ:
            self.transport.abort()
        else:
            self._expect_reading()


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


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


def make_server(app: ASGIApp, seconds: float) -> uvicorn.Server:
    """A server that on SIGINT or SIGTERM takes nothing new, and ends when what is in flight is answered.

    Args:
        app: the application.
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
    return uvicorn.Server(config)
