"""Random users who also stop, start and restart containers; every rule holds at every step.

FLOCKER_LITE_SEEDS works as in test_simulation.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from flocker_lite.model import edits
from flocker_lite.model.records import Container
from tests.simulation.test_simulation import Simulation, play, seeds


class StoppingSimulation(Simulation):
    """At the end, what is stopped has to be stopped, and all else has to run."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.acts |= {self.stop_or_start: 14, self.restart: 6}

    def stop_or_start(self) -> None:
        """A user wants a container the other way round."""
        containers = self.world.configuration.containers
        if names := sorted(containers):
            name = self.random.choice(names)
            running = not containers[name].running

            def revise(container: Container) -> Container:
                return replace(container, running=running)

            edit = partial(edits.update_container, name=name, revise=revise)
            self.world.edit(edit, f"{name} is to run: {running}")

    def restart(self) -> None:
        """A user asks for a restart."""
        if names := sorted(self.world.configuration.containers):
            name = self.random.choice(names)
            self.world.edit(partial(edits.restart_container, name=name), f"restart {name}")


@pytest.mark.parametrize("seed", seeds())
def test_nothing_is_lost_whatever_is_stopped(seed: int) -> None:
    """One writer, nothing lost, nothing made up; and once faults end, all is as configured."""
    play(StoppingSimulation, seed)
