"""Converts records to the JSON bodies of the REST API, and valid bodies to records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from flocker_lite.model import draining
from flocker_lite.model.drain import Drain, DrainItem
from flocker_lite.model.fields import rendered, revised
from flocker_lite.model.forced_forgetting import Losses, LostDataset
from flocker_lite.model.quantities import duration_seconds, size_bytes
from flocker_lite.model.records import (
    Configuration,
    Container,
    Dataset,
    DatasetId,
    Forgotten,
    Image,
    MoveOptions,
    Node,
    NodeId,
    Registry,
    Secret,
    UserLease,
)
from flocker_lite.model.state import ContainerState

Body: TypeAlias = dict[str, Any]

_UNSET_OPTIONS = MoveOptions()
_MOVE_OPTIONS: Mapping[str, Callable[[Any], Any]] = {
    "max_pause_seconds": duration_seconds,
    "deadline_seconds": duration_seconds,
    "on_miss": str,
    "bandwidth_limit": size_bytes,
    "image_may_differ": bool,
}


def address(configuration: Configuration, node_id: NodeId) -> str:
    """The address of a node; its UUID if it is not part of the cluster any more."""
    node = configuration.nodes.get(node_id)
    return node_id if node is None else node.address


def node_body(configuration: Configuration, node: Node) -> Body:
    """The node as it is configured, with its last drain."""
    body: Body = {"host": node.address, "uuid": node.node_id, "schedulable": node.schedulable}
    if node.drain is not None:
        body["drain"] = _drain_body(configuration, node, node.drain)
    return body


def forgotten_body(found: Forgotten, knocked_at: float | None = None) -> Body:
    """A node that was forgotten, and when it last tried to come in, in seconds since 1970."""
    body: Body = {"host": found.address, "uuid": found.node_id, "forgotten_at": found.forgotten_at}
    return body if knocked_at is None else {**body, "knocked_at": knocked_at}


def forgetting_body(configuration: Configuration, node: Node, lost: Losses, now: float) -> Body:
    """A node that is forgotten, and what is lost with it; `now` is in seconds since 1970."""
    datasets = [_lost_body(configuration, each, now) for each in lost.datasets]
    said = {"containers": list(lost.containers), "datasets": datasets}
    return {"host": node.address, "uuid": node.node_id, "lost": said}


def _lost_body(configuration: Configuration, lost: LostDataset, now: float) -> Body:
    body: Body = {"dataset_id": lost.dataset_id}
    if lost.name is not None:
        body["name"] = lost.name
    if lost.other is not None:
        body["other_copy"] = {"host": address(configuration, lost.other)}
    if lost.other_at is not None:
        body["other_copy"]["age_seconds"] = max(0.0, now - lost.other_at)
    return body


def _drain_body(configuration: Configuration, node: Node, drain: Drain) -> Body:
    said = {
        "began_at": drain.began_at,
        "ended_at": drain.ended_at,
        "parallel": drain.parallel,
        "deadline_at": drain.deadline_at,
        "max_pause_seconds": drain.max_pause_seconds,
    }
    return {
        **{key: value for key, value in said.items() if value is not None},
        "left": draining.left(configuration, node),
        "items": [_drain_item_body(configuration, item) for item in drain.items],
    }


def _drain_item_body(configuration: Configuration, item: DrainItem) -> Body:
    said = {
        "application": item.application,
        "containers": list(item.containers) or None,
        "dataset_id": item.dataset_id,
        "to": address(configuration, item.destination) if item.destination else None,
        "phase": item.phase,
        "error": item.error,
    }
    return {key: value for key, value in said.items() if value is not None}


def dataset_from_body(body: Mapping[str, Any], new_id: DatasetId) -> Dataset:
    """The dataset to create, with `new_id` if the body has no id."""
    return revised(Dataset(body.get("dataset_id", new_id).lower(), ""), body)


def dataset_body(configuration: Configuration, dataset: Dataset) -> Body:
    """The dataset as it is configured."""
    return rendered(dataset, lambda node_id: address(configuration, node_id))


def container_from_body(body: Mapping[str, Any]) -> Container:
    """The container to create."""
    return revised(Container(body["name"], "", ""), body)


def container_body(configuration: Configuration, container: Container) -> Body:
    """The container as it is configured, without empty and unset fields."""
    return rendered(container, lambda node_id: address(configuration, node_id))


def staying(reported: ContainerState) -> list[str]:
    """The paths in a container that do not move with it: Docker's volumes and bind mounts."""
    of_the_node = (bind.mountpoint for bind in reported.container.bind_mounts)
    return sorted({*reported.stays_behind, *of_the_node})


def revised_move_options(options: MoveOptions, body: Mapping[str, Any]) -> MoveOptions:
    """The options with the changes of the body; null stands for the default."""
    given: dict[str, Any] = {
        key: getattr(_UNSET_OPTIONS, key) if body[key] is None else convert(body[key])
        for key, convert in _MOVE_OPTIONS.items()
        if key in body
    }
    return replace(options, **given)


def lease_from_body(body: Mapping[str, Any], now: float) -> UserLease:
    """The lease to acquire; `now` is in seconds since 1970."""
    expires = body["expires"]
    expires_at = None if expires is None else now + duration_seconds(expires)
    return UserLease(body["dataset_id"].lower(), body["node_uuid"], expires_at)


def lease_body(lease: UserLease, now: float) -> Body:
    """The lease, with the seconds until it ends."""
    remaining = None if lease.expires_at is None else max(0.0, lease.expires_at - now)
    return {"dataset_id": lease.dataset_id, "node_uuid": lease.node, "expires": remaining}


def secret_body(secret: Secret) -> Body:
    """A secret, without its value."""
    return {
        "name": secret.name,
        "created_at": secret.created_at,
        "changed_at": secret.changed_at,
        **({} if secret.data else {"missing": True}),
    }


def registry_body(login: Registry) -> Body:
    """With what nodes log in to a registry, without the password."""
    return {
        "registry": login.registry,
        "user": login.user,
        "changed_at": login.changed_at,
        **({} if login.password else {"missing": True}),
    }


def image_body(configuration: Configuration, desired: Image) -> Body:
    """An image that a node should have in advance, as it is configured."""
    host = address(configuration, desired.node)
    return {"image_id": desired.image_id, "host": host, "image": desired.image}
