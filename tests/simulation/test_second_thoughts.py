"""A user who wants it otherwise at each step of a move: it stays, or goes to a third node.

FLOCKER_LITE_THOROUGH=1 takes every step, and not every fifth.
"""

from __future__ import annotations

import os
from functools import partial

import pytest

from flocker_lite.model import edits
from flocker_lite.model.records import Container, Dataset, Volume
from tests.simulation.world import Call, Hazard, World

STRIDE = 1 if os.environ.get("FLOCKER_LITE_THOROUGH") else 5
DATASETS = ("0aa1f3c2-30b5-4f0b-9d52-5a4c1e2f6b00", "1bb1f3c2-30b5-4f0b-9d52-5a4c1e2f6b01")
MOVE_SECONDS = 20.0
MOMENT_SECONDS = 0.01
LINK_BYTES_PER_SECOND = 400
STEPS_MIN = 40


class SecondThoughts:
    """A container that writes at every step, on its way over a slow link."""

    def __init__(self, thought_at_step: int, where: int) -> None:
        self.world = World(nodes=3, hazard=self.hazard)
        self.steps = 0
        self.thought_at_step = thought_at_step
        self.where = self.world.cluster.nodes[where]

    def hazard(self, call: Call) -> Hazard:
        """Write, and let a moment pass, in which the user may think again."""
        self.steps += 1
        self.world.write()
        if self.steps == self.thought_at_step:
            return Hazard(MOMENT_SECONDS, MOMENT_SECONDS, at_start=self.think_again)
        return Hazard(MOMENT_SECONDS, MOMENT_SECONDS)

    def think_again(self) -> None:
        """The user configures another host."""
        self.move(self.where.node_id)

    def move(self, where: str) -> None:
        """Configure a host."""
        self.world.edit(partial(edits.move_container, name="shop", where=where), f"to {where}")

    def play(self) -> int:
        """All of it; how many steps there were."""
        world = self.world
        source, destination, _ = world.cluster.nodes
        world.start()
        for dataset_id in DATASETS:
            world.edit(partial(edits.create_dataset, dataset=Dataset(dataset_id, source.node_id)))
        volumes = tuple(Volume(dataset_id, f"/{dataset_id}") for dataset_id in DATASETS)
        container = Container("shop", source.node_id, "shop:1", volumes=volumes)
        world.edit(partial(edits.create_container, container=container))
        world.rest()
        self.steps = 0
        world.cluster.network.bytes_per_second = LINK_BYTES_PER_SECOND
        self.move(destination.node_id)
        world.run(MOVE_SECONDS)
        if self.steps >= self.thought_at_step:
            world.cluster.network.bytes_per_second = None
            world.rest()
            assert list(self.where.containers.processes) == ["shop"]
        return self.steps


@pytest.mark.parametrize("where", [0, 2], ids=["stays", "goes elsewhere"])
def test_second_thoughts_at_each_step(where: int) -> None:
    """One writer, nothing lost, and in the end it runs where it was wanted last."""
    step = 1 - STRIDE
    while True:
        step += STRIDE
        thoughts = SecondThoughts(step, where)
        try:
            if thoughts.play() < step:
                break
        finally:
            thoughts.world.close()
    assert step > STEPS_MIN
