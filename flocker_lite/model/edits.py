"""What a user, an agent or a handoff may do to the configuration, as pure functions.

Each function takes a configuration and returns an `Edit`, or raises one of `EDIT_ERRORS`. An
argument that names a node may be its address or its UUID; so may `Dataset.primary` and
`Container.node` of a record that is created or revised.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from flocker_lite.errors import Conflict, Fact, NotFound
from flocker_lite.model import completion, mountpoints, secrets
from flocker_lite.model.allowance import require_allowed
from flocker_lite.model.container_fields import files, resources
from flocker_lite.model.container_fields.secrets import contradictions as secret_contradictions
from flocker_lite.model.editing import (
    EDIT_ERRORS,
    AlreadyDeleted,
    EditError,
    StaleGrant,
    UnknownNode,
    edited,
    existing_container,
    existing_dataset,
    in_turn,
)
from flocker_lite.model.failover_rules import (
    require_kept,
    require_volume_failover,
    with_failover,
)
from flocker_lite.model.images import find_image, forget_image, want_image
from flocker_lite.model.node_edits import forgotten_by, require_schedulable
from flocker_lite.model.nodes import (
    address_of,
    announce_node,
    canonical_address,
    expect_node,
    find_node,
    is_placeholder,
    node_at,
    require_known_where_it_is,
)
from flocker_lite.model.records import (
    Change,
    Configuration,
    Container,
    Dataset,
    DatasetId,
    Edit,
    Grant,
    Link,
    NodeId,
    Volume,
)
from flocker_lite.model.restarts import restart_container, retry_container
from flocker_lite.model.user_leases import acquire_lease, drop_lease_when_over, release_lease
from flocker_lite.model.uses import uses_of

T = TypeVar("T", bound=Hashable)

__all__ = [
    "EDIT_ERRORS",
    "AlreadyDeleted",
    "EditError",
    "StaleGrant",
    "UnknownNode",
    "acquire_lease",
    "announce_node",
    "canonical_address",
    "create_container",
    "create_dataset",
    "delete_container",
    "delete_dataset",
    "drop_lease_when_over",
    "expect_node",
    "find_image",
    "find_node",
    "forget_image",
    "forgotten_by",
    "in_turn",
    "move_container",
    "move_dataset",
    "node_at",
    "purge_dataset",
    "release_lease",
    "restart_container",
    "retry_container",
    "set_grant",
    "update_container",
    "update_dataset",
    "want_image",
]


def create_dataset(configuration: Configuration, dataset: Dataset) -> Edit:
    """Create a dataset and grant it to its primary; an id is never used a second time."""
    if dataset.dataset_id in configuration.grants:
        raise Conflict(
            "The provided dataset_id is already in use.", _who_is(configuration, dataset)
        )
    dataset = replace(dataset, primary=find_node(configuration, dataset.primary))
    require_schedulable(configuration, dataset.primary)
    require_volume_failover(configuration, None, dataset)
    return edited(
        configuration,
        [
            Change("datasets", dataset.dataset_id, dataset),
            Change("grants", dataset.dataset_id, Grant(dataset.primary)),
        ],
    )


def update_dataset(
    configuration: Configuration, dataset_id: DatasetId, revise: Callable[[Dataset], Dataset]
) -> Edit:
    """Change the dataset by `revise`; its node may change only while no container uses it."""
    dataset = existing_dataset(configuration, dataset_id)
    if dataset.deleted:
        raise AlreadyDeleted()
    revised = revise(dataset)
    require_kept(configuration, dataset, revised)
    revised = replace(revised, primary=find_node(configuration, revised.primary))
    if revised.primary != dataset.primary:
        require_schedulable(configuration, revised.primary)
        _require_detached(configuration, dataset_id, "move the container instead")
    require_volume_failover(configuration, dataset, revised)
    return edited(configuration, [Change("datasets", dataset_id, revised)])


def move_dataset(configuration: Configuration, dataset_id: DatasetId, where: str) -> Edit:
    """Put the dataset's primary on another node; the grant follows after the handoff."""
    return update_dataset(
        configuration, dataset_id, lambda dataset: replace(dataset, primary=where)
    )


def delete_dataset(configuration: Configuration, dataset_id: DatasetId) -> Edit:
    """Delete the dataset, so that its copies are destroyed; deleting it again changes nothing."""
    dataset = existing_dataset(configuration, dataset_id)
    _require_detached(configuration, dataset_id, "delete the container first")
    return edited(configuration, [Change("datasets", dataset_id, replace(dataset, deleted=True))])


