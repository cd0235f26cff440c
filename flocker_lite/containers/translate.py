"""Our containers in Docker's words, and Docker's answers in ours; pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from flocker_lite.model import codec
from flocker_lite.model.records import Container, DatasetId, HealthCheck, Link
from flocker_lite.model.state import End, LocalContainer

PREFIX = "flocker--"
MANAGED_LABEL = "flocker-lite.managed"
CONFIGURATION_LABEL = "flocker-lite.configuration"
FINGERPRINT_LABEL = "flocker-lite.fingerprint"
POISED_LABEL = "flocker-lite.poised"
MANAGED_FILTER = f"{MANAGED_LABEL}=1"

_ENDED = frozenset({"exited", "dead"})


def docker_name(name: str) -> str:
    """What Docker calls the container that the API calls `name`."""
    return PREFIX + name


def name_filter(name: str) -> str:
    """What Docker lists that container alone by; some versions compare it with a leading slash."""
    return f"^/?{re.escape(docker_name(name))}$"


def our_name(docker_names: Iterable[str], labels: Mapping[str, str] | None) -> str | None:
    """The API's name of a container that Docker has; None when it is not one of ours."""
    if labels is None or labels.get(MANAGED_LABEL) != "1":
        return None
    for docker_name in docker_names:
        plain = docker_name.removeprefix("/")
        if plain.startswith(PREFIX):
            return plain.removeprefix(PREFIX)
    return None


def create_arguments(
    container: Container, binds: Mapping[DatasetId, str], address: str
) -> dict[str, Any]:
    """The body of Docker's "create a container".

    Volumes are *mounts*, which fail where a bind by `-v` would make the missing path. There is
    never a restart policy: Docker would start the container before the agent has looked.
    """
    environment = {**link_environment(container.links, address), **container.environment}
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in container.ports:
        bindings.setdefault(f"{port.internal}/tcp", []).append({"HostPort": str(port.external)})
    host: dict[str, Any] = {
        "PortBindings": bindings,
        "Mounts": [
            {"Type": "bind", "Source": binds[volume.dataset_id], "Target": volume.mountpoint}
            for volume in container.volumes
        ],
        "ExtraHosts": link_hosts(container.links, address),
    }
    if container.cpu_shares is not None:
        host["CpuShares"] = container.cpu_shares
    if container.memory_limit is not None:
        host["Memory"] = container.memory_limit
    arguments: dict[str, Any] = {
        "Image": container.image,
        "Env": [f"{key}={value}" for key, value in sorted(environment.items())],
        "ExposedPorts": {key: {} for key in bindings},
        "HostConfig": host,
    }
    if container.command_line is not None:
        arguments["Cmd"] = list(container.command_line)
    arguments["Labels"] = {
        MANAGED_LABEL: "1",
        CONFIGURATION_LABEL: codec.dumps(container),
        FINGERPRINT_LABEL: _fingerprint(arguments),
    }
    return arguments


def poised(
    arguments: Mapping[str, Any], image: Mapping[str, Any], directory: str, inside: str
) -> dict[str, Any] | None:
    """The same container, whose program waits at the gate in `directory` when it is started.

    `image` is the "Config" in Docker's "inspect" of the image. None when neither says what to run.
    """
    command = arguments.get("Cmd") or image.get("Cmd") or []
    program = [*(image.get("Entrypoint") or []), *command]
    if not program:
        return None
    host = arguments["HostConfig"]
    mounts = [{**mount, "BindOptions": {"Propagation": "rslave"}} for mount in host["Mounts"]]
    gate = {"Type": "bind", "Source": directory, "Target": inside, "ReadOnly": True}
    return {
        **arguments,
        "Entrypoint": [f"{inside}/hold", *program],
        "Cmd": [],
        "HostConfig": {**host, "Mounts": [*mounts, gate]},
        "Labels": {**arguments["Labels"], POISED_LABEL: "1"},
    }


def is_poisable(labels: Mapping[str, str]) -> bool:
    """Whether the container of these labels waits at a gate when it is started."""
    return labels.get(POISED_LABEL) == "1"


