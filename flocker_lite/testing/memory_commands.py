"""Commands inside the containers of `MemoryContainers`."""

from __future__ import annotations

from dataclasses import dataclass, field

from flocker_lite.errors import ContainerError
from flocker_lite.interfaces import Executed
from flocker_lite.testing import made_containers
from flocker_lite.testing.made_containers import MadeContainer


@dataclass
class MemoryCommands:
    """What becomes of each command, and which were run; others succeed and say nothing."""

    results: dict[tuple[str, ...], Executed] = field(default_factory=dict)
    run: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)


class RunsCommands:
    """The part of `MemoryContainers` that runs commands."""

    made: dict[str, MadeContainer]
    commands: MemoryCommands

    async def execute(
        self, name: str, command: tuple[str, ...], timeout_seconds: float
    ) -> Executed:
        await self._begin("execute", name)
        if why := made_containers.why_not_running(self.made.get(name)):
            raise ContainerError(f"container {name} cannot be asked: {why}")
        self.commands.run.append((name, command))
        return self.commands.results.get(command, Executed(0))

    async def _begin(self, method: str, name: str) -> None:
        raise NotImplementedError
