"""A node loses power, and its databases fail over by themselves, as in `admin/test failovers`."""

from __future__ import annotations

from tests.functional.failovers.faults import POWER, ROWS
from tests.functional.failovers.scene import scene

AFTER_SECONDS = 10
ANSWER_SECONDS_MAX = 60.0
"""The machine may be busy with other tests."""


def test_a_node_loses_power() -> None:
    """Its standby takes over; what is lost is set aside; it stands by again, and they go home.

    `play` holds what clients were acknowledged against what is there at each step.
    """
    (row,) = [each for each in ROWS if each.faults == (POWER,)]
    with scene("test-automatic", "10.85.68.0/24", AFTER_SECONDS) as made:
        for name, outcome in made.play(row).items():
            print(f"{name}: {outcome}")
            assert outcome.answered is not None
            assert outcome.answered < AFTER_SECONDS + ANSWER_SECONDS_MAX
