"""Translates our containers into Docker's terms, and Docker's answers into ours; pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from flocker_lite.containers.arguments.files import file_arguments
from flocker_lite.containers.arguments.life import life_arguments, log_config
from flocker_lite.containers.arguments.merging import HOST, merged
from flocker_lite.containers.arguments.network import link_environment, network_arguments
from flocker_lite.containers.arguments.networks import networks_arguments
from flocker_lite.containers.arguments.process import process_arguments, stop_timeout
from flocker_lite.containers.arguments.resources import resource_arguments
from flocker_lite.containers.arguments.security import security_arguments
from flocker_lite.model import codec
from flocker_lite.model.container_fields.ports import port_key, port_of
from flocker_lite.model.records import Container, DatasetId, HealthCheck
from flocker_lite.model.state import ContainerExit

PREFIX = "flocker--"
MANAGED_LABEL = "flocker-lite.managed"
CONFIGURATION_LABEL = "flocker-lite.configuration"
FINGERPRINT_LABEL = "flocker-lite.fingerprint"
RESTART_LABEL = "flocker-lite.restart"
# The word "poised" stays: containers that exist have the label.
PRESTART_LABEL = "flocker-lite.poised"
LATE_LABEL = "flocker-lite.late"
OUR_LABELS = frozenset(
    {
        *(MANAGED_LABEL, CONFIGURATION_LABEL, FINGERPRINT_LABEL),
        *(RESTART_LABEL, PRESTART_LABEL, LATE_LABEL),
    }
)
MANAGED_FILTER = f"{MANAGED_LABEL}=1"
INIT_INSIDE = "/sbin/docker-init"
"""The first program of a container with `Init`; its arguments are the real program."""

HOST_NAME_LENGTH_MAX = 63

_KILLED_EXIT_CODE = 137
_ENDED = frozenset({"exited", "dead"})
_INIT_API_VERSION = (1, 40)
_NO_HOST_NAME = re.compile("[^A-Za-z0-9.-]")


def docker_name(name: str) -> str:
    """What Docker calls the container that the API calls `name`."""
    return PREFIX + name


def labelled_name(labels: Mapping[str, str] | None) -> str | None:
    """The API's name of a container with these labels; None if we did not write them."""
    if labels is None or labels.get(MANAGED_LABEL) != "1":
        return None
    try:
        return container_of(labels).name
    except codec.CodecError:
        return None


def container_of(labels: Mapping[str, str]) -> Container:
    """The container that was created with these labels; CodecError if they do not say."""
    container = codec.loads(Container, labels.get(CONFIGURATION_LABEL, ""))
    generation = labels.get(RESTART_LABEL, "")
    return replace(container, restart_generation=int(generation) if generation.isdecimal() else 0)


def has_its_name(docker_names: Iterable[str], name: str) -> bool:
    """Whether Docker knows it under the name that we gave it."""
    return any(each.removeprefix("/") == docker_name(name) for each in docker_names)


def our_name(details: Mapping[str, Any]) -> str | None:
    """The API's name of a container, by Docker's "inspect"; None if it is not ours.

    Images have labels too: `docker commit` of our container makes an image with our labels, and
    so has each container of that image. So a container is ours if it has our labels and the name
    that we gave it. If somebody renamed it, it must have the image and the mounts in its label.
    """
    name = labelled_name(details["Config"]["Labels"])
    if name is None or has_its_name([details["Name"]], name):
        return name
    container = container_of(details["Config"]["Labels"])
    is_made_so = details["Config"].get("Image") == container.image and all(
        volume.mountpoint in mount_targets(details) for volume in container.volumes
    )
    return name if is_made_so else None


def host_name(name: str) -> str:
    """The host name of a container: it stays the same wherever it runs.

    So software that names its data after its host finds it again.
    """
    return _NO_HOST_NAME.sub("-", name)[:HOST_NAME_LENGTH_MAX].strip("-.") or "container"


