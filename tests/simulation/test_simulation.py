"""Random users and random faults, from a seed; every rule is checked at every step.

FLOCKER_LITE_SEEDS="1000" runs that many seeds, "17-18" those, to see a failure again.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

import pytest

from flocker_lite.errors import StoreError
from flocker_lite.model import edits
from flocker_lite.model.container_fields.switching import SwitchHook
from flocker_lite.model.records import Container, Dataset, HealthCheck, Port, RestartPolicy, Volume
from flocker_lite.model.uses import uses_of
from flocker_lite.testing.cluster import MemoryNode
from tests.simulation.strangers import ask_all
from tests.simulation.world import Call, Hazard, World

SEEDS_DEFAULT = "0-40"
SEEDS_FOUND = (6174, 6815, 7000, 8060, 9165, 9786, 11799, 40196, 43388, 50943, 72802)
"""Seeds that once showed that a rule was broken, or that something never came to rest."""
STEPS = 100
STRANGERS_EVERY = 10
DATASETS_MAX = 6
CONTAINERS_MAX = 3
DELAYS_SECONDS = (0.0, 0.0, 0.0, 0.01, 0.1, 0.5, 2.0, 15.0)

HOOKS: dict[str, dict[str, Any]] = {
    "a": {"before_switch": SwitchHook(("sync",)), "after_switch": SwitchHook(("true",))},
    "b": {"before_switch": SwitchHook(("sync",), 2.0, required=True)},
    "c": {"after_switch": SwitchHook(("true",), 1.0)},
}
"""What containers of these names do when they move."""


def seeds() -> range:
    """The seeds to run."""
    first, _, last = os.environ.get("FLOCKER_LITE_SEEDS", SEEDS_DEFAULT).rpartition("-")
    return range(int(first or 0), int(last))


class Simulation:
    """One run: what a seed makes of users, faults and time."""

    resumes = False

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        random.seed(seed)  # the agents' jitter when they connect again
        self.world = World(self.random.choice((2, 3)), self.hazard, self.resumes)
        self.fault_rate = self.random.choice((0.0, 0.01, 0.05, 0.15))
        self.slow_rate = self.random.choice((0.0, 0.1, 0.5))
        self.write_rate = self.random.choice((0.0, 0.3))
        self.names = 0
        self.refused = 0
        self.acts: dict[Callable[[], None], int] = {
            self.let_time_pass: 20,
            self.write: 6,
            self.create_dataset: 6,
            self.create_container: 8,
            self.move_container: 20,
            self.move_dataset: 4,
            self.delete_container: 2,
            self.delete_dataset: 1,
            self.kill_agent: 3,
            self.start_agents: 12,
            self.reboot: 1,
            self.lose_fences: 2,
            self.kill_control: 1,
            self.start_control: 4,
            self.cut_nodes: 2,
            self.cut_control: 2,
            self.mend_network: 6,
            self.end_container: 1,
            self.user_snapshot: 1,
            self.refuse_commits: 1,
            self.fall_ill: 2,
        }

    def run(self) -> None:
        """Let it all happen; then everything has to come to rest."""
        self.world.start()
        for act in (*[self.create_dataset] * 5, self.let_time_pass, *[self.create_container] * 2):
            act()
        for step in range(STEPS):
            self.random.choices(list(self.acts), list(self.acts.values()))[0]()
            self.world.check()
            if step % STRANGERS_EVERY == 0:
                self.ask_as_strangers()
        self.heal()
        self.world.rest()
        self.world.write()
        self.world.run(1.0)

    def heal(self) -> None:
        """Faults end."""
        self.world.heal()

    def hazard(self, call: Call) -> Hazard:
        """Most calls go well at once; some take time, some fail before or after their effect."""
        if self.random.random() < self.write_rate:
            self.world.write()
        before = after = 0.0
        if self.random.random() < self.slow_rate:
            before, after = self.random.choice(DELAYS_SECONDS), self.random.choice(DELAYS_SECONDS)
        fails = self.random.random() < self.fault_rate
        late = self.random.random() < 0.5
        return Hazard(before, after, fails and not late, fails and late)

    def ask_as_strangers(self) -> None:
        """Whatever the cluster is just at, they are refused, and nothing is done for them."""
        calls = self.world.calls
        refused, found = ask_all(self.world.cluster, self.world.owners)
        self.refused += refused
        assert (found, self.world.calls) == ([], calls), self.world.story()

    # Time and users

    def let_time_pass(self) -> None:
        self.world.run(self.random.choice((0.02, 0.2, 1.0, 3.0, 10.0, 45.0)))

    def write(self) -> None:
        self.world.write()

    def create_dataset(self) -> None:
        live = [d for d in self.world.configuration.datasets.values() if not d.deleted]
        if len(live) < DATASETS_MAX:
            self.names += 1
            dataset_id = str(UUID(int=self.names << 96))
            dataset = Dataset(dataset_id, self.node().node_id)
            self.world.edit(partial(edits.create_dataset, dataset=dataset), f"create {dataset_id}")

    def create_container(self) -> None:
        configuration = self.world.configuration
        if len(configuration.containers) >= CONTAINERS_MAX:
            return
        node = self.node()
        used = uses_of(configuration).datasets
        free = sorted(
            dataset.dataset_id
            for dataset in configuration.datasets.values()
            if dataset.primary == node.node_id and dataset.dataset_id not in used
        )
        chosen = self.random.sample(free, min(len(free), self.random.choice((0, 1, 1, 2, 2, 3))))
        name = self.random.choice("abcde")
        container = Container(
            name,
            node.node_id,
            self.random.choice(("image:1", "image:2")),
            (Port(80, 8000 + "abcde".index(name)),),
            volumes=tuple(Volume(dataset_id, f"/{dataset_id}") for dataset_id in chosen),
            restart_policy=RestartPolicy("always"),
            health_check=self.random.choice((None, HealthCheck(command=("true",)))),
            **self.application(name),
            **HOOKS.get(name, {}),
        )
        self.world.edit(
            partial(edits.create_container, container=container),
            f"create {name} at {node.address} with {chosen}",
        )

    def application(self, name: str) -> dict[str, Any]:
        """Some containers are one application, and depend on each other."""
        return {}

    def move_container(self) -> None:
        if names := sorted(self.world.configuration.containers):
            name, node = self.random.choice(names), self.node()
            self.world.edit(
                partial(edits.move_container, name=name, where=node.node_id),
                f"move {name} to {node.address}",
            )

    def move_dataset(self) -> None:
        if ids := sorted(self.world.configuration.datasets):
            dataset_id, node = self.random.choice(ids), self.node()
            self.world.edit(
                partial(edits.move_dataset, dataset_id=dataset_id, where=node.node_id),
                f"move {dataset_id} to {node.address}",
            )

    def delete_container(self) -> None:
        if names := sorted(self.world.configuration.containers):
            name = self.random.choice(names)
            self.world.edit(partial(edits.delete_container, name=name), f"delete {name}")

    def delete_dataset(self) -> None:
        if ids := sorted(self.world.configuration.datasets):
            dataset_id = self.random.choice(ids)
            self.world.edit(
                partial(edits.delete_dataset, dataset_id=dataset_id), f"delete {dataset_id}"
            )

    # Faults

    def node(self) -> MemoryNode:
        return self.random.choice(self.world.cluster.nodes)

    def kill_agent(self) -> None:
        self.world.kill_agent(self.node())

    def start_agents(self) -> None:
        for node in self.world.cluster.nodes:
            self.world.start_agent(node)

    def reboot(self) -> None:
        self.world.reboot(self.node())

    def lose_fences(self) -> None:
        for node in self.world.cluster.nodes:
            self.world.lose_fences(node)

    def kill_control(self) -> None:
        self.world.kill_control()

    def start_control(self) -> None:
        self.world.start_control()

    def cut_nodes(self) -> None:
        one, other = self.random.sample(self.world.cluster.nodes, 2)
        self.world.cut(one, other)

    def cut_control(self) -> None:
        self.world.cut_from_control(self.node())

    def mend_network(self) -> None:
        self.world.note("the network is mended")
        self.world.cluster.network.cut.clear()
        self.world.cluster.cut_from_control.clear()
        self.world.cluster.disk.refusal = None

    def end_container(self) -> None:
        """A container ends of its own accord."""
        node = self.node()
        if names := sorted(node.containers.processes):
            name = self.random.choice(names)
            self.world.note(f"{name} ends at {node.address}")
            node.containers.end(name, self.random.choice((0, 1)))

    def user_snapshot(self) -> None:
        """A user, or cron, takes a snapshot of what there is on some node."""
        node = self.node()
        if ids := sorted(node.storage.copies):
            self.names += 1
            dataset_id = self.random.choice(ids)
            self.world.note(f"user's snapshot of {dataset_id} at {node.address}")
            node.storage.user_snapshot(dataset_id, f"cron-{self.names}")

    def fall_ill(self) -> None:
        """What is wrong with a container at one node, or is not any more."""
        node, name = self.node(), self.random.choice("abcde")
        if node.containers.unhealthy.pop(name, None) is None:
            node.containers.unhealthy[name] = "it is ill"
        self.world.note(f"{name} at {node.address}: {node.containers.unhealthy.get(name, 'well')}")

    def refuse_commits(self) -> None:
        """The disk of the control service is full for a while."""
        disk = self.world.cluster.disk
        disk.refusal = None if disk.refusal is not None else StoreError("disk full")
        self.world.note(f"commits are refused: {disk.refusal}")


@pytest.mark.parametrize("seed", [*seeds(), *SEEDS_FOUND])
def test_nothing_is_lost_whatever_fails(seed: int) -> None:
    """One writer, nothing lost, nothing made up; and once faults end, all is as configured."""
    play(Simulation, seed)


def play(kind: type[Simulation], seed: int) -> None:
    """One run; when it fails it says how to see it again."""
    simulation = kind(seed)
    try:
        simulation.run()
    except BaseException:
        print(f"FLOCKER_LITE_SEEDS={seed}-{seed + 1} shows it again")
        raise
    finally:
        simulation.world.close()
