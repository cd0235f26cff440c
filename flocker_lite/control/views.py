"""Which node is told what; pure. Each function answers for one thing, so a change costs itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pyrsistent import pmap

from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.model.grants import Signed
from flocker_lite.model.lease import Role
from flocker_lite.model.moves import last_alike, pause_costs, seconds_of_the_stop
from flocker_lite.model.open_moves import move_of_container, move_of_dataset
from flocker_lite.model.records import (
    Configuration,
    Container,
    DatasetId,
    Image,
    NodeId,
)
from flocker_lite.model.state import ContainerState, Route, WantedDataset
from flocker_lite.model.user_leases import held_container, held_dataset


def dataset_views(
    configuration: Configuration,
    cluster: ClusterState,
    dataset_id: DatasetId,
    signed: Signed | None = None,
) -> dict[NodeId, WantedDataset]:
    """The nodes that a dataset concerns: where it is wanted, who owns it, who has a copy.

    The owner is told `signed`.
    """
    dataset = configuration.datasets.get(dataset_id)
    grant = configuration.grants.get(dataset_id)
    if dataset is None or grant is None:
        return {}
    dataset = held_dataset(configuration, dataset)
    reports = cluster.datasets.get(dataset_id, pmap())
    leases = {node_id: state.lease for node_id, state in reports.items() if state.lease is not None}
    concerned = set(reports) | (set() if dataset.deleted else {dataset.primary, grant.owner})
    named = concerned | {lease.peer for lease in leases.values() if lease.peer is not None}
    addresses = pmap(
        {
            node_id: configuration.nodes[node_id].address
            for node_id in named
            if node_id in configuration.nodes
        }
    )
    bases = {node_id: state.base for node_id, state in reports.items() if state.base is not None}
    move = move_of_dataset(configuration, dataset_id)
    ends = () if move is None else (move.source, move.destination)
    last = None if move is None else last_alike(configuration, move)
    learnt = pause_costs(last), seconds_of_the_stop(last).get(dataset_id, 0.0)
    return {
        node_id: WantedDataset(
            dataset,
            grant,
            pmap({other: lease for other, lease in leases.items() if other != node_id}),
            addresses,
            *((move, *learnt) if node_id in ends else (None, pmap(), 0.0)),
            signed if node_id == grant.owner else None,
            pmap({other: base for other, base in bases.items() if other != node_id}),
        )
        for node_id in concerned
    }


def container_views(
    configuration: Configuration, cluster: ClusterState, name: str
) -> dict[NodeId, Container]:
    """The nodes that a container concerns: where it is wanted, who has it, who owns its data.

    Whoever only says that it has it, or a copy of its data, is not told its secrets.
    """
    container = configuration.containers.get(name)
    if container is None:
        return {}
    container = held_container(configuration, container)
    its_own, reporting = {container.node}, set(cluster.containers.get(name, pmap()))
    for volume in container.volumes:
        grant = configuration.grants.get(volume.dataset_id)
        its_own |= {grant.owner} if grant is not None else set()
        reporting |= set(cluster.datasets.get(volume.dataset_id, pmap()))
    move = move_of_container(configuration, name)
    moves = {move.source, move.destination} & reporting if move is not None else set()
    public = replace(container, environment=pmap(), command_line=None)
    return {**dict.fromkeys(reporting, public), **dict.fromkeys(its_own | moves, container)}


def deleted_views(
    configuration: Configuration, cluster: ClusterState, name: str
) -> dict[NodeId, bool]:
    """The nodes that keep volumes for a container which is not configured any more."""
    if name in configuration.containers:
        return {}
    return dict.fromkeys(cluster.kept.get(name, pmap()), True)


def serving_views(
    configuration: Configuration, cluster: ClusterState, name: str
) -> dict[NodeId, NodeId]:
    """The nodes that a container concerns, each with the one at which it is seen to serve."""
    chosen = _serving(configuration, name, cluster.containers.get(name, pmap()))
    if chosen is None:
        return {}
    return dict.fromkeys(container_views(configuration, cluster, name), chosen)


def route(
    configuration: Configuration,
    cluster: ClusterState,
    name: str,
    port: int,
    before: Route | None,
) -> Route | None:
    """Where connections to an external port of a container go now: to where it is seen to serve.

    When it serves nowhere, the node that has it last still holds what comes: the route stays as it
    was `before`, for as long as the container is configured to have the port. What is not
    configured any more is led to as before for as long as it runs there, and nowhere else.
    """
    running = {
        node_id: state
        for node_id, state in cluster.containers.get(name, pmap()).items()
        if state.running
        and any(item.external == port for item in state.container.ports)
        and not _is_on_trial(cluster, node_id, state.container)
    }
    known = before if before is not None and before.container == name else None
    wanted = configuration.containers.get(name)
    if wanted is None or all(item.external != port for item in wanted.ports):
        addresses = {
            configuration.nodes[node_id].address
            for node_id in running
            if node_id in configuration.nodes
        }
        is_configured = wanted is not None
        return known if known and known.address in addresses and not is_configured else None
    chosen = _serving(configuration, name, running)
    if chosen is None and known is not None:
        return known
    if chosen is None:
        chosen = _chosen(configuration, name, _entitled(configuration, name, running))
    node = configuration.nodes.get(chosen or "")
    return Route(port, node.address, name) if node is not None else None


def _serving(
    configuration: Configuration, name: str, reports: Mapping[NodeId, ContainerState]
) -> NodeId | None:
    """The node at which a container serves, of those that may; None when it serves at none."""
    serving = [node_id for node_id, state in reports.items() if state.serving]
    return _chosen(configuration, name, _entitled(configuration, name, serving))


def _entitled(configuration: Configuration, name: str, nodes: Iterable[NodeId]) -> list[NodeId]:
    """Those of the nodes that may have the container: nobody is led to where a node only says so.

    With data that is who was granted all of it, without: where it is configured, or on its way.
    """
    wanted = configuration.containers.get(name)
    if wanted is None:
        return []
    grants = [configuration.grants.get(volume.dataset_id) for volume in wanted.volumes]
    owners = {grant.owner for grant in grants if grant is not None}
    if owners:
        return [node_id for node_id in nodes if owners == {node_id}]
    move = move_of_container(configuration, name)
    named = {wanted.node} if move is None else {wanted.node, move.source, move.destination}
    return [node_id for node_id in nodes if node_id in named]


def _is_on_trial(cluster: ClusterState, node_id: NodeId, container: Container) -> bool:
    """What it writes there may be taken back: nobody is led there."""
    copies = (
        cluster.datasets.get(volume.dataset_id, pmap()).get(node_id) for volume in container.volumes
    )
    leases = (copy.lease for copy in copies if copy is not None)
    return any(lease is not None and lease.role is Role.PROBATION for lease in leases)


def _chosen(configuration: Configuration, name: str, nodes: list[NodeId]) -> NodeId | None:
    """Two nodes have a container without data for a moment while it moves."""
    wanted = configuration.containers.get(name)
    return wanted.node if wanted is not None and wanted.node in nodes else min(nodes, default=None)


def image_views(configuration: Configuration, image_id: str) -> dict[NodeId, Image]:
    """The node that should have the image."""
    wish = configuration.images.get(image_id)
    return {} if wish is None else {wish.node: wish}


def discard_views(configuration: Configuration, name: str) -> dict[NodeId, bool]:
    """The nodes that should destroy what they have set aside under this name."""
    wish = configuration.discards.get(name)
    return {} if wish is None else dict.fromkeys(wish.nodes, True)
