"""To which request and which move the work on a resource belongs: ids for the lines of the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flocker_lite.logs.bound_fields import MOVE, REQUEST
from flocker_lite.model.records import Change
from flocker_lite.model.state import NodeView
from flocker_lite.planner.resources import (
    AsideResource,
    ContainerResource,
    CopyResource,
    DatasetResource,
    ImageResource,
    Resource,
)

_OF_CONTAINERS = ("containers", "secrets", "adoptions", "fencings", "deleted")


class RequestIds:
    """The id of the last request about each resource, until the node has done what it asked for."""

    def __init__(self) -> None:
        self._ids: dict[Resource, str] = {}

    def told(self, requests: Iterable[tuple[Change, str]], view: NodeView) -> None:
        """The control service has told these changes, each with its request's id, now in `view`."""
        for change, request_id in requests:
            resource = _resource_of(change, view)
            if resource is not None:
                self._ids[resource] = request_id

    def of(self, resources: Iterable[Resource]) -> str:
        """The request that work on these resources follows from; "" for none."""
        for each in sorted(resources, key=str):
            if isinstance(each, CopyResource):
                each = DatasetResource(each.dataset_id)
            if each in self._ids:
                return self._ids[each]
        return ""

    def keep(self, at_work: Iterable[Resource], view: NodeView | None) -> None:
        """Forget those of resources with which there is nothing to do, and which do not move."""
        if not self._ids:
            return
        busy = {
            DatasetResource(each.dataset_id) if isinstance(each, CopyResource) else each
            for each in at_work
        }
        self._ids = {
            each: request_id
            for each, request_id in self._ids.items()
            if each in busy or move_id_of(view, (each,))
        }


def belongs_to(
    view: NodeView | None, requests: RequestIds, resources: Iterable[Resource]
) -> Mapping[str, str]:
    """The fields of each line about work on these resources."""
    resources = frozenset(resources)
    return {REQUEST: requests.of(resources), MOVE: move_id_of(view, resources)}


def move_id_of(view: NodeView | None, resources: Iterable[Resource]) -> str:
    """The id of the open move of one of these resources; "" for none."""
    if view is None:
        return ""
    for each in sorted(resources, key=str):
        match each:
            case DatasetResource(dataset_id) | CopyResource(dataset_id, _):
                found = _of_dataset(view, dataset_id)
            case ContainerResource(name):
                found = _of_container(view, name)
            case _:
                found = ""
        if found:
            return found
    return ""


def _of_dataset(view: NodeView, dataset_id: str) -> str:
    desired = view.datasets.get(dataset_id)
    return desired.move.move_id if desired is not None and desired.move is not None else ""


def _of_container(view: NodeView, name: str) -> str:
    adoption, container = view.adoptions.get(name), view.containers.get(name)
    if adoption is not None:
        return adoption.move_id
    volumes = container.volumes if container is not None else ()
    return next(filter(None, (_of_dataset(view, each.dataset_id) for each in volumes)), "")


def _resource_of(change: Change, view: NodeView) -> Resource | None:
    match change.kind:
        case "datasets":
            return DatasetResource(change.identity)
        case kind if kind in _OF_CONTAINERS:
            return ContainerResource(change.identity)
        case "images" if change.identity in view.images:
            return ImageResource(view.images[change.identity].image)
        case "discards":
            return AsideResource(change.identity)
    return None
