"""Our containers in Docker's words, and Docker's answers in ours; pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from flocker_lite.model import codec
from flocker_lite.model.records import Container, DatasetId, HealthCheck, Link
from flocker_lite.model.state import End

PREFIX = "flocker--"
MANAGED_LABEL = "flocker-lite.managed"
CONFIGURATION_LABEL = "flocker-lite.configuration"
FINGERPRINT_LABEL = "flocker-lite.fingerprint"
POISED_LABEL = "flocker-lite.poised"
LATE_LABEL = "flocker-lite.late"
MANAGED_FILTER = f"{MANAGED_LABEL}=1"
INIT_INSIDE = "/sbin/docker-init"
"""Where a container with `Init` has its first program, with the real one as its arguments."""

HOST_NAME_LENGTH_MAX = 63

_ENDED = frozenset({"exited", "dead"})
_INIT_API_VERSION = (1, 40)
_NO_HOST_NAME = re.compile("[^A-Za-z0-9.-]")


def docker_name(name: str) -> str:
    """What Docker calls the container that the API calls `name`."""
    return PREFIX + name


def labelled_name(labels: Mapping[str, str] | None) -> str | None:
    """The API's name of a container with these labels; None when they are not what we write."""
    if labels is None or labels.get(MANAGED_LABEL) != "1":
        return None
    try:
        return codec.loads(Container, labels.get(CONFIGURATION_LABEL, "")).name
    except codec.CodecError:
        return None


def has_its_name(docker_names: Iterable[str], name: str) -> bool:
    """Whether Docker calls it what we called it."""
    return any(each.removeprefix("/") == docker_name(name) for each in docker_names)


def our_name(details: Mapping[str, Any]) -> str | None:
    """The API's name of a container, of Docker's "inspect"; None when it is not one of ours.

    Labels are a part of images: a `docker commit` of ours, and what others run of it, have them
    too. So ours is what has our labels and either the name that we gave it, or, when somebody
    renamed it, the image and all the mounts that its label says.
    """
    name = labelled_name(details["Config"]["Labels"])
    if name is None or has_its_name([details["Name"]], name):
        return name
    container = codec.loads(Container, details["Config"]["Labels"][CONFIGURATION_LABEL])
    targets = {target for _, target in binds(details)}
    is_made_so = details["Config"].get("Image") == container.image and targets.issuperset(
        volume.mountpoint for volume in container.volumes
    )
    return name if is_made_so else None


def host_name(name: str) -> str:
    """The host name of a container: it stays the same wherever it runs.

    Software that names its data after its host finds it again.
    """
    return _NO_HOST_NAME.sub("-", name)[:HOST_NAME_LENGTH_MAX].strip("-.") or "container"


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
        CONFIGURATION_LABEL: codec.dumps(replace(container, ended=None)),
        FINGERPRINT_LABEL: _fingerprint(arguments),
    }
    # Not part of the fingerprint: one that was made without it is not made anew for that.
    arguments["Hostname"] = host_name(container.name)
    return arguments


def poised(
    arguments: Mapping[str, Any], directory: str, inside: str, image: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """The same container, whose program waits at the gate in `directory` when it is started.

    Its command stays its own: Docker lets an init program begin, which is ours. So `docker commit`
    makes an image that runs anywhere. For a Docker that has none, `image` is the "Config" in its
    "inspect" of the image, and the gate becomes the entrypoint. None when neither says what to run.
    """
    host = arguments["HostConfig"]
    mounts = [{**mount, "BindOptions": {"Propagation": "rslave"}} for mount in host["Mounts"]]
    mounts.append(_read_only(directory, inside))
    labels = {**arguments["Labels"], POISED_LABEL: "1"}
    if image is None:
        mounts.append(_read_only(f"{directory}/hold", INIT_INSIDE))
        return {
            **arguments,
            "HostConfig": {**host, "Mounts": mounts, "Init": True},
            "Labels": labels,
        }
    command = arguments.get("Cmd") or image.get("Cmd") or []
    program = [*(image.get("Entrypoint") or []), *command]
    if not program:
        return None
    return {
        **arguments,
        "Entrypoint": [f"{inside}/hold", *program],
        "Cmd": [],
        "HostConfig": {**host, "Mounts": mounts},
        "Labels": labels,
    }


def makes_below(arguments: Mapping[str, Any], image: Mapping[str, Any]) -> bool:
    """Whether Docker makes something inside a dataset when it starts the container.

    The working directory does not exist before the data is there, nor does what another mount is
    to be mounted on. `image` is the "Config" in Docker's "inspect" of the image.
    """
    mounts = arguments["HostConfig"].get("Mounts") or ()
    targets = [mount["Target"] for mount in mounts]
    datasets = [mount["Target"] for mount in mounts if mount["Type"] == "bind"]
    directory = arguments.get("WorkingDir") or image.get("WorkingDir") or "/"
    made = [directory, *(image.get("Volumes") or {}), *targets]
    return any(_is_below(path, dataset) for path in made for dataset in datasets)


def without_early_start(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The same container, which is not to be started before its data is there."""
    return {**arguments, "Labels": {**arguments["Labels"], LATE_LABEL: "1"}}


def starts_early(labels: Mapping[str, str]) -> bool:
    """Whether the container of these labels may be started before its data is there."""
    return labels.get(LATE_LABEL) != "1"


def is_poisable(labels: Mapping[str, str]) -> bool:
    """Whether the container of these labels waits at a gate when it is started."""
    return labels.get(POISED_LABEL) == "1"


def has_init(version: Mapping[str, Any], information: Mapping[str, Any]) -> bool:
    """Whether this Docker has an init program, at INIT_INSIDE; of its "version" and "info"."""
    api_version = tuple(int(each) for each in str(version["ApiVersion"]).split("."))
    commit = information.get("InitCommit") or {}
    return api_version >= _INIT_API_VERSION and commit.get("ID") != "N/A"


def run_of(container_id: str, started: str) -> str:
    """What tells one run of a container from any other, of its start as Docker writes it."""
    return f"{container_id} {started}"


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


def volumes(details: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Where a container has volumes of Docker's, and their names; of its "inspect", or its list."""
    return tuple(
        (mount["Destination"], mount["Name"])
        for mount in details.get("Mounts") or ()
        if mount.get("Type") == "volume" and mount.get("Name")
    )


def outside(details: Mapping[str, Any]) -> tuple[str, ...]:
    """The paths of these, in order."""
    return tuple(sorted(path for path, _ in volumes(details)))


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


def _read_only(source: str, target: str) -> dict[str, Any]:
    return {"Type": "bind", "Source": source, "Target": target, "ReadOnly": True}


def mount_targets(arguments: Mapping[str, Any]) -> frozenset[str]:
    """The paths inside at which something of the node is, of the arguments of "create"."""
    return frozenset(mount["Target"] for mount in arguments["HostConfig"]["Mounts"])


def was_started(state: Mapping[str, Any]) -> bool:
    """Whether the container of this "State" in Docker's "inspect" was ever started."""
    return not str(state.get("StartedAt", "")).startswith("0001-")


def _is_below(path: str, other: str) -> bool:
    return PurePosixPath(other) in PurePosixPath(path).parents


def _fingerprint(arguments: Mapping[str, Any]) -> str:
    """Tells apart what the configuration does not hold: paths, and the address of the node."""
    return hashlib.sha256(json.dumps(arguments, sort_keys=True).encode()).hexdigest()[:16]
