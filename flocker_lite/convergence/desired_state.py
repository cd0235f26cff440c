"""What the control service said last; users may change it while a move goes on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pyrsistent import pmap

from flocker_lite.convergence.belonging import RequestIds, belongs_to
from flocker_lite.errors import ContainerError
from flocker_lite.model.estimates import Estimate
from flocker_lite.model.records import (
    Container,
    DatasetId,
    Move,
    MoveOptions,
    NodeId,
    Registry,
    Replicas,
)
from flocker_lite.model.registries import login_for
from flocker_lite.model.secrets import needed, value_of
from flocker_lite.model.state import DesiredDataset, NodeView
from flocker_lite.planner.resources import Resource


class DesiredState:
    """Where a long change looks up what users want of it now.

    `view` is None before the control service has sent the first one.
    """

    def __init__(self) -> None:
        self.view: NodeView | None = None
        self.requests = RequestIds()

    def belongs_to(self, resources: Iterable[Resource]) -> Mapping[str, str]:
        """The ids of the request and the move on each line about work on these resources."""
        return belongs_to(self.view, self.requests, resources)

    def dataset(self, dataset_id: DatasetId) -> DesiredDataset | None:
        """What this node was told of the dataset, if anything."""
        return self.view.datasets.get(dataset_id) if self.view is not None else None

    def move(self, dataset_id: DatasetId) -> Move | None:
        """The present move of the dataset, if this node knows it."""
        desired = self.dataset(dataset_id)
        return desired.move if desired is not None else None

    def options(self, dataset_id: DatasetId) -> MoveOptions:
        """The options of that move."""
        move = self.move(dataset_id)
        return move.options if move is not None else MoveOptions()

    def pause_costs(self, dataset_id: DatasetId) -> Mapping[str, float]:
        """The seconds of those steps of the last pause that do not depend on the data."""
        desired = self.dataset(dataset_id)
        return desired.pause_costs if desired is not None else {}

    def stop_seconds(self, dataset_id: DatasetId) -> float:
        """How long the last move took to send what the container wrote because of the stop."""
        desired = self.dataset(dataset_id)
        return desired.stop_seconds if desired is not None else 0.0

    def estimates(self, dataset_id: DatasetId) -> Mapping[str, Estimate]:
        """What past moves told of each step of the pause of the dataset's move."""
        move = self.move(dataset_id)
        return move.estimates if move is not None else {}

    def has_copy(self, dataset_id: DatasetId, node_id: NodeId) -> bool:
        """Whether that node is known to have a copy of the dataset."""
        desired = self.dataset(dataset_id)
        return desired is not None and node_id in desired.holders

    def bases(self, dataset_id: DatasetId) -> Mapping[NodeId, str]:
        """The guids of the newest snapshots of other nodes' copies, as far as known."""
        desired = self.dataset(dataset_id)
        return desired.bases if desired is not None else {}

    def replicas(self, dataset_id: DatasetId) -> Replicas | None:
        """Who stands by for the dataset."""
        desired = self.dataset(dataset_id)
        return desired.dataset.replicas if desired is not None else None

    def container(self, name: str) -> Container | None:
        """The container as configured."""
        return self.view.containers.get(name) if self.view is not None else None

    def secrets(self, container: Container) -> Mapping[str, bytes]:
        """The values of its secrets, by name; ContainerError when one is not known here."""
        known = self.view.secrets.get(container.name) if self.view is not None else None
        values = known.values if known is not None else pmap()
        for name in sorted(needed(container)):
            if name not in values:
                raise ContainerError(
                    f"container {container.name} needs secret {name}, which has no value: POST one "
                    f"to /v1/configuration/secrets/{name}"
                )
        return {name: value_of(values[name]) for name in needed(container)}

    def login(self, image: str) -> Registry | None:
        """With what to log in to the image's registry; None when nothing is said."""
        return login_for(image, self.view.logins.values()) if self.view is not None else None

    def has_ended(self, name: str) -> bool:
        """Whether the cluster knows that the container finished."""
        container = self.container(name)
        return container is not None and container.ended is not None
