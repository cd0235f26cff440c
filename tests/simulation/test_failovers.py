"""Random users who fail over by force, with random faults; see `failing_over` for the rules.

FLOCKER_LITE_SEEDS is as for the other simulations; FLOCKER_LITE_FAILOVER_SEEDS is how many of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from flocker_lite.model import edits
from flocker_lite.model.failover_edits import container_group, dataset_group, fail_over
from flocker_lite.model.moves import Moment, Subject
from flocker_lite.model.records import Configuration, Dataset, Edit
from flocker_lite.model.replicas import Replicas
from flocker_lite.model.uses import uses_of
from flocker_lite.testing.cluster import MemoryNode
from tests.simulation.failing_over import Failovers, broken_rules, complete_set, started_in_vain
from tests.simulation.test_simulation import DATASETS_MAX, Simulation, play, seeds
from tests.simulation.world import World

SEEDS_FOUND = (33,)
"""As in test_simulation."""


@dataclass
class FailoverWorld(World):
    """A world in which persons fail over."""

    failovers: Failovers = field(default_factory=Failovers)

    def violations(self) -> list[str]:
        now = self.cluster.clock.seconds()
        return list(broken_rules(self.cluster.nodes, self.configuration, self.failovers, now))

    async def step(
        self, node: MemoryNode, door: str, method: str, identity: str, act: Callable[[], Any]
    ) -> Any:
        if (door, method) == ("containers", "start"):
            now = self.cluster.clock.seconds()
            found = started_in_vain(node, identity, self.failovers, now)
            self.broken += [found] if found is not None else []
        return await super().step(node, door, method, identity, act)


class FailoverSimulation(Simulation):
    """The sets that may be promoted are those of standbys, or what moves left at other nodes."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.failovers = Failovers()
        self.world = FailoverWorld(
            self.random.choice((2, 3)),
            self.hazard,
            has_certificates=self.random.random() < 0.5,
            history=self.failovers,
            failovers=self.failovers,
        )
        self.failovers.now = self.world.cluster.clock.seconds
        self.ids = 0
        self.replicates = self.random.random() < 0.6
        for node in self.world.cluster.nodes:
            # Else the sets of a running container show several instants.
            node.storage._inner.snapshots_several = True  # type: ignore[attr-defined]
        self.acts |= {self.fail_over: 12}

    def ask_as_strangers(self) -> None:
        """The other simulations do."""

    def create_dataset(self) -> None:
        """With all nodes as its standbys, or with none."""
        if not self.replicates:
            super().create_dataset()
        elif len(self.world.configuration.datasets) < DATASETS_MAX:
            self.names += 1
            dataset_id = str(UUID(int=self.names << 96))
            nodes = tuple(node.node_id for node in self.world.cluster.nodes)
            # Not warm: at rest, a container should be nowhere but where it is configured.
            replicas = Replicas(nodes, rpo_seconds=RPO_SECONDS)
            dataset = Dataset(dataset_id, self.node().node_id, replicas=replicas)
            self.world.edit(partial(edits.create_dataset, dataset=dataset), f"create {dataset_id}")

    def fail_over(self) -> None:
        """A node dies or is cut off, or is well; and a person has another one take over."""
        control, choices = self.world.cluster.control, self.choices()
        if not choices or control is None:
            return
        group, node = self.random.choice(choices)
        owner = self.world.configuration.grants[group.dataset_ids[0]].owner
        self.strike(next(each for each in self.world.cluster.nodes if each.node_id == owner), node)
        self.ids += 1
        move_id, now = f"failover-{self.ids}", self.world.cluster.clock.seconds

        def edit(before: Configuration) -> Edit:
            facts = control.failovers.facts
            first = min(group.dataset_ids)
            epoch = before.grants[first].epoch
            if self.replicates:
                moment = Moment(now(), lambda: move_id, control.progress_of)
                return fail_over(before, group, node.node_id, facts, moment, force=True)
            found = complete_set(node, group.dataset_ids, self.failovers, epoch)
            told = {
                each: {
                    node_id: replace(state, complete_set=found)
                    for node_id, state in facts.datasets.get(each, {}).items()
                }
                for each in group.dataset_ids
            }
            moment = Moment(now(), lambda: move_id, control.progress_of)
            known = replace(facts, datasets=told)
            return fail_over(before, group, node.node_id, known, moment, force=True)

        self.world.edit(edit, f"fail over {group} to {node.address}")

    def strike(self, owner: MemoryNode, node: MemoryNode) -> None:
        """What makes a person think of a failover."""
        match self.random.choice(("power", "cut", "control", "nothing")):
            case "power":
                self.world.reboot(owner)
            case "cut":
                self.world.cut_from_control(owner)
                self.world.cut(owner, node)
            case "control":
                self.world.cut_from_control(owner)
        self.world.run(self.random.choice((0.0, 0.2, 3.0)))
        self.world.write()

    def choices(self) -> list[tuple[Subject, MemoryNode]]:
        """What could take over what."""
        control = self.world.cluster.control
        return [
            (group, node)
            for group in self.groups(self.world.configuration)
            for node in self.world.cluster.nodes
            if control is not None and not control.is_away(node.node_id)
            if all(each in node.storage.copies for each in group.dataset_ids)
            if node.node_id != self.world.configuration.grants[group.dataset_ids[0]].owner
        ]

    def groups(self, configuration: Configuration) -> list[Subject]:
        """What can fail over."""
        used = uses_of(configuration).datasets
        lone = [
            dataset_group(configuration, dataset_id)
            for dataset_id, dataset in sorted(configuration.datasets.items())
            if not dataset.deleted and dataset_id not in used
        ]
        made = [
            container_group(configuration, name)
            for name, container in sorted(configuration.containers.items())
            if container.volumes
        ]
        return [*lone, *made, *made]


RPO_SECONDS = 5.0
SEEDS_MAX = int(os.environ.get("FLOCKER_LITE_FAILOVER_SEEDS", "12"))
"""The checks of each day play so many of the seeds."""

SEEDS_OF_BOTH_MAX, COUNT_MIN = 12, 2
"""So many failovers of either sort take place within so many seeds."""


@pytest.mark.parametrize("seed", [*seeds()[:SEEDS_MAX], *SEEDS_FOUND])
def test_by_the_word_of_a_person(seed: int) -> None:
    """Never two writers of an epoch; what is lost to the service is on a disk for ever."""
    play(FailoverSimulation, seed)


def test_failovers_take_place() -> None:
    """Seeds do what they are for, to standbys and to what moves left; not each seed has to."""
    took_place = {True: 0, False: 0}
    for seed in range(SEEDS_OF_BOTH_MAX):
        simulation = FailoverSimulation(seed)
        if took_place[simulation.replicates] < COUNT_MIN:
            try:
                simulation.run()
            finally:
                simulation.world.close()
            took_place[simulation.replicates] += simulation.failovers.count
    assert min(took_place.values()) >= COUNT_MIN, took_place
