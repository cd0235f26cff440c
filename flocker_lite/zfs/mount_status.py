"""Reads from the kernel, not from ZFS, what is mounted at the mountpoints of datasets.

ZFS calls a dataset mounted if the mount table has it anywhere: even if something else is mounted
over it, or if its daemon (zfs-fuse) has died.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pyrsistent import PMap, pmap

from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import MountStatus
from flocker_lite.mounts import mountpoints
from flocker_lite.mounts.tables import Mount, table, top

MOUNTINFO = Path("/proc/self/mountinfo")


def look(
    root: str, sources: Mapping[DatasetId, str], mountinfo: Path = MOUNTINFO
) -> PMap[DatasetId, MountStatus]:
    """What is at these datasets' mountpoints in `root`; `sources` are their names in ZFS.

    This may block on a dead mount, so call it in a thread.
    """
    # The kernel names mount points without symbolic links.
    real = os.path.realpath(root)
    mounts = table(mountinfo.read_text("utf-8", "replace"))
    return pmap(
        {
            dataset_id: _status_at(mounts, source, f"{real}/{dataset_id}", root, dataset_id)
            for dataset_id, source in sources.items()
        }
    )


def look_at_all(root: str, prefix: str) -> PMap[DatasetId, MountStatus]:
    """The same for every mount in `root` whose source has this prefix, without asking ZFS."""
    real = os.path.realpath(root)
    mounts = table(MOUNTINFO.read_text("utf-8", "replace"))
    found = {mount.source for mount in mounts if mount.source.startswith(prefix)}
    points = {mount.point for mount in mounts if os.path.dirname(mount.point) == real}
    ids = {source.removeprefix(prefix) for source in found} | set(map(os.path.basename, points))
    return look(root, {each: f"{prefix}{each}" for each in ids if "/" not in each})


def prepare(root: str, dataset_id: DatasetId, source: str, moment: int) -> MountStatus:
    """Leave only a protected directory at a dataset's mountpoint; returns what was there.

    A mount that answers stays, whether it is the dataset or something that hides it.
    """
    status = look(root, {dataset_id: source})[dataset_id]
    if status.is_mounted or status.obstacle is not None:
        return status
    if status.is_dead:
        mountpoints.clear(f"{root}/{dataset_id}")
    mountpoints.make(root, dataset_id, moment)
    return status


def dead_root(root: str) -> str | None:
    """The name in ZFS of the filesystem that is mounted at `root` itself, if that is dead."""
    real = os.path.realpath(root)
    if not mountpoints.is_dead_mount(real):
        return None
    found = top(table(MOUNTINFO.read_text("utf-8", "replace")), real)
    return found.source if found is not None else None


def _status_at(
    mounts: Sequence[Mount], source: str, path: str, root: str, dataset_id: DatasetId
) -> MountStatus:
    found = top(mounts, path)
    warning = _warning(mountpoints.strays(root, dataset_id))
    if found is None:
        elsewhere = next((mount.point for mount in mounts if mount.source == source), None)
        if elsewhere is None:
            return MountStatus(warning=warning)
        return MountStatus(
            obstacle=f"it is mounted at {elsewhere} and not at {path}: run `umount {elsewhere}`, "
            f"and `zfs set mountpoint={path} {source}` if somebody changed that",
            warning=warning,
        )
    if found.source != source:
        what = found.kind if found.source == "none" else f"{found.source} ({found.kind})"
        return MountStatus(
            obstacle=f"somebody else mounted {what} over it at {path}: run `umount {path}`",
            warning=warning,
        )
    if mountpoints.is_dead_mount(path):
        return MountStatus(is_dead=True, warning=warning)
    if _device_at(path) != found.device:
        return MountStatus(
            obstacle=f"a later mount over {root} hides it: run `umount {root}`",
            warning=warning,
        )
    if found.readonly:
        warning = f"it is mounted read-only: run `mount -o remount,rw {path}`"
    return MountStatus(is_mounted=True, warning=warning)


def _device_at(path: str) -> str | None:
    try:
        device = os.stat(path).st_dev
    except OSError:
        return None
    return f"{os.major(device)}:{os.minor(device)}"


def _warning(strays: Sequence[str]) -> str | None:
    if not strays:
        return None
    return (
        f"files were at its mountpoint and are now in {', '.join(strays)}: look at them, and "
        "remove that directory"
    )
