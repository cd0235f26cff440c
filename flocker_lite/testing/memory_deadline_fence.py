"""IDeadlineFence in memory: it outlives an agent as the real one does, and ends with the machine.

It surprises as the real one does: it kills at the deadline whatever the agent does at that instant,
kills again what is started later, and may end everything early, because one of its processes died.
It begins before the deadline with containers of many processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from zope.interface import implementer

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import ArmedDeadline, IDeadlineFence
from flocker_lite.model.records import DatasetId
from flocker_lite.zfs.fence_lead import lead_seconds

LOOK_SECONDS = 1.0
"""How often it kills what is started in spite of a passed deadline."""


@dataclass
class _Armed:
    """One armed deadline; `call` ends the container when it is due, or kills it again."""

    dataset_ids: frozenset[DatasetId]
    until: float
    call: Any
    has_passed: bool = False
    instances: set[str] = field(default_factory=set)


@implementer(IDeadlineFence)
@dataclass
class MemoryDeadlineFence:
    """`kill(instance)` kills a container, `unmount(dataset_id)` all users of a dataset.

    `processes(instance)` is how many a container has; they are counted when it is added.

    Times are those of `clock`; set that before you arm a deadline. `lost` belongs to the agent, and
    goes when the agent dies.
    """

    unmount: Callable[[DatasetId], None] = lambda _: None
    clock: IReactorTime = field(default_factory=Clock)
    kill: Callable[[str], None] = lambda _: None
    lost: Callable[[str], None] = lambda _: None
    processes: Callable[[str], int] = lambda _: 1
    armed: dict[str, _Armed] = field(default_factory=dict)

    async def arm_deadline(
        self, container: str, dataset_ids: frozenset[DatasetId], until: float
    ) -> None:
        seconds = until - self.clock.seconds()
        if seconds <= 0:
            raise FlockerError("the deadline is over already")
        known = self.armed.get(container)
        if known is None:
            call = self.clock.callLater(seconds, self.expire, container)
            self.armed[container] = _Armed(dataset_ids, until, call)
            return
        known.dataset_ids = dataset_ids
        if known.has_passed or until > known.until:
            known.until, known.has_passed = until, False
            self._call_in_time(container)

    async def add_instance(self, container: str, instance: str) -> None:
        known = self.armed.get(container)
        if known is None or known.has_passed:
            raise FlockerError(f"no deadline of container {container} is armed")
        known.instances.add(instance)
        self._call_in_time(container)

    def _call_in_time(self, container: str) -> None:
        known = self.armed[container]
        known.call.cancel()
        begin_at = known.until - lead_seconds(sum(map(self.processes, known.instances)))
        seconds = max(begin_at - self.clock.seconds(), 0.0)
        known.call = self.clock.callLater(seconds, self.expire, container)

    async def disarm(self, container: str) -> None:
        known = self.armed.pop(container, None)
        if known is not None:
            known.call.cancel()

    async def deadlines(self) -> Mapping[str, ArmedDeadline]:
        return {
            name: ArmedDeadline(each.dataset_ids, each.until, each.has_passed)
            for name, each in self.armed.items()
        }

    def crash(self) -> None:
        """The machine goes down, with all deadlines on it."""
        for known in self.armed.values():
            known.call.cancel()
        self.armed.clear()

    def break_off(self) -> None:
        """One of its processes is killed: it ends all containers, and is gone."""
        for container in tuple(self.armed):
            self.expire(container)
        self.crash()

    def expire(self, container: str) -> None:
        """The deadline is there: end the container."""
        known = self.armed[container]
        if known.call.active():
            known.call.cancel()
        was_counting, known.has_passed = not known.has_passed, True
        known.call = self.clock.callLater(LOOK_SECONDS, self.expire, container)
        for instance in sorted(known.instances):
            self.kill(instance)
        if was_counting:
            for dataset_id in sorted(known.dataset_ids):
                self.unmount(dataset_id)
            self.lost(container)
