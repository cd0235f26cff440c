"""What the agent makes of containers that ended: what it remembers, and who is started when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyrsistent import PMap, pmap
from twisted.logger import Logger

from flocker_lite.convergence import restarts
from flocker_lite.convergence.groups import Local
from flocker_lite.convergence.patience import Patience
from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IEndings
from flocker_lite.model.lease import Role
from flocker_lite.model.records import Container, NodeId
from flocker_lite.model.state import LocalContainer, NodeView

UNTOLD_SECONDS_MAX = 10.0
"""How long a move waits for the cluster to know that a container has ended for good.

A control service of the release before this one never does.
"""


class Ends:
    """Remembers how containers ended, durably, and what follows from that now.

    `resting` names those that are not to be started (yet), `untold` those whose end is to be known
    to the cluster before they move.
    """

    _log = Logger()

    def __init__(self, me: NodeId, door: IEndings, clock: Any) -> None:
        """`me` is this node; `clock` provides IReactorTime."""
        self._me = me
        self.endings: restarts.Endings = door.remembered
        self.resting: frozenset[str] = frozenset()
        self.untold: frozenset[str] = frozenset()
        self._door = door
        self._clock = clock
        self._unsaved = False
        self.starts_at: dict[str, float] = {}
        self._telling = Patience(clock, UNTOLD_SECONDS_MAX)
        self._proving = Patience(clock, restarts.STEADY_SECONDS)
        self._short: PMap[str, str] = pmap()

    async def take_in(self, now: Local, ours: Iterable[str], view: NodeView | None) -> None:
        """A look at the node shows this; `ours` names the containers that a change is at work on.

        When this returns, it is written down which of them ended by themselves.
        """
        wanted = view.containers if view is not None else None
        guests = [name for name in now.containers if not self._is_at_home(name, now, wanted)]
        endings = restarts.remembered(self.endings, now.containers, ours, wanted, guests)
        for name, ending in endings.items():
            if ending != self.endings.get(name):
                wait_seconds = restarts.delay_seconds(ending)
                self.starts_at[name] = self._clock.seconds() + wait_seconds
        if endings != self.endings or self._unsaved:
            await self._remember(endings)
        self.endings = endings

    def see(self, containers: PMap[str, LocalContainer], wanted: PMap[str, Container]) -> None:
        """What is here now, and what is wanted."""
        now = self._clock.seconds()
        self.resting = restarts.resting(self.endings, containers, wanted, self.starts_at, now)
        untold = restarts.untold(self.endings, containers, wanted)
        self._telling.see(untold)
        self.untold = untold - self._telling.over
        self._short = restarts.after_short_runs(self.endings, containers)
        self._proving.see(f"{self.endings[name].times} {name}" for name in self._short)

    @property
    def crashing(self) -> PMap[str, str]:
        """What to say of those that run again, and have not run for long enough to be trusted."""
        proved = {each.partition(" ")[2] for each in self._proving.over}
        return pmap({name: said for name, said in self._short.items() if name not in proved})

    @property
    def due_seconds(self) -> tuple[float, ...]:
        """In how many seconds something of this will be otherwise."""
        now = self._clock.seconds()
        starts = (at - now for at in self.starts_at.values() if at > now)
        return (*starts, *self._telling.due_seconds, *self._proving.due_seconds)

    def _is_at_home(self, name: str, now: Local, wanted: PMap[str, Container] | None) -> bool:
        """Whether what becomes of it here is what becomes of the container.

        What is on loan, on its way or gone elsewhere was stopped by us, or may have to run again.
        """
        made_from = now.containers[name].container
        if not made_from.volumes:
            container = wanted.get(name) if wanted is not None else None
            return container is not None and container.node == self._me
        copies = (now.datasets.get(volume.dataset_id) for volume in made_from.volumes)
        leases = [copy.lease if copy is not None else None for copy in copies]
        return all(lease is not None and lease.role is Role.PRIMARY for lease in leases)

    async def _remember(self, endings: restarts.Endings) -> None:
        self._unsaved = True
        try:
            await self._door.remember(endings)
            self._unsaved = False
        except FlockerError as error:
            self._log.error("what ended is not written down, trying again: {error}", error=error)
