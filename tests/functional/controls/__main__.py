"""Strikes three control services on etcd while clients write and a redis moves.

`admin/test controls`: clients write twenty times a second through any of them; a redis, to which
another client appends, moves from node to node. At random instants something dies, stands still,
or is cut off. All that was acknowledged must be there, no tag be given twice, and what clients
heard be one order of events.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import Any
from uuid import uuid4

import requests

from admin.hosts import Lab, Node
from admin.hosts.plan import CONTROL_HTTP_PORT
from tests.functional.agents_lab import CHECKOUT, wait_for
from tests.functional.controls.clients import (
    FIRST,
    Clients,
    Leaderless,
    Service,
    appended,
    prepare,
)
from tests.functional.controls.strikes import STRIKES, Strike, World
from tests.functional.crashes import journal
from tests.linearizability.checker import complaints

NAME, SUBNET = "controls", "10.97.6.0/24"
NODES = ("n1", "n2")
PORT = 7200
RECOVERY_SECONDS_MAX = 120.0
STRIKE_SECONDS_MAX = 3.0
SETTLING_SECONDS = 4.0
RESULT = Path(__file__).parents[3] / "docs" / "control-losses.rst"


@dataclass
class Scene:
    """The lab, the clients, and what was seen."""

    world: World
    service: Service
    leaderless: Leaderless
    clients: Clients
    appends: journal.Journal
    gaps: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    moves: int = 0

    def round(self, strike: Strike) -> str:
        """A move, a strike at some moment of it, its mending; all must be well afterwards."""
        target = self.world.lab.node(NODES[self.moves % len(NODES)])
        leader = self.leader()
        self._ask("POST", "/configuration/containers/db", {"host": target.address})
        self.moves += 1
        time.sleep(self.world.random.uniform(0, STRIKE_SECONDS_MAX))
        struck_at = time.monotonic()
        mend = strike.begin(self.world, leader)
        time.sleep(strike.seconds)
        self.leaderless.await_leader(time.monotonic() - 1, RECOVERY_SECONDS_MAX)
        gap = self.leaderless.since(struck_at - 1)
        mend()
        self._await_rest(target)
        time.sleep(SETTLING_SECONDS)
        self.gaps[strike.name].append(gap)
        return f"{strike.name} at {leader.name}: {gap:.2f} s without a leader"

    def leader(self) -> Node:
        """Where the control service leads, now."""
        self.leaderless.await_leader(time.monotonic(), RECOVERY_SECONDS_MAX)
        number = self.leaderless.leads_now(2.0)
        assert number is not None
        return self.world.controls[number]

    def _await_rest(self, target: Node) -> None:
        """The redis runs where it was moved to, and nowhere else; its client is served."""

        def at_rest() -> bool:
            states = self._ask("GET", "/state/containers")
            return [(each["host"], each["running"]) for each in states] == [(target.address, True)]

        wait_for(at_rest, f"the redis at {target.name}", RECOVERY_SECONDS_MAX)
        goal = len(self.appends.acknowledged) + 5
        wait_for(lambda: len(self.appends.acknowledged) >= goal, "appends", RECOVERY_SECONDS_MAX)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        return ask(self.service, method, path, body)

    def hold(self) -> list[str]:
        """What is wrong in the end."""
        self.clients.stop()
        self.appends.stop()
        stored = journal.read_all(self.world.lab.node(NODES[0]).address, PORT)
        return [
            *complaints(self.clients.history, FIRST, appended(self.service)),
            *journal.complaints(self.appends.acknowledged, stored),
        ]


def ask(service: Service, method: str, path: str, body: Any = None) -> Any:
    """What the leader answers; asked until one does."""
    session = service.session()
    for base in itertools.cycle(service.bases):
        try:
            answer = session.request(method, f"{base}/v1{path}", json=body, timeout=5)
            if answer.status_code < 300:
                return answer.json()
        except requests.RequestException:
            pass
        time.sleep(0.2)
    raise AssertionError("unreachable")


@contextmanager
def scene(seed: int, release: Path = CHECKOUT) -> Iterator[Scene]:
    """A lab of three control nodes and two others, with a redis whose data moves."""
    with ExitStack() as stack:
        lab = stack.enter_context(Lab(NAME, SUBNET, nodes=len(NODES), controls=3, release=release))
        world = World(lab, Random(seed))
        service = Service([f"http://{n.address}:{CONTROL_HTTP_PORT}" for n in world.controls])
        leaderless = Leaderless(service)
        stack.callback(leaderless.stop)
        leaderless.start()
        prepare(service)
        dataset_id, first = str(uuid4()), lab.node(NODES[-1]).address
        ask(
            service, "POST", "/configuration/datasets", {"primary": first, "dataset_id": dataset_id}
        )
        container = {
            "host": first,
            "name": "db",
            "image": "redis:latest",
            "command_line": journal.COMMAND_LINE,
            "ports": [{"internal": 6379, "external": PORT}],
            "volumes": [{"dataset_id": dataset_id, "mountpoint": "/data"}],
            "restart_policy": {"name": "always"},
        }
        ask(service, "POST", "/configuration/containers", container)
        appends = journal.Journal([lab.node(name).address for name in NODES], PORT)
        stack.callback(appends.stop)
        appends.start()
        wait_for(lambda: len(appends.acknowledged) > 5, "the redis serves", RECOVERY_SECONDS_MAX)
        clients = Clients(service, seed)
        clients.start()
        yield Scene(world, service, leaderless, clients, appends)


def page(seen: Scene, rounds: int, seed: int) -> str:
    """The result, as a page of the documentation."""
    every = [gap for gaps in seen.gaps.values() for gap in gaps]
    lost = [gap for name in LOSSES for gap in seen.gaps[name]]
    width = max(len(strike.name) for strike in STRIKES)
    rule = f"{'=' * width}  =====  =======  =======\n"
    rows = [
        f"{name:{width}}  {len(gaps):5}  {sorted(gaps)[len(gaps) // 2]:7.2f}  {max(gaps):7.2f}\n"
        for name, gaps in seen.gaps.items()
    ]
    head = f"{'strike':{width}}  times   median  longest\n"
    done = seen.clients.acknowledged
    return (
        "=======================\nLosing control services\n=======================\n\n"
        "Three control services on etcd, each on a machine of a lab, while clients wrote twenty\n"
        "times a second through any of them, conditionally and not, and a redis moved to which\n"
        f"another client appended: ``admin/test controls --rounds {rounds} --seed {seed}`` wrote\n"
        "this page. Times are in seconds without a leader, with a lease of 10 s.\n\n"
        f"{rule}{head}{rule}{''.join(rows)}{rule}\n"
        f"Of all {len(every)} strikes: p50 {_share(every, 50):.2f} s, "
        f"p99 {_share(every, 99):.2f} s;\n"
        f"of the {len(lost)} in which the leader was lost: p50 {_share(lost, 50):.2f} s, "
        f"p99 {_share(lost, 99):.2f} s.\n\n"
        f"{done} writes of {len(seen.clients.history)} operations were acknowledged, and "
        f"{len(seen.appends.acknowledged)} appends\nto the redis in {seen.moves} moves. All were "
        "there in the end, no tag was given twice, and all\nanswers were one order of events. "
        f"The longest that the appending client waited was\n{seen.appends.longest_gap_seconds:.1f} "
        "s; that includes the pauses of the moves.\n"
    )


LOSSES = (
    "leader killed",
    "leader frozen for 30 s",
    "leader cut off",
    "leader's power lost",
    "leader and etcd's leader killed",
)


def _share(values: list[float], percent: int) -> float:
    if len(values) < 2:
        return max(values, default=0.0)
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def main() -> None:
    """Entry point; exits with 1 when a rule was broken."""
    parser = argparse.ArgumentParser(prog="admin/test controls", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each strike")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with scene(arguments.seed) as seen:
        for strike in STRIKES * arguments.rounds:
            print(seen.round(strike), flush=True)
        found = seen.hold()
        for complaint in found:
            print(f"WRONG: {complaint}", flush=True)
        if found:
            sys.exit(1)
        RESULT.write_text(page(seen, arguments.rounds, arguments.seed), "utf-8")
        print(f"{seen.clients.acknowledged} acknowledged writes, none lost; wrote {RESULT}")


if __name__ == "__main__":
    main()
