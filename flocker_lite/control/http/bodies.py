"""Records as the JSON bodies of the REST API, and bodies that passed the schema as records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from operator import attrgetter
from typing import Any, TypeAlias

from pyrsistent import pmap

from flocker_lite.model.records import (
    Configuration,
    Container,
    Dataset,
    DatasetId,
    HealthCheck,
    Image,
    Link,
    MoveOptions,
    NodeId,
    Port,
    RestartPolicy,
    UserLease,
    Volume,
)

Body: TypeAlias = dict[str, Any]

_EXTERNAL = attrgetter("external")
_ALIAS = attrgetter("alias")
_UNSET_DATASET = Dataset("", "")
_UNSET_CONTAINER = Container("", "", "")
_UNSET_OPTIONS = MoveOptions()
_CHECK_TIMES = ("timeout_seconds", "start_period_seconds")


def address(configuration: Configuration, node_id: NodeId) -> str:
    """What the REST API calls the node; its UUID when it is not part of the cluster any more."""
    node = configuration.nodes.get(node_id)
    return node_id if node is None else node.address


def dataset_from_body(body: Mapping[str, Any], new_id: DatasetId) -> Dataset:
    """The dataset to create, with `new_id` when the body names none."""
    return revised_dataset(Dataset(body.get("dataset_id", new_id).lower(), ""), body)


def revised_dataset(dataset: Dataset, body: Mapping[str, Any]) -> Dataset:
    """The dataset with what the body has of it; null stands for what a new one has."""
    return replace(dataset, **_fields(_DATASET_FIELDS, _UNSET_DATASET, body))


def dataset_body(configuration: Configuration, dataset: Dataset) -> Body:
    """The dataset as it is configured."""
    body: Body = {
        "dataset_id": dataset.dataset_id,
        "primary": address(configuration, dataset.primary),
        "metadata": dict(dataset.metadata),
        "deleted": dataset.deleted,
    }
    if dataset.maximum_size is not None:
        body["maximum_size"] = dataset.maximum_size
    return body


def container_from_body(body: Mapping[str, Any]) -> Container:
    """The container to create."""
    return revised_container(Container(body["name"], "", ""), body)


def revised_container(container: Container, body: Mapping[str, Any]) -> Container:
    """The container with what the body has of it; null stands for what a new one has."""
    return replace(container, **_fields(_CONTAINER_FIELDS, _UNSET_CONTAINER, body))


def container_body(configuration: Configuration, container: Container) -> Body:
    """The container as it is configured; what is empty or not set is left out."""
    policy = container.restart_policy
    restart_policy: Body = {"name": policy.name}
    if policy.maximum_retry_count is not None:
        restart_policy["maximum_retry_count"] = policy.maximum_retry_count
    body: Body = {
        "host": address(configuration, container.node),
        "name": container.name,
        "image": container.image,
        "restart_policy": restart_policy,
    }
    # Lists have very many of these: what is not there should cost nothing.
    if container.ports:
        body["ports"] = [
            {"internal": port.internal, "external": port.external}
            for port in sorted(container.ports, key=_EXTERNAL)
        ]
    if container.volumes:
        body["volumes"] = [
            {"dataset_id": volume.dataset_id, "mountpoint": volume.mountpoint}
            for volume in container.volumes
        ]
    if container.environment:
        body["environment"] = dict(container.environment)
    if container.links:
        body["links"] = [
            {"alias": link.alias, "local_port": link.local_port, "remote_port": link.remote_port}
            for link in sorted(container.links, key=_ALIAS)
        ]
    if container.command_line:
        body["command_line"] = list(container.command_line)
    for key in ("cpu_shares", "memory_limit"):
        value = getattr(container, key)
        if value is not None:
            body[key] = value
    if container.health_check is not None:
        body["health_check"] = _health_check_body(container.health_check)
    return body


def revised_move_options(options: MoveOptions, body: Mapping[str, Any]) -> MoveOptions:
    """The options with what the body has of them; null stands for what a new move has."""
    return replace(options, **_fields(_MOVE_FIELDS, _UNSET_OPTIONS, body))


def lease_from_body(body: Mapping[str, Any], now: float) -> UserLease:
    """The lease to acquire; `now` is in seconds since 1970."""
    expires = body["expires"]
    return UserLease(
        body["dataset_id"].lower(), body["node_uuid"], None if expires is None else now + expires
    )


def lease_body(lease: UserLease, now: float) -> Body:
    """The lease, with the seconds that remain of it."""
    remaining = None if lease.expires_at is None else max(0.0, lease.expires_at - now)
    return {"dataset_id": lease.dataset_id, "node_uuid": lease.node, "expires": remaining}


def image_body(configuration: Configuration, wish: Image) -> Body:
    """An image that a node should have in advance, as it is configured."""
    host = address(configuration, wish.node)
    return {"image_id": wish.image_id, "host": host, "image": wish.image}


def tagged(image: str) -> str:
    """The image with the tag `latest` when there is no colon in it.

    "registry:5000/name" is answered as it came, as ever; Docker takes it for its `latest`.
    """
    return image if ":" in image else f"{image}:latest"


def _ports(ports: list[Body]) -> tuple[Port, ...]:
    found = (Port(int(port["internal"]), int(port["external"])) for port in ports)
    return tuple(sorted(found, key=_EXTERNAL))


def _links(links: list[Body]) -> tuple[Link, ...]:
    found = (
        Link(link["alias"], int(link["local_port"]), int(link["remote_port"])) for link in links
    )
    return tuple(sorted(found, key=_ALIAS))


def _volumes(volumes: list[Body]) -> tuple[Volume, ...]:
    return tuple(Volume(item["dataset_id"].lower(), item["mountpoint"]) for item in volumes)


def _restart_policy(body: Mapping[str, Any]) -> RestartPolicy:
    count = body.get("maximum_retry_count")
    return RestartPolicy(body["name"], None if count is None else int(count))


def _health_check(body: Mapping[str, Any]) -> HealthCheck:
    check = HealthCheck(
        port=int(body["port"]) if "port" in body else None,
        path=body.get("path"),
        command=tuple(body["command"]) if "command" in body else None,
    )
    times: dict[str, Any] = {key: float(body[key]) for key in _CHECK_TIMES if key in body}
    return replace(check, **times)


def _health_check_body(check: HealthCheck) -> Body:
    """With its times, also when they are those of one that was given without."""
    kind = {
        "port": check.port,
        "path": check.path,
        "command": None if check.command is None else list(check.command),
    }
    body: Body = {key: value for key, value in kind.items() if value is not None}
    return body | {key: getattr(check, key) for key in _CHECK_TIMES}


def _command_line(words: list[str]) -> tuple[str, ...] | None:
    return tuple(words) or None


# The key in a body, the field of the record, and how its value comes of that in the body. Numbers
# go through `int`: JSON schema takes 1e9 for an integer.
_Fields: TypeAlias = Mapping[str, tuple[str, Callable[[Any], Any]]]

_DATASET_FIELDS: _Fields = {
    "primary": ("primary", str),
    "metadata": ("metadata", pmap),
    "maximum_size": ("maximum_size", int),
}
_CONTAINER_FIELDS: _Fields = {
    "host": ("node", str),
    "image": ("image", tagged),
    "ports": ("ports", _ports),
    "volumes": ("volumes", _volumes),
    "environment": ("environment", pmap),
    "links": ("links", _links),
    "restart_policy": ("restart_policy", _restart_policy),
    "cpu_shares": ("cpu_shares", int),
    "memory_limit": ("memory_limit", int),
    "command_line": ("command_line", _command_line),
    "health_check": ("health_check", _health_check),
}
_MOVE_FIELDS: _Fields = {
    "max_pause_seconds": ("max_pause_seconds", float),
    "deadline_seconds": ("deadline_seconds", float),
    "on_miss": ("on_miss", str),
    "bandwidth_limit": ("bandwidth_limit", int),
    "image_may_differ": ("image_may_differ", bool),
}


def _fields(known: _Fields, unset: object, body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        field: getattr(unset, field) if body[key] is None else convert(body[key])
        for key, (field, convert) in known.items()
        if key in body
    }
