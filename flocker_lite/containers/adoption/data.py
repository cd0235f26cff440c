"""A volume of Docker's or a directory by itself: whether its data can become a dataset; pure."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from flocker_lite.containers.adoption.draft import NONE_OF
from flocker_lite.containers.adoption.files import is_of_the_system
from flocker_lite.model.adoption import BIND, VOLUME, Adoption, Remark, Source
from flocker_lite.model.allowance import ADOPT, AGENT_FILE, Need, overlap, plain_path, with_more

_LOCAL = "local"


@dataclass(frozen=True, slots=True)
class FoundData:
    """What the node has under that name: a volume as Docker's "inspect" shows it, or a directory.

    `volume` is None for a directory. `users` are the names of the running containers that have it.
    `is_directory` says whether there is a directory at its path.
    """

    name: str
    volume: Mapping[str, Any] | None = None
    users: tuple[str, ...] = ()
    is_directory: bool = True
    data_root: str = ""

    @property
    def path(self) -> str:
        """Where its data is on the node."""
        if self.volume is None:
            return plain_path(self.name)
        options = self.volume.get("Options") or NONE_OF
        if "bind" in str(options.get("o", "")).split(","):
            return plain_path(str(options.get("device") or ""))
        return str(self.volume.get("Mountpoint") or "")


def data_adoption(found: FoundData, allow: Collection[str]) -> Adoption:
    """What it would become: one source, and what is in the way.

    A directory has to be among what the node allows, as for a bind mount: whoever may use the API
    would read anything on the node otherwise.
    """
    hindrances = [Remark(_kind(found), why) for why in _in_the_way(found, allow)]
    source = Source(
        source=found.name,
        mountpoint="",
        kind=VOLUME if found.volume is not None else BIND,
        take=not hindrances,
        why="a volume" if found.volume is not None else "a directory",
        path=found.path,
        dataset=_dataset_name(found),
    )
    return Adoption(sources=(source,), hindrances=tuple(hindrances))


def _kind(found: FoundData) -> str:
    return "volume" if found.volume is not None else "directory"


def _dataset_name(found: FoundData) -> str:
    return found.name if found.volume is not None else posixpath.basename(found.path) or "data"


def _in_the_way(found: FoundData, allow: Collection[str]) -> list[str]:
    why: list[str] = []
    if found.volume is not None:
        options = found.volume.get("Options") or NONE_OF
        if (found.volume.get("Driver") or _LOCAL) != _LOCAL:
            why.append(f"its data is with the volume driver {found.volume['Driver']}, not here")
        elif options and "bind" not in str(options.get("o", "")).split(","):
            why.append("it is a mount of its own: copy its data into a plain volume first")
    elif found.path == "/" or is_of_the_system(found.path):
        why.append(f"{found.path} is a path of the node's own system")
    elif found.path not in allow:
        line = with_more(allow, [Need(ADOPT, found.path)])
        why.append(
            f"this node does not allow {found.path}: write `{line}` into {AGENT_FILE} there, and "
            "restart its agent"
        )
    if not why and found.data_root and overlap(found.path, found.data_root):
        why.append(f"{found.path} has datasets already, which are in {found.data_root}")
    if not why and not found.is_directory:
        why.append(f"there is no directory at {found.path}")
    if found.users:
        names = ", ".join(found.users)
        why.append(
            f"{names} runs with it: adopt that container, with its data, or stop it for good first"
        )
    return why
