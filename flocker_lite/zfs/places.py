"""What there is at the places of datasets: what the kernel says, not what ZFS believes.

ZFS calls a dataset mounted when the mount table has it anywhere, also under something else that
was mounted over it, and after the daemon that served it has died.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pyrsistent import PMap, pmap

from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import Place
from flocker_lite.zfs import mountpoints
from flocker_lite.zfs.mounts import Mount, table, top

MOUNTINFO = Path("/proc/self/mountinfo")


def look(
    root: str, sources: Mapping[DatasetId, str], mountinfo: Path = MOUNTINFO
) -> PMap[DatasetId, Place]:
    """What there is at the places of these in `root`; `sources` are their names in ZFS.

    Touches what is mounted there, so it belongs in a thread.
    """
    # The kernel names mount points without symbolic links.
    real = os.path.realpath(root)
    mounts = table(mountinfo.read_text("utf-8", "replace"))
    return pmap(
        {
            dataset_id: _place(mounts, source, f"{real}/{dataset_id}", root, dataset_id)
            for dataset_id, source in sources.items()
        }
    )


def all_of(root: str, prefix: str) -> PMap[DatasetId, Place]:
    """The same of all that are mounted in `root` under names with this prefix, without ZFS."""
    real = os.path.realpath(root)
    mounts = table(MOUNTINFO.read_text("utf-8", "replace"))
    found = {mount.source for mount in mounts if mount.source.startswith(prefix)}
    points = {mount.point for mount in mounts if os.path.dirname(mount.point) == real}
    ids = {source.removeprefix(prefix) for source in found} | set(map(os.path.basename, points))
    return look(root, {each: f"{prefix}{each}" for each in ids if "/" not in each})


def make_room(root: str, dataset_id: DatasetId, source: str, moment: int) -> Place:
    """Have nothing at the place of a dataset but its directory, guarded; returns what was there.

    What is mounted there and answers, the dataset or what hides it, is left alone.
    """
    place = look(root, {dataset_id: source})[dataset_id]
    if place.is_mounted or place.obstacle is not None:
        return place
    if place.is_dead:
        mountpoints.clear(f"{root}/{dataset_id}")
    mountpoints.make(root, dataset_id, moment)
    return place


def dead_root(root: str) -> str | None:
    """What ZFS calls the filesystem that is mounted at `root` itself, when that is dead."""
    real = os.path.realpath(root)
    if not mountpoints.is_dead_mount(real):
        return None
    found = top(table(MOUNTINFO.read_text("utf-8", "replace")), real)
    return found.source if found is not None else None


def _place(
    mounts: Sequence[Mount], source: str, path: str, root: str, dataset_id: DatasetId
) -> Place:
    found = top(mounts, path)
    warning = _warning(mountpoints.strays(root, dataset_id))
    if found is None:
        elsewhere = next((mount.point for mount in mounts if mount.source == source), None)
        if elsewhere is None:
            return Place(warning=warning)
        return Place(
            obstacle=f"it is mounted at {elsewhere} and not at {path}: say `umount {elsewhere}`, "
            f"and `zfs set mountpoint={path} {source}` if that was changed",
            warning=warning,
        )
    if found.source != source:
        what = found.kind if found.source == "none" else f"{found.source} ({found.kind})"
        return Place(
            obstacle=f"{what} is mounted over it at {path}, by somebody else: say `umount {path}`",
            warning=warning,
        )
    if mountpoints.is_dead_mount(path):
        return Place(is_dead=True, warning=warning)
    if _device_at(path) != found.device:
        return Place(
            obstacle=f"it is hidden by what was mounted over {root} since: say `umount {root}`",
            warning=warning,
        )
    if found.readonly:
        warning = f"it is mounted read-only: say `mount -o remount,rw {path}`"
    return Place(is_mounted=True, warning=warning)


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
        f"files were where it is to be mounted; they are in {', '.join(strays)} now: look at "
        "them, and remove that directory"
    )
