"""What a container needs to fail over, as pure functions of the configuration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from flocker_lite.errors import Conflict, Fact
from flocker_lite.model.container_fields.failover import FAILOVER_PROTOCOL
from flocker_lite.model.fenced_units import common_standbys
from flocker_lite.model.field_support import AgentTooOld
from flocker_lite.model.nodes import find_node, is_placeholder
from flocker_lite.model.records import Configuration, Container, Dataset, NodeId
from flocker_lite.model.uses import uses_of
from flocker_lite.model.volumes import MARK, MARKED

_FIELD = ("failover",)


def with_failover(
    configuration: Configuration, container: Container, before: Container | None = None
) -> Container:
    """The new or revised container with the ids of the nodes where it may start.

    What it had `before` is no new request.

    Raises UnknownNode for a node that there is not, Conflict where it could not fail over as
    configured, AgentTooOld where an agent knows nothing of that.
    """
    failover = container.failover
    has = (before.failover, before.volumes) if before is not None else None
    if failover is None or has == (failover, container.volumes):
        return container
    nodes = tuple(dict.fromkeys(find_node(configuration, node) for node in failover.nodes))
    failover = replace(failover, nodes=nodes)
    if container.volumes and nodes:
        raise Conflict(
            "The nodes of a failover are for containers without data.",
            Fact("its standbys are those of its datasets: name nodes in their replicas", _FIELD),
        )
    if failover.is_automatic and not container.volumes and not set(nodes) - {container.node}:
        raise Conflict(
            "The container has no other node to start on.",
            Fact("name nodes where it may start when its own is away (nodes)", _FIELD),
        )
    if failover.is_automatic:
        _require_standbys(configuration, container)
    return replace(container, failover=failover)


def _require_standbys(configuration: Configuration, container: Container) -> None:
    facts = []
    for volume in container.volumes:
        dataset = configuration.datasets[volume.dataset_id]
        if dataset.replicas is None:
            text = f"dataset {dataset.dataset_id} has no replicas: name nodes that stand by for it"
            facts.append(Fact(text, ("failover", "dataset_id"), dataset.dataset_id))
    if facts:
        raise Conflict("The container's data has no standby.", *facts)
    standbys = common_standbys(configuration, tuple(each.dataset_id for each in container.volumes))
    if container.volumes and not standbys:
        text = "no node stands by for all of its datasets: name the same nodes in their replicas"
        raise Conflict("The container's data has no standby.", Fact(text, _FIELD))
    _require_known(configuration, standbys)


def _require_known(configuration: Configuration, nodes: Iterable[NodeId]) -> None:
    for node_id in nodes:
        node = configuration.nodes[node_id]
        if node.protocol < FAILOVER_PROTOCOL and not is_placeholder(node):
            text = (
                f"agents know failovers since protocol {FAILOVER_PROTOCOL}; the agent of "
                f"{node.address} speaks protocol {node.protocol}: upgrade it"
            )
            raise AgentTooOld("The agent of a node is too old for failovers.", Fact(text, _FIELD))


def require_volume_failover(
    configuration: Configuration, before: Dataset | None, after: Dataset
) -> None:
    """Conflict if a dataset could not fail over as a volume of Docker's as configured.

    AgentTooOld where an agent knows nothing of that. What it had `before` is no new request.
    """
    if after.failover is None or after.deleted:
        return
    has = (before.failover, before.replicas, before.primary) if before is not None else None
    if has == (after.failover, after.replicas, after.primary):
        return
    primary = find_node(configuration, after.primary)
    standbys = after.replicas.standbys(primary) if after.replicas is not None else ()
    if after.metadata.get(MARK) != MARKED:
        raise Conflict(
            "Only a volume of Docker's has a failover of its own.",
            Fact(f'a container has its own; "{MARK}": "{MARKED}" marks a volume', _FIELD),
        )
    is_moved = before is not None and before.failover is not None and before.primary != primary
    if not standbys and not is_moved:
        text = "name nodes that stand by for it in its replicas"
        raise Conflict("The volume has no standby.", Fact(text, _FIELD))
    _require_known(configuration, (primary, *standbys))


def require_kept(configuration: Configuration, before: Dataset, after: Dataset) -> None:
    """Conflict if a dataset would lose its standbys, and a container fails over to them."""
    name = uses_of(configuration).datasets.get(before.dataset_id)
    container = configuration.containers.get(name or "")
    if after.replicas is not None or before.replicas is None or container is None:
        return
    if container.failover is not None and container.failover.is_automatic:
        raise Conflict(
            f"Container {name} fails over to the standbys of the dataset by itself: set the mode "
            "of its failover to manual first."
        )


def is_fenced(container: Container | None) -> bool:
    """Whether it runs under a fencing deadline: it has data, and fails over by itself."""
    if container is None or container.failover is None:
        return False
    return container.failover.is_automatic and bool(container.volumes)
