"""Finds the processes that use a dataset; reads all of /proc, so it belongs in a thread.

We never touch a path of the dataset, only what the kernel says of processes: a storage daemon that
hangs would make us hang too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flocker_lite.model.state import Holder
from flocker_lite.mounts import mountpoints
from flocker_lite.mounts.tables import Mount, namespaces, table, top

_CONTAINER = re.compile(r"[0-9a-f]{64}")
_STARTING = "runc"
"""The name of a container's process while runc still makes its mounts."""

_FLAGS = re.compile(r"^flags:\s*([0-7]+)", re.MULTILINE)
_MOUNT = re.compile(r"^mnt_id:\s*(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Namespace:
    """A mount namespace that has the dataset, as seen through one of its processes.

    `holding` are its mounts that stay when the dataset is unmounted at its path.
    """

    pid: int
    mounts: tuple[Mount, ...]
    holding: tuple[Mount, ...]
    is_own: bool

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(mount.mount_id for mount in self.mounts)

    @property
    def devices(self) -> frozenset[str]:
        return frozenset(_hexadecimal(mount.device) for mount in self.mounts)


def holders(source: str, path: str, proc: Path = Path("/proc")) -> tuple[Holder, ...]:
    """Everybody who uses the dataset `source`, which is or was mounted at `path`.

    The result has one entry for each process, and one for each container of Docker's. A namespace
    where the mount goes away together with ours, as for most services, is not a holder for that.
    """
    mine = table((proc / "self/mountinfo").read_text("utf-8", "replace"))
    spaces = _spaces(source, path, mine, proc)
    processes: list[Holder] = []
    containers: dict[str, Holder] = {}
    for pid in _pids(proc) if spaces else ():
        try:
            space = spaces.get(os.readlink(proc / str(pid) / "ns/mnt"))
        except OSError:
            continue  # the process has ended
        if space is None or pid == os.getpid():
            continue
        container = _container_of(pid, proc)
        if container is None:
            processes += _process(space, pid, proc)
        elif container not in containers or not containers[container].holds:
            containers[container] = _container(space, pid, container, proc)
    return (*processes, *containers.values(), *_without_process(spaces, mine, path))


def keepers(source: str, path: str, proc: Path = Path("/proc")) -> list[int]:
    """One process of each mount namespace that keeps the mount when it is unmounted at `path`.

    This reads only mount tables, so it costs little.
    """
    mine = table((proc / "self/mountinfo").read_text("utf-8", "replace"))
    return [space.pid for space in _spaces(source, path, mine, proc).values() if space.holding]


def seen(prefix: str, root: str, proc: Path = Path("/proc")) -> dict[str, frozenset[str]]:
    """For each running container of Docker's, the filesystems that it has as they are mounted now.

    We count the filesystems whose names begin with `prefix` and that are mounted in `root`. A
    mount from a daemon that has died, or from a pool that was exported since, does not count. This
    touches what is mounted.
    """
    mine = table((proc / "self/mountinfo").read_text("utf-8", "replace"))
    here = {mount.source: mount.device for mount in mine if os.path.dirname(mount.point) == root}
    found: dict[str, frozenset[str]] = {}
    for pid, namespace, mounts in namespaces(proc):
        container = _container_of(pid, proc)
        if container is None or _name(proc / str(pid)).startswith(_STARTING):
            continue
        has = frozenset(
            mount.source
            for mount in mounts
            if mount.source.startswith(prefix)
            and top(mounts, mount.point) is mount
            and here.get(mount.source, mount.device) == mount.device
            and mountpoints.answers(str(proc / str(pid) / "root" / mount.point.lstrip("/")))
        )
        if _namespace_of(pid, proc) == namespace:
            # A container may have several namespaces; skip a process that ended meanwhile.
            found[container] = found.get(container, frozenset()) | has
    return found


def _spaces(source: str, path: str, mine: list[Mount], proc: Path) -> dict[str, _Namespace]:
    everywhere = list(namespaces(proc))
    groups = _following(mine, source, path, [mounts for _, _, mounts in everywhere])
    own = os.readlink(proc / "self/ns/mnt")
    found: dict[str, _Namespace] = {}
    for pid, name, mounts in everywhere:
        of_it = tuple(mount for mount in mounts if mount.source == source)
        by_id = {mount.mount_id: mount for mount in mounts}
        holding = tuple(
            mount
            for mount in of_it
            if not (name == own and mount.point == path)
            and not _follows(by_id.get(mount.parent_id), groups)
        )
        if of_it:
            found[name] = _Namespace(pid, of_it, holding, name == own)
    return found


def _following(
    mine: list[Mount], source: str, path: str, everywhere: list[list[Mount]]
) -> set[str]:
    """The mount peer groups that follow an unmount at `path`, by the mount that `path` is on."""
    by_id = {mount.mount_id: mount for mount in mine}
    parents = [
        by_id[mount.parent_id]
        for mount in mine
        if mount.source == source and mount.point == path and mount.parent_id in by_id
    ]
    groups = {parent.shared for parent in parents if parent.shared is not None}
    grows = bool(groups)
    while grows:
        more = {
            mount.shared
            for mounts in everywhere
            for mount in mounts
            if mount.shared is not None and mount.master in groups
        }
        grows = not more <= groups
        groups |= more
    return groups


def _follows(parent: Mount | None, groups: set[str]) -> bool:
    return parent is not None and (parent.shared in groups or parent.master in groups)


def _process(space: _Namespace, pid: int, proc: Path) -> Iterator[Holder]:
    """The strongest use that a process outside of containers makes of the dataset."""
    folder = proc / str(pid)
    for words, writes in _uses(space, folder):
        yield Holder(pid, _name(folder), words, writes)
        return
    if pid == space.pid and space.holding and not space.is_own:
        where = space.holding[0].point
        yield Holder(pid, _name(folder), f"has it mounted at {where}, for itself")


def _container(space: _Namespace, pid: int, container: str, proc: Path) -> Holder:
    """How a container uses the dataset, by one of its processes; it may write at any time."""
    writes = any(not mount.readonly for mount in space.mounts)
    is_used = next(_uses(space, proc / str(pid)), None) is not None
    words = f"has it mounted at {space.mounts[0].point}{'' if writes else ', read-only'}"
    holds = is_used or bool(space.holding)
    run = _namespace_of(space.pid, proc) or ""
    return Holder(pid, _name(proc / str(pid)), words, writes, holds, container, run)


def _without_process(
    spaces: dict[str, _Namespace], mine: list[Mount], path: str
) -> Iterator[Holder]:
    """Mounts that prevent an unmount although no process uses the dataset."""
    for space in spaces.values():
        if space.is_own:
            for mount in space.holding:
                yield Holder(0, "the same dataset", f"is mounted at {mount.point} as well")
    for mount in mine:
        if mount.point.startswith(f"{path}/"):
            what = mount.kind if mount.source == "none" else mount.source
            yield Holder(0, what, f"is mounted in it, at {mount.point}")


def _uses(space: _Namespace, folder: Path) -> Iterator[tuple[str, bool]]:
    """Each use in words, and whether it writes; files that are open for writing come first."""
    opened = list(_opened(space, folder))
    yield from (item for item in opened if item[1])
    yield from _mapped(space, folder)
    yield from opened
    for name, words in (("cwd", "working directory"), ("root", "root directory")):
        if _mount_of(folder / name) in space.ids:
            yield f"has its {words} in it", False


def _opened(space: _Namespace, folder: Path) -> Iterator[tuple[str, bool]]:
    for number in _listed(folder / "fd"):
        with suppress(OSError):
            facts = (folder / "fdinfo" / number).read_text()
            mount, flags = _MOUNT.search(facts), _FLAGS.search(facts)
            if mount is None or mount[1] not in space.ids:
                continue
            writes = flags is not None and int(flags[1], 8) & os.O_ACCMODE != os.O_RDONLY
            file = os.readlink(folder / "fd" / number)
            yield f"has {file} open{' for writing' if writes else ''}", writes


def _mapped(space: _Namespace, folder: Path) -> Iterator[tuple[str, bool]]:
    try:
        maps = (folder / "maps").read_text("utf-8", "replace")
    except OSError:
        return
    for line in maps.splitlines():
        words = line.split(maxsplit=5)
        if len(words) == 6 and words[3] in space.devices:
            yield f"has {words[5]} mapped", "w" in words[1] and "s" in words[1]


def _mount_of(link: Path) -> str | None:
    """The id of the mount that a directory of a process is on, without touching the directory."""
    try:
        fd = os.open(link, os.O_PATH)
    except OSError:
        return None
    try:
        found = _MOUNT.search(Path(f"/proc/self/fdinfo/{fd}").read_text())
    finally:
        os.close(fd)
    return found[1] if found is not None else None


def _container_of(pid: int, proc: Path) -> str | None:
    try:
        found = _CONTAINER.search((proc / str(pid) / "cgroup").read_text())
    except OSError:
        return None
    return found[0] if found is not None else None


def _namespace_of(pid: int, proc: Path) -> str | None:
    try:
        return os.readlink(proc / str(pid) / "ns/mnt")
    except OSError:
        return None


def _name(folder: Path) -> str:
    try:
        return (folder / "comm").read_text().strip()
    except OSError:
        return "a process"


def _pids(proc: Path) -> list[int]:
    return sorted(int(name) for name in _listed(proc) if name.isdigit())


def _listed(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _hexadecimal(device: str) -> str:
    """A device number as /proc/PID/maps writes it."""
    major, _, minor = device.partition(":")
    return f"{int(major or 0):02x}:{int(minor or 0):02x}"
