"""Upgrades a machine while a move is in its pause: no program runs, and neither node may forget.

The move stands still at one of its durable steps, before or after the commit point. There the
machine's service ends and the new release's begins. The command that stood goes on after that, or
after ten seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from threading import Timer

from tests.functional.crashes.steps import COMMIT, TO_ACQUIRE, UNMOUNTED, Step, Where
from tests.functional.upgrades.scene import NODES, Scene, timed

STEPS = (UNMOUNTED, COMMIT, TO_ACQUIRE)
STAND_SECONDS_MAX = 10.0
"""No longer, because a service may wait for its command before it ends."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """One machine, the step of the move at which it gets the new release, and its role in that."""

    machine: str
    step: Step
    role: Where

    def __str__(self) -> str:
        role = f", the {self.role.value}," if self.machine in NODES else ""
        return f"{self.machine}{role} in the pause ({self.step.name})"


def labs(orders: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, tuple[Upgrade, ...]]]:
    """For each order and role a lab; the steps go around.

    So each step is met by the control service, by an agent of the source and by one of the target.
    """
    for number, ((title, machines), role) in enumerate(product(orders.items(), reversed(Where))):
        yield (
            f"{title}, as {role.value}",
            tuple(
                Upgrade(machine, STEPS[(number + place) % len(STEPS)], role)
                for place, machine in enumerate(machines)
            ),
        )


def play(seen: Scene, upgrades: tuple[Upgrade, ...]) -> None:
    """Do these; AssertionError for what goes wrong."""
    seen.there_and_back()
    for each in upgrades:
        if each.machine in NODES and (each.machine == seen.at) != (each.role is Where.SOURCE):
            seen.move()
            seen.moved()
        begun = time.monotonic()
        _in_the_pause(seen, each)
        seen.moved()
        print(f"  {each} upgraded: {timed(begun)}", flush=True)
        seen.there_and_back()


def _in_the_pause(seen: Scene, upgrade: Upgrade) -> None:
    standstill = seen.standstills[seen.at if upgrade.step.where is Where.SOURCE else seen.other]
    standstill.arm(upgrade.step, seen.dataset_id)
    seen.move()
    standstill.await_reached(upgrade.step)
    running = seen.watcher.running_at()
    assert not running, f"at {upgrade.step.name!r} redis runs at {running}: that is no pause"
    late = Timer(STAND_SECONDS_MAX, standstill.let_go)
    late.start()
    try:
        seen.upgrade(upgrade.machine)
    finally:
        late.cancel()
        standstill.let_go()
