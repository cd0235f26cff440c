"""Releases: a container becomes a plain one of Docker's on its own node, with its data; pure.

A release is an adoption the other way. The data of the datasets is copied into volumes of Docker's,
and what the node has written down (`adoption.AdoptionNote`) decides which of the two containers may
run:

    copying    ours runs, and rounds copy its data
    stopping   we stop ours
    stopped    ours is stopped; the last round copies the rest
    copied     the copy is complete: the plain one may run, and its clients wait
    committed  the commit point: the plain one serves, and we never start ours again
    released   the plain one is on its own, with its restart policy
    returned   the plain one and its volumes are gone, and ours runs as before

From each step before "committed" the way back leads to "returned"; from there on it leads forward.
The plain container is made before ours is stopped. Until it is committed it has a name of its own,
by which it is found again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pyrsistent import PMap, pmap

from flocker_lite.model.identities import DatasetId

COMMITTED = "committed"
RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Releasing:
    """What an open release makes: a container called `docker_name`, and a volume of each dataset.

    `volumes` has the names of the volumes in Docker. With `cancelled` a user wants everything back
    as it was, unless it is too late.
    """

    docker_name: str
    volumes: PMap[DatasetId, str] = field(default_factory=pmap)
    cancelled: bool = False


def name_on_trial(docker_name: str, move_id: str) -> str:
    """What the plain container is called until its release is committed."""
    return f"{docker_name}--release-{move_id}"
