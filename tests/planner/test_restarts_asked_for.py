"""A restart that a user asked for, as the planner sees it."""

from __future__ import annotations

from dataclasses import replace

from pyrsistent import pmap

from flocker_lite.model.records import Container
from flocker_lite.model.state import ContainerExit, LocalContainer
from flocker_lite.planner import restart_policy

MADE = Container("db", "node", "redis:7")
DESIRED = pmap({"db": replace(MADE, restart_generation=1)})
GONE = LocalContainer(MADE, "exited", "instance")
"""Its processes are gone, and Docker has not told yet how it ended."""


def test_the_exit_that_docker_tells_late_is_part_of_the_restart() -> None:
    """Until then the restart is not noted, and nothing is started."""
    containers = pmap({"db": GONE})
    histories = restart_policy.remembered(pmap(), containers, desired=DESIRED)
    assert not histories
    assert restart_policy.resting(histories, containers, DESIRED, {}, 0.0) == {"db"}
    containers = pmap({"db": replace(GONE, last_exit=ContainerExit(143, 5.0, 100.0))})
    histories = restart_policy.remembered(histories, containers, desired=DESIRED)
    assert (histories["db"].restarted, histories["db"].counts) == (1, False)
    assert not restart_policy.resting(histories, containers, DESIRED, {}, 0.0)
    assert restart_policy.remembered(histories, containers, desired=DESIRED) == histories
    assert not restart_policy.due(histories, containers, DESIRED)
