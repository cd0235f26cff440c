"""Adoptions: what a container that flocker_lite did not make becomes, and how far that is; pure.

The datasets of an adoption are copied from the directories that the container has, on its own node.
What the node has written down (`AdoptionNote`) decides which of the two containers may run:

    copying   the container that is adopted runs, and rounds copy its data
    stopping  we take its restart policy away and stop it
    stopped   it is stopped and has another name; the last round copies the rest
    copied    the copy is complete: ours may run, and its clients wait; nothing is copied any more
    adopted   the commit point: ours is healthy and serves; we never start the other one again
    returned  ours is gone, and the other one is as it was

From each step before "adopted" the way back leads to "returned". An adoption goes on from "copying"
alone: whatever happens later, and be it that the agent is killed, leads back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pyrsistent import PMap, pmap

from flocker_lite.model.identities import DatasetId
from flocker_lite.model.releasing import Releasing

VOLUME, BIND, FILESYSTEM = "volume", "bind", "filesystem"

COPYING = "copying"
STOPPING = "stopping"
STOPPED = "stopped"
COPIED = "copied"
ADOPTED = "adopted"
RETURNED = "returned"

NO_RESTART = "no"
"""Docker's name of the restart policy of a container that it never starts by itself."""

SET_ASIDE = "--before-flocker"
"""What is added to the name of a container that was adopted."""


@dataclass(frozen=True, slots=True)
class RestartByDocker:
    """A restart policy that Docker itself carries out."""

    name: str = NO_RESTART
    retries: int = 0


@dataclass(frozen=True, slots=True)
class ForeignContainer:
    """A container that flocker_lite did not make, as it is now.

    `instance` is its whole id in Docker, which it keeps under any name. `run` is another one each
    time it is started. `killed` says that SIGKILL ended its last run. It may be a task of the Swarm
    `service`.
    """

    instance: str
    name: str
    running: bool
    run: str = ""
    restart_policy: RestartByDocker = RestartByDocker()
    killed: bool = False
    service: str | None = None


@dataclass(frozen=True, slots=True)
class Adopting:
    """What an open adoption takes: a container, by its id in Docker, and where its data is.

    `instance` is the id; for a volume or a directory by itself, its kind and name, such as
    "volume:pgdata". `paths` has, for each dataset, the directory of the node that is copied into
    it; `sizes` how many bytes are there, as far as they were measured. With `cancelled` a user
    wants everything back as it was, unless it is too late.
    """

    instance: str
    paths: PMap[DatasetId, str] = field(default_factory=pmap)
    sizes: PMap[DatasetId, int] = field(default_factory=pmap)
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class AdoptionNote:
    """What a node has written down of an adoption or a release; only its disk can lose it.

    `since` is when the last complete round began, in seconds since 1970: what has changed in the
    directories since then is not known to be in the copy. The container that is adopted was called
    `docker_name`, had that `restart_policy` and ran if `was_running`, when it was stopped. `why`
    says in words why everything goes back, or went back. The note of a release has what it makes;
    its `instance` is the plain container, once that was made.
    """

    move_id: str
    instance: str
    step: str = COPYING
    since: float = 0.0
    docker_name: str = ""
    restart_policy: RestartByDocker = RestartByDocker()
    was_running: bool = False
    why: str | None = None
    release: Releasing | None = None


@dataclass(frozen=True, slots=True)
class AdoptionState:
    """What an agent reports of an adoption or a release: the step, and why it went back."""

    move_id: str
    step: str
    why: str | None = None


def set_aside_names(docker_name: str) -> tuple[str, ...]:
    """What a container that was adopted may be called, the first one that is free."""
    name = f"{docker_name}{SET_ASIDE}"
    return (name, *(f"{name}-{number}" for number in range(2, 10)))


@dataclass(frozen=True, slots=True)
class Remark:
    """What a person has to know of an adoption or a release: of which setting, in words."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Source:
    """A volume of Docker's, or a directory or file of the node, that a container has mounted.

    `source` is the name of the volume, or the path on the node. With `take` its data would go into
    a new dataset, which is called `dataset`; without, `why` says what becomes of it. `path` is
    where its data is on the node. `size_bytes` is what the data takes there; None when that was
    not measured in time. `maximum_size` is the limit that it has already.
    """

    source: str
    mountpoint: str
    kind: str
    take: bool
    why: str
    path: str
    dataset: str | None = None
    read_only: bool = False
    size_bytes: int | None = None
    maximum_size: int | None = None


@dataclass(frozen=True, slots=True)
class Adoption:
    """What a container would become: `fields` of a request that creates it, without its node.

    The volumes in it name the datasets of the `sources` that are taken. `not_kept` is what the
    container has now and would lack, `hindrances` what has to be settled before it is adopted.
    `instance` is its whole id in Docker.
    """

    fields: PMap[str, Any] = field(default_factory=pmap)
    sources: tuple[Source, ...] = ()
    not_kept: tuple[Remark, ...] = ()
    hindrances: tuple[Remark, ...] = ()
    instance: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """What a container would become: a plain one called `docker_name`, and a volume per dataset.

    `not_kept` is what the container has now and would lack, `hindrances` what has to be settled
    before it is released.
    """

    docker_name: str
    volumes: PMap[DatasetId, str] = field(default_factory=pmap)
    not_kept: tuple[Remark, ...] = ()
    hindrances: tuple[Remark, ...] = ()


def unused(name: str, known: Iterable[str | None]) -> str:
    """The name, with the first number that makes it another one than those, if it is one."""
    taken = set(known)
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    return found
