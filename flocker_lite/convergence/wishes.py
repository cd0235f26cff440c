"""What the control service said last of the moves that go on here: it may change meanwhile."""

from __future__ import annotations

from collections.abc import Mapping

from flocker_lite.model.records import Container, DatasetId, Move, MoveOptions, NodeId
from flocker_lite.model.state import NodeView, WantedDataset


class Wishes:
    """Where a change that runs for long looks up what is wanted of it now.

    `view` is what the node was told last, None before the first time.
    """

    def __init__(self) -> None:
        self.view: NodeView | None = None

    def move(self, dataset_id: DatasetId) -> Move | None:
        """The move that is to bring the dataset to where it is wanted, if it is known."""
        wanted = self._wanted(dataset_id)
        return wanted.move if wanted is not None else None

    def options(self, dataset_id: DatasetId) -> MoveOptions:
        """How the user wants that move to go."""
        move = self.move(dataset_id)
        return move.options if move is not None else MoveOptions()

    def pause_costs(self, dataset_id: DatasetId) -> Mapping[str, float]:
        """The steps of the last pause that take as long whatever is sent, in seconds."""
        wanted = self._wanted(dataset_id)
        return wanted.pause_costs if wanted is not None else {}

    def stop_seconds(self, dataset_id: DatasetId) -> float:
        """How long it took, the last time, to send what was written because of the stop."""
        wanted = self._wanted(dataset_id)
        return wanted.stop_seconds if wanted is not None else 0.0

    def has_copy(self, dataset_id: DatasetId, node_id: NodeId) -> bool:
        """Whether another node is known to have a copy of the dataset."""
        wanted = self._wanted(dataset_id)
        return wanted is not None and node_id in wanted.holders

    def bases(self, dataset_id: DatasetId) -> frozenset[str]:
        """The guids that the copies of other nodes end with, as far as those were heard of."""
        wanted = self._wanted(dataset_id)
        return frozenset(wanted.bases.values()) if wanted is not None else frozenset()

    def container(self, name: str) -> Container | None:
        """The container as it is wanted."""
        return self.view.containers.get(name) if self.view is not None else None

    def has_ended(self, name: str) -> bool:
        """Whether the cluster knows that it ran to its end."""
        container = self.container(name)
        return container is not None and container.ended is not None

    def _wanted(self, dataset_id: DatasetId) -> WantedDataset | None:
        return self.view.datasets.get(dataset_id) if self.view is not None else None