def made_from(arguments: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a container with these labels was created with these arguments."""
    wanted = arguments["Labels"]
    return all(
        labels.get(label) == wanted[label] for label in (CONFIGURATION_LABEL, FINGERPRINT_LABEL)
    )


def link_environment(links: Iterable[Link], address: str) -> dict[str, str]:
    """The variables that tell a container where its links lead: to the node that it runs on."""
    host = f"[{address}]" if ":" in address else address
    variables: dict[str, str] = {}
    for link in links:
        alias = link.alias.upper().replace("-", "_")
        prefix = f"{alias}_PORT_{link.local_port}_TCP"
        variables[prefix] = f"tcp://{host}:{link.remote_port}"
        variables[f"{prefix}_ADDR"] = address
        variables[f"{prefix}_PORT"] = str(link.remote_port)
        variables[f"{prefix}_PROTO"] = "tcp"
    return variables


def link_hosts(links: Iterable[Link], address: str) -> list[str]:
    """The names by which a container reaches its links: they lead to the node that it runs on.

    Every node sends connections to an external port on to where the other container runs.
    """
    return [f"{alias}:{address}" for alias in sorted({link.alias for link in links})]


def has_ended(status: str) -> bool:
    """Whether this word of Docker's means that the container ran and has an exit code."""
    return status in _ENDED


def seconds(moment: str) -> float:
    """A moment as Docker writes it, in seconds since 1970."""
    return datetime.fromisoformat(moment).timestamp()


def end(state: Mapping[str, Any], docker_began_at: float) -> End:
    """The end of a container, of the "State" in Docker's "inspect".

    `docker_began_at` is since when this Docker is there, which is in seconds since 1970.
    """
    finished_at = seconds(state["FinishedAt"])
    return End(
        exit_code=state["ExitCode"],
        finished_at=finished_at,
        ran_seconds=max(finished_at - seconds(state["StartedAt"]), 0.0),
        by_itself=finished_at >= docker_began_at,
    )


def local_container(entry: Mapping[str, Any], end: End | None) -> LocalContainer | None:
    """One entry of Docker's list, with its end when it has one; None when it is not ours.

    Raises CodecError when it is ours and its label is not what this release writes.
    """
    labels = entry.get("Labels")
    name = our_name(entry.get("Names") or (), labels)
    if name is None or labels is None:
        return None
    container = codec.loads(Container, labels.get(CONFIGURATION_LABEL, ""))
    if container.name != name:
        raise codec.CodecError(f"the label says {container.name!r}")
    poisable = is_poisable(labels)
    return LocalContainer(container, entry["State"], entry["Id"], end, poisable)


def why_not_running(state: Mapping[str, Any]) -> str:
    """What a container does instead of running, of the "State" in Docker's "inspect"."""
    if has_ended(state["Status"]):
        return f"it does not run: exit code {state['ExitCode']}"
    return f"it does not run: it is {state['Status']}"


def health_check(labels: Mapping[str, str]) -> HealthCheck | None:
    """How to see whether a container of ours serves; CodecError when its label is not one."""
    return codec.loads(Container, labels.get(CONFIGURATION_LABEL, "")).health_check


def own_address(details: Mapping[str, Any]) -> str:
    """The container's address on this node, of Docker's "inspect"; "" when it has none."""
    for network in details["NetworkSettings"]["Networks"].values():
        for key in ("IPAddress", "GlobalIPv6Address"):
            if network.get(key):
                return str(network[key])
    return ""


def published_ports(details: Mapping[str, Any]) -> frozenset[int]:
    """The TCP ports inside the container that are published, of Docker's "inspect"."""
    bindings = details["HostConfig"].get("PortBindings") or {}
    return frozenset(int(key.partition("/")[0]) for key in bindings)


def bind_sources(details: Mapping[str, Any]) -> tuple[str, ...]:
    """The paths of this node that the container may write, of Docker's "inspect"."""
    return tuple(source for source, _ in binds(details))


def binds(details: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The same, each with where it appears inside."""
    mounts = details["HostConfig"].get("Mounts") or ()
    return tuple(
        (mount["Source"], mount["Target"])
        for mount in mounts
        if mount["Type"] == "bind" and not mount.get("ReadOnly", False)
    )


def _fingerprint(arguments: Mapping[str, Any]) -> str:
    """Tells apart what the configuration does not hold: paths, and the address of the node."""
    return hashlib.sha256(json.dumps(arguments, sort_keys=True).encode()).hexdigest()[:16]
