"""A control service with a fleet of simulated agents: what a cluster costs as it grows."""

from __future__ import annotations

import random
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from admin.bench.etcd import PutFloor, migrate, options
from admin.bench.figures import FsyncFloor, fsync_seconds, spread
from admin.bench.service import Client, ControlProcess, FleetProcesses, until
from admin.etcd_members import Members
from admin.hosts.arrivals import agents_here
from flocker_lite.control.store.content import Content
from flocker_lite.model import deltas
from flocker_lite.model.records import (
    Change,
    Configuration,
    Container,
    Dataset,
    Grant,
    Port,
    Volume,
)
from flocker_lite.testing.fleet import fleet_node

CONVERGED_SECONDS_MAX = 600.0
QUIET_SECONDS = 5.0
SILENCE_POLL_SECONDS = 0.5
DEATH_POLL_SECONDS = 0.01

CHANGES = 200
WRITES_PER_SECOND = 100
WRITES_SECONDS = 10.0
WRITERS = 16
FIRST_PORT = 10_000


def content(agents: int, containers: int, ports: int) -> Content:
    """A cluster of `agents` nodes with `containers` each, and one dataset for each container.

    `ports` of the containers have an external port, which concerns every node.
    """
    changes: list[Change] = []
    for number in range(agents):
        node = fleet_node(number)
        changes.append(Change("nodes", node.node_id, node))
        for index in range(containers):
            count = number * containers + index
            dataset_id = str(UUID(int=(1 << 64) + count, version=4))
            dataset = Dataset(dataset_id, node.node_id)
            container = Container(
                f"c{number}-{index}",
                node.node_id,
                "app:1",
                (Port(80, FIRST_PORT + count),) if count < ports else (),
                (Volume(dataset_id, "/data"),),
            )
            changes += [
                Change("datasets", dataset_id, dataset),
                Change("grants", dataset_id, Grant(node.node_id)),
                Change("containers", container.name, container),
            ]
    return Content(str(uuid4()), deltas.apply(Configuration(), changes))


