"""Kills all that runs in a container, by its control group: neither Docker nor ZFS is asked.

A container's group has its id in its name, whoever named the rest ("docker/ID" or
"docker-ID.scope"). It is looked for at the instant of the kill: before its start there is none.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
PROC = Path("/proc")

_FIRST = ("unified", "freezer", "pids", "memory")
"""Of the hierarchies of cgroup 1, each of which Docker uses for every container."""


def kill_all(container_ids: Collection[str], cgroups: Path = CGROUPS, proc: Path = PROC) -> bool:
    """Kill every process of these containers at once; whether any was still there to be killed.

    The kernel does it by itself where it can (cgroup 2, since Linux 5.14). Otherwise each process
    gets its signal, and nobody slips away by forking meanwhile: with the first process of a
    container the kernel ends all of its PID namespace.
    """
    if not container_ids:
        return False
    pids: set[int] = set()
    for group in groups(container_ids, cgroups):
        _write(group / "cgroup.kill", "1")
        found = set(_members(group))
        for pid in sorted(found):
            kill(pid)
        # Of cgroup 1: who is frozen dies only once he is thawed.
        _write(group / "freezer.state", "THAWED")
        pids |= found
    for pid in _belonging(container_ids, proc):
        kill(pid)
        pids.add(pid)
    return any(_runs(pid, proc) for pid in pids)


def groups(container_ids: Collection[str], cgroups: Path = CGROUPS) -> Iterator[Path]:
    """The control groups of these containers, in one hierarchy of each version that is there."""
    for hierarchy in _hierarchies(cgroups):
        for folder, subfolders, _ in os.walk(hierarchy):
            found = [name for name in subfolders if any(each in name for each in container_ids)]
            for name in found:
                subfolders.remove(name)
                yield Path(folder, name)


def kill(pid: int) -> None:
    """SIGKILL, unless it is gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _hierarchies(cgroups: Path) -> list[Path]:
    if (cgroups / "cgroup.controllers").exists():
        return [cgroups]
    there = [cgroups / name for name in _FIRST if (cgroups / name).is_dir()]
    unified = [path for path in there if path.name == "unified"]
    return unified + [path for path in there if path not in unified][:1]


def _members(group: Path) -> Iterator[int]:
    """The processes in a group and in those below it; 0 stands for those of another namespace."""
    for folder, _, _ in os.walk(group):
        with suppress(OSError):
            for line in Path(folder, "cgroup.procs").read_text().split():
                if int(line) > 0:
                    yield int(line)


def _belonging(container_ids: Collection[str], proc: Path) -> Iterator[int]:
    """Who says himself that he is in such a group, wherever its hierarchy is mounted, if it is."""
    for entry in os.scandir(proc):
        if entry.name.isdigit():
            with suppress(OSError):
                text = Path(entry.path, "cgroup").read_text()
                if any(each in text for each in container_ids):
                    yield int(entry.name)


def _runs(pid: int, proc: Path) -> bool:
    """Whether it is there, and more than what its parent has not taken note of yet."""
    try:
        stat = (proc / str(pid) / "stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def _write(path: Path, text: str) -> None:
    """Into a file of the kernel's, where there is such a one."""
    with suppress(OSError):
        fd = os.open(path, os.O_WRONLY)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)