def create_arguments(
    container: Container, binds: Mapping[DatasetId, str], address: str
) -> dict[str, Any]:
    """The body of Docker's "create a container".

    It never has a restart policy: Docker would restart the container before the agent has looked.
    """
    arguments = merged(
        {"Image": container.image},
        process_arguments(container, link_environment(container.links, address)),
        stop_timeout(container),
        resource_arguments(container),
        security_arguments(container),
        file_arguments(container, binds),
        network_arguments(container, address),
        networks_arguments(container, container.hostname or host_name(container.name)),
        life_arguments(container),
    )
    # The user's labels come first, so that they cannot replace ours.
    made_of = replace(container, running=True, restart_generation=0, retry_generation=0, ended=None)
    arguments["Labels"] = {
        **container.labels,
        MANAGED_LABEL: "1",
        CONFIGURATION_LABEL: codec.dumps(made_of),
        FINGERPRINT_LABEL: _fingerprint(arguments),
    }
    if container.restart_generation:
        arguments["Labels"][RESTART_LABEL] = str(container.restart_generation)
    # Not part of the fingerprint: older containers lack them, and we do not recreate them for that.
    arguments["Hostname"] = container.hostname or host_name(container.name)
    arguments[HOST]["LogConfig"] = log_config(container.logging)
    if container.health_check is not None:
        # It is in place of the image's HEALTHCHECK, which Docker would carry out as well.
        arguments["Healthcheck"] = {"Test": ["NONE"]}
    return arguments


