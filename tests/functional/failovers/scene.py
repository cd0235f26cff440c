"""A lab on which one outage after the other strikes two databases that fail over by themselves."""

from __future__ import annotations

import itertools
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pg8000.native

from admin.hosts import Lab
from admin.hosts.arrivals import agents_here
from tests.functional.agents_lab import CHECKOUT, Cluster, wait_for
from tests.functional.failovers import databases
from tests.functional.failovers.databases import INSIDE, OUTSIDE, Database, Records
from tests.functional.failovers.faults import PRIMARY, STANDBY, Expected, Row
from tests.functional.failovers.outcome import Outcome
from tests.functional.failovers.runs import Runs
from tests.functional.failovers.writers import payload_of

COMMAND = str(CHECKOUT / ".venv/bin/flockerctl")
REDIS, POSTGRES = 7700, 7701
RPO_SECONDS = 5.0
RECORDS = 5
BETWEEN_FAULTS_SECONDS = 1.0
OVER_SECONDS_MAX = 90.0
"""Beside `after_seconds`: until the standby serves, on a machine that is busy."""

HOLD_TIMES = 2.5
"""For so many times `after_seconds` it is watched that nothing happens."""

HOME_SECONDS_MAX = 180.0
COMMAND_SECONDS_MAX = 240.0
CLOCKS_SECONDS = 0.5
"""A record may be noted so much later than it was written."""


