"""Which containers ended, as the agent remembers it, and when each may be restarted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from pyrsistent import PMap, pmap
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from flocker_lite.convergence.overdue import Overdue
from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IRestartHistory
from flocker_lite.model.lease import Role
from flocker_lite.model.records import Container, NodeId
from flocker_lite.model.state import LocalContainer, NodeView
from flocker_lite.planner import restart_policy
from flocker_lite.planner.groups import Local

UNREPORTED_SECONDS_MAX = 10.0
"""How long a move waits for the cluster to learn that a container has finished.

A control service of the previous release never learns it.
"""


class RestartTracker:
    """Remembers durably how containers ended, and derives what that means now.

    `resting` names the containers that must not be started now. The cluster must learn how the
    `unreported` containers ended before they move. The containers in `due` run, and are to be
    stopped for a restart that a user asked for, or because they are unhealthy.
    """

    _log = Logger()

    def __init__(
        self,
        me: NodeId,
        restart_history: IRestartHistory,
        clock: IReactorTime,
        unhealthy: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        """`me` is this node; `unhealthy` returns the containers to restart because they are."""
        self._unhealthy = unhealthy
        self._me = me
        self.histories: restart_policy.RestartHistories = restart_history.remembered
        self.resting: frozenset[str] = frozenset()
        self.unreported: frozenset[str] = frozenset()
        self.due: frozenset[str] = frozenset()
        self._restart_history = restart_history
        self._clock = clock
        self._unsaved = False
        self.starts_at: dict[str, float] = {}
        self._unreported_since = Overdue(clock, UNREPORTED_SECONDS_MAX)
        self._restarted_since = Overdue(clock, restart_policy.STABLE_SECONDS)
        self._short: PMap[str, str] = pmap()
        self._asked: dict[str, Container | None] = {}

    async def record_exits(
        self, now: Local, being_changed: Iterable[str], view: NodeView | None
    ) -> None:
        """Write down which containers ended by themselves, by this discovery.

        `being_changed` names the containers that a change works on: it may have stopped them.
        """
        desired = view.containers if view is not None else None
        provisional = [
            name for name in now.containers if not self._counts_elsewhere(name, now, desired)
        ]
        histories = restart_policy.remembered(
            *(self.histories, now.containers, being_changed, desired, provisional),
            unhealthy=self._unhealthy(),
        )
        for name, history in histories.items():
            if history != self.histories.get(name):
                wait_seconds = restart_policy.delay_seconds(history)
                self.starts_at[name] = self._clock.seconds() + wait_seconds
        if histories != self.histories or self._unsaved:
            await self._remember(histories)
        self.histories = histories

    def see(self, containers: PMap[str, LocalContainer], desired: PMap[str, Container]) -> None:
        """These containers are here now, and these are desired."""
        now = self._clock.seconds()
        self._begin_anew(desired)
        self.resting = restart_policy.resting(
            self.histories, containers, desired, self.starts_at, now
        )
        due = restart_policy.due(self.histories, containers, desired)
        due |= restart_policy.halting(self.histories, containers)
        self.due = frozenset(name for name in due if containers[name].running)
        unreported = restart_policy.unreported(self.histories, containers, desired)
        self._unreported_since.see(unreported)
        self.unreported = unreported - self._unreported_since.over
        self._short = restart_policy.after_short_runs(self.histories, containers)
        self._restarted_since.see(f"{self._restarts(name)} {name}" for name in self._short)

    def _restarts(self, name: str) -> int:
        return self.histories[name].times + self.histories[name].halts

    def _begin_anew(self, desired: PMap[str, Container]) -> None:
        """Forget the waits of the containers that users have edited, or want to be retried."""
        for name in self.starts_at:
            asked = desired.get(name)
            asked = replace(asked, ended=None) if asked is not None else None
            if name in self._asked and self._asked[name] != asked and name in self.histories:
                self.starts_at[name] = self._clock.seconds()
                history = replace(self.histories[name], in_a_row=0)
                self.histories = self.histories.set(name, history)
                self._unsaved = True
            self._asked[name] = asked

    def to_note(
        self, containers: PMap[str, LocalContainer], desired: PMap[str, Container]
    ) -> frozenset[str]:
        """The containers whose next start is a restart that a user asked for: a look notes that."""
        due = restart_policy.due(self.histories, containers, desired)
        return frozenset(name for name in due if not containers[name].has_begun)

    @property
    def crashing(self) -> PMap[str, str]:
        """The error that users see for each restarted container until it has run long enough."""
        proven = {each.partition(" ")[2] for each in self._restarted_since.over}
        return pmap({name: said for name, said in self._short.items() if name not in proven})

    @property
    def due_seconds(self) -> tuple[float, ...]:
        """In how many seconds one of these results may change."""
        now = self._clock.seconds()
        starts = (at - now for at in self.starts_at.values() if at > now)
        return (*starts, *self._unreported_since.due_seconds, *self._restarted_since.due_seconds)

    def _counts_elsewhere(
        self, name: str, now: Local, desired: PMap[str, Container] | None
    ) -> bool:
        """Whether an exit here counts for the container, wherever it runs next.

        If its data is on trial, on its way or elsewhere, a move may have stopped it, or it may have
        to run again.
        """
        made_from = now.containers[name].container
        if not made_from.volumes:
            container = desired.get(name) if desired is not None else None
            return container is not None and container.node == self._me
        copies = (now.datasets.get(volume.dataset_id) for volume in made_from.volumes)
        leases = [copy.lease if copy is not None else None for copy in copies]
        return all(lease is not None and lease.role is Role.PRIMARY for lease in leases)

    async def _remember(self, histories: restart_policy.RestartHistories) -> None:
        self._unsaved = True
        try:
            await self._restart_history.remember(histories)
            self._unsaved = False
        except FlockerError as error:
            self._log.error(
                "cannot write down which containers ended, trying again: {error}", error=error
            )
