"""Lets the containers of an application switch to another node at one instant.

Each has a push and a handoff of its own. They wait for each other where it matters: nobody stops
before all are ready, nobody is committed before all are well at the destination. A failure of one
before that is a failure of all, which undoes each handoff as usual. After a crash each container
continues by its own leases; the planner then moves those that went back once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime

from flocker_lite.convergence.desired_state import DesiredState
from flocker_lite.convergence.trials import trial_seconds
from flocker_lite.errors import ContainerError, FlockerError, NotHealthy
from flocker_lite.planner.companions import companions, ranks


class Point(Enum):
    """What a container of a joint switch has behind it."""

    QUIESCED = "it has done what it should before the switch, or need not"
    PREPARED = "everything slow is done that needs no stop"
    STOPPED = "it has stopped here"
    SENT = "its last snapshot is at the destination"
    TRIED = "its trial went well, or it has none"
    HANDED_OVER = "the destination has its data"


@dataclass
class JointSwitch:
    """One switch of several containers; `ranks` has the rank of each by its name.

    `trial_seconds` is the longest trial that one of them needs: all trials go on until the last one
    is over. `has_hooks` says whether one of them has something to do before the switch.
    """

    ranks: Mapping[str, int]
    trial_seconds: int = 0
    has_hooks: bool = False
    _reached: set[tuple[str, Point]] = field(default_factory=set)
    _waiting: list[Deferred[None]] = field(default_factory=list)
    _failure: tuple[str, BaseException] | None = None

    def reach(self, name: str, point: Point) -> None:
        """This container has come so far."""
        self._reached.add((name, point))
        self._wake()

    def fail(self, name: str, error: BaseException) -> None:
        """This container does not go on; the first failure counts."""
        if self._failure is None:
            self._failure = (name, error)
            self._wake()

    async def meet(self, name: str, point: Point) -> None:
        """Reach a point, and wait for all others there; FlockerError when one of them failed."""
        self.reach(name, point)
        await self._all_at(self.ranks, point)

    async def follow(self, name: str, point: Point) -> None:
        """Wait until all that start before this one are there; FlockerError when one failed."""
        rank = self.ranks.get(name, 0)
        await self._all_at([other for other in self.ranks if self.ranks[other] < rank], point)

    async def precede(self, name: str, point: Point) -> None:
        """Wait until all that start after this one are there; FlockerError when one failed."""
        rank = self.ranks.get(name, 0)
        await self._all_at([other for other in self.ranks if self.ranks[other] > rank], point)

    async def _all_at(self, names: Iterable[str], point: Point) -> None:
        wanted = {(name, point) for name in names}
        while not wanted <= self._reached:
            if self._failure is not None:
                raise _error_of(*self._failure)
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            await waiting

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.called:  # it may have been cancelled
                each.callback(None)


class JointSwitches:
    """The joint switches of a node, and who waits to begin one."""

    def __init__(self, clock: IReactorTime, desired: DesiredState) -> None:
        self._clock = clock
        self._desired = desired
        self._ready: dict[str, Deferred[None]] = {}
        self._begun: dict[str, JointSwitch] = {}

    def companions(self, name: str) -> frozenset[str]:
        """The containers that have to switch together with this one now."""
        view = self._desired.view
        return companions(view, name) if view is not None else frozenset()

    async def ready(self, name: str, seconds: float) -> frozenset[str]:
        """Wait so long at most for the others to be ready, too; returns those that are not yet.

        When it returns nothing, the switch has begun for all of them.
        """
        if not self._missing(name):
            self._begin(name)
            return frozenset()
        waiting = self._ready[name] = Deferred()
        try:
            await waiting.addTimeout(seconds, self._clock)
        except TimeoutError:
            # Meanwhile a user may have changed who moves together.
            missing = self._missing(name)
            if not missing:
                self._begin(name)
            return missing
        finally:
            if self._ready.get(name) is waiting:
                del self._ready[name]
        return frozenset()

    def begun(self, name: str) -> JointSwitch | None:
        """The switch of this container that has just begun, for who goes on with `of`."""
        return self._begun.get(name)

    def of(self, name: str) -> JointSwitch:
        """The switch of this container that just began; one of its own when nobody joins it."""
        return self._begun.pop(name, None) or JointSwitch({name: 0})

    def _missing(self, name: str) -> frozenset[str]:
        return self.companions(name) - self._ready.keys()

    def _begin(self, name: str) -> None:
        names, view = {name, *self.companions(name)}, self._desired.view
        order = ranks(view, names) if view is not None else dict.fromkeys(names, 0)
        desired = [each for each in map(self._desired.container, order) if each is not None]
        checks = [each.health_check for each in desired if each.health_check is not None]
        has_hooks = any(each.before_switch is not None for each in desired)
        switch = JointSwitch(order, max(map(trial_seconds, checks), default=0), has_hooks)
        self._begun.update(dict.fromkeys(order, switch))
        for each in order:
            waiting = self._ready.pop(each, None)
            if waiting is not None and each != name:
                waiting.callback(None)


def _error_of(name: str, error: BaseException) -> FlockerError:
    kind = NotHealthy if isinstance(error, NotHealthy) else ContainerError
    return kind(f"container {name}, which moves together with it, does not: {error}")
