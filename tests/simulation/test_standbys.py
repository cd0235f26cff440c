"""Random users who name standbys, among random faults: what is complete there really is."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial

import pytest

from flocker_lite.model import edits
from flocker_lite.model.records import Configuration, Dataset, Edit, Replicas
from flocker_lite.testing.standby_invariants import stale, standby_violations, unneeded
from tests.simulation.test_simulation import Simulation, play, seeds

SEEDS = seeds() if "FLOCKER_LITE_SEEDS" in os.environ else range(12)
RPO_SECONDS = (5.0, 10.0, 30.0)
AT_REST_SECONDS = 90.0
"""Longer than the longest back-off, and then than the longest RPO of these."""


def cooled(configuration: Configuration, dataset_id: str) -> Edit:
    """Have no standby keep the container of a dataset ready."""

    def cool(dataset: Dataset) -> Dataset:
        assert dataset.replicas is not None
        return replace(dataset, replicas=replace(dataset.replicas, warm=False))

    return edits.update_dataset(configuration, dataset_id, cool)


class StandbySimulation(Simulation):
    """Users name standbys, other ones, and none; each ZFS takes several snapshots at once."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.acts |= {self.replicate: 14}
        for node in self.world.cluster.nodes:
            node.storage.snapshots_several = True
        self.world.watchers.append(self.broken)

    def broken(self) -> list[str]:
        """The rules of copies that are broken now."""
        world = self.world
        return standby_violations(world.cluster.nodes, world.configuration, world.history)

    def replicate(self) -> None:
        """Have some nodes stand by for a dataset, perhaps its primary among them; or none."""
        datasets = self.world.configuration.datasets
        live = sorted(each.dataset_id for each in datasets.values() if not each.deleted)
        if not live:
            return
        dataset_id = self.random.choice(live)
        nodes = [node.node_id for node in self.world.cluster.nodes]
        chosen = tuple(self.random.sample(nodes, self.random.randint(0, len(nodes))))
        rpo = self.random.choice(RPO_SECONDS)
        replicas = Replicas(chosen, rpo, warm=self.random.random() < 0.2) if chosen else None
        self.world.edit(
            lambda before: edits.update_dataset(
                before, dataset_id, lambda dataset: replace(dataset, replicas=replicas)
            ),
            f"{replicas} stand by for {dataset_id}",
        )

    def heal(self) -> None:
        """Faults end. What is ready elsewhere would count as left over, so nothing is warm."""
        super().heal()
        for dataset_id, known in self.world.configuration.datasets.items():
            if known.replicas is not None and known.replicas.warm and not known.deleted:
                self.world.edit(partial(cooled, dataset_id=dataset_id), f"{dataset_id} is not warm")

    def run(self) -> None:
        """In the end every standby is fresh."""
        super().run()
        world = self.world
        world.run(AT_REST_SECONDS)
        now = world.cluster.clock.seconds()
        found = stale(world.cluster.nodes, world.configuration, world.history, now)
        found += unneeded(world.cluster.nodes)
        assert found == [], f"{found}\n{world.story()}"


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_complete_is_complete(seed: int) -> None:
    """A complete set shows one instant of the primary's history, and snapshots do not pile up."""
    play(StandbySimulation, seed)
