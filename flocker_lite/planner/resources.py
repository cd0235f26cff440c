"""The resources that changes work on; a resource has one change at a time."""

from __future__ import annotations

from dataclasses import dataclass

from flocker_lite.model.records import DatasetId, NodeId


@dataclass(frozen=True, slots=True)
class DatasetResource:
    """The copy of a dataset that this node has or should have."""

    dataset_id: DatasetId

    def __str__(self) -> str:
        return f"dataset/{self.dataset_id}"


@dataclass(frozen=True, slots=True)
class CopyResource:
    """The copy of a dataset at another node, which this node keeps fresh."""

    dataset_id: DatasetId
    node_id: NodeId

    def __str__(self) -> str:
        return f"copy/{self.dataset_id}/{self.node_id}"


@dataclass(frozen=True, slots=True)
class ContainerResource:
    """A container, by its name in the API."""

    name: str

    def __str__(self) -> str:
        return f"container/{self.name}"


@dataclass(frozen=True, slots=True)
class ImageResource:
    """An image that is pulled before a container needs it."""

    image: str

    def __str__(self) -> str:
        return f"image/{self.image}"


@dataclass(frozen=True, slots=True)
class AsideResource:
    """An aside, by its name."""

    name: str

    def __str__(self) -> str:
        return f"aside/{self.name}"


@dataclass(frozen=True, slots=True)
class AsidesResource:
    """All asides of the node, including those that discovery has not found yet."""

    def __str__(self) -> str:
        return "asides"


@dataclass(frozen=True, slots=True)
class RoutesResource:
    """All routes of the node: they are replaced as one."""

    def __str__(self) -> str:
        return "routes"


@dataclass(frozen=True, slots=True)
class NamesResource:
    """All names by which containers of the node find others: they are led as one."""

    def __str__(self) -> str:
        return "names"


Resource = (
    DatasetResource
    | CopyResource
    | ContainerResource
    | ImageResource
    | AsideResource
    | AsidesResource
    | RoutesResource
    | NamesResource
)

ASIDES = AsidesResource()
ROUTES = RoutesResource()
NAMES = NamesResource()
