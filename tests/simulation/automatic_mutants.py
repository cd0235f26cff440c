"""Faults that are planted in what fails over by itself: the simulation has to find each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from flocker_lite.control.promotions import Promotions
from flocker_lite.model.fencing import control, witness
from flocker_lite.model.fencing.primary import NEVER
from flocker_lite.testing import cluster
from flocker_lite.testing.memory_containers import MemoryContainers
from flocker_lite.testing.memory_storage import MemoryStorage
from tests.simulation.automatic_world import (
    agent_dies,
    cut_off_and_back,
    renewed_by_control_alone,
    renewed_by_standbys_alone,
    two_nodes_away,
)

Plant = Callable[[pytest.MonkeyPatch], None]


def control_promises_nothing(patch: pytest.MonkeyPatch) -> None:
    """The control service has another node take over although it has just renewed."""
    patch.setattr(control, "promised_until", lambda *_: NEVER)


def standby_promises_nothing(patch: pytest.MonkeyPatch) -> None:
    """A standby agrees to take over although it has just renewed."""
    patch.setattr(witness, "free_at", lambda *_: NEVER)


def fence_does_not_kill(patch: pytest.MonkeyPatch) -> None:
    """A deadline passes, and nothing ends."""
    patch.setattr(MemoryContainers, "fenced", lambda *_: None)
    patch.setattr(cluster, "ended", lambda *_, **__: lambda dataset_id: None)


def takes_a_cut_for_deaths(patch: pytest.MonkeyPatch) -> None:
    """However many nodes are away at once, each of them counts as dead."""

    async def nothing(*_: Any) -> None:
        return None

    patch.setattr(Promotions, "require_one_death", nothing)


def throws_away_what_is_not_shared(patch: pytest.MonkeyPatch) -> None:
    """Nothing is left of a copy that was set aside."""
    go_on = MemoryStorage.continue_from

    async def without(self: MemoryStorage, dataset_id: str, snapshot: str, reason: str) -> str:
        name = await go_on(self, dataset_id, snapshot, reason)
        del self.aside[name]
        return name

    patch.setattr(MemoryStorage, "continue_from", without)


MUTANTS: Mapping[Plant, Callable[[], None]] = {
    control_promises_nothing: renewed_by_control_alone,
    standby_promises_nothing: renewed_by_standbys_alone,
    fence_does_not_kill: agent_dies,
    takes_a_cut_for_deaths: two_nodes_away,
    throws_away_what_is_not_shared: cut_off_and_back,
}
"""Each with a story that finds it."""
