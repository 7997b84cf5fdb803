"""By which names a server may be called, wherever it listens."""

import asyncio

import pytest
from starlette.requests import Request

from recyclenet.errors import RecycleNetError
from recyclenet.serve.hosts import Hosts
from recyclenet.serve.problems import Problem

HERE = ["localhost", "LOCALHOST.:8000", "127.0.0.1:8000", "127.0.0.2", "[::1]", "[::1]:8000", "[0:0::1]"]
ADDRESSES = ["192.168.1.20:8000", "8.8.8.8", "[fe80::1]:8000"]
LOCAL = ["raspberrypi", "raspberrypi:8000", "raspberrypi.local:8000", "RaspberryPi.Local.", "pi.home.arpa", "pi.lan"]
STRANGE = ["evil.example", "evil.example:8000", "local.evil.example", "127.0.0.1.evil.example", "evillocal.example"]
BROKEN = [
    "",
    ":8000",
    "localhost@evil.example",
    "localhost/",
    "[localhost",
    "127.0.0.1:80:80",
    "localhost evil.example",
]


def takes(hosts, host):
    headers = [] if host is None else [(b"host", host.encode())]
    try:
        asyncio.run(hosts(Request({"type": "http", "headers": headers})))
    except Problem:
        return False
    return True


@pytest.mark.parametrize(
    ("hosts", "taken"),
    [
        (Hosts(is_private=True), HERE),
        (Hosts(is_private=False), HERE + ADDRESSES + LOCAL),
        (Hosts(True, ["Bins.Example.org"]), [*HERE, "bins.example.org"]),
        (Hosts(False, ["bins.example.org:8000", "fe80:0::1"]), [*HERE, "bins.example.org", "[fe80::1]:8000"]),
        (Hosts(False, ["[FE80::1]", "raspberrypi"]), [*HERE, "[fe80::1]:8000", "raspberrypi", "raspberrypi:8000"]),
    ],
    ids=["this machine", "network", "behind a proxy", "network, named", "address, named"],
)
def test_names(hosts, taken):
    every = HERE + ADDRESSES + LOCAL + STRANGE + BROKEN + ["bins.example.org"]
    assert {host for host in every if takes(hosts, host)} == set(taken)
    assert takes(hosts, None)  # no browser leaves it out


@pytest.mark.parametrize("name", ["", "*", "http://bins.example.org", "bins.example.org/x", "two names"])
def test_what_is_no_name(name):
    with pytest.raises(RecycleNetError, match="--allowed-host takes a name"):
        Hosts(True, [name])
