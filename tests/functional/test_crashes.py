"""Moves that are struck at a step, on real ZFS, Docker and ssh: a part of `admin/test crashes`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.crashes.stage import Stage, stage
from tests.functional.crashes.steps import SHORT, Fault, Step

NAMES = [f"{step.name}, {fault.value}" for step, fault in SHORT]


@pytest.fixture(scope="module")
def scene() -> Iterator[Stage]:
    """One lab for all."""
    with stage("test-crash-short", "10.97.1.0/24") as scene:
        yield scene


@pytest.mark.parametrize(("step", "fault"), SHORT, ids=NAMES)
def test_struck_at_a_step(scene: Stage, step: Step, fault: Fault) -> None:
    """It ends with one running copy, of one writer, and with every record that was acknowledged."""
    outcome = scene.play(step, fault)
    print(f"\n{step.name}, {fault.value}: {outcome}")
