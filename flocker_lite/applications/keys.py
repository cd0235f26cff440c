"""The keys of a Compose document: which are supported, and what to do about the others.

docs/reference/compose.rst is made of this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flocker_lite.applications.faults import Findings, Path
from flocker_lite.model import compose

EXTENSION = "x-"
"""Keys that begin so belong to whoever wrote them, and say nothing here."""

OURS = "x-flocker"

_ONE_COPY = "a container with data runs once: write several services with names of their own"
_SECRET_FILE = (
    "keep the file with `flockerctl secret set NAME --file FILE`, and say `secrets: {NAME: "
    "{external: true}}`; or put it into a volume"
)

SERVICE_REFUSED: Mapping[str, str] = {
    **{
        key: advice
        for key, advice in compose.REFUSED.items()
        if key not in ("deploy", "profiles", "pull_policy")
    },
    "configs": _SECRET_FILE,
    "env_file": "the file is on your machine: `flockerctl app up` reads it; or write its lines as "
    "environment",
    "extends": "write the keys themselves, or share them by YAML anchors",
    "external_links": "put both services into one network: `networks: {NAME: {external: true}}`",
    "links": "leave it out: each service finds the others by their names",
    "network_mode": "the container always has a network of its own: say its ports",
    "scale": _ONE_COPY,
}
"""Keys of a service that nothing says here, and what to do instead."""

DOCUMENT_REFUSED: Mapping[str, str] = {
    "configs": _SECRET_FILE,
    "include": "write the services of the other file here, or make another application of them",
    "models": compose.REFUSED["models"],
}
DOCUMENT_KEYS = ("name", "networks", "secrets", "services", "version", "volumes")

VOLUME_REFUSED: Mapping[str, str] = {
    "driver_opts": "the data of a volume is in a dataset: leave it out",
    "labels": "the metadata of the dataset names the application and the volume: leave them out",
}
VOLUME_KEYS = ("driver", "external", "name")

NETWORK_REFUSED: Mapping[str, str] = {
    "driver_opts": "the networks of flocker_lite have none",
    "enable_ipv4": "the nodes decide about addresses",
    "enable_ipv6": "the nodes decide about addresses",
    "internal": "no network keeps containers from the world: the firewall of the nodes does",
    "ipam": "the nodes decide about addresses",
    "labels": "the networks of flocker_lite have none",
}
NETWORK_KEYS = ("attachable", "driver", "external", "name")

_SPREAD = "each container runs once, on the host that x-flocker names"
DEPLOY_REFUSED: Mapping[str, str] = {
    "endpoint_mode": "an external port leads to the container from each node",
    "labels": "use the labels of the service",
    "placement": "say `x-flocker: {host: ...}`",
    "rollback_config": _SPREAD,
    "update_config": _SPREAD,
}
DEPLOY_KEYS = ("mode", "replicas", "resources", "restart_policy")

SERVICE_OURS = ("failover", "health_check", "host", "replicas")
_OF_SERVICE = "say it in the x-flocker of each service that is to have it"
DOCUMENT_OURS = ("host",)
DOCUMENT_OURS_REFUSED: Mapping[str, str] = {
    key: _OF_SERVICE for key in SERVICE_OURS if key not in DOCUMENT_OURS
}


def check(
    given: Mapping[str, Any],
    known: Iterable[str],
    refused: Mapping[str, str],
    path: Path,
    findings: Findings,
) -> None:
    """Find the keys that are not `known`; `refused` says what to do about some of them."""
    known = sorted(known)
    for key in given:
        if key in refused:
            findings.fault((*path, key), f"{key} is not supported: {refused[key]}")
        elif key not in known and not key.startswith(EXTENSION):
            findings.fault((*path, key), f"there is no {key} here: there is {', '.join(known)}")
