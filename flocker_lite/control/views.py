"""Decides which node is told what; pure.

Each function decides for one thing, so that the cost is proportional to the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pyrsistent import pmap

from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.model.container_fields.failover import FAILOVER_PROTOCOL
from flocker_lite.model.container_fields.ports import led, port_of
from flocker_lite.model.fenced_units import common_standbys, fenced_unit, ownership
from flocker_lite.model.grants import Signed
from flocker_lite.model.lease import HOLDERS, is_on_trial
from flocker_lite.model.open_moves import move_of_container, move_of_dataset
from flocker_lite.model.pause_history import last_alike, pause_costs, seconds_of_the_stop
from flocker_lite.model.records import (
    Configuration,
    Container,
    DatasetId,
    Image,
    Move,
    NodeId,
    Registry,
)
from flocker_lite.model.registries import registry_of
from flocker_lite.model.secrets import needed
from flocker_lite.model.state import (
    ContainerState,
    DesiredDataset,
    DesiredFencing,
    Route,
    SecretValues,
)
from flocker_lite.model.user_leases import held_container, held_dataset

LOGINS_PROTOCOL = 2
"""Agents know since then what to do with the login of a registry."""


def dataset_views(
    configuration: Configuration,
    cluster: ClusterState,
    dataset_id: DatasetId,
    signed: Signed | None = None,
) -> dict[NodeId, DesiredDataset]:
    """The nodes that a dataset concerns: its primary, its owner, standbys, and nodes with a copy.

    Only the owner is told `signed`. A node that joins with the copy of an owner that was forgotten
    is not told that the dataset is deleted: what was lost with a node stays on its disk.
    """
    dataset = configuration.datasets.get(dataset_id)
    grant = configuration.grants.get(dataset_id)
    if dataset is None or grant is None:
        return {}
    dataset = held_dataset(configuration, dataset)
    reports = cluster.datasets.get(dataset_id, pmap())
    leases = {node_id: state.lease for node_id, state in reports.items() if state.lease is not None}
    concerned = set(reports)
    if not dataset.deleted:
        replicas = dataset.replicas.nodes if dataset.replicas is not None else ()
        known = (node for node in replicas if node in configuration.nodes)
        concerned |= {dataset.primary, grant.owner, *known}
    elif grant.owner not in configuration.nodes:
        concerned -= {node_id for node_id, lease in leases.items() if lease.role in HOLDERS}
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
    moving = configuration.containers.get("" if move is None else move.container or "")
    learnt = pause_costs(last, moving), seconds_of_the_stop(last, moving).get(dataset_id, 0.0)
    return {
        node_id: DesiredDataset(
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
    """The nodes that a container concerns: its node, the nodes that have it, its data's owners.

    A node that only reports to have the container, or a copy of its data, is not told its secrets.
    """
    container = configuration.containers.get(name)
    if container is None:
        return {}
    container = held_container(configuration, container)
    public = replace(container, environment=pmap(), command_line=None, entrypoint=None)
    return {
        **dict.fromkeys(_reporting(cluster, container), public),
        **dict.fromkeys(_trusted(configuration, cluster, container), container),
    }


def secret_views(
    configuration: Configuration, cluster: ClusterState, name: str
) -> dict[NodeId, SecretValues]:
    """The nodes that are told a container's secrets: where it is to run, or runs, and no other."""
    container = configuration.containers.get(name)
    names = needed(container) if container is not None else frozenset()
    if container is None or not names:
        return {}
    known = (configuration.secrets.get(each) for each in sorted(names))
    values = pmap({each.name: each.data for each in known if each is not None and each.data})
    trusted = _trusted(configuration, cluster, container)
    return dict.fromkeys(trusted, SecretValues(values))


def login_views(
    configuration: Configuration, cluster: ClusterState, name: str
) -> dict[NodeId, Registry]:
    """The nodes that pull a container's image from a registry that asks who they are."""
    container = configuration.containers.get(name)
    login = _login(configuration, container.image) if container is not None else None
    if container is None or login is None:
        return {}
    trusted = _trusted(configuration, cluster, container)
    return {node_id: login for node_id in trusted if _knows_logins(configuration, node_id)}


