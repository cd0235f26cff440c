"""A container moves with the very image that it runs with, whatever its tag means elsewhere."""

from __future__ import annotations

from dataclasses import replace

from pyrsistent import pmap
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits, moves
from flocker_lite.model.open_moves import move_of_container
from flocker_lite.model.records import Configuration, Edit
from flocker_lite.model.state import ContainerState
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode
from flocker_lite.testing.memory_containers import made_up_id

DATASET = "dddddddd-0000-4000-8000-000000000001"
REDIS = "redis:7"
NEW, OLD = made_up_id("new"), made_up_id("old")
DIGEST = f"redis@{made_up_id('manifest')}"


class ExactImagesTests(SynchronousTestCase):
    """The first node runs the newer version; on the second one the tag is still the older."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.first, self.second = self.cluster.nodes
        self.first.containers.image_ids[REDIS] = NEW
        self.second.containers.image_ids[REDIS] = OLD
        self.second.containers.pulled.append(REDIS)
        self.cluster.start()
        self.cluster.configure("kv", DATASET, self.first)
        self.cluster.run(2.0)

    def edit(self, **fields: object) -> None:
        """Configure something else for the container."""

        def change(before: Configuration) -> Edit:
            return edits.update_container(before, "kv", lambda it: replace(it, **fields))  # type: ignore[arg-type]

        self.cluster.edit(change)

    def move(self, node: MemoryNode, seconds: float = 10.0) -> None:
        """Want it there."""
        self.edit(node=node.node_id)
        self.cluster.run(seconds)

    def allow(self) -> None:
        """Say that the image may differ."""

        def allow(before: Configuration) -> Edit:
            move = move_of_container(before, "kv")
            return moves.revise_options(before, move, lambda it: replace(it, image_may_differ=True))

        self.cluster.edit(allow)

    def made_from(self, node: MemoryNode) -> str:
        """The image of the container that runs on a node."""
        made = node.containers.made["kv"].local
        assert made.running
        return made.image_id

    def error(self) -> str:
        """What the source says of the move."""
        assert self.cluster.control is not None
        progress = self.cluster.control.cluster.nodes[self.first.node_id].moves[DATASET]
        return progress.error or ""

    def states(self) -> dict[str, ContainerState]:
        """What is reported of the container, by node."""
        assert self.cluster.control is not None
        return dict(self.cluster.control.cluster.containers["kv"])

    def test_refused(self) -> None:
        """Where it is not to be had, nothing is stopped, and the error has both ids and a way."""
        self.move(self.second, 30.0)
        assert self.made_from(self.first) == NEW
        assert self.states()[self.first.node_id].serving
        assert not self.second.containers.processes
        for word in (NEW[7:19], OLD[7:19], "image_may_differ", "docker load"):
            assert word in self.error()

    def test_allowed(self) -> None:
        """The user may let it differ, before or while it waits."""
        self.move(self.second, 5.0)
        self.allow()
        self.cluster.run(90.0)
        assert self.made_from(self.second) == OLD

    def test_loaded_meanwhile(self) -> None:
        """A move that waits goes on once the image is there, under whatever name."""
        self.move(self.second, 5.0)
        self.second.containers.pulled.append("loaded:1")
        self.second.containers.image_ids["loaded:1"] = NEW
        self.cluster.run(120.0)
        assert self.made_from(self.second) == NEW

    def test_pulled_by_digest(self) -> None:
        """Where a registry has it, it is pulled by its digest; the tag stays what it is there."""
        for node in (self.first, self.second):
            node.containers.registry[DIGEST] = NEW
        self.move(self.second)
        assert self.made_from(self.second) == NEW
        assert self.second.containers.image_ids[REDIS] == OLD

    def test_the_same(self) -> None:
        """One that was built on both nodes, or loaded, and is the same needs no registry."""
        self.second.containers.image_ids[REDIS] = NEW
        self.move(self.second)
        assert self.made_from(self.second) == NEW

    def test_another_is_desired(self) -> None:
        """A new image for the new node is what the user asked for."""
        self.edit(node=self.second.node_id, image="redis:8")
        self.cluster.run(20.0)
        assert self.made_from(self.second) == made_up_id("redis:8")

    def test_a_tag_that_moved_at_the_source(self) -> None:
        """A move that comes back runs what ran before, though its tag means another one by now."""
        self.second.containers.image_ids[REDIS] = NEW
        self.first.containers.image_ids[REDIS] = OLD
        self.first.containers.pulled.append("untagged")
        self.first.containers.image_ids["untagged"] = NEW

        async def before(source: str, target: str, method: str) -> None:
            if method == "finish" and not self.first.containers.processes:
                self.cluster.network.cut.add(frozenset({source, target}))

        self.cluster.network.before = before
        self.move(self.second, 20.0)
        assert self.made_from(self.first) == NEW

    def test_replaced_in_place(self) -> None:
        """One that is made anew where it is takes what is here under its tag, as ever."""
        self.first.containers.image_ids[REDIS] = OLD
        self.edit(environment=pmap({"TZ": "UTC"}))
        self.cluster.run(5.0)
        assert self.made_from(self.first) == OLD
