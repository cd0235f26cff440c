"""The files of a container, in Docker's terms: what it has at which path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flocker_lite.containers.arguments.merging import HOST, without_none
from flocker_lite.model.container_fields.files import Tmpfs
from flocker_lite.model.records import Container, DatasetId


def file_arguments(container: Container, binds: Mapping[DatasetId, str]) -> dict[str, Any]:
    """Volumes are *mounts*: if the path is missing these fail, and a bind by `-v` would make it.

    Docker checks a mount when it creates the container. A directory inside a dataset may be missing
    then, because the data has yet to come. So we use a bind for it, and make sure at the start of
    the container that the directory exists.
    """
    mounts = [
        {
            "Type": "bind",
            "Source": binds[volume.dataset_id],
            "Target": volume.mountpoint,
            **({"ReadOnly": True} if volume.read_only else {}),
        }
        for volume in container.volumes
        if volume.subpath is None
    ]
    parts = [
        f"{binds[volume.dataset_id]}/{volume.subpath}:{volume.mountpoint}"
        + (":ro" if volume.read_only else "")
        for volume in container.volumes
        if volume.subpath is not None
    ]
    mounts += [
        {
            "Type": "bind",
            "Source": bind.host_path,
            "Target": bind.mountpoint,
            # What is mounted there later is none of its business.
            "BindOptions": {"Propagation": "rprivate"},
            **({"ReadOnly": True} if bind.read_only else {}),
        }
        for bind in container.bind_mounts
    ]
    tmpfs = {path: _options(each) for path, each in sorted(container.tmpfs.items())}
    return {HOST: {"Mounts": mounts, **without_none(Binds=parts or None, Tmpfs=tmpfs or None)}}


def _options(tmpfs: Tmpfs) -> str:
    size = () if tmpfs.size is None else (f"size={tmpfs.size}",)
    return ",".join((*size, *tmpfs.options))