def image_login_views(configuration: Configuration, image_id: str) -> dict[NodeId, Registry]:
    """The same for an image that a node should have in advance."""
    desired = configuration.images.get(image_id)
    login = _login(configuration, desired.image) if desired is not None else None
    if desired is None or login is None or not _knows_logins(configuration, desired.node):
        return {}
    return {desired.node: login}


def _login(configuration: Configuration, image: str) -> Registry | None:
    if not configuration.registries:
        return None
    login = configuration.registries.get(registry_of(image))
    return login if login is not None and login.password else None


def _knows_logins(configuration: Configuration, node_id: NodeId) -> bool:
    node = configuration.nodes.get(node_id)
    return node is not None and node.protocol >= LOGINS_PROTOCOL


def _reporting(cluster: ClusterState, container: Container) -> set[NodeId]:
    reporting = set(cluster.containers.get(container.name, pmap()))
    for volume in container.volumes:
        reporting |= set(cluster.datasets.get(volume.dataset_id, pmap()))
    return reporting


def _trusted(
    configuration: Configuration, cluster: ClusterState, container: Container
) -> set[NodeId]:
    """Its node, its data's owners, and both ends of its move that have something of it.

    Warm standbys too, once they have a copy: they have the container ready.
    """
    trusted = {container.node} | _warm(configuration, cluster, container)
    for volume in container.volumes:
        grant = configuration.grants.get(volume.dataset_id)
        trusted |= {grant.owner} if grant is not None else set()
    move = move_of_container(configuration, container.name)
    if move is not None:
        trusted |= {move.source, move.destination} & _reporting(cluster, container)
    return trusted


def _warm(configuration: Configuration, cluster: ClusterState, container: Container) -> set[NodeId]:
    """The nodes that stand by for all of its data, have a copy, and are to have it ready."""
    found: list[set[NodeId]] = []
    for volume in container.volumes:
        dataset = configuration.datasets.get(volume.dataset_id)
        grant = configuration.grants.get(volume.dataset_id)
        if dataset is None or grant is None or not (dataset.replicas and dataset.replicas.warm):
            return set()
        reports = cluster.datasets.get(volume.dataset_id, pmap())
        found.append(set(dataset.replicas.standbys(grant.owner)) & set(reports))
    return set.intersection(*found) if found else set()


def deleted_views(
    configuration: Configuration, cluster: ClusterState, name: str
) -> dict[NodeId, bool]:
    """The nodes that keep volumes of a container that was deleted."""
    if name in configuration.containers:
        return {}
    return dict.fromkeys(cluster.kept.get(name, pmap()), True)


def serving_views(
    configuration: Configuration, cluster: ClusterState, name: str
) -> dict[NodeId, NodeId]:
    """The nodes that a container concerns, each with the node on which the container serves."""
    chosen = _serving(configuration, name, cluster.containers.get(name, pmap()))
    if chosen is None:
        return {}
    return dict.fromkeys(container_views(configuration, cluster, name), chosen)


def route(
    configuration: Configuration,
    cluster: ClusterState,
    name: str,
    key: str,
    before: Route | None,
) -> Route | None:
    """The route of the external port of this key: to the node on which the container serves.

    If it serves nowhere, the route stays as it was `before` while the port is configured, because
    the last node still holds new connections. A deleted container keeps its route while it runs at
    that address, and gets no other.
    """
    running = {
        node_id: state
        for node_id, state in cluster.containers.get(name, pmap()).items()
        if state.running
        and _is_led(state.container, key)
        and not _is_on_trial(cluster, node_id, state.container)
    }
    known = before if before is not None and before.container == name else None
    desired = configuration.containers.get(name)
    if desired is None or not _is_led(desired, key):
        addresses = {
            configuration.nodes[node_id].address
            for node_id in running
            if node_id in configuration.nodes
        }
        is_configured = desired is not None
        return known if known and known.address in addresses and not is_configured else None
    chosen = _serving(configuration, name, running)
    if chosen is None and known is not None:
        return known
    if chosen is None:
        chosen = _chosen(configuration, name, _entitled(configuration, name, running))
    node = configuration.nodes.get(chosen or "")
    if node is None:
        return None
    number, protocol = port_of(key)
    return Route(number, node.address, name, protocol)


