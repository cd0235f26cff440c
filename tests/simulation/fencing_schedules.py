"""Schedules for the rules of the fencing protocol that random troubles seldom or never need.

Each is what has to go wrong, in which order, for the absence of one rule to make two writers. Times
are in seconds; a renewal is good for 10 unless it is said.
"""

from __future__ import annotations

from random import Random

from flocker_lite.model.fencing import claims
from flocker_lite.model.fencing.primary import CONTROL
from tests.simulation.fencing_world import Node, World


def quiet_world(after_seconds: float = 10.0) -> World:
    """No faults, and clocks that all agree; n0 is the primary, n1 its standby."""
    world = World(Random(1), after_seconds=after_seconds)
    world.loss_rate, world.delays = 0.0, (0.0001,)
    world.write_delays = world.promotion_delays = (0.0,)
    for machine in (world.server, *world.nodes.values()):
        machine.rate = 1.0
    world.run(20)
    return world


def cut(world: World, one: str, *others: str) -> None:
    """`one` does not reach any of the others, nor they it."""
    world.cut |= {frozenset((one, other)) for other in others}


def mend(world: World, one: str, other: str) -> None:
    """The two reach each other again."""
    world.cut.discard(frozenset((one, other)))


def restart(world: World, node: Node) -> None:
    """Its agent is killed, and starts at once."""
    world.kill_agent(node)
    world.start_agent(node)


def slow_clock() -> World:
    """The primary's clock is the slowest, the others' the fastest, and the kill takes its time.

    No message takes any time, so nothing but the margin is between the last write and the first.
    """
    world = quiet_world()
    world.look_seconds = 0.01
    world.kill_seconds = claims.KILL_SECONDS_MAX
    for machine in (world.server, *world.nodes.values()):
        machine.rate = 1 + claims.DRIFT_MAX
    world.nodes["n0"].rate = 1 - claims.DRIFT_MAX
    world.run(30)
    cut(world, "n0", CONTROL, *world.nodes)
    world.run(30)
    return world


def late_agreement() -> World:
    """n1's agreement comes when it was called off, the primary was renewed, and cut off again."""
    world = quiet_world()
    cut(world, "n0", CONTROL, "n1")
    world.late["agreed"] = 45.0
    world.run(12.0)
    world.cut.clear()
    world.run(15)
    cut(world, "n0", CONTROL)
    world.run(60)
    return world


def removed_and_added() -> World:
    """n1 is removed and added again; the primary hears of the former alone, and counts n2."""
    world = quiet_world()
    world.late["control_hears"] = 1000.0
    world.run(0.1)
    world.configure(frozenset({"n2"}), 10.0)
    world.run(0.1)
    cut(world, "n0", CONTROL)
    world.late.clear()
    world.configure(frozenset({"n1"}), 10.0)
    world.run(40)
    return world


def renewal_of_before() -> World:
    """As before; the control service gets the primary's renewals of before after both edits."""
    world = quiet_world()
    world.late["control_hears"] = 4.0
    world.run(3.5)
    world.configure(frozenset({"n2"}), 10.0)
    world.run(0.05)
    world.configure(frozenset({"n1"}), 10.0)
    cut(world, "n0", CONTROL)
    world.run(40)
    return world


def told_of_a_promotion_that_is_not_done() -> World:
    """n1 heard that it was promoted, and restarts before that is on its disk; n0 asks it."""
    world = quiet_world()
    cut(world, "n0", CONTROL, "n1")
    world.promotion_delays = (4.0,)
    while world.counts.promotions == 0 and world.bad is None:
        world.run(0.1)
    world.run(2)
    cut(world, "n1", CONTROL)
    restart(world, world.nodes["n1"])
    mend(world, "n0", "n1")
    world.run(5)
    world.promotion_delays = (0.0,)
    mend(world, "n1", CONTROL)
    world.run(10)
    return world


def renewal_while_promoting() -> World:
    """The primary is heard again while the edit that promotes n1 is on its way to the disk."""
    world = quiet_world()
    cut(world, "n0", CONTROL, "n1")
    world.write_delays = (6.0,)
    while not any("agrees" in line for line in world.story):
        world.run(0.1)
    mend(world, "n0", CONTROL)
    world.run(3)
    cut(world, "n0", CONTROL)
    world.write_delays = (0.0,)
    world.run(20)
    return world


def destination_of_before() -> World:
    """The destination of a move knows n1 as the standby; it was replaced by n2 since."""
    world = quiet_world()
    cut(world, "n3", "n0")
    world.configure_move("n3")
    world.run(5)
    world.late["told"] = 1000.0
    world.configure(frozenset({"n2"}), 10.0)
    world.run(0.1)
    del world.late["told"]
    # Only n0 hears of it, and says so.
    cut(world, "n3", CONTROL)
    world.run(5)
    mend(world, "n3", "n0")
    world.hand_over(world.nodes["n0"], "n3")
    world.run(60)
    return world


def agreed_before_a_restart() -> World:
    """n1 agrees and restarts while its answer is on its way; then n0 asks it."""
    world = quiet_world()
    cut(world, "n0", CONTROL, "n1")
    world.late["agreed"] = 3.0
    while not any("agrees" in line for line in world.story):
        world.run(0.1)
    restart(world, world.nodes["n1"])
    mend(world, "n0", "n1")
    world.run(20)
    return world


def agreed_and_asked() -> World:
    """n1 agrees, and while its answer is on its way n0 asks it."""
    world = quiet_world()
    cut(world, "n0", CONTROL, "n1")
    world.late["agreed"] = 3.0
    while not any("agrees" in line for line in world.story):
        world.run(0.1)
    mend(world, "n0", "n1")
    world.run(20)
    return world


def late_grant() -> World:
    """The primary's last renewals are granted, and it hears of them 5 s later."""
    world = quiet_world()
    world.late["granted"] = 5.0
    world.run(10)
    cut(world, "n0", CONTROL, "n1")
    del world.late["granted"]
    world.run(30)
    return world


def one_of_two_witnesses() -> World:
    """n0 is cut off from n1 and from the control service; n2 goes on renewing."""
    world = quiet_world()
    world.configure(frozenset({"n1", "n2"}), 10.0)
    world.run(10)
    cut(world, "n0", CONTROL, "n1")
    cut(world, "n2", CONTROL)
    world.run(30)
    return world


def shorter_time() -> World:
    """A renewal was good for 30 s and is good for 10 s now, of which the primary has not heard."""
    world = quiet_world(30.0)
    cut(world, "n0", "n1")
    world.run(40)
    cut(world, "n0", CONTROL)
    world.configure(frozenset({"n1"}), 10.0)
    world.run(0.1)
    world.kill_control()
    world.start_control()
    world.run(40)
    return world


def automatic_at_last() -> World:
    """Failover was manual, so n0 runs under no deadline; its first renewal's answer is lost."""
    world = quiet_world()
    world.configure_manual()
    world.run(10)
    world.late["granted"] = 1000.0
    world.configure(frozenset({"n1"}), 10.0)
    world.run(2)
    cut(world, "n0", CONTROL, "n1")
    world.late.clear()
    world.run(40)
    return world
