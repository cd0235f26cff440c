"""The output of containers in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from zope.interface import implementer

from flocker_lite.errors import OutputUnreadable
from flocker_lite.interfaces.output import CHUNK_BYTES_MAX, IOutput
from flocker_lite.model.state import LocalContainer

LAST_LINES_MAX = 20


@dataclass
class MemoryOutputs:
    """The output of each container, by its instance, and the readers of it."""

    said: dict[str, bytes] = field(default_factory=dict)
    readers: list[MemoryOutput] = field(default_factory=list)

    def say(self, instance: str, text: bytes) -> None:
        """The program writes something."""
        self.said[instance] = self.said.get(instance, b"") + text
        self._wake()

    def end(self, instance: str) -> None:
        """The container has ended: its readers stop following it."""
        for reader in self.readers:
            if reader.instance == instance:
                reader.follows = False
        self._wake()

    def last_lines(self, instance: str) -> tuple[str, ...]:
        """The last lines of its output."""
        lines = self.said.get(instance, b"").decode().splitlines()
        return tuple(lines[-LAST_LINES_MAX:])

    def of(self, local: LocalContainer, lines: int, follows: bool) -> MemoryOutput:
        """Begin to read; OutputUnreadable when the log driver keeps nothing."""
        container = local.container
        if container.logging is not None and container.logging.driver == "none":
            raise OutputUnreadable(container.name, container.logging.driver)
        return self.open(local.instance, lines, follows)

    def open(self, instance: str, lines: int, follows: bool) -> MemoryOutput:
        """Begin to read."""
        said = self.said.get(instance, b"")
        last = said.splitlines(keepends=True)[-lines:] if lines else []
        output = MemoryOutput(self.said, instance, len(said) - len(b"".join(last)), follows)
        self.readers.append(output)
        return output

    def _wake(self) -> None:
        self.readers = [each for each in self.readers if not each.is_closed]
        for reader in tuple(self.readers):
            reader.look()


@implementer(IOutput)
class MemoryOutput:
    """A reader of one container's output, which has read everything before `position`."""

    def __init__(
        self, said: Mapping[str, bytes], instance: str, position: int, follows: bool
    ) -> None:
        self.instance = instance
        self.follows = follows
        self.is_closed = False
        self._said = said
        self.position = position
        self._reading: Deferred[bytes] | None = None

    def read(self) -> Deferred[bytes]:
        reading = self._reading = Deferred()
        self.look()
        return reading

    def close(self) -> None:
        self.is_closed = True
        self.look()

    def look(self) -> None:
        """Fire the pending read if there is output, or if no more will come."""
        chunk = self._said.get(self.instance, b"")[self.position :][:CHUNK_BYTES_MAX]
        reading = self._reading
        if reading is None or reading.called:
            return
        if self.is_closed:
            reading.callback(b"")
        elif chunk or not self.follows:
            self.position += len(chunk)
            reading.callback(chunk)
