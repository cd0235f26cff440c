"""The control service loses its store, or gets an old one back: the nodes' data outlives both."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from uuid import UUID

import pytest

from flocker_lite.model import edits
from flocker_lite.model.lease import Role
from flocker_lite.model.records import Configuration, Container, Dataset, Volume
from flocker_lite.testing.memory_store import MemoryDisk
from tests.simulation.world import World

D = str(UUID(int=7, version=4))
LONG_SECONDS = 300.0
CERTIFICATES = pytest.mark.parametrize("has_certificates", [True, False])


class Shop:
    """A container with data that runs, and was written to, at the first of two nodes."""

    def __init__(self, has_certificates: bool = True) -> None:
        self.world = World(has_certificates=has_certificates)
        self.world.start()
        self.first, self.second = self.world.cluster.nodes
        self.make()
        self.world.rest()
        self.world.write()

    def make(self) -> None:
        """What a user asks for."""
        self.world.edit(
            partial(edits.create_dataset, dataset=Dataset(D, self.first.node_id)), "create"
        )
        shop = Container("shop", self.first.node_id, "shop:1", volumes=(Volume(D, "/data"),))
        self.world.edit(partial(edits.create_container, container=shop), "create")

    def restart_with(self, disk: MemoryDisk) -> None:
        """The control service starts on this."""
        self.world.kill_control()
        self.world.cluster.disk = disk
        self.world.start_control()

    def move(self) -> None:
        self.world.edit(partial(edits.move_container, name="shop", where=self.second.node_id))
        self.world.rest()
        self.world.write()


def test_another_store() -> None:
    """To an empty store of another cluster the nodes do not listen: all runs on."""
    shop = Shop()
    before = dict(shop.first.containers.processes)
    shop.restart_with(MemoryDisk())
    shop.world.run(LONG_SECONDS)
    assert shop.first.containers.processes == before
    assert not shop.second.storage.copies
    shop.world.close()


def test_an_emptied_store() -> None:
    """Nothing is run that nobody wants any more, nothing destroyed; made anew, it has its data."""
    shop = Shop()
    empty = MemoryDisk(
        Configuration(nodes=shop.world.configuration.nodes), shop.world.cluster.disk.cluster_id
    )
    shop.restart_with(empty)
    shop.world.run(LONG_SECONDS)
    [copy] = shop.first.storage.copies.values()
    assert copy.content == shop.world.history.written[D]
    assert copy.local.lease is not None
    assert copy.local.lease.role is Role.PRIMARY
    assert not shop.first.containers.processes
    shop.make()
    shop.world.rest()
    shop.world.write()
    assert set(shop.first.containers.processes) == {"shop"}
    shop.world.close()


@CERTIFICATES
def test_made_anew_at_the_wrong_node(has_certificates: bool) -> None:
    """The data is where it was last, and comes from there; nothing is made in its place."""
    shop = Shop(has_certificates)
    shop.move()
    empty = MemoryDisk(
        Configuration(nodes=shop.world.configuration.nodes), shop.world.cluster.disk.cluster_id
    )
    shop.restart_with(empty)
    shop.world.run(LONG_SECONDS)
    shop.make()
    shop.world.rest()
    shop.world.write()
    assert set(shop.first.containers.processes) == {"shop"}
    assert shop.world.configuration.grants[D].epoch == 3
    shop.world.close()


@CERTIFICATES
def test_an_older_store(has_certificates: bool) -> None:
    """Where the data went since the nodes can show; it comes back with all that it has."""
    shop = Shop(has_certificates)
    backup = replace(shop.world.cluster.disk, in_use=False)
    shop.move()
    shop.restart_with(backup)
    shop.world.rest()
    shop.world.write()
    assert set(shop.first.containers.processes) == {"shop"}
    assert shop.world.configuration.grants[D].epoch == 3
    shop.world.close()
