"""Opens the output of this node's containers for clients of the control service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from zope.interface import implementer

from flocker_lite.interfaces import IContainers
from flocker_lite.interfaces.output import IOutput
from flocker_lite.protocol.container_output import TooManyReaders

READERS_MAX = 8
"""Each reader occupies a thread of the agent while its container prints nothing."""


class ContainerOutputs:
    """Opens outputs, and limits how many are open."""

    def __init__(self, containers: IContainers) -> None:
        self._containers = containers
        self._readers = 0

    async def open(self, container: str, lines: int, follow: bool) -> IOutput:
        """Start reading the last lines of a container, and what follows."""
        if self._readers >= READERS_MAX:
            raise TooManyReaders(
                f"{READERS_MAX} clients are reading the output of that node's containers already: "
                "end some, or ask again later."
            )
        self._readers += 1
        try:
            output = await self._containers.output(container, lines, follow)
        except BaseException:
            self._readers -= 1
            raise
        return _Counted(output, self._closed)

    def _closed(self) -> None:
        self._readers -= 1


@implementer(IOutput)
class _Counted:
    """An output that calls `closed` once, when it is closed."""

    def __init__(self, output: IOutput, closed: Callable[[], None]) -> None:
        self._output = output
        self._closed = closed
        self._is_closed = False

    def read(self) -> Awaitable[bytes]:
        return self._output.read()

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._closed()
            self._output.close()