def fleet(agents: int, containers: int, ports: int, is_on_etcd: bool = False) -> dict[str, Any]:
    """The figures for one size of a cluster, whose configuration is in SQLite or in etcd."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flocker-bench-")))
        members = Members(directory) if is_on_etcd else None
        filled = content(agents, containers, ports)
        control = ControlProcess(directory, filled, *(options(members) if members else ()))
        if members is not None:
            stack.callback(members.stop)
            members.start()
            migrate(control.data_path, members)
        stack.callback(control.stop)
        control.start()
        processes = FleetProcesses(control.agent_port, agents)
        stack.callback(processes.close)
        run = _Run(control, processes, agents, agents * containers)
        result: dict[str, Any] = {"agents": agents, "containers": agents * containers}
        processes.go()
        result["first_start"] = run.until_complete()
        run.until_quiet()
        result["steady"] = run.steady_with_a_silent_death()
        result["fsync_floor"] = spread(fsync_seconds(directory))
        result["change"] = run.changes()
        run.until_quiet()
        kind = "fsync" if members is None else "put"
        with _floor(directory, members) as floor, floor.beside():
            result["writes"] = run.writes()
        result["writes"] |= {f"{kind}_{key}": value for key, value in spread(floor.taken).items()}
        run.until_quiet()
        result["death_seen_seconds"] = run.death()
        began = time.monotonic()
        control.stop()
        control.start()
        serves = time.monotonic() - began
        result["restart"] = {"serves_seconds": serves, **run.until_complete()}
        run.until_quiet()
        result["memory_mib"] = control.memory_bytes() / 2**20
        return result


def _floor(directory: Path, members: Members | None) -> FsyncFloor | PutFloor:
    return FsyncFloor(directory) if members is None else PutFloor(members)


class _Run:
    """The measurements of one cluster."""

    def __init__(
        self, control: ControlProcess, processes: FleetProcesses, agents: int, containers: int
    ) -> None:
        self._control = control
        self._processes = processes
        self._agents = agents
        self._containers = containers
        self._random = random.Random(agents)

    def until_complete(self) -> dict[str, float]:
        """From now on: when all agents have reported, when every container is seen to run."""
        began = time.monotonic()
        cpu_before, others = self._control.cpu_seconds(), self._others()
        with closing(self._control.client()) as client:
            until(
                lambda: agents_here(client.get("/state/nodes")) == self._agents,
                CONVERGED_SECONDS_MAX,
                "all nodes are there",
                poll_seconds=0.2,
            )
            reported = time.monotonic() - began

            def all_run() -> bool:
                found = client.get("/state/containers")
                return sum(item["running"] for item in found) == self._containers

            until(all_run, CONVERGED_SECONDS_MAX, "all containers run", poll_seconds=1.0)
        return {
            "reported_seconds": reported,
            "complete_seconds": time.monotonic() - began,
            "cpu_seconds": self._control.cpu_seconds() - cpu_before,
            "others_percent": others(),
        }

    def _others(self) -> Callable[[], float]:
        """The percentage of the time from now on in which it waits for a processor."""
        before, began = self._control.waited_seconds(), time.monotonic()
        return lambda: (self._control.waited_seconds() - before) / (time.monotonic() - began) * 100

    def until_quiet(self) -> None:
        """Wait until the control service has next to nothing to do."""

        def is_quiet() -> bool:
            before = self._control.cpu_seconds()
            time.sleep(QUIET_SECONDS)
            return self._control.cpu_seconds() - before < 0.1 * QUIET_SECONDS

        until(is_quiet, CONVERGED_SECONDS_MAX, "the control service is quiet", poll_seconds=0)

    def steady_with_a_silent_death(self) -> dict[str, float]:
        """The cost of a steady state, and how long until a node that falls silent is noticed."""
        before, began = self._control.cpu_seconds(), time.monotonic()
        with closing(self._control.client()) as client:
            with self._processes.last_silent():
                self._until_last(client, is_away=True, poll_seconds=SILENCE_POLL_SECONDS)
                silence = time.monotonic() - began
            used = self._control.cpu_seconds() - before
            memory = self._control.memory_bytes()
            self._until_last(client, is_away=False, poll_seconds=SILENCE_POLL_SECONDS)
        return {
            "cpu_percent": used / silence * 100,
            "memory_mib": memory / 2**20,
            "silence_seen_seconds": silence,
        }

    def changes(self) -> dict[str, float]:
        """One after the other: from the request until the one agent concerned acts on it."""
        latencies, answers = [], []
        cpu_before, others = self._control.cpu_seconds(), self._others()
        with closing(self._control.client()) as client:
            for _ in range(CHANGES):
                dataset_id, began, answered = self._write(client)
                latencies.append(self._processes.wait_for(dataset_id) - began)
                answers.append(answered - began)
        time.sleep(1.0)
        cpu = self._control.cpu_seconds() - cpu_before
        return {
            **spread(latencies),
            **{f"answer_{key}": value for key, value in spread(answers).items()},
            "others_percent": others(),
            "cpu_milliseconds": cpu / CHANGES * 1000,
        }

    def writes(self) -> dict[str, float]:
        """The figures of many writes a second, by several clients at a time."""
        made: list[tuple[str, float, float]] = []
        count = int(WRITES_PER_SECOND * WRITES_SECONDS)
        numbers = iter(range(count))
        lock = threading.Lock()
        began = time.monotonic()
        cpu_before, others = self._control.cpu_seconds(), self._others()

        def write() -> None:
            with closing(self._control.client()) as client:
                while True:
                    with lock:
                        number = next(numbers, None)
                    if number is None:
                        return
                    due = began + number / WRITES_PER_SECOND
                    time.sleep(max(0.0, due - time.monotonic()))
                    made.append(self._write(client))

        threads = [threading.Thread(target=write) for _ in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took, disturbed = time.monotonic() - began, others()
        seen = [self._processes.wait_for(each) - start for each, start, _ in made]
        return {
            "per_second": count / took,
            **spread([answered - start for _, start, answered in made]),
            **{f"agent_{key}": value for key, value in spread(seen).items()},
            "cpu_percent": (self._control.cpu_seconds() - cpu_before) / took * 100,
            "others_percent": disturbed,
        }

    def death(self) -> float:
        """From the end of an agent until the API says that it is away."""
        with closing(self._control.client()) as client:
            began = time.monotonic()
            self._processes.stop_last()
            self._until_last(client, is_away=True, poll_seconds=DEATH_POLL_SECONDS)
            seen = time.monotonic() - began
            self._processes.start_last()
            self._until_last(client, is_away=False, poll_seconds=SILENCE_POLL_SECONDS)
        return seen

    def _until_last(self, client: Client, is_away: bool, poll_seconds: float) -> None:
        path = f"/state/nodes/{fleet_node(self._processes.last).node_id}"
        until(
            lambda: client.get(path).get("away", False) == is_away,
            CONVERGED_SECONDS_MAX,
            f"the last node is {'away' if is_away else 'back'}",
            poll_seconds,
        )

    def _write(self, client: Client) -> tuple[str, float, float]:
        """Have a dataset on some node: its id, when that was asked for, when it was answered."""
        dataset_id = str(uuid4())
        address = fleet_node(self._random.randrange(self._agents)).address
        began = time.monotonic()
        client.request(
            "POST", "/configuration/datasets", {"dataset_id": dataset_id, "primary": address}
        )
        return dataset_id, began, time.monotonic()


_ROWS = (
    ("first start: all have reported", "first_start.reported_seconds", "s"),
    ("first start: all containers run", "first_start.complete_seconds", "s"),
    ("first start: CPU", "first_start.cpu_seconds", "s"),
    ("steady state: CPU", "steady.cpu_percent", "%"),
    ("steady state: memory", "steady.memory_mib", "MiB"),
    ("fsync floor p50", "fsync_floor.p50_milliseconds", "ms"),
    ("fsync floor p99", "fsync_floor.p99_milliseconds", "ms"),
    ("change: at the agent p50", "change.p50_milliseconds", "ms"),
    ("change: at the agent p99", "change.p99_milliseconds", "ms"),
    ("change: answered p50", "change.answer_p50_milliseconds", "ms"),
    ("change: answered p99", "change.answer_p99_milliseconds", "ms"),
    ("change: CPU, with its report", "change.cpu_milliseconds", "ms"),
    ("change: kept waiting by others", "change.others_percent", "%"),
    ("100 writes/s: done", "writes.per_second", "/s"),
    ("100 writes/s: fsync beside it p50", "writes.fsync_p50_milliseconds", "ms"),
    ("100 writes/s: fsync beside it p99", "writes.fsync_p99_milliseconds", "ms"),
    ("100 writes/s: put beside it p50", "writes.put_p50_milliseconds", "ms"),
    ("100 writes/s: put beside it p99", "writes.put_p99_milliseconds", "ms"),
    ("100 writes/s: answered p50", "writes.p50_milliseconds", "ms"),
    ("100 writes/s: answered p99", "writes.p99_milliseconds", "ms"),
    ("100 writes/s: at the agent p99", "writes.agent_p99_milliseconds", "ms"),
    ("100 writes/s: CPU", "writes.cpu_percent", "%"),
    ("100 writes/s: kept waiting", "writes.others_percent", "%"),
    ("an agent's end is seen after", "death_seen_seconds", "s"),
    ("a silent node is seen after", "steady.silence_seen_seconds", "s"),
    ("restart: serves again after", "restart.serves_seconds", "s"),
    ("restart: then all have reported", "restart.reported_seconds", "s"),
    ("restart: state is complete", "restart.complete_seconds", "s"),
    ("restart: CPU", "restart.cpu_seconds", "s"),
    ("restart: kept waiting by others", "restart.others_percent", "%"),
    ("memory at the end", "memory_mib", "MiB"),
)


def table(results: list[dict[str, Any]]) -> str:
    """The growth curve for people: a column for each size."""
    lines = [f"{'agents':34}" + "".join(f"{result['agents']:>12}" for result in results)]
    lines.append(f"{'containers':34}" + "".join(f"{item['containers']:>12}" for item in results))
    for title, path, unit in _ROWS:
        if not all(_has(result, path) for result in results):
            continue
        values = "".join(f"{_at(result, path):>8.2f} {unit:<3}" for result in results)
        lines.append(f"{title:34}{values}")
    return "\n".join(lines)


def _has(result: dict[str, Any], path: str) -> bool:
    group, _, name = path.rpartition(".")
    return name in (result[group] if group else result)


def _at(result: dict[str, Any], path: str) -> float:
    found: Any = result
    for key in path.split("."):
        found = found[key]
    return float(found)
