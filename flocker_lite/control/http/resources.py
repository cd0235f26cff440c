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
from flocker_lite.control.http.copies import COPIES, Reported, aged, copies_of, missing
from flocker_lite.control.interfaces import IControl
from flocker_lite.errors import NotFound
from flocker_lite.model.node_edits import existing_node
from flocker_lite.model.nodes import is_placeholder
from flocker_lite.model.open_moves import open_by_dataset
from flocker_lite.model.registries import canonical
from flocker_lite.model.state import ImageState, NodeState
from flocker_lite.model.user_leases import current_lease

Items: TypeAlias = Callable[[IControl, str, float], list[Body]]


@dataclass(frozen=True, slots=True)
class Collection:
    """A path under /v1, the ids that may be in it, and the items of an id.

    `items` takes the time in seconds since 1970; it returns nothing for an id that is not there,
    for which `missing` is the error text. `is_ordered`: the ids have an order of their own.
    `meant` turns what a client calls an item into its id. `is_kept`: items may be cached, because
    the ids are the keys of a map, and an item depends only on its value and on nodes' addresses.
    `has_secrets`: not everybody who may read sees all of an item (`redaction`). `also` are other
    maps on whose value an item depends that is kept; `aged` puts into it what depends on the time.
    Items of an id for which `is_fleeting` holds depend on yet more, and are not kept. `ids_since`
    has the ids of what happened from a time on, in seconds since 1970.
    """

    path: str
    missing: str
    ids: Callable[[IControl], Iterable[str]]
    items: Items
    is_ordered: bool = False
    is_kept: bool = False
    has_secrets: bool = False
    meant: Callable[[IControl, str], str] = lambda control, identity: identity
    also: Callable[[IControl], tuple[Mapping[str, object], ...]] = lambda control: ()
    aged: Callable[[Body, float], Body] = lambda body, now: body
    is_fleeting: Callable[[IControl, str], bool] = lambda control, identity: False
    ids_since: Callable[[IControl, float], Iterable[str]] | None = None

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
        return [
            bodies.node_body(control.configuration, existing_node(control.configuration, where))
        ]
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


def _audited(control: IControl, identity: str, now: float) -> list[Body]:
    entry = control.audit.entry(identity)
    return [] if entry is None else [entry.body(identity)]


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
    found = state.dataset_bodies(control.configuration, dataset_id, copies, claims, absence)
    said = _copies(control, dataset_id) if found else []
    lacking = missing(control.configuration, dataset_id) if found else {}
    shown = [{**body, **lacking} for body in found]
    return [aged({**body, COPIES: said}, now) for body in shown] if said else shown


def _copies(control: IControl, dataset_id: str) -> list[Body]:
    grant = control.configuration.grants.get(dataset_id)
    told = control.cluster.replications.get(dataset_id, pmap())
    return copies_of(
        control.configuration,
        dataset_id,
        Reported(
            control.cluster.datasets.get(dataset_id, pmap()),
            {
                standby: each
                for (reporter, standby), each in told.items()
                if grant is not None and reporter == grant.owner
            },
            {claim.node_id for claim in control.cluster.claims.get(dataset_id, ())},
            control.node_records.clock_offsets,
        ),
    )


def _seen_containers(control: IControl, name: str, now: float) -> list[Body]:
    reports = control.cluster.containers.get(name, pmap())
    absence = control.absences.words("containers", name)
    failover = control.failover_keeper.shown(name)
    return state.container_bodies(control.configuration, name, reports, absence, failover)


def _fails_over(control: IControl, name: str) -> bool:
    """Whether its state says if it would fail over, which depends on copies and links as well."""
    container = control.configuration.containers.get(name)
    failover = container.failover if container is not None else None
    return failover is not None and failover.is_automatic


def _seen_node(control: IControl, node_id: str, now: float) -> list[Body]:
    node_id = node_id.lower()
    known = control.configuration.nodes.get(node_id)
    # Not `_nodes`: for each of a thousand nodes that would look at all of them.
    if node_id not in control.cluster.nodes and (known is None or is_placeholder(known)):
        return []
    is_away = control.is_away(node_id)
    return [
        state.node_body(
            control.configuration,
            node_id,
            control.cluster.nodes.get(node_id, NodeState()),
            control.node_records,
            control.absences.away_since(node_id) if is_away else None,
            is_away,
        )
    ]


def _forgotten_node(control: IControl, node_id: str, now: float) -> list[Body]:
    found = control.configuration.forgotten.get(node_id.lower())
    if found is None:
        return []
    return [bodies.forgotten_body(found, control.absences.knocked_at(found.node_id))]


def _nodes(control: IControl) -> Mapping[str, object]:
    """The nodes whose agents report, and those whose agents did so once."""
    known = control.configuration.nodes
    missing = {
        node_id: node
        for node_id, node in known.items()
        if node_id not in control.cluster.nodes and not is_placeholder(node)
    }
    return {**control.cluster.nodes, **missing} if missing else control.cluster.nodes


def _with_absent(control: IControl, kind: str) -> Mapping[str, object]:
    """The things that nodes report, and those that wait for a node that is away."""
    reported: PMap[str, object] = getattr(control.cluster, kind)
    absent = control.absences.of(kind)
    return reported.update(absent) if absent else reported


def _shown_with_copies(control: IControl) -> tuple[Mapping[str, object], ...]:
    configuration = control.configuration
    return (
        *(configuration.datasets, configuration.grants, configuration.discards),
        *(control.cluster.replications, open_by_dataset(configuration)),
    )


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
            also=_shown_with_copies,
            aged=aged,
        ),
        Collection(
            "state/containers",
            "Container not found.",
            lambda control: _with_absent(control, "containers"),
            _seen_containers,
            is_kept=True,
            has_secrets=True,
            also=lambda control: (control.configuration.containers,),
            is_fleeting=_fails_over,
        ),
        Collection(
            "state/nodes",
            "Node not found.",
            _nodes,
            _seen_node,
        ),
        Collection(
            "state/forgotten_nodes",
            "No such node was forgotten.",
            lambda control: control.configuration.forgotten,
            _forgotten_node,
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
            "state/audit",
            "There is no such entry in the audit, or no more.",
            lambda control: control.audit.newest_first(),
            _audited,
            is_ordered=True,
            ids_since=lambda control, since: control.audit.newest_first(since),
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
