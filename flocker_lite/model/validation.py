"""What must hold between the records of a configuration; edits keep it, and we check imports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator

from flocker_lite.model.records import Configuration, Container, DatasetId
from flocker_lite.model.secrets import needed


def problems(configuration: Configuration) -> tuple[str, ...]:
    """What is wrong with the configuration, in words; empty when it is sound."""
    return (
        *_misfiled(configuration),
        *_unknown_nodes(configuration),
        *_without_grant(configuration),
        *(
            problem
            for container in configuration.containers.values()
            for problem in _of_container(configuration, container)
        ),
        *_shared(configuration),
        *_of_moves(configuration),
    )


def _misfiled(configuration: Configuration) -> Iterator[str]:
    for kind, field in (
        ("nodes", "node_id"),
        ("datasets", "dataset_id"),
        ("containers", "name"),
        ("leases", "dataset_id"),
        ("images", "image_id"),
        ("moves", "move_id"),
        ("past_moves", "move_id"),
        ("discards", "name"),
        ("secrets", "name"),
        ("registries", "registry"),
        ("forgotten", "node_id"),
    ):
        for identity, record in getattr(configuration, kind).items():
            if getattr(record, field) != identity:
                yield f"{kind} {identity} calls itself {getattr(record, field)}"


def _unknown_nodes(configuration: Configuration) -> Iterator[str]:
    for kind, field in (
        ("datasets", "primary"),
        ("containers", "node"),
        ("grants", "owner"),
        ("leases", "node"),
        ("images", "node"),
        ("moves", "destination"),
    ):
        for identity, record in getattr(configuration, kind).items():
            if kind == "grants" and _is_gone(configuration, identity):
                continue  # its node may have been forgotten; the id is never used again
            if getattr(record, field) not in configuration.nodes:
                yield f"{kind} {identity} is on node {getattr(record, field)}, which does not exist"
    for dataset in configuration.datasets.values():
        for node_id in dataset.replicas.nodes if dataset.replicas is not None else ():
            if node_id not in configuration.nodes:
                copy = f"a copy of dataset {dataset.dataset_id}"
                yield f"{copy} is to be on node {node_id}, which does not exist"
    for container in configuration.containers.values():
        for node_id in container.failover.nodes if container.failover is not None else ():
            if node_id not in configuration.nodes:
                place = f"container {container.name} may start on node {node_id}"
                yield f"{place}, which does not exist"
    for node_id in configuration.forgotten.keys() & configuration.nodes.keys():
        yield f"node {node_id} is both there and forgotten"
    for discard in configuration.discards.values():
        for node_id in discard.nodes:
            if node_id not in configuration.nodes:
                yield f"discards {discard.name} is on node {node_id}, which does not exist"


def _is_gone(configuration: Configuration, dataset_id: DatasetId) -> bool:
    """Whether the dataset was deleted, or purged."""
    dataset = configuration.datasets.get(dataset_id)
    return dataset is None or dataset.deleted


def _without_grant(configuration: Configuration) -> Iterator[str]:
    for dataset_id in configuration.datasets:
        if dataset_id not in configuration.grants:
            yield f"dataset {dataset_id} has no grant"
    for dataset_id in configuration.leases:
        if dataset_id not in configuration.datasets:
            yield f"dataset {dataset_id} is leased, and does not exist"


def _of_container(configuration: Configuration, container: Container) -> Iterator[str]:
    for volume in container.volumes:
        dataset = configuration.datasets.get(volume.dataset_id)
        if dataset is None or dataset.deleted:
            missing = f"dataset {volume.dataset_id}, which does not exist"
            yield f"container {container.name} uses {missing}"
        elif dataset.primary != container.node:
            yield f"container {container.name} uses a dataset of another node: {volume.dataset_id}"
    for name in sorted(needed(container)):
        if name not in configuration.secrets:
            yield f"container {container.name} needs secret {name}, which does not exist"
    for what, values in (
        ("alias", [link.alias for link in container.links]),
        ("local port", [link.local_port for link in container.links]),
    ):
        for value in _repeated(values):
            yield f"container {container.name} has two links with the {what} {value}"
    for mountpoint in _repeated(volume.mountpoint for volume in container.volumes):
        yield f"container {container.name} has two volumes at {mountpoint}"


def _shared(configuration: Configuration) -> Iterator[str]:
    containers = configuration.containers.values()
    for address in _repeated(node.address for node in configuration.nodes.values()):
        yield f"two nodes have the address {address}"
    for port in _repeated(port.key for each in containers for port in each.ports):
        yield f"the external port {port} is used twice"
    for dataset_id in _repeated(
        volume.dataset_id for each in containers for volume in each.volumes
    ):
        yield f"the dataset {dataset_id} is used twice"


def _of_moves(configuration: Configuration) -> Iterator[str]:
    moves = configuration.moves.values()
    for move in moves:
        if move.move_id in configuration.past_moves:
            yield f"the move {move.move_id} is both open and past"
        if move.container is not None and move.container not in configuration.containers:
            yield f"the move {move.move_id} is of a missing container: {move.container}"
        for dataset_id in move.dataset_ids:
            if dataset_id not in configuration.datasets:
                yield f"the move {move.move_id} is of a missing dataset: {dataset_id}"
    for name in _repeated(move.container for move in moves if move.container is not None):
        yield f"the container {name} has two moves"
    for shared in _repeated(each for move in moves for each in move.dataset_ids):
        yield f"the dataset {shared} has two moves"


def _repeated(values: Iterable[Hashable]) -> list[Hashable]:
    return [value for value, count in Counter(values).items() if count > 1]
