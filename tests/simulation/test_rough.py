"""The same random users where much more is in the way: full pools, slow links, late messages.

FLOCKER_LITE_SEEDS is as for the runs without these.
"""

from __future__ import annotations

import pytest

from tests.simulation.test_simulation import Simulation, play, seeds
from tests.simulation.world import Call, Hazard

RATES_BYTES_PER_SECOND = (None, 40, 400, 4000)
DELAYS_SECONDS = (0.001, 0.05, 1.0, 8.0)
NEED_SPACE = {
    *("create", "resize", "snapshot", "destroy_snapshot", "destroy"),
    *("set_lease", "receive", "set_aside"),
}
"""What ZFS has to write for; a pool that is full may refuse even to destroy."""

SEEDS_FOUND = (43339,)
"""As in test_simulation."""


class RoughSimulation(Simulation):
    """ZFS resumes what was cut; what a full pool refuses it refuses until there is room."""

    resumes = True

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.full: set[str] = set()
        self.acts |= {
            self.fill_pool: 1,
            self.make_room: 4,
            self.change_rate: 2,
            self.delay_control: 8,
        }

    def hazard(self, call: Call) -> Hazard:
        """Beside all else, a full pool refuses."""
        if call.door == "storage" and call.method in NEED_SPACE and call.node.node_id in self.full:
            return Hazard(fails_before=True)
        return super().hazard(call)

    def fill_pool(self) -> None:
        """A node has no room any more."""
        node = self.node()
        self.world.note(f"the pool of {node.address} is full")
        self.full.add(node.node_id)

    def make_room(self) -> None:
        """Every node has room again."""
        self.world.note("there is room")
        self.full.clear()

    def change_rate(self) -> None:
        """The links between nodes are as fast as this from now on."""
        rate = self.random.choice(RATES_BYTES_PER_SECOND)
        self.world.note(f"links carry {rate} bytes/s")
        self.world.cluster.network.bytes_per_second = rate

    def delay_control(self) -> None:
        """A node hears late, and is heard late, while others are not."""
        self.world.delay_control(self.node(), self.random.choice(DELAYS_SECONDS))


@pytest.mark.parametrize("seed", [*seeds(), *SEEDS_FOUND])
def test_nothing_is_lost_where_much_is_in_the_way(seed: int) -> None:
    """One writer, nothing lost, nothing made up; and once faults end, all is as configured."""
    play(RoughSimulation, seed)
