"""The story of one container and its data, with nothing going wrong."""

from __future__ import annotations

from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits
from flocker_lite.model.records import Container, Dataset, Volume
from tests.simulation.world import World

DATASET = "7f3c1a52-8f2d-4d0e-9a55-3b6d4c1e0f00"
CONTAINER = "shop"


def shop(node: str) -> Container:
    """A container with one dataset."""
    return Container(CONTAINER, node, "shop:1", volumes=(Volume(DATASET, "/data"),))


class StoryTests(SynchronousTestCase):
    """One control service, two nodes, true AMP between them."""

    def test_there_and_back_again(self) -> None:
        """A container moves with its data, and back; deleted, both leave nothing behind."""
        world = World()
        self.addCleanup(world.close)
        here, there = world.cluster.nodes
        world.start()

        world.edit(partial(edits.create_dataset, dataset=Dataset(DATASET, here.node_id)))
        world.edit(partial(edits.create_container, container=shop(here.node_id)))
        world.rest(seconds_max=5)
        world.write()

        world.edit(partial(edits.move_container, name=CONTAINER, where=there.address))
        world.rest(seconds_max=5)
        assert list(there.containers.processes) == [CONTAINER]
        assert list(here.containers.processes) == []
        assert there.storage.read(DATASET) == world.history.written[DATASET]
        world.write()

        world.edit(partial(edits.move_container, name=CONTAINER, where=here.address))
        world.rest(seconds_max=5)
        assert list(here.containers.processes) == [CONTAINER]
        assert len(here.storage.read(DATASET)) == 2

        world.edit(partial(edits.delete_container, name=CONTAINER))
        world.edit(partial(edits.delete_dataset, dataset_id=DATASET))
        world.rest(seconds_max=5)
        for node in (here, there):
            assert node.storage.copies == {}
            assert node.containers.made == {}
            assert node.storage.aside == {}
