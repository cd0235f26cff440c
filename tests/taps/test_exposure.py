"""Without certificates a service is for its own machine, unless it is told otherwise."""

from __future__ import annotations

import pytest
from twisted.internet.endpoints import serverFromString
from twisted.internet.testing import MemoryReactor

from flocker_lite.errors import ConfigurationFileError
from flocker_lite.taps.exposure import is_loopback, on_loopback, require_loopback, require_one


@pytest.mark.parametrize(
    ("description", "interface"),
    [
        ("tcp:4523", "127.0.0.1"),
        ("tcp:4523:backlog=1024", "127.0.0.1"),
        ("tcp:4523:interface=", None),
        ("tcp:port=4523", "127.0.0.1"),
        ("tcp:4523:127.0.0.2", "127.0.0.2"),
        ("tcp:4523:interface=127.0.0.1", "127.0.0.1"),
        ("tcp:4523:backlog=1024:interface=127.0.0.1", "127.0.0.1"),
        ("tcp6:4523", "::1"),
        (r"tcp6:4523:interface=\:\:1", "::1"),
    ],
)
def test_endpoints_of_this_machine(description: str, interface: str | None) -> None:
    """What names no interface gets one, as Twisted understands it."""
    reactor = MemoryReactor()
    serverFromString(reactor, on_loopback(description)).listen(None)
    [(_, _, _, listens_at)] = reactor.tcpServers
    assert listens_at == (interface or "127.0.0.1")


def test_a_socket() -> None:
    """No network leads to it."""
    assert on_loopback("unix:/run/control.sock") == "unix:/run/control.sock"


@pytest.mark.parametrize(
    "description",
    [
        "tcp:4523:interface=10.0.0.10",
        "tcp:4523:10.0.0.10",
        "tcp:4523:interface=0.0.0.0",
        r"tcp6:4523:interface=\:\:",
        "tcp:4523:interface=control.example",
        "systemd:domain=INET:index=0",
    ],
)
def test_endpoints_of_others(description: str) -> None:
    """They are refused, with what to do."""
    with pytest.raises(ConfigurationFileError, match=r"--certificates, .* with --insecure"):
        on_loopback(description)


def test_where_an_agent_may_go() -> None:
    """To its own machine; a name is believed only when it is that of every machine."""
    for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost"):
        assert is_loopback(host)
        require_loopback(host)
    for host in ("10.0.0.10", "::", "0.0.0.0", "localhost.example", "control", ""):
        assert not is_loopback(host)
        with pytest.raises(ConfigurationFileError, match=r"`certificates:`, .* `insecure: true`"):
            require_loopback(host)


def test_both() -> None:
    """A service that has certificates is not insecure."""
    with pytest.raises(ConfigurationFileError, match="leave out one of them"):
        require_one("/etc/certificates", insecure=True)
    require_one("/etc/certificates", insecure=False)
    require_one(None, insecure=True)
