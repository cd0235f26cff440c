"""The datasets of a container, as Docker mounts them into it; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flocker_lite.containers.translate import container_of


@dataclass(frozen=True, slots=True)
class DataBind:
    """The node's path `source` appears inside at `target`.

    `root` is where the dataset is mounted on the node: `source` itself, or with a `subpath` what
    that is relative to.
    """

    root: str
    source: str
    target: str
    subpath: str | None = None


def data_binds(made: Mapping[str, Any]) -> tuple[DataBind, ...]:
    """The datasets of one of our containers, of the arguments of "create", or of its "inspect"."""
    labels = (made.get("Config") or made)["Labels"]
    host = made["HostConfig"]
    sources = {mount["Target"]: mount.get("Source") for mount in host.get("Mounts") or ()}
    # Neither of the paths that we write there has a colon.
    for source, target, *_ in (text.split(":") for text in host.get("Binds") or ()):
        sources[target] = source
    return tuple(
        DataBind(
            source if volume.subpath is None else source.removesuffix(f"/{volume.subpath}"),
            source,
            volume.mountpoint,
            volume.subpath,
        )
        for volume in container_of(labels).volumes
        if (source := sources.get(volume.mountpoint))
    )
