"""Keeps track of what the guest says through its serial ports; pure."""

from dataclasses import dataclass, field
from enum import Enum

from admin.vm.errors import GuestEnded


class Port(Enum):
    """The guest's serial ports by number."""

    OUTPUT = 1
    ERROR = 2
    REPORT = 3


@dataclass(frozen=True, slots=True)
class Ended:
    """The guest's last report: the command's exit code and how much it wrote in all."""

    exit_code: int
    output_bytes: int
    error_bytes: int


@dataclass(slots=True)
class Conversation:
    """
    What we know of one run from what the guest has said so far.

    Each port keeps only its own order, so the last report may overtake the output. The run has
    ended when the report has come, and all the bytes that it counts.
    """

    started: bool = False
    _ended: Ended | None = None
    _received: dict[Port, int] = field(default_factory=lambda: dict.fromkeys(Port, 0))
    _partial_line: bytes = b""

    def hear(self, port: Port, data: bytes) -> None:
        """
        Take in what came through a port.

        :raises GuestEnded: when guest.sh writes no such report.
        """
        self._received[port] += len(data)
        if port is Port.REPORT:
            *lines, self._partial_line = (self._partial_line + data).split(b"\n")
            for line in lines:
                self._hear_report(line)

    @property
    def completed(self) -> Ended | None:
        """The command's end; None until we have heard all that the command wrote."""
        ended = self._ended
        if ended is None:
            return None
        wrote = {Port.OUTPUT: ended.output_bytes, Port.ERROR: ended.error_bytes}
        return ended if all(self._received[port] >= wrote[port] for port in wrote) else None

    def _hear_report(self, line: bytes) -> None:
        match line.split():
            case [b"started"]:
                self.started = True
            case [b"ended", code, output, error] if code.isdigit():
                self._ended = Ended(int(code), int(output), int(error))
            case _:
                raise GuestEnded(f"the guest's report makes no sense: {line!r}")
