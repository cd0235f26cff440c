"""What a container of Docker's would become, put together from all areas."""

from __future__ import annotations

from collections.abc import Collection

from pyrsistent import pmap

from flocker_lite.containers.adoption.draft import Draft, Inspected
from flocker_lite.containers.adoption.files import add_files
from flocker_lite.containers.adoption.identity import add_identity, plain_name
from flocker_lite.containers.adoption.leftovers import add_leftovers
from flocker_lite.containers.adoption.life import add_life
from flocker_lite.containers.adoption.network import add_network
from flocker_lite.containers.adoption.process import add_process
from flocker_lite.containers.adoption.resources import add_resources, add_security
from flocker_lite.model.adoption import Adoption

_AREAS = (
    add_identity,
    add_process,
    add_resources,
    add_security,
    add_network,
    add_files,
    add_life,
    add_leftovers,
)


def adoption(
    found: Inspected, allow: Collection[str] = (), name: str | None = None, data_root: str = ""
) -> Adoption:
    """What it would become on a node that allows this; sizes are not measured here.

    `name` is what it is to be called, as in Docker unless given. `data_root` is the directory that
    has the node's datasets.
    """
    draft = Draft(name or plain_name(found.docker_name), allow, data_root)
    for add in _AREAS:
        add(found, draft)
    return Adoption(
        pmap(draft.fields),
        tuple(draft.sources),
        tuple(draft.not_kept),
        tuple(draft.hindrances),
        str(found.details.get("Id", "")),
    )
