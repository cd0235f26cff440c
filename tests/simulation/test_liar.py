"""The same random users and faults, and one of the nodes lies; and old backups are restored.

FLOCKER_LITE_SEEDS is as for the runs without these.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from flocker_lite.model import edits
from flocker_lite.model.records import Configuration
from flocker_lite.model.uses import uses_of
from flocker_lite.testing.memory_store import MemoryDisk
from tests.simulation.liar import ADDRESS, LIAR, Liar
from tests.simulation.test_simulation import Simulation, play, seeds

SEEDS_FOUND: tuple[int, ...] = (205389,)
"""As in test_simulation."""


class LyingSimulation(Simulation):
    """A node more, which only lies: nothing that is another's becomes its own, or is led to it."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.liar = Liar(self.world.cluster, self.random)
        self.world.watchers.append(self.look_at_the_liar)
        self.backup: MemoryDisk | None = None
        self.acts |= {
            self.lie: 20,
            self.send_to_the_liar: 4,
            self.call_back: 4,
            self.back_up: 2,
            self.restore: 2,
        }

    def lie(self) -> None:
        """It reports something else."""
        self.world.note(f"the liar says: {self.liar.lie(self.world.configuration)}")
        self.world.run(0.02)

    def send_to_the_liar(self) -> None:
        """A user trusts it with a container with data: that is not its own until it is released."""
        configuration = self.world.configuration
        names = sorted(name for name, each in configuration.containers.items() if each.volumes)
        if names and LIAR in configuration.nodes:
            name = self.random.choice(names)
            self.world.edit(
                partial(edits.move_container, name=name, where=LIAR), f"move {name} to the liar"
            )

    def call_back(self) -> None:
        """Whatever is wanted at the liar is wanted elsewhere again."""
        configuration, node = self.world.configuration, self.node()
        for name, container in configuration.containers.items():
            if container.node == LIAR:
                self.world.edit(
                    partial(edits.move_container, name=name, where=node.node_id),
                    f"move {name} to {node.address}",
                )
        used = uses_of(configuration).datasets
        for dataset_id, dataset in configuration.datasets.items():
            if dataset.primary == LIAR and dataset_id not in used and not dataset.deleted:
                self.world.edit(
                    partial(edits.move_dataset, dataset_id=dataset_id, where=node.node_id),
                    f"move {dataset_id} to {node.address}",
                )

    def back_up(self) -> None:
        """Somebody keeps a copy of the store."""
        self.world.note("a backup is made")
        self.backup = replace(self.world.cluster.disk, in_use=False)

    def restore(self) -> None:
        """The store is as it was then; what exists, and what is deleted, was the same."""
        if self.backup is None or _existing(self.backup.configuration) != _existing(
            self.world.configuration
        ):
            return
        self.world.kill_control()
        self.world.note("the backup is restored")
        self.world.cluster.disk = replace(self.backup, in_use=False, refusal=None)
        self.world.start_control()

    def heal(self) -> None:
        """In the end nothing is wanted at the liar, and it goes on lying."""
        super().heal()
        self.world.run(1.0)
        self.call_back()
        self.lie()
        if not all(grant.materialised for grant in self.world.configuration.grants.values()):
            # Nothing is made in place of what a node says it has: its certificate is revoked.
            self.liar.go()

    def look_at_the_liar(self) -> list[str]:
        """What it got."""
        configuration = self.world.configuration
        found = [
            f"{dataset_id} is the liar's"
            for dataset_id, grant in configuration.grants.items()
            if grant.owner == LIAR
        ]
        for node in self.world.cluster.nodes:
            view = node.agent.loop.view if node.agent is not None else None
            for route in view.routes.values() if view is not None else ():
                if route.address == ADDRESS:
                    found.append(f"{route} leads to the liar")
        return found


def _existing(configuration: Configuration) -> dict[str, bool]:
    return {key: each.deleted for key, each in configuration.datasets.items()}


@pytest.mark.parametrize("seed", [*seeds(), *SEEDS_FOUND])
def test_a_node_that_lies(seed: int) -> None:
    """It gets nothing, nobody notices, and what honest nodes do never ends as a claim."""
    play(LyingSimulation, seed)
