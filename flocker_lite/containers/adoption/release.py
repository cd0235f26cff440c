"""What a container of ours becomes as a plain one of Docker's, and what it then lacks; pure.

It is the reverse of `translation.adoption`: adopting what was released gives the same fields again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pyrsistent import pmap

from flocker_lite.containers.arguments.merging import HOST
from flocker_lite.containers.translate import OUR_LABELS, create_arguments
from flocker_lite.model.adoption import (
    Release,
    Remark,
    unused,
)
from flocker_lite.model.container_fields.life import RESTART, HealthCheck
from flocker_lite.model.records import Container, DatasetId

_SECOND_NANOSECONDS = 10**9
_DOCKER_NAME = re.compile("[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_NOT_IN_A_NAME = re.compile("[^a-zA-Z0-9_.-]")


@dataclass(frozen=True, slots=True)
class Taken:
    """The names that Docker has given already."""

    containers: frozenset[str] = frozenset()
    volumes: frozenset[str] = frozenset()


def release(
    container: Container,
    datasets: Mapping[DatasetId, str],
    taken: Taken,
    docker_name: str | None = None,
    stays_behind: Iterable[str] = (),
) -> Release:
    """What it would become on a node where these names are `taken`.

    `datasets` has the names of its datasets, as far as they have one. `docker_name` is what it is
    to be called, as here unless given. `stays_behind` are the paths of Docker's volumes that it
    has, besides its datasets.
    """
    hindrances = [*_hindrances(container, stays_behind)]
    called = docker_name or unused(_near(container.name), taken.containers)
    if not _DOCKER_NAME.fullmatch(called):
        hindrances.append(
            Remark("name", f"{called}: Docker's names have letters, digits, `_`, `.` and `-` alone")
        )
    elif docker_name is not None and docker_name in taken.containers:
        hindrances.append(
            Remark("name", f"Docker has a container {docker_name} already: say another name")
        )
    volumes: dict[DatasetId, str] = {}
    for volume in container.volumes:
        if volume.dataset_id not in volumes:
            name = datasets.get(volume.dataset_id) or f"{container.name}-data"
            known = (*taken.volumes, *volumes.values())
            volumes[volume.dataset_id] = unused(_near(name), known)
    return Release(called, pmap(volumes), tuple(_not_kept(container, called)), tuple(hindrances))


def plain_arguments(
    container: Container, volumes: Mapping[DatasetId, str], address: str
) -> dict[str, Any]:
    """The body of "create a container" of the plain one, with these volumes for its datasets.

    It has no restart policy yet: it gets one at the end of the release. Links lead to this node's
    `address`.
    """
    bare = replace(container, volumes=(), networks=pmap())
    arguments = create_arguments(bare, {}, address)
    labels = {key: each for key, each in arguments["Labels"].items() if key not in OUR_LABELS}
    mounts = [
        {
            "Type": "volume",
            "Source": volumes[volume.dataset_id],
            "Target": volume.mountpoint,
            # An empty dataset stays empty, whatever the image has at that path.
            "VolumeOptions": {"NoCopy": True},
            **({"ReadOnly": True} if volume.read_only else {}),
        }
        for volume in container.volumes
    ]
    host = arguments[HOST]
    # Without a command of its own, it has its image's HEALTHCHECK again, if there is one.
    rest = {key: each for key, each in arguments.items() if key != "Healthcheck"}
    return {
        **rest,
        "Labels": labels,
        **_health_check(container.health_check),
        HOST: {**host, "Mounts": [*mounts, *host["Mounts"]]},
    }


def _health_check(check: HealthCheck | None) -> dict[str, Any]:
    """As Docker's HEALTHCHECK, which is a command in the container."""
    if check is None or check.command is None:
        return {}
    return {
        "Healthcheck": {
            "Test": ["CMD", *check.command],
            "Interval": round(check.interval_seconds * _SECOND_NANOSECONDS),
            "Timeout": round(check.timeout_seconds * _SECOND_NANOSECONDS),
            "StartPeriod": round(check.start_period_seconds * _SECOND_NANOSECONDS),
            "Retries": check.retries,
        }
    }


def _near(name: str) -> str:
    """A name that Docker takes, as close to this one as possible."""
    found = _NOT_IN_A_NAME.sub("-", name).lstrip("_.-")
    return found if _DOCKER_NAME.fullmatch(found) else f"{found or 'container'}-1"


def _hindrances(container: Container, stays_behind: Iterable[str]) -> Iterator[Remark]:
    for file in container.secrets:
        yield Remark(
            "secrets",
            f"secret {file.secret} is a file that the agent gives to the container: have the "
            "program take it from a variable or from its data first",
        )
    for volume in container.volumes:
        if volume.subpath is not None:
            yield Remark(
                "volumes",
                f"{volume.mountpoint} is the directory {volume.subpath} of its dataset, and a "
                "volume of Docker's is mounted as a whole: mount the whole dataset first",
            )
    for path in stays_behind:
        yield Remark(
            "volumes",
            f"{path} is no dataset but a volume without a name, which its image asks for: its data "
            "would not go along. Give the container a dataset, or a tmpfs, at that path first",
        )


def _not_kept(container: Container, called: str) -> Iterator[Remark]:
    yield Remark("move", "nobody moves it to another node, or drains it with its node")
    if container.ports:
        yield Remark(
            "ports", "they are open on its own node alone: no other node leads clients there"
        )
    if called != container.name:
        yield Remark("name", f"{container.name} here would be {called} in Docker")
    for name in sorted(container.networks):
        yield Remark(
            "networks",
            f"{name}: it would be in Docker's network bridge, in which it finds the containers of "
            "that network no more, nor they it",
        )
    for link in container.links:
        yield Remark(
            "links",
            f"{link.alias} goes on leading to external port {link.remote_port} of this node, as "
            "long as an agent runs there",
        )
    for variable in sorted(container.environment_secret):
        yield Remark(
            "environment_secret",
            f"{variable} would be a plain variable with the secret's value of now, for all to see "
            "who may ask Docker",
        )
    if container.depends_on:
        yield Remark(
            "depends_on", f"it would not wait for {', '.join(sorted(container.depends_on))}"
        )
    if container.application is not None:
        yield Remark("application", f"it would leave application {container.application.name}")
    yield from _life_not_kept(container)


def _life_not_kept(container: Container) -> Iterator[Remark]:
    check = container.health_check
    if check is not None and check.command is None:
        yield Remark(
            "health_check",
            f"Docker cannot try port {check.port} from outside: give the container a command as "
            "its health check, or it has none",
        )
    if check is not None and check.on_unhealthy == RESTART:
        yield Remark("health_check", "Docker does not restart it when it is not healthy")
    for field in ("before_switch", "after_switch"):
        if getattr(container, field) is not None:
            yield Remark(field, "Docker does not move it, so that it would not run")
    if container.failover is not None:
        yield Remark("failover", "it would stay down as long as its node is away")
