"""The collections of the REST API: the ids that are in them now, and the items of each id.

An id may have several items, for example a container that two nodes report for a moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from pyrsistent import PMap, pmap

from flocker_lite.applications import membership
from flocker_lite.control.http import application_bodies, bodies, moves, state
from flocker_lite.control.http.bodies import Body
from flocker_lite.control.interfaces import IControl
from flocker_lite.errors import NotFound
from flocker_lite.model.node_edits import existing_node
from flocker_lite.model.registries import canonical
from flocker_lite.model.state import ImageState
from flocker_lite.model.user_leases import current_lease

Items: TypeAlias = Callable[[IControl, str, float], list[Body]]


@dataclass(frozen=True, slots=True)
class Collection:
    """A path under /v1, the ids that may be in it, and the items of an id.

    `items` takes the time in seconds since 1970; it returns nothing for an id that is not there,
    for which `missing` is the error text. `is_ordered`: the ids have an order of their own.
    `meant` turns what a client calls an item into its id. `is_kept`: items may be cached, because
    the ids are the keys of a map, and an item depends only on its value and on nodes' addresses.
    `has_secrets`: not everybody who may read sees all of an item (`redaction`).
    """

    path: str
    missing: str
    ids: Callable[[IControl], Iterable[str]]
    items: Items
    is_ordered: bool = False
    is_kept: bool = False
    has_secrets: bool = False
    meant: Callable[[IControl, str], str] = lambda control, identity: identity

    @property
    def is_configuration(self) -> bool:
        """Whether the collection is configuration, not state."""
        return self.path.startswith("configuration/")


def _configured_dataset(control: IControl, dataset_id: str, now: float) -> list[Body]:
    dataset = control.configuration.datasets.get(dataset_id.lower())
    return [] if dataset is None else [bodies.dataset_body(control.configuration, dataset)]


def _configured_container(control: IControl, name: str, now: float) -> list[Body]:
    container = control.configuration.containers.get(name)
    return [] if container is None else [bodies.container_body(control.configuration, container)]


def _configured_node(control: IControl, where: str, now: float) -> list[Body]:
    try:
        return [bodies.node_body(existing_node(control.configuration, where))]
    except NotFound:
        return []


def _lease(control: IControl, dataset_id: str, now: float) -> list[Body]:
    lease = current_lease(control.configuration, dataset_id.lower(), now)
    return [] if lease is None else [bodies.lease_body(lease, now)]


def _configured_image(control: IControl, image_id: str, now: float) -> list[Body]:
    desired = control.configuration.images.get(image_id.lower())
    return [] if desired is None else [bodies.image_body(control.configuration, desired)]


def _secret(control: IControl, name: str, now: float) -> list[Body]:
    secret = control.configuration.secrets.get(name)
    return [] if secret is None else [bodies.secret_body(secret)]


def _registry(control: IControl, registry: str, now: float) -> list[Body]:
    login = control.configuration.registries.get(canonical(registry))
    return [] if login is None else [bodies.registry_body(login)]


def _application(control: IControl, name: str, now: float) -> list[Body]:
    body = application_bodies.application_body(control.configuration, name)
    return [] if body is None else [body]


def _seen_image(control: IControl, image_id: str, now: float) -> list[Body]:
    image_id = image_id.lower()
    reports = control.cluster.images.get(image_id, pmap())
    absence = control.absences.words("images", image_id)
    if absence is not None:
        desired = control.configuration.images[image_id]
        missing = ImageState(desired.image, present=False, error=absence)
        return [state.image_body(control.configuration, image_id, desired.node, missing)]
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
    """The things that nodes report, and those that wait for a node that is away."""
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
            has_secrets=True,
        ),
        Collection(
            "configuration/nodes",
            "Node not found.",
            lambda control: control.configuration.nodes,
            _configured_node,
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
            "configuration/secrets",
            "Secret not found.",
            lambda control: control.configuration.secrets,
            _secret,
        ),
        Collection(
            "configuration/registries",
            "Registry not found.",
            lambda control: control.configuration.registries,
            _registry,
        ),
        Collection(
            "configuration/applications",
            "Application not found.",
            lambda control: membership.names(control.configuration),
            _application,
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
            has_secrets=True,
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
            has_secrets=True,
            meant=moves.meant,
        ),
    )
}
