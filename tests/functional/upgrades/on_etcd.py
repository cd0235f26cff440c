"""Upgrades three control services on etcd, and then the agents, one after the other.

Clients write all the time through any control service, and a redis moves. The followers come
first and the leader last, so that the first new one that leads upgrades the store. In the end an
old one has to refuse that store.
"""

from __future__ import annotations

import time
from pathlib import Path

from admin.hosts import Node
from tests.functional.agents_lab import CHECKOUT, wait_for
from tests.functional.controls.__main__ import NODES, RECOVERY_SECONDS_MAX, Scene, scene
from tests.functional.controls.strikes import CONTROL, Mend, Strike, World
from tests.functional.upgrades.scene import replace, service_of, timed

SEED = 1
STRIKE_SECONDS = 1.0


def play(old: Path) -> list[str]:
    """All of it; what is wrong in the end. AssertionError for what goes wrong on the way."""
    with scene(SEED, old) as seen:
        leader = seen.leader()
        followers = [node for node in seen.world.controls if node.name != leader.name]
        try:
            for node in (*followers, leader, *map(seen.world.lab.node, NODES)):
                role = "led before" if node is leader else service_of(node.name)
                begun = time.monotonic()
                said = seen.round(_upgrade(node, f"{node.name} ({role}) upgraded, the leader"))
                print(f"  {said}; with a move {timed(begun)}", flush=True)
            _refused(seen, old)
        except BaseException:
            for node in (*seen.world.controls, *map(seen.world.lab.node, NODES)):
                print(f"{node.name}: {node.log_tail(service_of(node.name))}", flush=True)
            raise
        wrong = seen.hold()
        print(
            f"  {seen.clients.acknowledged} writes of {len(seen.clients.history)} operations were "
            f"acknowledged, and {len(seen.appends.acknowledged)} appends in {seen.moves} moves; "
            f"the appending client waited {seen.appends.longest_gap_seconds:.1f} s at most",
            flush=True,
        )
        return wrong


def _upgrade(node: Node, name: str) -> Strike:
    def begin(world: World, leader: Node) -> Mend:
        replace(node, CHECKOUT)
        return lambda: None

    return Strike(name, begin, STRIKE_SECONDS)


def _refused(seen: Scene, old: Path) -> None:
    """An old control service that is alone does not lead on the store of the new ones."""
    first, *others = seen.world.controls
    for node in others:
        node.stop_service(CONTROL)
    replace(first, old)
    wait_for(
        lambda: "has format" in first.log_tail(CONTROL),
        "the old control service says why it does not lead",
        RECOVERY_SECONDS_MAX,
    )
    (why, *_) = (line for line in first.log_tail(CONTROL).splitlines() if "has format" in line)
    print(f"  the old control service: {why}", flush=True)
    replace(first, CHECKOUT)
    for node in others:
        node.start_service(CONTROL)
    seen.leaderless.await_leader(time.monotonic(), RECOVERY_SECONDS_MAX)
