"""Kills all processes of a container by its control group, without Docker or ZFS.

The name of a container's group has the container's id in it ("docker/ID" or "docker-ID.scope"). We
look for the group at the moment of the kill, because there is none before the container starts.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
PROC = Path("/proc")

_CONTAINER = re.compile(r"[0-9a-f]{64}")

_V1_HIERARCHIES = ("unified", "freezer", "pids", "memory")
"""The hierarchies that we look for on cgroup 1; Docker uses each of them for every container."""


def kill_all(
    container_ids: Collection[str],
    cgroups: Path = CGROUPS,
    proc: Path = PROC,
    looks_at_all: bool = True,
) -> bool:
    """Kill every process of these containers at once; returns whether any was still there.

    The kernel kills a whole group where it can (cgroup 2, since Linux 5.14). Otherwise we signal
    each process. Forking does not save any: when a container's first process dies, the kernel kills
    the whole PID namespace. `looks_at_all`: find processes in /proc too, which takes longer.
    """
    if not container_ids:
        return False
    pids: set[int] = set()
    found_groups = list(groups(container_ids, cgroups))
    for group in found_groups:
        _write(group / "cgroup.kill", "1")
    for group in found_groups:
        found = set(members(group))
        for pid in sorted(found):
            kill(pid)
        # In cgroup 1, a frozen process dies only once it is thawed.
        _write(group / "freezer.state", "THAWED")
        pids |= found
    for pid in _pids_by_cgroup(container_ids, proc) if looks_at_all else ():
        kill(pid)
        pids.add(pid)
    return any(_is_running(pid, proc) for pid in pids)


def groups(container_ids: Collection[str], cgroups: Path = CGROUPS) -> Iterator[Path]:
    """The control groups of these containers, in one hierarchy of each cgroup version."""
    for hierarchy in _hierarchies(cgroups):
        yield from _below(hierarchy, container_ids)


def count(container_ids: Collection[str], cgroups: Path = CGROUPS) -> int:
    """How many processes these containers have; threads are counted too, if the kernel does it."""
    if not container_ids:
        return 0
    # In cgroup 1, a hierarchy of its own has the counts.
    counts = cgroups / "pids"
    found = 0
    for group in _below(counts if counts.is_dir() else cgroups, container_ids):
        try:
            found += int((group / "pids.current").read_text())
        except OSError:
            found += sum(1 for _ in members(group))
    return found


def kill(pid: int) -> None:
    """Send SIGKILL, unless the process is gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _below(hierarchy: Path, container_ids: Collection[str]) -> Iterator[Path]:
    for folder, subfolders, _ in os.walk(hierarchy):
        found = [name for name in subfolders if any(each in name for each in container_ids)]
        for name in found:
            subfolders.remove(name)
            yield Path(folder, name)


def _hierarchies(cgroups: Path) -> list[Path]:
    if (cgroups / "cgroup.controllers").exists():
        return [cgroups]
    there = [cgroups / name for name in _V1_HIERARCHIES if (cgroups / name).is_dir()]
    unified = [path for path in there if path.name == "unified"]
    return unified + [path for path in there if path not in unified][:1]


def container_processes(proc: Path = PROC) -> Iterator[Path]:
    """The folders in /proc of the processes of containers, whosever they are.

    Other processes with a mount namespace of their own may have a filesystem mounted too; a fence
    spares those.
    """
    for entry in os.scandir(proc):
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            if _CONTAINER.search((proc / entry.name / "cgroup").read_text()) is not None:
                yield proc / entry.name


def members(group: Path) -> Iterator[int]:
    """The processes in a group and in groups below it; 0 stands for one of another namespace."""
    for folder, _, _ in os.walk(group):
        with suppress(OSError):
            for line in Path(folder, "cgroup.procs").read_text().split():
                if int(line) > 0:
                    yield int(line)


def _pids_by_cgroup(container_ids: Collection[str], proc: Path) -> Iterator[int]:
    """Processes whose /proc entry names such a group; that works without a mounted hierarchy."""
    for entry in os.scandir(proc):
        if entry.name.isdigit():
            with suppress(OSError):
                text = Path(entry.path, "cgroup").read_text()
                if any(each in text for each in container_ids):
                    yield int(entry.name)


def _is_running(pid: int, proc: Path) -> bool:
    """Whether the process exists and is more than a zombie."""
    try:
        stat = (proc / str(pid) / "stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def _write(path: Path, text: str) -> None:
    """Write to a file of the kernel, if it exists."""
    with suppress(OSError):
        fd = os.open(path, os.O_WRONLY)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)
