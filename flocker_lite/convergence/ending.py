"""The end of containers that nobody is served by."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.task import deferLater
from zope.interface import implementer

from flocker_lite.convergence.changes import (
    ContainerChange,
    Doors,
    IStateChange,
    RemoveContainer,
)

LOST_STOP_TIMEOUT_SECONDS = 2.0
DRAIN_SECONDS = 2.0
"""By then every node leads new connections away, and short requests that came before are done."""


@implementer(IStateChange)
@dataclass(frozen=True)
class EndContainer(ContainerChange):
    """Stop a container whose data is gone from under it, and remove it.

    There is nothing that it could still write down. Removed, so that nobody takes its end for one
    by itself.
    """

    name: str

    async def run(self, doors: Doors) -> None:
        await doors.containers.stop(self.name, LOST_STOP_TIMEOUT_SECONDS)
        await doors.containers.remove(self.name)


@implementer(IStateChange)
@dataclass(frozen=True)
class RetireContainer(ContainerChange):
    """Remove a container that another node serves now, once what came before that is done."""

    name: str

    async def run(self, doors: Doors) -> None:
        await deferLater(doors.clock, DRAIN_SECONDS)
        await RemoveContainer(self.name).run(doors)