@dataclass
class Scene:
    """`play` strikes, watches, mends, and brings the databases home."""

    cluster: Cluster
    after_seconds: float
    runs: Runs
    databases: list[Database] = field(default_factory=list)
    gone: dict[str, set[int]] = field(default_factory=dict)

    def open(self) -> None:
        """Have both databases at the primary, with a standby, and clients that write."""
        pair = [self.cluster.node(node).address for node in (PRIMARY, STANDBY)]
        replicas = {"nodes": pair, "rpo_seconds": RPO_SECONDS}
        failover = {"mode": "automatic", "after_seconds": self.after_seconds}
        for make, port in ((databases.redis, REDIS), (databases.postgres, POSTGRES)):
            dataset_id = self.cluster.dataset(PRIMARY, replicas=replicas)
            self.databases.append(make(self.cluster, port, dataset_id, failover))
            self.gone[self.databases[-1].name] = set()

    def play(self, row: Row) -> dict[str, Outcome]:
        """One row; AssertionError, with what was broken, unless every rule was held."""
        self.await_home()
        self.runs.forget()
        lab, began = self.cluster.lab, time.time()
        mended: list[Callable[[Lab], object]] = []
        try:
            for fault in row.faults:
                if mended:
                    time.sleep(BETWEEN_FAULTS_SECONDS)
                struck = time.time()
                mended.append(fault.mend)
                fault.strike(lab)
            self._await(row.expected, struck, began)
            if row.mended_first is not None and row.then is not None:
                mended.remove(row.mended_first.mend)
                row.mended_first.mend(lab)
                self._await(row.then, struck, began)
        finally:
            healed = time.time()
            for mend in reversed(mended):
                mend(lab)
        found = {}
        for database in self.databases:
            if row.fails_over:
                found[database.name] = self._taken_over(database, began, struck, healed)
            else:
                found[database.name] = self._went_on(database, began, struck)
        assert not (twice := self.runs.twice()), twice
        return found

    # What has to come of it

    def _await(self, expected: Expected, struck: float, began: float) -> None:
        if expected is Expected.OVER:
            for database in self.databases:
                self._await_over(database)
            return
        ends = time.time() + HOLD_TIMES * self.after_seconds
        while time.time() < ends:
            time.sleep(0.2)
            for database in self.databases:
                started = self.runs.at(database.container, STANDBY)
                assert not started, f"{database.name} was started: {started}"
        for database in self.databases:
            self._hold(expected, database, struck)

    def _hold(self, expected: Expected, database: Database, struck: float) -> None:
        spans = self.runs.at(database.container, PRIMARY)
        answers = database.client.since(time.time() - self.after_seconds)
        if expected in (Expected.STAYS, Expected.HANGS):
            assert len(spans) == 1, f"{database.name} was interrupted: {spans}"
            assert spans[0].gone is None, f"{database.name} was stopped: {spans}"
        if expected is Expected.STAYS:
            assert answers, f"{database.name} answers no more"
        if expected is Expected.STOPS:
            assert spans[-1].gone is not None, f"{database.name} runs on: {spans}"
            assert not answers, f"{database.name} answers still: {answers}"

    def _await_over(self, database: Database) -> None:
        def is_over() -> bool:
            spans = self.runs.at(database.container, STANDBY)
            return bool(spans) and len(database.client.since(spans[0].first, OUTSIDE)) >= RECORDS

        seconds = self.after_seconds + OVER_SECONDS_MAX
        try:
            wait_for(is_over, f"{database.name} is served by the standby", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self._said(database)}") from None

    def _said(self, database: Database) -> Any:
        try:
            state = self.cluster.states().get(database.name)
            moves = self.cluster.get(f"/state/moves?container={database.name}&limit=1")
        except OSError as error:
            return error
        return state, moves, self.runs.spans.get(database.container)

    # Afterwards

    def _went_on(self, database: Database, began: float, struck: float) -> Outcome:
        """It is at the primary, and nothing is lost."""
        self._await_served(database, PRIMARY)
        self._hold_records(database)
        times = database.client.since(began - 1)
        ended = [
            each.last for each in self.runs.at(database.container, PRIMARY) if each.gone is not None
        ]
        return Outcome(
            stopped=ended[0] - struck if ended else None,
            silent=longest_gap(times),
            written=len(times),
        )

    def _taken_over(
        self, database: Database, began: float, struck: float, healed: float
    ) -> Outcome:
        """The old primary stopped first; what is lost is within the lag, and was set aside."""
        before = self.runs.at(database.container, PRIMARY)
        first = self.runs.at(database.container, STANDBY)[0].first
        stopped = max(each.last for each in before)
        assert all(each.gone is not None and each.gone <= first for each in before), (
            f"{database.name}: the old primary's runs {before} had not ended by {first}"
        )
        taken_at = self._failover_of(database)["since"]
        self._await_served(database, STANDBY)
        acknowledged = dict(database.client.acknowledged)
        stored = self._stored(database, STANDBY)
        lost = set(acknowledged) - set(stored) - self.gone[database.name]
        early = {n: acknowledged[n] for n in lost if acknowledged[n].at < taken_at - CLOCKS_SECONDS}
        assert not early, f"{database.name}: lost though older than the set of {taken_at}: {early}"
        late = {n: acknowledged[n] for n in lost if acknowledged[n].at > first}
        assert not late, f"{database.name}: lost after the standby took over: {late}"
        self._hold_payloads(database, stored)
        answered = database.client.since(first, OUTSIDE)[0]
        self._stands_by(database, PRIMARY, healed)
        assert self.runs.runs_at(database.container) == [STANDBY]
        self._hold_aside(database, lost)
        self.gone[database.name] |= lost
        self._fail_back(database)
        times = database.client.since(began - 1)
        return Outcome(
            stopped - struck,
            first - struck,
            answered - struck,
            longest_gap([each for each in times if each <= answered]),
            stopped - taken_at,
            len(lost),
            len(times),
        )

    def _failover_of(self, database: Database) -> Any:
        """What the newest failover of a container says that it lost."""
        moves = self.cluster.get(f"/state/moves?container={database.name}")
        found = next(each for each in moves if each.get("kind") == "failover")
        assert found["failover"]["automatic"], found
        return {"since": found["failover"]["loses_since"]}

    def _hold_aside(self, database: Database, lost: set[int]) -> None:
        """What is lost is in what was set aside, byte for byte; then it is not needed any more."""

        def listed() -> Any:
            several = self.cluster.get("/state/set_aside")
            here = self.cluster.node(PRIMARY).address
            return [
                each
                for each in several
                if each["dataset_id"] == database.dataset_id and each["host"] == here
            ]

        asides = wait_for(listed, f"what was set aside of {database.name}")
        found: Records = {}
        for aside in asides:
            assert aside["reason"] == "failover", aside
            found |= databases.look_into(self.cluster, database, aside["name"])
        missing = lost - set(found)
        assert not missing, f"{database.name}: neither there nor set aside: {sorted(missing)}"
        self._hold_payloads(database, {number: found[number] for number in lost})
        for aside in asides:
            self.flockerctl("delete-set-aside", aside["name"], "-y")
        wait_for(lambda: not listed(), "what was set aside is deleted")

    def _hold_records(self, database: Database) -> None:
        known = set(database.client.acknowledged) - self.gone[database.name]
        stored = self._stored(database, PRIMARY)
        assert not (lost := known - set(stored)), f"{database.name}: lost {sorted(lost)}"
        self._hold_payloads(database, stored)

    def _hold_payloads(self, database: Database, stored: Records) -> None:
        wrong = [number for number, held in stored.items() if held != payload_of(number)]
        assert not wrong, f"{database.name}: other bytes than written in {wrong}"

    def _fail_back(self, database: Database) -> None:
        """Home again; that loses nothing."""
        self.flockerctl("failback", database.name)
        self._await_served(database, PRIMARY)
        self._hold_records(database)

    def _stored(self, database: Database, node: str) -> Records:
        """All that is there, as soon as somebody answers at a node."""

        def look() -> Records:
            try:
                return database.read(self.cluster.node(node).address)
            except (OSError, EOFError, ValueError, pg8000.exceptions.Error):
                return {}

        return dict(wait_for(look, f"{database.name} answers at {node}"))

    def _await_served(self, database: Database, node: str) -> None:
        """It runs at the node alone, and its clients are served from everywhere."""
        since = time.time()

        def is_served() -> bool:
            return self.runs.runs_at(database.container) == [node] and all(
                len(database.client.since(since, place)) >= RECORDS for place in (INSIDE, OUTSIDE)
            )

        try:
            wait_for(is_served, f"{database.name} serves at {node}", HOME_SECONDS_MAX)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self._said(database)}") from None

    def await_home(self) -> None:
        """All is well: both are served at the primary, and would fail over."""
        now = time.time()
        for database in self.databases:
            self._await_served(database, PRIMARY)
            self._stands_by(database, STANDBY, now)
            self.cluster.state(
                database.name,
                lambda found: found.get("failover_state", {}).get("armed"),
                HOME_SECONDS_MAX,
            )

    def _stands_by(self, database: Database, node: str, since: float) -> None:
        """Wait until a set that was taken since then is complete at a node."""
        path = f"/configuration/containers/{database.name}/failover?dry_run=1"

        def fresh() -> bool:
            found = self.cluster.player.post(path, {"host": self.cluster.node(node).address})
            return bool(found.get("loses_since", 0.0) > since)

        try:
            wait_for(fresh, f"{database.name} stands by at {node}", HOME_SECONDS_MAX)
        except AssertionError as error:
            said = self.cluster.get("/state/datasets")
            raise AssertionError(f"{error}: {said}") from None

    def flockerctl(self, *words: str) -> None:
        """Run it to its end; AssertionError when it fails."""
        known = {k: v for k, v in os.environ.items() if not k.startswith("FLOCKER_")}
        address = self.cluster.node("control").address
        done = subprocess.run(
            [COMMAND, *words],
            env={**known, "FLOCKER_CONTROL_SERVICE": address},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS_MAX,
        )
        assert done.returncode == 0, done


def longest_gap(times: list[float]) -> float:
    """The longest time between one and the next, of times in order."""
    return max((later - one for one, later in itertools.pairwise(times)), default=0.0)


@contextmanager
def scene(name: str, subnet: str, after_seconds: float) -> Iterator[Scene]:
    """A lab with a control service on a node of its own, a primary and a standby."""
    with ExitStack() as stack:
        lab = stack.enter_context(Lab(name, subnet, pulled=True))
        cluster = Cluster(lab)
        cluster.player.poll("/state/nodes", lambda nodes: agents_here(nodes) == 2)
        runs = Runs([lab.node(PRIMARY), lab.node(STANDBY)])
        runs.start()
        stack.callback(runs.stop)
        made = Scene(cluster, after_seconds, runs)
        try:
            made.open()
            yield made
        finally:
            for database in made.databases:
                database.client.stop()
