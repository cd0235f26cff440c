"""Converts the configuration file of Flocker 0.4 to a configuration.

The file has only the addresses of nodes, so they are placeholders until their agents connect.
Flocker 0.4 keeps its data in other filesystems. An administrator has to bring that data over, so
the grants are materialised: no agent creates an empty dataset in place of one that has data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pyrsistent import pmap

from flocker_lite.control.store.content import require_valid
from flocker_lite.errors import StoreError
from flocker_lite.model import codec, deltas
from flocker_lite.model.identities import UUID_PATTERN
from flocker_lite.model.nodes import is_address, placeholder
from flocker_lite.model.records import (
    Change,
    Configuration,
    Container,
    Dataset,
    Grant,
    Link,
    NodeId,
    Port,
    RestartPolicy,
    Volume,
)

FILE_NAME = "current_configuration.v1.json"

_DATASET_ID = re.compile(UUID_PATTERN)
_POLICIES = {"RestartNever": "never", "RestartAlways": "always", "RestartOnFailure": "on-failure"}


def read(path: Path) -> Configuration:
    """The configuration in this file; StoreError, with the path, if it is not valid."""
    try:
        return parse(path.read_text("utf-8"))
    except (StoreError, UnicodeDecodeError) as error:
        raise StoreError(
            f"{path} cannot be taken over: {error}: correct it, or move it away to start with an "
            "empty configuration."
        ) from None


def parse(text: str) -> Configuration:
    """Parse a configuration that Flocker 0.4 wrote; StoreError says what is wrong."""
    try:
        # Use the codec, because it checks types strictly.
        changes = [
            codec.change_from_json(Configuration, codec.change_to_json(change))
            for node in json.loads(text)["nodes"]
            for change in _of_node(node)
        ]
    except codec.CodecError as error:
        raise StoreError(str(error)) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise StoreError(f"not a configuration of Flocker 0.4 ({reason})") from None
    configuration = deltas.apply(Configuration(), changes)
    require_valid(configuration)
    return configuration


def _of_node(node: Mapping[str, Any]) -> Iterator[Change]:
    address = node["hostname"]
    if not is_address(address):
        raise StoreError(f"the name of the node {address!r} is not an IP address")
    known = placeholder(address)
    yield Change("nodes", known.node_id, known)
    for manifestation in (node["manifestations"] or {}).values():
        if manifestation["primary"]:
            dataset = _dataset(manifestation["dataset"], known.node_id)
            grant = Grant(known.node_id, materialised=True)
            yield Change("datasets", dataset.dataset_id, dataset)
            yield Change("grants", dataset.dataset_id, grant)
    for application in node["applications"]:
        container = _container(application, known.node_id)
        yield Change("containers", container.name, container)


def _dataset(dataset: Mapping[str, Any], node_id: NodeId) -> Dataset:
    dataset_id = dataset["dataset_id"].lower()
    if not _DATASET_ID.fullmatch(dataset_id):
        raise StoreError(f"the id of the dataset {dataset_id!r} is not a UUID")
    size = dataset["maximum_size"]
    return Dataset(
        dataset_id,
        node_id,
        pmap(dataset["metadata"]),
        None if size is None else int(size),
        bool(dataset["deleted"]),
    )


def _container(application: Mapping[str, Any], node_id: NodeId) -> Container:
    image, volume = application["image"], application["volume"]
    policy = application["restart_policy"]
    volumes: tuple[Volume, ...] = ()
    if volume is not None:
        dataset_id = volume["manifestation"]["dataset"]["dataset_id"].lower()
        volumes = (Volume(dataset_id, volume["mountpoint"]["path"]),)
    return Container(
        name=application["name"],
        node=node_id,
        image=f"{image['repository']}:{image['tag']}",
        ports=tuple(
            Port(port["internal_port"], port["external_port"]) for port in application["ports"]
        ),
        volumes=volumes,
        environment=pmap(application["environment"] or {}),
        links=tuple(
            Link(link["alias"], link["local_port"], link["remote_port"])
            for link in application["links"]
        ),
        restart_policy=RestartPolicy(
            _POLICIES[policy["$__class__$"]], policy.get("maximum_retry_count")
        ),
        cpu_shares=application["cpu_shares"],
        memory_limit=application["memory_limit"],
    )