def purge_dataset(
    configuration: Configuration,
    dataset_id: DatasetId,
    holders: Collection[NodeId],
    reporting: Collection[NodeId],
) -> Edit:
    """Forget a deleted dataset that no node holds any more; its grant stays, so its id stays used.

    `holders` are the nodes that report a copy, `reporting` the nodes that report at all. Conflict
    while a node is away: it may hold a copy, which nobody would then tell it to destroy.
    """
    dataset = existing_dataset(configuration, dataset_id)
    if not dataset.deleted:
        raise Conflict("Only a deleted dataset can be purged: delete it first.")
    for node in configuration.nodes.values():
        if node.node_id in holders:
            raise Conflict(
                f"{node.address} still has a copy of the dataset: wait until it is gone."
            )
        if node.node_id not in reporting and not is_placeholder(node):
            raise Conflict(
                f"{node.address} is away, and may have a copy of the dataset: wait until its agent "
                "is back."
            )
    return edited(
        configuration, [Change("datasets", dataset_id, None), Change("leases", dataset_id, None)]
    )


def create_container(configuration: Configuration, container: Container) -> Edit:
    """Create a container on the node where the datasets of its volumes are."""
    if container.name in configuration.containers:
        where = address_of(configuration, configuration.containers[container.name].node)
        text = f"container {container.name} is configured, on {where}"
        raise Conflict("The container name already exists.", Fact(text, ("name",), container.name))
    container = replace(container, node=find_node(configuration, container.node))
    container = secrets.with_versions(configuration, container)
    require_schedulable(configuration, container.node)
    _require_sound(configuration, container)
    container = with_failover(configuration, container)
    require_known_where_it_is(configuration, container)
    _require_allowed(configuration, container)
    return edited(configuration, [Change("containers", container.name, container)])


def update_container(
    configuration: Configuration, name: str, revise: Callable[[Container], Container]
) -> Edit:
    """Change the container by `revise`; its name stays.

    If its node changes, the primaries of its datasets go with it. A dataset that the edit adds must
    be where the container was.
    """
    container = existing_container(configuration, name)
    wanted = secrets.with_versions(configuration, replace(revise(container), name=name))
    revised = completion.revised(container, wanted)
    node = find_node(configuration, revised.node)
    if node != container.node:
        require_schedulable(configuration, node)
    _require_sound(configuration, replace(revised, node=container.node))
    revised = with_failover(configuration, revised, container)
    # Where it is now must understand too what it is to become.
    for where in {node, container.node}:
        require_known_where_it_is(configuration, replace(revised, node=where))
    _require_allowed(configuration, replace(revised, node=node), container)
    moved = [
        replace(configuration.datasets[volume.dataset_id], primary=node)
        for volume in revised.volumes
    ]
    return edited(
        configuration,
        [
            Change("containers", name, replace(revised, node=node)),
            *(Change("datasets", dataset.dataset_id, dataset) for dataset in moved),
        ],
    )


def move_container(configuration: Configuration, name: str, where: str) -> Edit:
    """Put the container on another node, and the primaries of its datasets with it."""
    return update_container(configuration, name, lambda container: replace(container, node=where))


def delete_container(configuration: Configuration, name: str) -> Edit:
    """Delete the container; its datasets stay."""
    existing_container(configuration, name)
    return edited(configuration, [Change("containers", name, None)])


def set_grant(configuration: Configuration, dataset_id: DatasetId, grant: Grant) -> Edit:
    """Record who may write to the dataset from now on; StaleGrant when we know a later grant."""
    existing_dataset(configuration, dataset_id)
    current = configuration.grants[dataset_id]
    backwards = grant.epoch < current.epoch
    two_owners = grant.epoch == current.epoch and grant.owner != current.owner
    unmade = current.materialised and not grant.materialised
    if backwards or two_owners or unmade:
        raise StaleGrant(f"dataset {dataset_id}: {grant} cannot follow {current}")
    return edited(configuration, [Change("grants", dataset_id, grant)])


def _require_detached(configuration: Configuration, dataset_id: DatasetId, advice: str) -> None:
    user = uses_of(configuration).datasets.get(dataset_id)
    if user is not None:
        raise Conflict(
            f"The dataset is being used by the container {user}: {advice}.",
            Fact(f"dataset {dataset_id} is used by container {user}", used_by=user),
        )


