"""`admin/test upgrade --pause` leaves nothing out that matters."""

from __future__ import annotations

from tests.functional.crashes.steps import STEPS, Where
from tests.functional.upgrades import pauses
from tests.functional.upgrades.__main__ import ORDERS
from tests.functional.upgrades.scene import MACHINES, NODES

LABS = dict(pauses.labs(ORDERS))
UPGRADES = [each for upgrades in LABS.values() for each in upgrades]


def test_each_lab_upgrades_all_machines() -> None:
    """Once each, in both orders."""
    for upgrades in LABS.values():
        assert sorted(each.machine for each in upgrades) == sorted(MACHINES)
    assert {upgrades[0].machine == "control" for upgrades in LABS.values()} == {True, False}


def test_each_step_is_met_by_each_part() -> None:
    """By the control service, by the source's agent and by the target's."""
    control = {each.step for each in UPGRADES if each.machine == "control"}
    agents = {(each.step, each.role) for each in UPGRADES if each.machine in NODES}
    assert control == set(pauses.STEPS)
    assert agents == {(step, role) for step in pauses.STEPS for role in Where}


def test_the_steps_are_of_the_crash_table() -> None:
    """In the order of a move: before its commit point, at it, and after it."""
    places = [STEPS.index(step) for step in pauses.STEPS]
    assert places == sorted(places)
