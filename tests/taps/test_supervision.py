"""What systemd is told, by sd_notify."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from twisted.internet.task import Clock

from flocker_lite.taps.supervision import Supervision


def listening(path: Path) -> socket.socket:
    """What systemd would listen with."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(path))
    listener.setblocking(False)
    return listener


def told(listener: socket.socket) -> list[str]:
    """What it was told so far."""
    found = []
    while True:
        try:
            found.append(listener.recv(1000).decode())
        except BlockingIOError:
            return found


def test_ready_and_alive(tmp_path: Path) -> None:
    """That it serves; twice in the time of the watchdog that it is alive; and that it ends."""
    environment = {"NOTIFY_SOCKET": str(tmp_path / "s"), "WATCHDOG_USEC": "60000000", "HOME": "/"}
    clock = Clock()
    with listening(tmp_path / "s") as listener:
        supervision = Supervision(clock, environment)
        # The commands that it runs are not supervised.
        assert environment == {"HOME": "/"}
        assert told(listener) == []
        supervision.ready("serves")
        assert told(listener) == ["READY=1\nSTATUS=serves", "WATCHDOG=1"]
        clock.advance(30)
        assert told(listener) == ["WATCHDOG=1"]
        supervision.stopping()
        assert told(listener) == ["STOPPING=1"]
    assert not clock.getDelayedCalls()


def test_nobody_asks() -> None:
    """Started by hand, or as a child of what is supervised: it tells nobody."""
    clock = Clock()
    others = {"NOTIFY_SOCKET": "", "WATCHDOG_USEC": "1000", "WATCHDOG_PID": str(os.getpid() + 1)}
    for environment in ({}, others):
        supervision = Supervision(clock, environment)
        supervision.ready("serves")
        supervision.stopping()
    assert not clock.getDelayedCalls()


def test_a_socket_that_is_gone(tmp_path: Path) -> None:
    """It is no reason to fail."""
    supervision = Supervision(Clock(), {"NOTIFY_SOCKET": str(tmp_path / "none")})
    supervision.ready("serves")