def prestarted(
    arguments: Mapping[str, Any], directory: str, inside: str, image: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """The same container, but its program waits at the gate in `directory` when it is started.

    Its command stays as it is: Docker starts an init program, and we replace that by ours. So an
    image by `docker commit` runs anywhere. If Docker has no init program, `image` is the "Config"
    in its "inspect" of the image, and our program becomes the entrypoint. None if neither the
    arguments nor the image say what to run.
    """
    host = arguments["HostConfig"]
    mounts = [
        # What is mounted on the node later is writable, wherever it appears.
        mount
        if "ReadOnly" in mount or "BindOptions" in mount
        else {**mount, "BindOptions": {"Propagation": "rslave"}}
        for mount in host["Mounts"]
    ]
    mounts.append(_read_only(directory, inside))
    labels = {**arguments["Labels"], PRESTART_LABEL: "1"}
    if image is None:
        mounts.append(_read_only(f"{directory}/hold", INIT_INSIDE))
        return {
            **arguments,
            "HostConfig": {**host, "Mounts": mounts, "Init": True},
            "Labels": labels,
        }
    # As in Docker: a container's own entrypoint replaces the image's command as well.
    entrypoint = arguments.get("Entrypoint")
    command = arguments.get("Cmd") or (None if entrypoint else image.get("Cmd")) or []
    program = [*(entrypoint or image.get("Entrypoint") or []), *command]
    if not program:
        return None
    return {
        **arguments,
        "Entrypoint": [f"{inside}/hold", *program],
        "Cmd": [],
        "HostConfig": {**host, "Mounts": mounts},
        "Labels": labels,
    }


def needs_data(arguments: Mapping[str, Any], image: Mapping[str, Any]) -> bool:
    """Whether the container cannot be started before its data is there.

    A dataset that is mounted later appears inside as a whole, and writable. And Docker may make
    something in it when it starts the container: the working directory, or what another mount is to
    be mounted on. `image` is the "Config" in Docker's "inspect" of the image.
    """
    volumes = container_of(arguments["Labels"]).volumes
    if any(volume.read_only or volume.subpath is not None for volume in volumes):
        return True
    targets = mount_targets(arguments)
    datasets = [volume.mountpoint for volume in volumes]
    directory = arguments.get("WorkingDir") or image.get("WorkingDir") or "/"
    made = [directory, *(image.get("Volumes") or {}), *targets]
    return any(_is_below(path, dataset) for path in made for dataset in datasets)


def without_early_start(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The same container, marked as one not to start before its data is there."""
    return {**arguments, "Labels": {**arguments["Labels"], LATE_LABEL: "1"}}


def starts_early(labels: Mapping[str, str]) -> bool:
    """Whether the container of these labels may be started before its data is there."""
    return labels.get(LATE_LABEL) != "1"


def is_prestartable(labels: Mapping[str, str]) -> bool:
    """Whether the container of these labels waits at a start gate when it is started."""
    return labels.get(PRESTART_LABEL) == "1"


def has_init(version: Mapping[str, Any], information: Mapping[str, Any]) -> bool:
    """Whether this Docker has an init program, at INIT_INSIDE; by its "version" and "info"."""
    api_version = tuple(int(each) for each in str(version["ApiVersion"]).split("."))
    commit = information.get("InitCommit") or {}
    return api_version >= _INIT_API_VERSION and commit.get("ID") != "N/A"


def run_of(container_id: str, started: str) -> str:
    """The identity of a run of a container; `started` is its start as Docker writes it."""
    return f"{container_id} {started}"


def made_from(arguments: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a container with these labels was created with these arguments."""
    desired = arguments["Labels"]
    return all(
        labels.get(label) == desired[label] for label in (CONFIGURATION_LABEL, FINGERPRINT_LABEL)
    )


def has_ended(status: str) -> bool:
    """Whether this status of Docker's means that the container ran and has an exit code."""
    return status in _ENDED


def seconds(moment: str) -> float:
    """A time as Docker writes it, in seconds since 1970."""
    return datetime.fromisoformat(moment).timestamp()


def end(state: Mapping[str, Any], docker_began_at: float) -> ContainerExit:
    """How a container ended, by the "State" in Docker's "inspect".

    `docker_began_at` is when this Docker began, in seconds since 1970.
    """
    finished_at = seconds(state["FinishedAt"])
    return ContainerExit(
        exit_code=state["ExitCode"],
        finished_at=finished_at,
        ran_seconds=max(finished_at - seconds(state["StartedAt"]), 0.0),
        by_itself=finished_at >= docker_began_at,
    )


def was_killed(state: Mapping[str, Any]) -> bool:
    """Whether SIGKILL ended a container, other than for lack of memory; by its "State"."""
    return state["ExitCode"] == _KILLED_EXIT_CODE and not state.get("OOMKilled", False)


def volumes(details: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The paths and names of a container's Docker volumes, by its "inspect" or the list."""
    return tuple(
        (mount["Destination"], mount["Name"])
        for mount in details.get("Mounts") or ()
        if mount.get("Type") == "volume" and mount.get("Name")
    )


def outside(details: Mapping[str, Any]) -> tuple[str, ...]:
    """The paths of a container's Docker volumes, in order."""
    return tuple(sorted(path for path, _ in volumes(details)))


def why_not_running(state: Mapping[str, Any]) -> str:
    """What a container does instead of running, by the "State" in Docker's "inspect"."""
    if has_ended(state["Status"]):
        return f"it does not run: exit code {state['ExitCode']}"
    return f"it does not run: it is {state['Status']}"


def stop_timeout_seconds(labels: Mapping[str, str]) -> float:
    """How long one of our containers may take to end, by its labels."""
    return codec.loads(Container, labels.get(CONFIGURATION_LABEL, "")).stop_timeout_seconds


def health_check(labels: Mapping[str, str]) -> HealthCheck | None:
    """How to find out whether one of our containers serves; CodecError if its label is damaged."""
    return container_of(labels).health_check


def own_address(details: Mapping[str, Any]) -> str:
    """The container's address on this node, by Docker's "inspect"; "" if it has none."""
    for network in details["NetworkSettings"]["Networks"].values():
        for key in ("IPAddress", "GlobalIPv6Address"):
            if network.get(key):
                return str(network[key])
    return ""


def published_ports(details: Mapping[str, Any]) -> frozenset[str]:
    """The keys of the ports inside the container that are published, of Docker's "inspect"."""
    bindings = details["HostConfig"].get("PortBindings") or {}
    return frozenset(port_key(*port_of(each)) for each in bindings)


def _read_only(source: str, target: str) -> dict[str, Any]:
    return {"Type": "bind", "Source": source, "Target": target, "ReadOnly": True}


def mount_targets(arguments: Mapping[str, Any]) -> frozenset[str]:
    """The paths inside at which something is mounted, of the arguments of "create" or "inspect"."""
    host = arguments["HostConfig"]
    mounts = (mount["Target"] for mount in host.get("Mounts") or ())
    parts = (text.split(":")[1] for text in host.get("Binds") or ())
    return frozenset((*mounts, *parts, *(host.get("Tmpfs") or ())))


def host_paths(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """The paths of the node that a container of ours has, besides those of datasets."""
    return tuple(bind.host_path for bind in container_of(arguments["Labels"]).bind_mounts)


def was_started(state: Mapping[str, Any]) -> bool:
    """Whether the container was ever started, by the "State" in Docker's "inspect"."""
    return not str(state.get("StartedAt", "")).startswith("0001-")


def _is_below(path: str, other: str) -> bool:
    return PurePosixPath(other) in PurePosixPath(path).parents


def _fingerprint(arguments: Mapping[str, Any]) -> str:
    """Changes with what the configuration does not have: paths, and the node's address."""
    return hashlib.sha256(json.dumps(arguments, sort_keys=True).encode()).hexdigest()[:16]
