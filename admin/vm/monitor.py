"""Understands what qemu says of the machine itself, through its monitor (QMP); pure."""

import json
from dataclasses import dataclass

HELLO = b'{"execute": "qmp_capabilities"}\n'
"""Qemu tells of no event before it has heard this."""


@dataclass(slots=True)
class Monitor:
    """
    Why the machine stopped, from what qemu has said so far; "" while it runs.

    The guest cannot say it: a reset leaves it no time, and a reset that the guest's own kernel asks
    for looks the same on its serial ports.
    """

    why_stopped: str = ""
    _has_watchdog_expired: bool = False
    _partial_line: bytes = b""

    def hear(self, data: bytes) -> None:
        """Take in what came from the monitor."""
        *lines, self._partial_line = (self._partial_line + data).split(b"\n")
        for line in lines:
            said = json.loads(line)
            match said.get("event"):
                case "WATCHDOG":
                    self._has_watchdog_expired = said["data"]["action"] == "reset"
                case "SHUTDOWN":
                    self.why_stopped = said["data"]["reason"]

    @property
    def is_reset_by_watchdog(self) -> bool:
        """Whether the watchdog expired, and the machine was reset for that."""
        return self._has_watchdog_expired and self.why_stopped == "guest-reset"
