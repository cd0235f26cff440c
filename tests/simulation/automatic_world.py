"""A whole cluster in memory that fails over by itself, with random cuts, deaths and restarts.

The real control service, agents and planners play. At every look:

* At most one node runs the container, and no two are primaries of the same epoch.
* Nothing fails over while more than one node and more than a third of all have long been away.
* Whatever the container wrote is on some disk: in a copy, in a snapshot, or set aside.

Once the faults end, it runs at its owner.
"""

from __future__ import annotations

import random
from dataclasses import replace
from random import Random

from flocker_lite.model import edits
from flocker_lite.model.container_fields.failover import Failover
from flocker_lite.model.lease import Role
from flocker_lite.model.replicas import Replicas
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode

D = "dddddddd-0000-4000-8000-000000000001"
AFTER_SECONDS = 10
STRIKES = 25
LOOK_SECONDS = 0.5
LONG_SECONDS = 5.0
"""A node that has been away for so long does not answer the pings before a failover."""

STRIKE_KINDS = (
    *("agent", "cut", "isolate", "unheard", "apart", "control", "move"),
    *("heal", "heal"),
)


class AutomaticWorld:
    """Three nodes; "db" has one dataset, for which one or both of the others stand by."""

    def __init__(self, seed: int, holders: int | None = None) -> None:
        self.random = Random(seed)
        random.seed(seed)  # the agents' jitter when they connect again
        self.story: list[str] = []
        self.failovers = 0
        self.written: set[str] = set()
        self._epoch = 0
        self._away_since: dict[str, float] = {}
        self.cluster = MemoryCluster(nodes=3)
        self.cluster.start()
        self.nodes = self.cluster.nodes
        self.cluster.configure("db", D, self.nodes[0])
        self.run(5)
        count = holders if holders is not None else self.random.choice((2, 3))
        ids = tuple(node.node_id for node in self.nodes[:count])
        replicas = Replicas(ids, rpo_seconds=5.0)
        self.cluster.edit(
            lambda before: edits.update_dataset(
                before, D, lambda it: replace(it, replicas=replicas)
            )
        )
        self.run(30)
        failover = Failover("automatic", AFTER_SECONDS)
        self.cluster.edit(
            lambda before: edits.update_container(
                before, "db", lambda it: replace(it, failover=failover)
            )
        )
        self.run(20)

    def play(self) -> None:
        """Random faults, and their end."""
        for _ in range(STRIKES):
            self.strike()
            self.run(self.random.choice((1, 5, 2 * AFTER_SECONDS)))
        self.end()

    def end(self) -> None:
        """Once all is well again, the container runs at its owner."""
        self.heal()
        self.run(120)
        assert "db" in self.owner.containers.processes, self.told("it does not run")

    def comes_to(self, failovers: int, seconds: int) -> None:
        """After this time so many failovers took place; then the faults end."""
        self.run(seconds)
        assert self.failovers == failovers, self.told(f"{self.failovers} failovers")
        self.end()

    def run(self, seconds: int) -> None:
        """Let time pass; the rules hold at each moment that is looked at."""
        for _ in range(int(seconds / LOOK_SECONDS)):
            self.cluster.run(LOOK_SECONDS)
            self._look()

    def _look(self) -> None:
        running = [node for node in self.nodes if "db" in node.containers.processes]
        if len(running) > 1:
            raise AssertionError(self.told(f"{[node.address for node in running]} run it"))
        for node in running:
            text = f"{len(self.written)}"
            node.write("db", text)
            self.written.add(text)
        epochs = [
            copy.local.lease.epoch
            for node in self.nodes
            if (copy := node.storage.copies.get(D)) is not None
            and copy.local.lease is not None
            and copy.local.lease.role is Role.PRIMARY
        ]
        assert len(epochs) == len(set(epochs)), self.told("two primaries of one epoch")
        missing = self.written.difference(*(self._on_disk(node) for node in self.nodes))
        assert not missing, self.told(f"no disk has {sorted(missing)}")
        self._look_for_failovers()

    def _on_disk(self, node: MemoryNode) -> set[str]:
        copies = [node.storage.copies.get(D), *node.storage.aside.values()]
        there = [copy for copy in copies if copy is not None]
        # A snapshot that was destroyed is none any more, whatever the memory still has of it.
        frozen = (copy.frozen[each.guid] for copy in there for each in copy.local.snapshots)
        return {*(text for copy in there for text in copy.content)}.union(*frozen)

    def _look_for_failovers(self) -> None:
        """A failover is a grant that names the snapshot of its promotion."""
        now, control = self.cluster.clock.seconds(), self.cluster.control
        for node in self.nodes:
            if node.agent is not None and node.node_id not in self.cluster.cut_from_control:
                self._away_since.pop(node.node_id, None)
            else:
                self._away_since.setdefault(node.node_id, now)
        grant = control.configuration.grants[D] if control is not None else None
        if grant is None or grant.snapshot is None or grant.epoch <= self._epoch:
            return
        self._epoch = grant.epoch
        self.failovers += 1
        self.story.append(f"{now:.1f} it has failed over")
        away = [each for each in self._away_since.values() if now - each > LONG_SECONDS]
        is_cut = len(away) > 1 and 3 * len(away) > len(self.nodes)
        assert not is_cut, self.told(f"it failed over while {len(away)} nodes were away")

    def told(self, what: str) -> str:
        """The story, and what is wrong."""
        return "\n".join([*self.story, what])

    @property
    def owner(self) -> MemoryNode:
        """The node that the dataset was granted to."""
        assert self.cluster.control is not None
        owner = self.cluster.control.configuration.grants[D].owner
        return next(node for node in self.nodes if node.node_id == owner)

    def strike(self) -> None:
        """One fault, or the end of all of them."""
        what = self.random.choice(STRIKE_KINDS)
        node = self.random.choice([self.owner, *self.nodes])
        others = [each for each in self.nodes if each is not node]
        self.random.shuffle(others)
        self.story.append(f"{self.cluster.clock.seconds():.1f} {what} {node.address}")
        if what == "agent" and node.agent is not None:
            self.cluster.stop_agent(node)
        elif what in ("cut", "isolate", "unheard", "apart"):
            if what != "apart":
                self.cluster.cut_control(node)
            for other in {"cut": others[:1], "apart": others[:1], "isolate": others}.get(what, ()):
                self.part(node, other)
        elif what == "control":
            self.cluster.stop_control()
            self.run(self.random.choice((1, AFTER_SECONDS)))
            self.cluster.start_control()
        elif what == "move" and not self.is_moving:
            self.cluster.edit(lambda before: edits.move_container(before, "db", node.node_id))
        elif what == "heal":
            self.heal()

    def part(self, node: MemoryNode, other: MemoryNode) -> None:
        """The network between two nodes is cut."""
        self.cluster.network.cut.add(frozenset((node.node_id, other.node_id)))

    @property
    def is_moving(self) -> bool:
        """Whether a move is under way."""
        assert self.cluster.control is not None
        return bool(self.cluster.control.configuration.moves)

    def heal(self) -> None:
        """All faults end."""
        self.cluster.cut_from_control.clear()
        self.cluster.network.cut.clear()
        for node in self.nodes:
            if node.agent is None:
                self.cluster.start_agent(node)


