"""Looks at the nodes from outside, with one clock: where each container runs, and when."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from admin.hosts import Node
from admin.hosts.cgroups import ROOT
from tests.functional.crashes.background import Background
from tests.functional.crashes.watcher import WAITING, command_of

LOOK_SECONDS = 0.04
SIGKILL_BIT = 1 << 8


@dataclass
class Span:
    """From when until when a container's program was seen at a node, without a break.

    In seconds since 1970. At `last` it was there still; `gone` is the first look without it.
    """

    node: str
    first: float
    last: float
    pids: frozenset[int]
    gone: float | None = None


class Runs(Background):
    """The spans of each container, by its name in Docker."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        super().__init__()
        self.spans: dict[str, list[Span]] = {}
        self.longest_look_seconds = 0.0
        self._nodes = nodes
        self._names: dict[str, str] = {}

    def forget(self) -> None:
        """Only what runs now counts from now on."""
        self.longest_look_seconds = 0.0
        for name, spans in list(self.spans.items()):
            self.spans[name] = [
                Span(each.node, each.last, each.last, each.pids) for each in spans if not each.gone
            ]

    def at(self, name: str, node: str) -> list[Span]:
        """The spans of a container at a node, in order."""
        return [each for each in self.spans.get(name, []) if each.node == node]

    def runs_at(self, name: str) -> list[str]:
        """Where it runs now."""
        return [each.node for each in self.spans.get(name, []) if each.gone is None]

    def twice(self) -> list[str]:
        """In words, each container that ran at two nodes at once."""
        found = []
        for name, spans in self.spans.items():
            for one in spans:
                for other in spans:
                    if one.node < other.node and max(one.first, other.first) <= min(
                        one.last, other.last
                    ):
                        found.append(f"{name} ran at {one} and {other} at once")
        return found

    def go_on(self) -> None:
        last = time.time()
        while not self.stopping.wait(LOOK_SECONDS):
            for node in self._nodes:
                self._look_at(node)
            now = time.time()
            self.longest_look_seconds = max(self.longest_look_seconds, now - last)
            last = now

    def _look_at(self, node: Node) -> None:
        seen = self._programs(node)
        now = time.time()
        for name in self.spans.keys() | seen.keys():
            spans = self.spans.setdefault(name, [])
            going = [each for each in spans if each.node == node.name and each.gone is None]
            pids = seen.get(name, frozenset())
            for span in going:
                if span.pids & pids:
                    span.last, span.pids = now, pids
                    pids = frozenset()
                else:
                    span.gone = now
            if pids:
                spans.append(Span(node.name, now, now, pids))

    def _programs(self, node: Node) -> dict[str, frozenset[int]]:
        """The processes, by the name of their container, that may still do something."""
        space = node.node.namespace
        found: dict[str, frozenset[int]] = {}
        for group in [*ROOT.glob(f"{space}/*"), *ROOT.glob(f"pids/{space}/*")]:
            try:
                pids = [int(line) for line in (group / "cgroup.procs").read_text().split()]
            except OSError:
                continue  # not a container's, or gone meanwhile
            alive = frozenset(pid for pid in pids if acts(pid))
            if alive and (name := self._name(node, group.name)) is not None:
                found[name] = found.get(name, frozenset()) | alive
        return found

    def _name(self, node: Node, container_id: str) -> str | None:
        """What Docker calls a container of this id, by its file; None if it has none of ours."""
        if container_id not in self._names:
            path = node.folder / "docker" / "containers" / container_id / "config.v2.json"
            try:
                self._names[container_id] = json.loads(path.read_text())["Name"].lstrip("/")
            except (OSError, ValueError, KeyError):
                return None
        name = self._names[container_id]
        return name if name.startswith("flocker--") else None


def acts(pid: int) -> bool:
    """Whether a process is a container's own program that may still do something.

    Not one that waits at the start gate, and not one that was killed: it never gets back to its
    program, though a system call of a file system that hangs may keep it in the list.
    """
    name = command_of(pid)
    if name is None or name.startswith(WAITING):
        return False
    try:
        with open(f"/proc/{pid}/status") as file:
            pending = [
                int(line.split()[1], 16) for line in file if line.startswith(("SigPnd", "ShdPnd"))
            ]
    except (OSError, ValueError):
        return False
    return not any(each & SIGKILL_BIT for each in pending)