def _is_led(container: Container, key: str) -> bool:
    return any(port.key == key for port in led(container.ports))


def _serving(
    configuration: Configuration, name: str, reports: Mapping[NodeId, ContainerState]
) -> NodeId | None:
    """The node on which a container serves, if that node may have it; None if there is none."""
    serving = [node_id for node_id, state in reports.items() if state.serving]
    return _chosen(configuration, name, _entitled(configuration, name, serving))


def _entitled(configuration: Configuration, name: str, nodes: Iterable[NodeId]) -> list[NodeId]:
    """The nodes that may have the container; a route never follows a mere report.

    With data this is the node that owns all of it; without, the configured node and both sides of
    a move.
    """
    desired = configuration.containers.get(name)
    if desired is None:
        return []
    grants = [configuration.grants.get(volume.dataset_id) for volume in desired.volumes]
    owners = {grant.owner for grant in grants if grant is not None}
    if owners:
        return [node_id for node_id in nodes if owners == {node_id}]
    move = move_of_container(configuration, name)
    named = {desired.node} if move is None else {desired.node, move.source, move.destination}
    return [node_id for node_id in nodes if node_id in named]


def _is_on_trial(cluster: ClusterState, node_id: NodeId, container: Container) -> bool:
    """Whether the container is on trial there: its writes may be taken back, so no route leads."""
    copies = (
        cluster.datasets.get(volume.dataset_id, pmap()).get(node_id) for volume in container.volumes
    )
    return any(copy is not None and is_on_trial(copy.lease) for copy in copies)


def _chosen(configuration: Configuration, name: str, nodes: list[NodeId]) -> NodeId | None:
    """One of the nodes: a container without data is on two nodes for a moment while it moves."""
    desired = configuration.containers.get(name)
    return (
        desired.node if desired is not None and desired.node in nodes else min(nodes, default=None)
    )


def fencing_views(configuration: Configuration, name: str) -> dict[NodeId, DesiredFencing]:
    """The nodes that run a unit under a fencing deadline: its owner, and where it moves."""
    unit, fencing = fenced_unit(configuration, name), configuration.fencings.get(name)
    owned = ownership(configuration, name)
    if unit is None or fencing is None or owned is None:
        return {}
    witnesses = common_standbys(configuration, unit.subject.dataset_ids)
    told = DesiredFencing(
        owned.owner,
        owned.epochs,
        fencing.generation,
        witnesses,
        unit.after_seconds,
        pmap({each: configuration.nodes[each].address for each in witnesses}),
    )
    nodes = (configuration.nodes.get(each or "") for each in (owned.owner, owned.destination))
    known = (node for node in nodes if node is not None and node.protocol >= FAILOVER_PROTOCOL)
    return {node.node_id: told for node in known}


def adoption_views(configuration: Configuration, name: str) -> dict[NodeId, Move]:
    """The node that is to adopt a container, or to release it."""
    move = move_of_container(configuration, name)
    if move is None or not move.stays:
        return {}
    return {move.destination: move}


def image_views(configuration: Configuration, image_id: str) -> dict[NodeId, Image]:
    """The node that should have the image."""
    desired = configuration.images.get(image_id)
    return {} if desired is None else {desired.node: desired}


def discard_views(configuration: Configuration, name: str) -> dict[NodeId, bool]:
    """The nodes that should destroy what they have set aside under this name."""
    discard = configuration.discards.get(name)
    return {} if discard is None else dict.fromkeys(discard.nodes, True)
