"""When a set may be sent to a standby beside what else its node does: moves come first."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from flocker_lite.convergence.context import AgentContext
from flocker_lite.model.records import DatasetId
from flocker_lite.planner.changes import IStateChange, MountDataset, StartContainer
from flocker_lite.planner.move_changes import HandoffDatasets
from flocker_lite.planner.replication_changes import ReplicateDatasets

INCREMENTS_MAX = 6
INCREMENTS_BESIDE_MOVES_MAX = 1
"""How many sets are sent to standbys at one time, and how many while something moves.

An increment is mostly waiting, for ssh and for the other node. None begins during a pause.
"""

SEEDS_MAX = 1
"""How many copies are seeded at one time; they may take long, and increments do not wait."""

GIVE_WAY_SHARE = 0.1
"""How late an increment may become for a stream of a move to this node, as a share of its RPO.

The destination cannot tell whether the stream is the last one, during which nobody is served.
"""

AFTER_STREAM_SECONDS = 0.5
"""How long after its end such a stream counts: the owner commits, and hands the dataset over."""

LOOK_AGAIN_SECONDS = 0.25
"""When one that gave way is looked at again."""


class CopyTurns:
    """Decides which sets may begin."""

    def __init__(self, context: AgentContext) -> None:
        self._context = context
        self._has_given_way = False

    @property
    def due_seconds(self) -> tuple[float, ...]:
        """In how many seconds to look again, if one gave way since `forget`."""
        return (LOOK_AGAIN_SECONDS,) if self._has_given_way else ()

    def forget(self) -> None:
        """Before planning: forget which gave way."""
        self._has_given_way = False

    def may_begin(
        self,
        change: ReplicateDatasets,
        going_on: Collection[IStateChange],
        steps: Iterable[IStateChange | None],
    ) -> bool:
        """Whether a set that is due would take no room from moves, nor too much from other sets.

        `going_on` are the running changes, and `steps` what they are doing now.
        """
        if any(self._is_pause(step) for step in steps):
            return False
        recent = self._context.incoming.recent(AFTER_STREAM_SECONDS)
        arrives = any(map(self._arrives, recent))
        if arrives and self._has_time(change):
            self._has_given_way = True
            return False
        moves = arrives or any(other.transfers for other in going_on)
        if change.is_seed:
            limit = 0 if moves else SEEDS_MAX
        else:
            limit = INCREMENTS_BESIDE_MOVES_MAX if moves else INCREMENTS_MAX
        alike = [
            other
            for other in going_on
            if isinstance(other, ReplicateDatasets) and other.is_seed == change.is_seed
        ]
        return len(alike) < limit

    def _is_pause(self, step: IStateChange | None) -> bool:
        """Whether clients of a container that moves wait for this step."""
        if isinstance(step, HandoffDatasets):
            return step.health_check is None
        if isinstance(step, MountDataset):
            return self._arrives(step.dataset_id)
        return isinstance(step, StartContainer) and any(map(self._arrives, step.dataset_ids))

    def _arrives(self, dataset_id: DatasetId) -> bool:
        """Whether the dataset moves to this node."""
        move = self._context.desired.move(dataset_id)
        return move is not None and move.destination == self._context.node_id

    def _has_time(self, change: ReplicateDatasets) -> bool:
        replicas = self._context.desired.replicas(change.datasets[0].dataset_id)
        if replicas is None:
            return True
        late_seconds = self._context.clock.seconds() - change.due_at
        return late_seconds < GIVE_WAY_SHARE * replicas.rpo_seconds