def _require_sound(configuration: Configuration, container: Container) -> None:
    """Raise unless the container, new or revised, fits the rest of the configuration."""
    _require_volumes(configuration, container)
    _require_free_ports(configuration, container)
    _require_distinct_links(container.links)
    together = (
        *resources.contradictions(container),
        *files.contradictions(container),
        *secret_contradictions(container),
    )
    facts = [Fact(f"{name}: {why}", (name,)) for name, why in together]
    if facts:
        raise Conflict("Fields of the container do not go together.", *facts)


def _require_allowed(
    configuration: Configuration, container: Container, before: Container | None = None
) -> None:
    """Of a node that never came nothing is known; its agent refuses by itself.

    What a container has at its node already is no new request: one can stop it there, say, when the
    node allows it no more.
    """
    node = configuration.nodes[container.node]
    has = before if before is not None and before.node == container.node else None
    if not is_placeholder(node):
        require_allowed(node, container, has)


def _require_volumes(configuration: Configuration, container: Container) -> None:
    used = uses_of(configuration).datasets
    for dataset in _live_datasets(configuration, container.volumes):
        dataset_id = dataset.dataset_id
        if dataset.primary != container.node:
            there, here = (address_of(configuration, n) for n in (dataset.primary, container.node))
            text = f"dataset {dataset_id} is on {there}, the container on {here}: name that host"
            raise Conflict("The dataset is on another node.", _about_dataset(text, dataset_id))
        user = used.get(dataset_id, container.name)
        if user != container.name:
            raise Conflict(
                "The dataset is being used by another container.",
                _about_dataset(
                    f"dataset {dataset_id} is used by container {user}", dataset_id, user
                ),
            )
    twice = _twice(volume.dataset_id for volume in container.volumes)
    if twice is not None:
        text = f"dataset {twice} is named twice"
        raise Conflict(
            "A dataset can be only one of a container's volumes.", _about_dataset(text, twice)
        )
    twice = _twice(mountpoints.normal(volume.mountpoint) for volume in container.volumes)
    if twice is not None:
        raise Conflict(
            "The mountpoints of a container's volumes must be unique.",
            Fact(f"two volumes are at {twice}", ("mountpoint",), twice),
        )


def _live_datasets(configuration: Configuration, volumes: Iterable[Volume]) -> Iterator[Dataset]:
    for volume in volumes:
        dataset = existing_dataset(configuration, volume.dataset_id)
        if dataset.deleted:
            text = f"dataset {volume.dataset_id} is deleted"
            raise NotFound("Dataset not found.", _about_dataset(text, volume.dataset_id))
        yield dataset


def _require_free_ports(configuration: Configuration, container: Container) -> None:
    desired = {port.key: port.external for port in container.ports}
    used = uses_of(configuration).ports
    facts = [
        Fact(
            f"external port {key} is used by container {used[key]}",
            ("external",),
            number,
            used[key],
        )
        for key, number in desired.items()
        if used.get(key, container.name) != container.name
    ]
    twice = _twice(port.key for port in container.ports)
    if twice is not None:
        facts.append(Fact(f"external port {twice} is named twice", ("external",), desired[twice]))
    if facts:
        raise Conflict("A specified external port is already in use.", *facts)


def _require_distinct_links(links: tuple[Link, ...]) -> None:
    alias = _twice(link.alias for link in links)
    if alias is not None:
        raise Conflict("Link aliases must be unique.", Fact(f"two links have the alias {alias}"))
    port = _twice(link.local_port for link in links)
    if port is not None:
        raise Conflict(
            "The local ports in a container's links must be unique.",
            Fact(f"two links have the local port {port}", ("local_port",), port),
        )


def _twice(values: Iterable[T]) -> T | None:
    """The first value that occurs a second time; None when all are distinct."""
    seen: set[T] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None


def _who_is(configuration: Configuration, dataset: Dataset) -> Fact:
    """A fact about the dataset that already has this id."""
    known = configuration.datasets.get(dataset.dataset_id)
    if known is None or known.deleted:
        text = f"dataset {dataset.dataset_id} was deleted, and no id is used again: choose another"
    else:
        where = address_of(configuration, known.primary)
        text = f"dataset {dataset.dataset_id} is configured, on {where}"
    return _about_dataset(text, dataset.dataset_id)


def _about_dataset(text: str, dataset_id: DatasetId, user: str | None = None) -> Fact:
    return Fact(text, ("dataset_id",), dataset_id, user)
