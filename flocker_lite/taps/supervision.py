"""Tells systemd that the service is ready, and then regularly that it is alive (sd_notify)."""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from contextlib import suppress

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

SOCKET, WATCHDOG, WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
_MICROSECONDS = 1_000_000


class Supervision:
    """Does nothing where nobody asked to be told.

    It takes its variables out of the `environment`: the commands that we run are not supervised.
    """

    log = Logger()

    def __init__(self, clock: IReactorTime, environment: MutableMapping[str, str]) -> None:
        self._clock = clock
        self._path = environment.pop(SOCKET, "")
        watched = environment.pop(WATCHDOG, "")
        is_meant = environment.pop(WATCHDOG_PID, str(os.getpid())) == str(os.getpid())
        # systemd advises to tell it twice in the time that it waits.
        self._seconds = int(watched) / _MICROSECONDS / 2 if watched.isdecimal() and is_meant else 0
        self._next: IDelayedCall | None = None

    def ready(self, status: str) -> None:
        """The service serves; `status` is what `systemctl status` shows."""
        self._tell(f"READY=1\nSTATUS={status}")
        if self._path and self._seconds > 0:
            self._alive()

    def stopping(self) -> None:
        """The service ends."""
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._tell("STOPPING=1")

    def _alive(self) -> None:
        self._tell("WATCHDOG=1")
        self._next = self._clock.callLater(self._seconds, self._alive)

    def _tell(self, text: str) -> None:
        if not self._path:
            return
        # A path that begins with @ is in the abstract namespace.
        address = "\0" + self._path[1:] if self._path.startswith("@") else self._path
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(text.encode(), address)
