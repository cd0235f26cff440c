"""What a filesystem of the storage's pool, which somebody made, would become if it were adopted."""

from __future__ import annotations

from collections.abc import Collection

from flocker_lite.errors import NotFound
from flocker_lite.interfaces import IForeignContainers, IStorage
from flocker_lite.model.adoption import BIND, FILESYSTEM, Adoption, Remark, Source

_NO_PATH = "it is mounted nowhere: give it a mountpoint that this node allows"


async def filesystem_adoption(
    storage: IStorage, foreign: IForeignContainers, name: str, allow: Collection[str]
) -> Adoption:
    """One source, and what is in the way; NotFound when there is no such filesystem.

    Where it is mounted has to be among what the node allows, like any directory.
    """
    found = await storage.filesystem(name)
    if found is None:
        raise NotFound(f"there is no filesystem {name} in the pool of that node")
    hindrances = [] if found.why_not is None else [Remark(FILESYSTEM, found.why_not)]
    if found.path is None:
        hindrances.append(Remark(FILESYSTEM, _NO_PATH))
    else:
        directory = await foreign.data(BIND, found.path, allow, False)
        hindrances += [Remark(FILESYSTEM, each.text) for each in directory.hindrances]
    source = Source(
        source=name,
        mountpoint="",
        kind=FILESYSTEM,
        take=not hindrances,
        why="a filesystem of the pool: it is renamed, and nothing is copied",
        path=found.path or "",
        dataset=name.rpartition("/")[2],
        size_bytes=found.used_bytes,
        maximum_size=found.maximum_size,
    )
    return Adoption(sources=(source,), hindrances=tuple(hindrances))
