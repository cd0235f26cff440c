"""Which node is told what; pure. Each function answers for one thing, so a change costs itself."""

from __future__ import annotations

from dataclasses import replace

from pyrsistent import pmap

from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.model.lease import Role
from flocker_lite.model.moves import last_alike, pause_costs, seconds_of_the_stop
from flocker_lite.model.open_moves import move_of_dataset
from flocker_lite.model.records import (
    Configuration,
    Container,
    DatasetId,
    Grant,
    Image,
    NodeId,
)
from flocker_lite.model.state import DatasetState, Route, WantedDataset
from flocker_lite.model.user_leases import held_container, held_dataset


def dataset_views(
    configuration: Configuration, cluster: ClusterState, dataset_id: DatasetId
) -> dict[NodeId, WantedDataset]:
    """The nodes that a dataset concerns: where it is wanted, who owns it, who has a copy."""
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
            *((move, *learnt) if node_id in ends else ()),
        )
        for node_id in concerned
    }


def container_views(
    configuration: Configuration, cluster: ClusterState, name: str
) -> dict[NodeId, Container]:
    """The nodes that a container concerns: where it is wanted, who has it, who owns its data."""
    container = configuration.containers.get(name)
    if container is None:
        return {}
    container = held_container(configuration, container)
    concerned = {container.node, *cluster.containers.get(name, pmap())}
    for volume in container.volumes:
        grant = configuration.grants.get(volume.dataset_id)
        concerned |= {grant.owner} if grant is not None else set()
        concerned |= set(cluster.datasets.get(volume.dataset_id, pmap()))
    return dict.fromkeys(concerned, container)


def serving_views(
    configuration: Configuration, cluster: ClusterState, name: str
) -> dict[NodeId, NodeId]:
    """The nodes that a container concerns, each with the one at which it is seen to serve."""
    serving = [
        node_id for node_id, state in cluster.containers.get(name, pmap()).items() if state.serving
    ]
    if not serving:
        return {}
    chosen = _chosen(configuration, name, serving)
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
    was `before`, for as long as the container is configured to have the port.
    """
    running = {
        node_id: state
        for node_id, state in cluster.containers.get(name, pmap()).items()
        if state.running
        and any(item.external == port for item in state.container.ports)
        and not _is_on_trial(cluster, node_id, state.container)
    }
    serving = [node_id for node_id, state in running.items() if state.serving]
    if not serving and before is not None and before.container == name:
        wanted = configuration.containers.get(name)
        if wanted is not None and any(item.external == port for item in wanted.ports):
            return before
    if not running:
        return None
    node = configuration.nodes.get(_chosen(configuration, name, serving or list(running)))
    return Route(port, node.address, name) if node is not None else None


def _is_on_trial(cluster: ClusterState, node_id: NodeId, container: Container) -> bool:
    """What it writes there may be taken back: nobody is led there."""
    copies = (
        cluster.datasets.get(volume.dataset_id, pmap()).get(node_id) for volume in container.volumes
    )
    leases = (copy.lease for copy in copies if copy is not None)
    return any(lease is not None and lease.role is Role.PROBATION for lease in leases)


def _chosen(configuration: Configuration, name: str, nodes: list[NodeId]) -> NodeId:
    """Two nodes have a container without data for a moment while it moves."""
    wanted = configuration.containers.get(name)
    return wanted.node if wanted is not None and wanted.node in nodes else min(nodes)


def image_views(configuration: Configuration, image_id: str) -> dict[NodeId, Image]:
    """The node that should have the image."""
    wish = configuration.images.get(image_id)
    return {} if wish is None else {wish.node: wish}


def next_grant(grant: Grant | None, node_id: NodeId, state: DatasetState) -> Grant | None:
    """The grant after a node reported its copy; None when it stays.

    Authority follows the lease on disk: who acquired a later epoch is the owner.
    """
    held = state.lease
    if grant is None or held is None:
        return None
    if held.role in (Role.PRIMARY, Role.RELEASING) and held.epoch > grant.epoch:
        return Grant(node_id, held.epoch, materialised=True)
    return None if grant.materialised else replace(grant, materialised=True)
