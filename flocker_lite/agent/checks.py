"""The checks that ask the agent itself and the kernel: the ports, and the clock."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping

from zope.interface import implementer

from flocker_lite.interfaces.checks import Checked, ICheck
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.model.container_fields.ports import port_of
from flocker_lite.model.diagnosis import Finding
from flocker_lite.model.state import PortState

TIME_ERROR = 5
"""What adjtimex returns while nothing keeps the clock right."""

_TIMEX_BYTES = 512
"""More than any `struct timex`; zeros ask, and change nothing."""


@implementer(ICheck)
class PortsCheck:
    """Looks at the external ports that the agent reports, by their keys."""

    name = "ports"

    def __init__(self, ports: Callable[[], Mapping[str, PortState]]) -> None:
        self._ports = ports

    async def look(self) -> Checked:
        ports = self._ports()
        held = sum(each.held for each in ports.values())
        refused = sum(each.refused_total for each in ports.values())
        found = [self._finding(key, each) for key, each in sorted(ports.items(), key=_in_order)]
        findings = tuple(each for each in found if each is not None)
        return Checked(f"{held} connections wait, {refused} were refused", findings)

    def _finding(self, key: str, port: PortState) -> Finding | None:
        if port.error:
            remedy = "end what has the port, or give the container another one"
            return Finding(self.name, f"port {key}: {port.error}", remedy)
        if port.held:
            text = f"port {key}: {port.held} connections wait for a container"
            remedy = "see why it does not run: flockerctl status, flockerctl moves"
            return Finding(self.name, text, remedy, severe=False)
        if port.refused_total:
            text = f"port {key}: {port.refused_total} connections were refused during moves"
            remedy = "raise `hold: connections:` or `hold: seconds:` in agent.yml"
            return Finding(self.name, text, remedy, severe=False)
        return None


def _in_order(item: tuple[str, PortState]) -> tuple[int, str]:
    return port_of(item[0])


def kernel_keeps_time() -> bool:
    """Whether the kernel knows of a program that keeps its clock right; True if it cannot say."""
    state = ctypes.create_string_buffer(_TIMEX_BYTES)
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    return adjtimex is None or adjtimex(state) != TIME_ERROR


@implementer(ICheck)
class ClockCheck:
    """Asks the kernel whether NTP, or another program, keeps its clock right."""

    name = "clock"

    def __init__(
        self, run_in_thread: RunInThread, is_kept: Callable[[], bool] = kernel_keeps_time
    ) -> None:
        self._run_in_thread = run_in_thread
        self._is_kept = is_kept

    async def look(self) -> Checked:
        if await self._run_in_thread(self._is_kept):
            return Checked("synchronized")
        text = "nothing keeps the clock right, as far as the kernel knows"
        remedy = "run chrony or another NTP client there"
        return Checked("not synchronized", (Finding(self.name, text, remedy, severe=False),))
