"""Volumes of Docker's outside of datasets: what becomes of them, in a whole cluster in memory."""

from __future__ import annotations

from dataclasses import replace

from pyrsistent import pmap
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits
from flocker_lite.model.records import Configuration, Container, Edit
from flocker_lite.model.state import Kept, KeptVolume, LocalContainer, NodeView
from flocker_lite.planner.groups import Local
from flocker_lite.planner.kept_plan import plan_kept
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode

DATASET = "dddddddd-0000-4000-8000-000000000001"
REDIS = "redis:7"


class VolumesTests(SynchronousTestCase):
    """Two nodes; the image asks for a volume at /config."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.first, self.second = self.cluster.nodes
        for node in self.cluster.nodes:
            node.containers.image_volumes[REDIS] = ("/config", "/data")
        self.cluster.start()

    def have_bare(self) -> None:
        """One without any dataset runs on the first node, and wrote into its volumes."""
        bare = Container("kv", self.first.node_id, REDIS)
        self.cluster.edit(lambda before: edits.create_container(before, bare))
        self.cluster.run(2.0)
        self.first.containers.write("kv", "/config", "mine")
        self.first.containers.write("kv", "/data", "too")

    def have(self) -> None:
        """One with a dataset at /data runs on the first node, and wrote beside it."""
        self.cluster.configure("kv", DATASET, self.first)
        self.cluster.run(2.0)
        self.first.containers.write("kv", "/config", "mine")

    def change(self, **fields: object) -> None:
        """Configure something else for the container."""

        def change(before: Configuration) -> Edit:
            return edits.update_container(before, "kv", lambda it: replace(it, **fields))  # type: ignore[arg-type]

        self.cluster.edit(change)
        self.cluster.run(10.0)

    def delete(self) -> None:
        """The user deletes the container."""
        self.cluster.edit(lambda before: edits.delete_container(before, "kv"))

    def kept(self, node: MemoryNode) -> list[str]:
        """The paths of what the control service is told that a node keeps."""
        assert self.cluster.control is not None
        kept = self.cluster.control.cluster.nodes[node.node_id].kept
        return sorted(volume.path for each in kept.values() for volume in each.volumes)

    def test_replaced_in_place(self) -> None:
        """Another environment makes it anew, and all that it had in its volumes is there."""
        self.have_bare()
        self.change(environment=pmap({"TZ": "UTC"}))
        assert self.first.containers.read("kv", "/config") == "mine"
        assert self.first.containers.read("kv", "/data") == "too"
        assert self.kept(self.first) == []

    def test_told_before(self) -> None:
        """What would not come along is told while it runs."""
        self.have()
        assert self.cluster.control is not None
        reports = self.cluster.control.cluster.containers["kv"]
        assert reports[self.first.node_id].stays_behind == ("/config",)

    def test_there_and_back(self) -> None:
        """What stays behind is kept and told, and the container that comes back has it again."""
        self.have()
        self.change(node=self.second.node_id)
        assert self.second.containers.read("kv", "/config") == ""
        assert self.kept(self.first) == ["/config"]
        self.second.containers.write("kv", "/config", "of the second")
        self.change(node=self.first.node_id)
        assert self.first.containers.read("kv", "/config") == "mine"
        assert (self.kept(self.first), self.kept(self.second)) == ([], ["/config"])

    def test_without_data(self) -> None:
        """So it is with one that has no datasets at all."""
        self.have_bare()
        self.change(node=self.second.node_id)
        self.cluster.run(30.0)
        assert "kv" not in self.first.containers.made
        assert self.kept(self.first) == ["/config", "/data"]
        self.change(node=self.first.node_id)
        self.cluster.run(30.0)
        assert self.first.containers.read("kv", "/data") == "too"

    def test_kept_over_a_reboot(self) -> None:
        """What is kept is told again by an agent that has only just started."""
        self.have()
        self.change(node=self.second.node_id)
        self.cluster.stop_agent(self.first)
        self.first.containers.crash()
        self.cluster.start_agent(self.first)
        self.cluster.run(5.0)
        assert self.kept(self.first) == ["/config"]

    def test_deleted(self) -> None:
        """What the user deletes leaves nothing, on any node."""
        self.have()
        self.change(node=self.second.node_id)
        self.second.containers.write("kv", "/config", "of the second")
        self.delete()
        self.cluster.run(10.0)
        assert self.first.containers.volumes == self.second.containers.volumes == {}
        assert (self.kept(self.first), self.kept(self.second)) == ([], [])

    def test_deleted_while_its_node_is_away(self) -> None:
        """A node that is away removes what it keeps as soon as it hears of it."""
        self.have()
        self.change(node=self.second.node_id)
        self.cluster.stop_agent(self.first)
        self.delete()
        self.cluster.run(10.0)
        assert self.first.containers.volumes
        self.cluster.start_agent(self.first)
        self.cluster.run(5.0)
        assert self.first.containers.volumes == {}

    def test_deleted_and_made_anew(self) -> None:
        """A new container of the same name begins with nothing."""
        self.have_bare()
        self.delete()
        self.cluster.run(10.0)
        bare = Container("kv", self.first.node_id, REDIS)
        self.cluster.edit(lambda before: edits.create_container(before, bare))
        self.cluster.run(5.0)
        assert self.first.containers.read("kv", "/config") == ""

    def test_a_control_service_that_was_away(self) -> None:
        """That nothing is heard of a container is no word that it was deleted."""
        self.have()
        self.change(node=self.second.node_id)
        self.cluster.stop_control()
        self.cluster.run(60.0)
        self.cluster.start_control()
        self.cluster.run(30.0)
        assert self.kept(self.first) == ["/config"]
        assert self.cluster.nodes[0].containers.volumes

    def test_a_move_that_was_called_off(self) -> None:
        """What was only prepared for it leaves no volume at the destination."""
        self.have()
        self.cluster.network.bytes_per_second = 1
        self.change(node=self.second.node_id)
        self.change(node=self.first.node_id)
        self.cluster.network.bytes_per_second = None
        self.cluster.run(30.0)
        assert self.second.containers.volumes == {}
        assert self.first.containers.read("kv", "/config") == "mine"


KEPT = pmap({"kv": Kept((KeptVolume("kv", "/config", "v1", 1.0),))})
KV = Container("kv", "node", REDIS)


def test_nothing_is_removed_that_was_not_deleted() -> None:
    """What is kept is removed at the word that it was deleted, and at none other."""
    local, said = Local(kept=KEPT), pmap({"kv": True})
    assert plan_kept(NodeView(), local) == []
    assert plan_kept(NodeView(deleted=pmap({"other": True})), local) == []
    assert plan_kept(NodeView(deleted=said, containers=pmap({"kv": KV})), local) == []
    here = replace(local, containers=pmap({"kv": LocalContainer(KV, "exited")}))
    assert plan_kept(NodeView(deleted=said), here) == []
    assert len(plan_kept(NodeView(deleted=said), local)) == 1
