"""A lab on which one move after the other is struck at one of its steps."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from admin.hosts import Lab, Node
from admin.hosts.arrivals import agents_here
from admin.hosts.files import AGENT_FILE
from tests.functional.agents_lab import Cluster, wait_for
from tests.functional.crashes import faults, journal, twins
from tests.functional.crashes.outcome import Outcome
from tests.functional.crashes.standstill import WAITING_SOCKET, Standstill
from tests.functional.crashes.steps import Fault, Step, Where
from tests.functional.crashes.watcher import MOUNT_ROOT, Watcher

SOURCE, TARGET = "n1", "n2"
FIRST_PORT = 7000
RECORDS = 5
RECOVERY_SECONDS_MAX = 90.0
WRITERS = ("primary", "releasing", "probation")


HEALTH_CHECK = {"port": 6379, "timeout_seconds": 5, "start_period_seconds": 10}


@dataclass
class Stage:
    """`play` has a database moved from one node to the other, and strikes on the way."""

    cluster: Cluster
    standstills: dict[str, Standstill]
    watcher: Watcher
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def play(self, step: Step, fault: Fault) -> Outcome:
        """One move; AssertionError, with what was broken, unless every rule was held."""
        number = next(self.numbers)
        name, port = f"shop-{number}", FIRST_PORT + number
        source, target = self.cluster.node(SOURCE), self.cluster.node(TARGET)
        self.watcher.forget()
        ids = self._open(name, port, step)
        client = journal.Journal((source.address, target.address), port)
        client.start()
        try:
            self._await_records(client)
            standing = self._move(name, ids, step)
            self._hold_one_writer(ids)
            where = self.standstills[node_of(step)]
            faults.strike(fault, self.cluster.lab, source, target, standing, where.node)
            struck = time.monotonic()
            where.let_go()
            faults.mend(fault, self.cluster.lab, source, target)
            at = self._await_rest(name, ids, step.trial)
            rest = time.monotonic()
            self._await_records(client)
        finally:
            client.stop()
            for standstill in self.standstills.values():
                standstill.let_go()
        stored = journal.read_all(self.cluster.node(at).address, port)
        assert not self.watcher.broken, self.watcher.broken
        assert not (lost := journal.complaints(client.acknowledged, stored)), lost
        if step.size > 1:
            paths = [f"{MOUNT_ROOT}{dataset_id}" for dataset_id in ids]
            assert not (torn := twins.complaints(self.cluster.node(at), paths)), torn
        self._close(name, ids)
        taken_back = self.watcher.runs.count(SOURCE) > 1
        return Outcome(taken_back, client.longest_gap_seconds, rest - struck, at == SOURCE)

    def _open(self, name: str, port: int, step: Step) -> list[str]:
        """A database at the source, with datasets that no other node has ever seen, in the order of
        their ids; its own is the last."""
        ids = sorted(self.cluster.dataset(SOURCE) for _ in range(step.size))
        folders = [*(f"/data-{number}" for number in range(1, step.size)), "/data"]
        command_line = journal.COMMAND_LINE
        if step.size > 1:
            command_line = twins.command_line(journal.OPEN_COMMAND_LINE, folders)
        self.cluster.create(
            SOURCE,
            name,
            command_line=command_line,
            ports=[{"internal": 6379, "external": port}],
            volumes=[
                {"dataset_id": dataset_id, "mountpoint": folder}
                for dataset_id, folder in zip(ids, folders, strict=True)
            ],
            restart_policy={"name": "always"},
            health_check=HEALTH_CHECK if step.trial else None,
        )
        host = self.cluster.node(SOURCE).address
        wait_for(lambda: self._hosts(name) == [(host, True)], f"{name} runs")
        return ids

    def _move(self, name: str, ids: list[str], step: Step) -> int:
        """Have it moved, up to the step; returns the pid of the command that stands there."""
        dataset_id = ids[step.member]
        standstill = self.standstills[node_of(step)]
        if step.since is None:
            standstill.arm(step, dataset_id)
            self._wish(name)
        else:
            earlier = self.standstills[node_of(step.since)]
            earlier.arm(step.since, dataset_id)
            self._wish(name)
            earlier.await_reached(step.since)
            standstill.arm(step, dataset_id)
            earlier.let_go()
        return standstill.await_reached(step)

    def _wish(self, name: str) -> None:
        """What a user says who wants it moved."""
        host = self.cluster.node(TARGET).address
        self.cluster.player.post(f"/configuration/containers/{name}", {"host": host})

    def _hold_one_writer(self, ids: list[str]) -> None:
        """Only one of a dataset's leases lets its node write, while the move stands.

        The target's is read first: what the source gives up in between was not given up twice. And
        no two nodes are primaries of what moves as one.
        """
        seen = [self._leases(dataset_id) for dataset_id in ids]
        for leases in seen:
            writers = [node for node, lease in leases.items() if lease.startswith(WRITERS)]
            assert len(writers) <= 1, leases
        primaries = {
            node for leases in seen for node, lease in leases.items() if lease.startswith("primary")
        }
        assert len(primaries) <= 1, seen

    def _leases(self, dataset_id: str) -> dict[str, str]:
        return {name: self.standstills[name].lease(dataset_id) for name in (TARGET, SOURCE)}

    def _await_rest(self, name: str, ids: list[str], trial: bool) -> str:
        """Until it runs at one node alone, and both know whose it is; returns that node.

        That is the target; of a trial it may be the source as well, which then has it for good.
        """

        def at_rest() -> str | None:
            where = TARGET
            if trial and self._wished(name) == self.cluster.node(SOURCE).address:
                where = SOURCE
            host = self.cluster.node(where).address
            seen = self._hosts(name), self.watcher.running_at(), self.watcher.mounted_at()
            if seen != ([(host, True)], [where], [where] * len(ids)):
                return None
            for dataset_id in ids:
                leases = self._leases(dataset_id)
                own = leases.pop(where).startswith("primary")
                (other,) = leases.values()
                # What never got there whole is nobody's replica.
                if not (own and other.startswith(("replica", *([""] * trial)))):
                    return None
            return where

        try:
            return str(wait_for(at_rest, "at rest", RECOVERY_SECONDS_MAX))
        except AssertionError as error:
            raise AssertionError(
                f"{error}: leases {[self._leases(each) for each in ids]}, redis runs at "
                f"{self.watcher.running_at()}, state {self._get('/state/containers')}"
            ) from None

    def _wished(self, name: str) -> str | None:
        """Where the configuration wants it."""
        desired = self._get("/configuration/containers")
        return next((item["host"] for item in desired if item["name"] == name), None)

    def _hosts(self, name: str) -> list[tuple[str, bool]]:
        """Where the state says that the container is, and whether it runs there."""
        states = self._get("/state/containers")
        return [(item["host"], item["running"]) for item in states if item["name"] == name]

    def _get(self, path: str) -> Any:
        """The answer of the REST API."""
        try:
            return self.cluster.get(path)
        except OSError:
            return []  # the control service may be down for a while

    def _await_records(self, client: journal.Journal) -> None:
        goal = len(client.acknowledged) + RECORDS
        wait_for(lambda: len(client.acknowledged) >= goal, "a client that is served")

    def _close(self, name: str, ids: list[str]) -> None:
        """Delete it, until nothing is left of it on either node."""
        self.cluster.player.delete(f"/configuration/containers/{name}")
        for dataset_id in ids:
            self.cluster.player.delete(f"/configuration/datasets/{dataset_id}")
        for dataset_id in ids:
            self._await_gone(dataset_id)

    def _await_gone(self, dataset_id: str) -> None:
        wait_for(lambda: set(self._leases(dataset_id).values()) == {""}, "its dataset gone")


def node_of(step: Step) -> str:
    """The name of the node whose command the step is."""
    return SOURCE if step.where is Where.SOURCE else TARGET


@contextmanager
def stage(name: str, subnet: str) -> Iterator[Stage]:
    """A lab of two nodes that stand still where they are told to, with a watcher on it."""
    with ExitStack() as stack:
        lab = stack.enter_context(Lab(name, subnet, pulled=True))
        standstills = {each: Standstill(lab.node(each)) for each in (SOURCE, TARGET)}
        for standstill in standstills.values():
            stack.callback(standstill.remove)
            standstill.install()
            have_it_ask(standstill.node)
        cluster = Cluster(lab)
        cluster.player.poll(
            "/state/nodes",
            lambda nodes: agents_here(nodes) == len(standstills),
        )
        watcher = Watcher([lab.node(SOURCE), lab.node(TARGET)])
        watcher.start()
        stack.callback(watcher.stop)
        yield Stage(cluster, standstills, watcher)


def have_it_ask(node: Node) -> None:
    """Have the node's agent ask the Docker that waits."""
    path = node.root / AGENT_FILE
    path.write_text(f"{path.read_text()}docker-socket: {WAITING_SOCKET}\n")
    node.stop_service("flocker-agent")
    node.start_service("flocker-agent")
