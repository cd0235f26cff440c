"""Names in networks, with whole agents: they follow the containers that they are of."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from pyrsistent import pmap
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits
from flocker_lite.model.records import Container, NodeId, Port
from flocker_lite.testing.cluster import MemoryCluster

SECONDS = 60.0


def container(name: str, node: NodeId, port: int) -> Container:
    """One of the network `back`."""
    return Container(
        name, node, f"{name}:1", (Port(port, port),), networks=pmap({"back": (f"{name}-alias",)})
    )


class NamesTests(SynchronousTestCase):
    """Two nodes, and two containers of one network."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.cluster.start()
        self.first, self.second = (node.node_id for node in self.cluster.nodes)
        for made in (container("web", self.first, 80), container("db", self.first, 5432)):
            self.cluster.edit(partial(edits.create_container, container=made))
        self.cluster.run(SECONDS)

    def led(self, number: int) -> dict[str, tuple[str, ...]]:
        """What the containers of a node find elsewhere."""
        hosts = self.cluster.nodes[number].hosts
        return {name: hosts.led.get(name, ()) for name in hosts.containers()}

    def move(self, name: str, node: NodeId) -> None:
        """Move a container, and let it arrive."""
        self.cluster.edit(lambda before: edits.move_container(before, name, node))
        self.cluster.run(SECONDS)

    def test_they_follow(self) -> None:
        """Together they find nobody elsewhere, apart each finds the other one, and so on."""
        assert self.led(0) == {"web": (), "db": ()}
        self.move("db", self.second)
        assert self.led(0) == {"web": ("db", "db-alias")}
        assert self.led(1) == {"db": ("web", "web-alias")}
        self.move("web", self.second)
        assert self.led(0) == {}
        assert self.led(1) == {"web": (), "db": ()}
        self.move("db", self.first)
        assert self.led(1) == {"web": ("db", "db-alias")}

    def test_changed(self) -> None:
        """Another alias is found, and a container that is deleted is not."""
        self.move("db", self.second)
        self.cluster.edit(
            lambda before: edits.update_container(
                before, "db", lambda c: replace(c, networks=pmap({"back": ("queue",)}))
            )
        )
        self.cluster.run(SECONDS)
        assert self.led(0) == {"web": ("db", "queue")}
        self.cluster.edit(lambda before: edits.delete_container(before, "db"))
        self.cluster.run(SECONDS)
        assert self.led(0) == {"web": ()}

    def test_what_somebody_else_wrote(self) -> None:
        """It is put right at the next look."""
        self.move("db", self.second)
        self.cluster.nodes[0].hosts.led["web"] = ("nobody",)
        self.cluster.run(SECONDS)
        assert self.led(0) == {"web": ("db", "db-alias")}
