"""Looks at both nodes all the time: where a container's program runs, and who may write to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from admin.hosts import LabError, Node
from admin.hosts.cgroups import ROOT
from tests.functional.crashes.background import Background

LOOK_SECONDS = 0.02
MOUNT_ROOT = "/flocker/"
PROGRAM = "redis-server"
RUNC = "runc"
WAITING = ("hold", "docker-init", RUNC)
"""What the first process of a container is called before its own program begins; `docker-init` is
our gate in its place, before it has given itself a name."""


@dataclass(frozen=True)
class Look:
    """What one node has at one instant.

    `programs` are the names, by pid, of containers' processes that were let go, `servers` those of
    them that are redis itself; `mounts` identify datasets that are mounted writable, by number and
    path.
    """

    programs: Mapping[int, str] = field(default_factory=dict)
    servers: frozenset[int] = frozenset()
    mounts: frozenset[str] = frozenset()


@dataclass
class Watcher(Background):
    """One thread that looks at each node in turn, and remembers what must not be.

    What was at a node both before and after a look at the other one was there during it, too: so
    nothing is taken for two at once that was one after the other.
    """

    nodes: Sequence[Node]
    broken: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    looks: int = 0

    def __post_init__(self) -> None:
        super().__init__()
        self._seen = {node.name: Look() for node in self.nodes}
        self._servers: set[int] = set()

    def forget(self) -> None:
        """A new move begins."""
        self.broken.clear()
        self.runs.clear()

    def running_at(self) -> list[str]:
        """The names of the nodes where redis runs, each as often as it does."""
        return sorted(name for name, look in self._seen.items() for _ in look.servers)

    def mounted_at(self) -> list[str]:
        """The names of the nodes that have a dataset mounted writable, each as often as it is."""
        return sorted(name for name, look in self._seen.items() for _ in look.mounts)

    def go_on(self) -> None:
        while not self.stopping.wait(LOOK_SECONDS):
            for node in self.nodes:
                self._look_at(node)

    def _look_at(self, node: Node) -> None:
        before, now = self._seen[node.name], look_at(node)
        for other in self.nodes:
            if other is not node:
                between = self._seen[other.name]
                self._compare(f"{node.name} and {other.name}", before, between, now)
        for pid in sorted(now.servers - self._servers):
            self._servers.add(pid)
            self.runs.append(node.name)
        self._seen[node.name] = now
        self.looks += 1

    def _compare(self, where: str, before: Look, between: Look, now: Look) -> None:
        staying_programs = before.programs.keys() & now.programs.keys()
        if staying_programs and between.programs:
            here = sorted(now.programs[pid] for pid in staying_programs)
            there = sorted(between.programs.values())
            self._note(f"containers' programs run at {where} at once: {here} and {there}")
        staying = {mount.partition(" ")[2] for mount in before.mounts & now.mounts}
        twice = staying & {mount.partition(" ")[2] for mount in between.mounts}
        for path in sorted(twice):
            self._note(f"{path} is mounted writable at {where} at once")

    def _note(self, what: str) -> None:
        if what not in self.broken:
            self.broken.append(what)


def look_at(node: Node) -> Look:
    """What a node has now; nothing of one that is down."""
    names = {pid: command_of(pid) for pid in pids_of(node)}
    programs = {
        pid: name
        for pid, name in names.items()
        if name is not None and not name.startswith(WAITING)
    }
    try:
        mountinfo = (node.root / "proc/1/mountinfo").read_text()
    except (OSError, LabError):
        mountinfo = ""
    return Look(
        programs,
        frozenset(pid for pid, name in programs.items() if name == PROGRAM),
        writable_mounts(mountinfo),
    )


def pids_of(node: Node) -> list[int]:
    """The processes of all containers of a node, as the machine counts, prestarted ones too."""
    groups = [*ROOT.glob(f"{node.node.namespace}/*"), *ROOT.glob(f"pids/{node.node.namespace}/*")]
    found = []
    for group in groups:
        try:
            found += [int(line) for line in (group / "cgroup.procs").read_text().split()]
        except OSError:
            continue  # not a container's, or gone meanwhile
    return found


def command_of(pid: int) -> str | None:
    """What a process is called; None when it has ended.

    Docker's runc begins by executing a copy of itself, which for a moment is called after the
    number of a file: its executable says what it is.
    """
    try:
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
            return None
        if RUNC in str(Path(f"/proc/{pid}/exe").readlink()):
            return RUNC
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return None


def writable_mounts(mountinfo: str) -> frozenset[str]:
    """Number and path of each dataset that is mounted writable, from a /proc/PID/mountinfo."""
    found = set()
    for line in mountinfo.splitlines():
        words = line.split(" ")
        if words[4].startswith(MOUNT_ROOT) and "rw" in words[5].split(","):
            found.add(f"{words[0]} {words[4]}")
    return frozenset(found)
