"""Failovers by the word of a person: what they would lose, and the edit."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol, TypeAlias

from pyrsistent import pmap

from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.model.failover_edits import fail_over
from flocker_lite.model.failover_prospects import Facts, Prospect, weigh
from flocker_lite.model.moves import Moment, Subject
from flocker_lite.model.records import Configuration, Edit, NodeId

GroupOf: TypeAlias = Callable[[Configuration], Subject]
"""Finds what is to fail over; raises EditError."""


class Control(Protocol):
    """What failovers need of the control service."""

    @property
    def configuration(self) -> Configuration: ...

    @property
    def cluster(self) -> ClusterState: ...

    def is_away(self, node_id: NodeId) -> bool: ...

    async def edit(
        self, function: Callable[[Configuration], Edit], tags: Collection[str] = ()
    ) -> Edit: ...


class Failovers:
    """Fails over groups of the control service; `moment` is what an edit of moves needs to know."""

    def __init__(self, control: Control, moment: Callable[[], Moment]) -> None:
        self._control = control
        self.moment = moment

    def prospect(self, group_of: GroupOf, where: str | None) -> Prospect:
        """What a failover to that node, or to the freshest standby, would be like now."""
        configuration = self._control.configuration
        group, now = group_of(configuration), self.moment().now
        return weigh(configuration, group, where, self.facts, now)

    async def fail_over(
        self, group_of: GroupOf, where: str | None, force: bool, tags: Collection[str] = ()
    ) -> Edit:
        """Fail over; raises Conflict as `fail_over` does, and what `edit` raises."""

        def edit(before: Configuration) -> Edit:
            group = group_of(before)
            return fail_over(before, group, where, self.facts, self.moment(), force)

        return await self._control.edit(edit, tags)

    @property
    def facts(self) -> Facts:
        """What the agents report."""
        cluster = self._control.cluster

        def is_served(name: str, node_id: NodeId) -> bool:
            state = cluster.containers.get(name, pmap()).get(node_id)
            return state is not None and state.serving

        return Facts(cluster.datasets, self._control.is_away, is_served)
