"""Random moves of several databases among three nodes, struck by random faults: `admin/test soak`.

Clients append to each database all the time, and note what was acknowledged. After each round all
must run again, every acknowledged record be there in its order, and at no instant may two nodes
have had a dataset mounted writable. A seed names what is done; when things happen the machine says.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from admin.hosts import Lab, Node
from admin.hosts.arrivals import agents_here
from admin.story.player import StoryError
from tests.functional.agents_lab import Cluster, wait_for
from tests.functional.crashes import journal
from tests.functional.crashes.watcher import Watcher
from tests.functional.soak import faults

NAME, SUBNET = "soak", "10.97.4.0/24"
NODES = ("n1", "n2", "n3")
FIRST_PORT = 7100
STRIKE_SECONDS_MAX = 3.0
OUTAGE_SECONDS_MAX = 6.0
RECOVERY_SECONDS_MAX = 150.0
RECORDS = 5
HEALTH_CHECK = {"port": 6379, "timeout_seconds": 5, "start_period_seconds": 10}


@dataclass
class Database:
    """A redis with data that moves about, and a client that never stops writing to it."""

    name: str
    port: int
    dataset_id: str
    client: journal.Journal


@dataclass
class Soak:
    """The lab and what goes on there."""

    cluster: Cluster
    watcher: Watcher
    random: Random
    databases: list[Database] = field(default_factory=list)

    def open(self, number: int, checked: bool) -> None:
        """One more database, with a health check or without."""
        node = NODES[number % len(NODES)]
        name, port = f"db-{number}", FIRST_PORT + number
        dataset_id = self.cluster.dataset(node)
        self.cluster.create(
            node,
            name,
            command_line=journal.COMMAND_LINE,
            ports=[{"internal": 6379, "external": port}],
            volumes=[{"dataset_id": dataset_id, "mountpoint": "/data"}],
            restart_policy={"name": "always"},
            health_check=HEALTH_CHECK if checked else None,
        )
        addresses = [self.cluster.node(each).address for each in NODES]
        client = journal.Journal(addresses, port)
        self.databases.append(Database(name, port, dataset_id, client))
        self.cluster.running(name)
        client.start()
        self._await_records(self.databases[-1])

    def round(self) -> str:
        """Moves, a fault, its mending; AssertionError unless all is well afterwards."""
        moved = self.random.sample(self.databases, self.random.randint(1, len(self.databases)))
        words = [self._move(each, self.random.choice(NODES)) for each in moved]
        fault = faults.chosen(self.random)
        node = self.cluster.node(self.random.choice(NODES))
        time.sleep(self.random.uniform(0, STRIKE_SECONDS_MAX))
        fault.strike(self.cluster.lab, node)
        time.sleep(self.random.uniform(0, OUTAGE_SECONDS_MAX))
        if self.random.random() < 0.3:
            again = self.random.choice(self.databases)
            words.append(self._move(again, self.random.choice(NODES)))
        fault.mend(self.cluster.lab, node)
        mended = time.monotonic()
        for database in self.databases:
            self._await_rest(database)
        took = time.monotonic() - mended
        self._hold()
        return f"{', '.join(words)}; {fault.name} at {node.name}; all well after {took:.1f} s"

    def _move(self, database: Database, to: str) -> str:
        host = self.cluster.node(to).address
        try:
            path = f"/configuration/containers/{database.name}"
            self.cluster.player.post(path, {"host": host})
        except (StoryError, OSError):
            return f"{database.name} not moved"  # the control service is down
        return f"{database.name} to {to}"

    def _await_rest(self, database: Database) -> None:
        """It runs where it is configured, and at no other node; its client is served."""

        def at_rest() -> bool:
            desired = [
                item["host"]
                for item in self._get("/configuration/containers")
                if item["name"] == database.name
            ]
            states = [
                item for item in self._get("/state/containers") if item["name"] == database.name
            ]
            here = [(item["host"], item["running"], item.get("error")) for item in states]
            return bool(desired) and here == [(desired[0], True, None)]

        try:
            wait_for(at_rest, f"{database.name} at rest", RECOVERY_SECONDS_MAX)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self._get('/state/containers')}") from None
        self._await_records(database)

    def _get(self, path: str) -> Any:
        try:
            return self.cluster.get(path)
        except OSError:
            return []

    def _await_records(self, database: Database) -> None:
        goal = len(database.client.acknowledged) + RECORDS
        wait_for(
            lambda: len(database.client.acknowledged) >= goal,
            f"{database.name} serves its client",
            RECOVERY_SECONDS_MAX,
        )

    def _hold(self) -> None:
        """Every rule, for each database."""
        mounted = [each for each in self.watcher.broken if "mounted writable" in each]
        assert not mounted, mounted
        for database in self.databases:
            known = list(database.client.acknowledged)
            address = self.cluster.node(NODES[0]).address
            stored = journal.read_all(address, database.port)
            wrong = journal.complaints(known, stored)
            assert not wrong, f"{database.name}: {wrong}"


@contextmanager
def soak(seed: int) -> Iterator[Soak]:
    """A lab of three nodes with four databases, two of them with health checks."""
    with ExitStack() as stack:
        lab = stack.enter_context(Lab(NAME, SUBNET, nodes=len(NODES)))
        nodes: list[Node] = [lab.node(name) for name in NODES]
        cluster = Cluster(lab)
        cluster.player.poll("/state/nodes", lambda found: agents_here(found) == len(NODES))
        watcher = Watcher(nodes)
        watcher.start()
        stack.callback(watcher.stop)
        scene = Soak(cluster, watcher, Random(seed))
        for number in range(4):
            scene.open(number, checked=number % 2 == 1)
            stack.callback(scene.databases[-1].client.stop)
        yield scene


def main() -> None:
    """Entry point; exits with 1 when a rule was broken."""
    parser = argparse.ArgumentParser(prog="admin/test soak", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with soak(arguments.seed) as scene:
        for number in range(1, arguments.rounds + 1):
            try:
                print(f"{number}: {scene.round()}", flush=True)
            except AssertionError as error:
                print(f"{number}: FAILED: {error}", flush=True)
                for name in NODES:
                    print(scene.cluster.node(name).log_tail("flocker-agent"), flush=True)
                sys.exit(1)
        written = sum(len(each.client.acknowledged) for each in scene.databases)
        print(f"{arguments.rounds} rounds, {written} acknowledged records, none lost")


if __name__ == "__main__":
    main()
