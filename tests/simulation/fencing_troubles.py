"""Random users and random faults for the world of the fencing protocol."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from flocker_lite.model.fencing.primary import CONTROL
from tests.simulation.fencing_world import Node, World

LIVES_SECONDS = 300.0


class Troubles:
    """Random faults and random users for a world."""

    def __init__(self, world: World, every_seconds: float = 4.0) -> None:
        self.world = world
        self.every_seconds = every_seconds
        self.acts: dict[Callable[[], None], int] = {
            self.cut_two: 2,
            self.cut_owner_from_control: 3,
            self.cut_owner_from_standbys: 4,
            self.heal: 3,
            self.isolate: 3,
            self.lose_power: 2,
            self.kill_agent: 1,
            self.restart_standby: 2,
            self.kill_control: 2,
            self.configure: 3,
            self.configure_manual: 1,
            self.move: 1,
        }
        self.next()

    def next(self) -> None:
        random = self.world.random
        self.world.at(random.expovariate(1 / self.every_seconds), self.act)

    def act(self) -> None:
        self.world.random.choices(list(self.acts), list(self.acts.values()))[0]()
        self.next()

    def everyone(self) -> list[str]:
        return [CONTROL, *self.world.nodes]

    def a_node(self) -> Node:
        owner = self.world.nodes[self.world.stored.owner]
        return self.world.random.choice([owner, *self.world.nodes.values()])

    def cut_two(self) -> None:
        self.world.cut.add(frozenset(self.world.random.sample(self.everyone(), 2)))

    def heal(self) -> None:
        self.world.cut.clear()

    def cut_owner_from_control(self) -> None:
        owner = self.world.stored.owner
        self.world.note(f"{owner} is cut off from the control service")
        self.world.cut.add(frozenset((owner, CONTROL)))

    def cut_owner_from_standbys(self) -> None:
        owner = self.world.stored.owner
        self.world.note(f"{owner} is cut off from other nodes")
        self.world.cut |= {frozenset((owner, name)) for name in self.world.nodes if name != owner}

    def restart_standby(self) -> None:
        node = self.world.nodes[
            self.world.random.choice(sorted(self.world.stored.standbys) or ["n0"])
        ]
        self.world.kill_agent(node)
        self.world.at(self.world.random.uniform(0.1, 2), self.start_agent, node)

    def isolate(self) -> None:
        owner = self.world.stored.owner
        who = self.world.random.choice([owner, owner, self.a_node().name, CONTROL])
        self.world.note(f"{who} is cut off")
        self.world.cut |= {frozenset((who, other)) for other in self.everyone() if other != who}

    def lose_power(self) -> None:
        node = self.a_node()
        self.world.lose_power(node)
        self.world.at(self.world.random.uniform(1, 60), self.start_agent, node)

    def kill_agent(self) -> None:
        node = self.a_node()
        self.world.kill_agent(node)
        self.world.at(self.world.random.uniform(0.1, 15), self.start_agent, node)

    def start_agent(self, node: Node) -> None:
        if not node.is_up:
            self.world.note(f"the agent of {node.name} starts")
            self.world.start_agent(node)

    def kill_control(self) -> None:
        self.world.kill_control()
        longest = self.world.random.choice((1, 20))
        self.world.at(self.world.random.uniform(0.1, longest), self.world.start_control)

    def configure(self) -> None:
        random = self.world.random
        chosen = random.sample(sorted(self.world.nodes), random.randint(1, 2))
        after = random.choice((10.0, 10.0, 6.0, 20.0))
        self.world.configure(frozenset(chosen), after)

    def configure_manual(self) -> None:
        random = self.world.random
        self.world.configure_manual()
        standbys = self.world.stored.standbys
        self.world.at(random.choice((0.1, 3.0)), self.world.configure, standbys, 10.0)

    def move(self) -> None:
        self.world.configure_move(self.world.random.choice(sorted(self.world.nodes)))


def play(seed: int, seconds: float = LIVES_SECONDS) -> World:
    """A world with random troubles."""
    random = Random(seed)
    world = World(random)
    world.delays = random.choice(((0.05, 0.05, 3.0), (0.01, 0.05), (0.0001,)))
    world.loss_rate = random.choice((0.0, 0.1))
    Troubles(world, random.choice((3.0, 6.0, 12.0)))
    world.run(seconds)
    return world
