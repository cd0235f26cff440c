"""The kernel's watchdog, which resets a machine whose kernel hangs while a deadline is armed.

Whoever opens it starts it. It resets the machine when it is not fed for its time, also when its
keeper dies, unless it was closed after a "V", the magic close.
"""

from __future__ import annotations

import fcntl
import os
import struct
from contextlib import suppress

TIME_SECONDS = 10
"""After how long without food it resets the machine; a deadline should be further off than that."""

_SET_TIMEOUT = 0xC0045706
"""WDIOC_SETTIMEOUT of linux/watchdog.h; it returns the time that the device can do."""


class Watchdog:
    """Keeps the device at `path` while it has to; None means that there is none."""

    def __init__(self, path: str | None = None) -> None:
        self.path = path
        self._fd: int | None = None
        self._time_seconds = TIME_SECONDS

    def open(self) -> str | None:
        """Have it run from now on; returns why that cannot be, in words."""
        if self.path is None or self._fd is not None:
            return None
        try:
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            return f"the watchdog {self.path} cannot be opened: {error.strerror}"
        # A device that is a file, as in a test, has no time.
        with suppress(OSError):
            packed = fcntl.ioctl(self._fd, _SET_TIMEOUT, struct.pack("i", TIME_SECONDS))
            self._time_seconds = struct.unpack("i", packed)[0]
        return None

    def feed(self, left_seconds: float) -> None:
        """Feed it, if it would then still reset a kernel that hangs within `left_seconds`."""
        if self._fd is not None and self._time_seconds <= left_seconds:
            with suppress(OSError):
                os.write(self._fd, b"\0")

    def close(self) -> None:
        """Let go of it, without a reset. Idempotent."""
        if self._fd is not None:
            with suppress(OSError):
                os.write(self._fd, b"V")
            os.close(self._fd)
            self._fd = None