def play(seed: int) -> None:
    """One world, as this seed has it."""
    AutomaticWorld(seed).play()


def renewed_by_control_alone() -> None:
    """The primary was cut off from its only standby, and then from everybody."""
    world = AutomaticWorld(0, holders=2)
    first, second, _ = world.nodes
    world.part(first, second)
    world.run(AFTER_SECONDS - 2)
    world.cluster.cut_control(first)
    world.comes_to(1, 3 * AFTER_SECONDS)


def renewed_by_standbys_alone() -> None:
    """The primary was cut off from the control service, and then from everybody."""
    world = AutomaticWorld(0, holders=2)
    first, second, _ = world.nodes
    world.cluster.cut_control(first)
    world.run(2 * AFTER_SECONDS)
    world.part(first, second)
    world.comes_to(1, 3 * AFTER_SECONDS)


def two_nodes_away() -> None:
    """The control service hears nothing of a primary and of a node that has to do with nothing."""
    world = AutomaticWorld(0, holders=2)
    first, second, third = world.nodes
    world.cluster.cut_control(third)
    world.cluster.cut_control(first)
    world.part(first, second)
    world.comes_to(0, 4 * AFTER_SECONDS)


def cut_off_and_back() -> None:
    """The primary was cut off from everybody, wrote on until its deadline, and comes back."""
    world = AutomaticWorld(0, holders=2)
    first, second, _ = world.nodes
    world.cluster.cut_control(first)
    world.part(first, second)
    world.comes_to(1, 3 * AFTER_SECONDS)


def agent_dies() -> None:
    """Nothing but its fence ends the container then."""
    world = AutomaticWorld(0, holders=2)
    world.cluster.stop_agent(world.nodes[0])
    world.comes_to(1, 3 * AFTER_SECONDS)


SCHEDULES = (
    *(renewed_by_control_alone, renewed_by_standbys_alone, two_nodes_away),
    *(cut_off_and_back, agent_dies),
)
"""Stories in which each rule matters."""
