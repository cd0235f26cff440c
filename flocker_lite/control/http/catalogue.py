"""The collections of the REST API: what is in them now, one id at a time.

An id may have several items: a container that is seen on two nodes for a moment, say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from pyrsistent import PMap, pmap

from flocker_lite.control.http import bodies, moves, state
from flocker_lite.control.http.bodies import Body
from flocker_lite.control.interfaces import IControl
from flocker_lite.model.state import ImageState
from flocker_lite.model.user_leases import current_lease

Items: TypeAlias = Callable[[IControl, str, float], list[Body]]


@dataclass(frozen=True, slots=True)
class Collection:
    """A path under /v1, the ids that may be in it, and the items of one of them.

    `items` is given the time in seconds since 1970, and answers nothing for an id that is not
    there, for which `missing` has the words. `is_ordered`: the ids come in an order of their own.
    `meant` is the id for what a client calls an item. `is_kept`: the ids are those of a map, and
    an item is made of what that has for it, and of the addresses of nodes, alone.
    """

    path: str
    missing: str
    ids: Callable[[IControl], Iterable[str]]
    items: Items
    is_ordered: bool = False
    is_kept: bool = False
    meant: Callable[[IControl, str], str] = lambda control, identity: identity

    @property
    def is_configuration(self) -> bool:
        """Whether it is what should be, not what is."""
        return self.path.startswith("configuration/")


def _configured_dataset(control: IControl, dataset_id: str, now: float) -> list[Body]:
    dataset = control.configuration.datasets.get(dataset_id.lower())
    return [] if dataset is None else [bodies.dataset_body(control.configuration, dataset)]


def _configured_container(control: IControl, name: str, now: float) -> list[Body]:
    container = control.configuration.containers.get(name)
    return [] if container is None else [bodies.container_body(control.configuration, container)]


def _lease(control: IControl, dataset_id: str, now: float) -> list[Body]:
    lease = current_lease(control.configuration, dataset_id.lower(), now)
    return [] if lease is None else [bodies.lease_body(lease, now)]


def _configured_image(control: IControl, image_id: str, now: float) -> list[Body]:
    wish = control.configuration.images.get(image_id.lower())
    return [] if wish is None else [bodies.image_body(control.configuration, wish)]


def _seen_image(control: IControl, image_id: str, now: float) -> list[Body]:
    image_id = image_id.lower()
    reports = control.cluster.images.get(image_id, pmap())
    absence = control.absences.words("images", image_id)
    if absence is not None:
        wish = control.configuration.images[image_id]
        missing = ImageState(wish.image, present=False, error=absence)
        return [state.image_body(control.configuration, image_id, wish.node, missing)]
    return [
        state.image_body(control.configuration, image_id, node_id, reported)
        for node_id, reported in reports.items()
    ]


def _set_aside(control: IControl, name: str, now: float) -> list[Body]:
    return [
        state.aside_body(control.configuration, name, node_id, reported)
        for node_id, reported in control.cluster.set_aside.get(name, pmap()).items()
    ]


def _seen_datasets(control: IControl, dataset_id: str, now: float) -> list[Body]:
    dataset_id = dataset_id.lower()
    copies = control.cluster.datasets.get(dataset_id, pmap())
    claims = control.cluster.claims.get(dataset_id, ())
    absence = control.absences.words("datasets", dataset_id)
    return state.dataset_bodies(control.configuration, dataset_id, copies, claims, absence)


def _seen_containers(control: IControl, name: str, now: float) -> list[Body]:
    reports = control.cluster.containers.get(name, pmap())
    absence = control.absences.words("containers", name)
    return state.container_bodies(control.configuration, name, reports, absence)


def _seen_node(control: IControl, node_id: str, now: float) -> list[Body]:
    node = control.cluster.nodes.get(node_id.lower())
    if node is None:
        return []
    node_id = node_id.lower()
    expires_at, away = control.certificates.get(node_id), control.is_away(node_id)
    return [state.node_body(control.configuration, node_id, node, expires_at, away)]


def _with_absent(control: IControl, kind: str) -> Mapping[str, object]:
    """What is reported, and what is asked of those who are away and report nothing."""
    reported: PMap[str, object] = getattr(control.cluster, kind)
    absent = control.absences.of(kind)
    return reported.update(absent) if absent else reported


COLLECTIONS: Mapping[str, Collection] = {
    collection.path: collection
    for collection in (
        Collection(
            "configuration/datasets",
            "Dataset not found.",
            lambda control: control.configuration.datasets,
            _configured_dataset,
            is_kept=True,
        ),
        Collection(
            "configuration/containers",
            "Container not found.",
            lambda control: control.configuration.containers,
            _configured_container,
            is_kept=True,
        ),
        Collection(
            "configuration/leases",
            "Lease not found.",
            lambda control: control.configuration.leases,
            _lease,
        ),
        Collection(
            "configuration/images",
            "Image not found.",
            lambda control: control.configuration.images,
            _configured_image,
        ),
        Collection(
            "state/datasets",
            "Dataset not found.",
            lambda control: _with_absent(control, "datasets"),
            _seen_datasets,
            is_kept=True,
        ),
        Collection(
            "state/containers",
            "Container not found.",
            lambda control: _with_absent(control, "containers"),
            _seen_containers,
            is_kept=True,
        ),
        Collection(
            "state/nodes",
            "Node not found.",
            lambda control: control.cluster.nodes,
            _seen_node,
        ),
        Collection(
            "state/images",
            "Image not found.",
            lambda control: _with_absent(control, "images"),
            _seen_image,
        ),
        Collection(
            "state/set_aside",
            "Nothing is set aside under that name.",
            lambda control: control.cluster.set_aside,
            _set_aside,
        ),
        Collection(
            "state/moves",
            "Move not found.",
            moves.ids,
            moves.items,
            is_ordered=True,
            meant=moves.meant,
        ),
    )
}
