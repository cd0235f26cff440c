"""A node loses power, and a person has its standby take over: on real ZFS, Docker and ssh.

Clients append numbered records all the time. After a failover at most the lag of what they were
acknowledged is lost, and all of that is in what the old node sets aside when it comes back.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pg8000.native
import pytest

from admin.hosts import Lab
from admin.hosts.arrivals import agents_here
from admin.story.clients import PostgresClient
from tests.functional.agents_lab import Cluster, wait_for
from tests.functional.crashes import journal

COMMAND = str(Path(__file__).resolve().parents[2] / ".venv/bin/flockerctl")
NODES = ("n1", "n2", "n3")
REDIS, POSTGRES = 7600, 7601
RPO_SECONDS = 5.0
WRITING_SECONDS = 12.0
COMMAND_SECONDS_MAX = 240.0
BACK_SECONDS_MAX = 240.0
CLOCKS_SECONDS = 0.5
"""One machine has one clock; a record may be noted this much later than it was written."""

POOL = "flocker/flocker-lite"
LOOK = "flocker/look"


class Timed(list[int]):
    """Numbers, and when each was added."""

    def __init__(self) -> None:
        super().__init__()
        self.at: dict[int, float] = {}

    def append(self, number: int) -> None:
        self.at[number] = time.time()
        super().append(number)


@dataclass
class Service:
    """A database with a standby, and a client that never stops writing to it."""

    name: str
    port: int
    dataset_id: str
    acknowledged: Timed
    stored: Callable[[str], list[int]]
    in_aside: Callable[[Cluster, str], set[int]]
    stop: Callable[[], None]
    lost: set[int] = field(default_factory=set)


def redis_service(cluster: Cluster, dataset_id: str) -> Service:
    cluster.create(
        "n1",
        "redis",
        command_line=journal.COMMAND_LINE,
        ports=[{"internal": 6379, "external": REDIS}],
        volumes=[{"dataset_id": dataset_id, "mountpoint": "/data"}],
        restart_policy={"name": "always"},
    )
    cluster.running("redis")
    client = journal.Journal([cluster.node("n2").address, cluster.node("n3").address], REDIS)
    client.acknowledged = Timed()
    client.start()
    return Service(
        *("redis", REDIS, dataset_id, client.acknowledged),
        lambda address: journal.read_all(address, REDIS),
        redis_records,
        client.stop,
    )


def redis_records(cluster: Cluster, folder: str) -> set[int]:
    """The numbers in the append-only file below a directory of n1."""
    found = cluster.node("n1").run(["sh", "-c", f"cat {folder}/appendonlydir/*.aof"]).stdout
    return {int(number) for number in re.findall(r"journal\s+\$\d+\s+(\d+)", found)}


def postgres_service(cluster: Cluster, dataset_id: str) -> Service:
    cluster.create(
        "n1",
        "postgres",
        image="postgres:latest",
        command_line=None,
        environment={"POSTGRES_HOST_AUTH_METHOD": "trust"},
        ports=[{"internal": 5432, "external": POSTGRES}],
        volumes=[{"dataset_id": dataset_id, "mountpoint": "/var/lib/postgresql/data"}],
        restart_policy={"name": "always"},
    )
    cluster.running("postgres")
    client = PostgresClient(cluster.node("n2").address, POSTGRES)
    client.acknowledged = Timed()
    client.wait_until_up()
    create = "CREATE TABLE journal (number int PRIMARY KEY)"
    psql = ["docker", "exec", "flocker--postgres", "psql", "-U", "postgres", "-c", create]
    cluster.node("n1").run(psql)
    client.__enter__()
    return Service(
        *("postgres", POSTGRES, dataset_id, client.acknowledged),
        postgres_rows,
        postgres_records,
        client.stop,
    )


def postgres_rows(address: str, port: int = POSTGRES) -> list[int]:
    connection = pg8000.native.Connection("postgres", host=address, port=port)
    try:
        rows = connection.run("SELECT number FROM journal ORDER BY number")
    finally:
        connection.close()
    return [number for (number,) in rows]


def postgres_records(cluster: Cluster, folder: str) -> set[int]:
    """The rows that a server finds which is started on a directory of n1."""
    node = cluster.node("n1")
    volume = f"{folder}:/var/lib/postgresql/data"
    node.run(["docker", "run", "-d", "--name", "look", "-v", volume, "postgres:latest"])
    ask = ["docker", "exec", "look", "psql", "-U", "postgres", "-tA", "-c"]
    asked = [*ask, "SELECT number FROM journal"]

    def rows() -> str:
        return str(node.run(asked, check=False).stdout.strip())

    try:
        return {int(number) for number in str(wait_for(rows, "rows in the aside")).split()}
    finally:
        node.run(["docker", "rm", "-f", "look"])


class FailoverCluster(Cluster):
    """Three nodes, and two databases with data at the first; the second one stands by."""

    services: tuple[Service, ...] = ()

    def open(self) -> None:
        self.player.poll("/state/nodes", lambda nodes: agents_here(nodes) == len(NODES))
        pair = [self.node(node).address for node in ("n1", "n2")]
        replicas = {"nodes": pair, "rpo_seconds": RPO_SECONDS}
        datasets = [self.dataset("n1", replicas=replicas) for _ in range(2)]
        self.services = (
            redis_service(self, datasets[0]),
            postgres_service(self, datasets[1]),
        )

    def prospect(self, service: Service, node: str) -> Any:
        """What a failover to a node would be like now."""
        path = f"/configuration/containers/{service.name}/failover?dry_run=1"
        return self.player.post(path, {"host": self.node(node).address})

    def stands_by(self, service: Service, node: str, since: float) -> Any:
        """Wait until a set that was taken since then is complete at a node."""

        def fresh() -> Any:
            found = self.prospect(service, node)
            return found if found.get("loses_since", 0.0) > since else None

        try:
            return wait_for(fresh, f"{service.name} stands by at {node}", BACK_SECONDS_MAX)
        except AssertionError as error:
            said = [self.prospect(service, node), self.get("/state/datasets")]
            raise AssertionError(f"{error}: {said}") from None

    def flockerctl(self, *words: str, input_text: str = "") -> subprocess.CompletedProcess[str]:
        known = {k: v for k, v in os.environ.items() if not k.startswith("FLOCKER_")}
        return subprocess.run(
            [COMMAND, *words],
            env={**known, "FLOCKER_CONTROL_SERVICE": self.node("control").address},
            input=input_text,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS_MAX,
        )

    def runs_at(self, node: str) -> list[str]:
        """The containers of ours that Docker runs at a node."""
        names = self.docker(node, "ps", "--format", "{{.Names}}").split()
        return sorted(name for name in names if name.startswith("flocker--"))

    def zfs(self, node: str, *words: str) -> str:
        return str(self.node(node).run(["zfs", *words]).stdout.strip())

    def records(self, service: Service, node: str) -> list[int]:
        """All that is there, asked at a node's address, as soon as somebody answers there."""

        def look() -> list[int]:
            try:
                return service.stored(self.node(node).address)
            except (OSError, EOFError, ValueError, pg8000.exceptions.Error):
                return []

        return list(wait_for(look, f"{service.name} answers at {node}"))

    def written(self, service: Service, count: int = 20) -> None:
        """Wait until the client was acknowledged so many more records."""
        goal = len(service.acknowledged) + count
        wait_for(lambda: len(service.acknowledged) >= goal, f"records of {service.name}")


@pytest.fixture(scope="module")
def cluster() -> Iterator[FailoverCluster]:
    """They write, and the standby has all of it but the last seconds."""
    with Lab("test-failover", "10.85.67.0/24", nodes=3, pulled=True) as lab:
        made = FailoverCluster(lab)
        try:
            made.open()
            for service in made.services:
                made.stands_by(service, "n2", 0.0)
            yield made
        finally:
            for service in made.services:
                service.stop()


def test_nobody_takes_over_from_a_primary_that_is_well(cluster: FailoverCluster) -> None:
    """A move loses nothing; no other node has the data."""
    for service in cluster.services:
        refused = cluster.flockerctl("failover", service.name, "-y")
        assert refused.returncode == 3, refused
        assert "move it instead, so that nothing is lost" in refused.stderr
        refused = cluster.flockerctl("failover", service.name, "--to", "n3", "--force", "-y")
        refused = cluster.flockerctl(
            *("failover", service.name, "--to", cluster.node("n3").address, "--force", "-y")
        )
        assert refused.returncode == 3, refused
        assert "has no copy of dataset" in refused.stderr
    assert cluster.runs_at("n1") == ["flocker--postgres", "flocker--redis"]


def test_a_node_loses_power(cluster: FailoverCluster) -> None:
    """Its standby takes over by force; at most the lag of what was acknowledged is lost."""
    time.sleep(WRITING_SECONDS)
    cluster.node("n1").crash()
    died_at = time.time()
    for service in cluster.services:

        def is_away(service: Service = service) -> bool:
            return "whose agent is away" in cluster.prospect(service, "n2").get("needs_force", "")

        wait_for(is_away, "n1 is away", BACK_SECONDS_MAX)
        refused = cluster.flockerctl("failover", service.name, "-y")
        assert refused.returncode == 3, refused
        assert "Nothing proves that" in refused.stderr
        found = cluster.prospect(service, "n2")
        assert not found["proved_stopped"]
        done = cluster.flockerctl("failover", service.name, "--force", input_text="y\n")
        assert done.returncode == 0, done
        assert "lost at most what was written in" in done.stdout, done
        held_against(cluster, service, found["loses_since"], died_at)


def held_against(
    cluster: FailoverCluster, service: Service, taken_at: float, died_at: float
) -> None:
    """What is there afterwards, against what the client was acknowledged."""
    assert cluster.runs_at("n2").count(f"flocker--{service.name}") == 1
    before = {n for n in service.acknowledged if service.acknowledged.at[n] < died_at}
    cluster.written(service)
    for node in ("n2", "n3"):
        service.lost = before - set(cluster.records(service, node))
    late = {n for n in service.lost if service.acknowledged.at[n] < taken_at - CLOCKS_SECONDS}
    assert not late, (late, taken_at)
    lag = died_at - taken_at
    print(f"{service.name}: {len(service.lost)} of {len(before)} records lost, lag {lag:.1f} s")
    assert lag < 3 * RPO_SECONDS, lag


def test_the_old_node_comes_back(cluster: FailoverCluster) -> None:
    """It starts nothing, keeps aside what it alone had, and stands by again by an increment."""
    came_at = time.time()
    cluster.node("n1").start()
    for service in cluster.services:
        cluster.stands_by(service, "n1", came_at)
        assert cluster.runs_at("n1") == []
        listed = cluster.get("/state/set_aside")
        here = (service.dataset_id, cluster.node("n1").address)
        # The standby has one of its own if it was ahead of the last set that was complete there.
        asides = [each for each in listed if (each["dataset_id"], each["host"]) == here]
        assert len(asides) == 1, listed
        [aside] = asides
        assert aside["reason"] == "failover"
        # It was cloned and promoted, not sent anew.
        origin = cluster.zfs("n1", "get", "-H", "-o", "value", "origin", f"{POOL}/{aside['name']}")
        assert origin.startswith(f"{POOL}/{service.dataset_id}@"), origin
        found = look_into(cluster, service, aside["name"])
        assert service.lost <= found, service.lost - found
        print(f"{service.name}: all {len(service.lost)} lost records are in {aside['name']}")
    assert cluster.runs_at("n2") == ["flocker--postgres", "flocker--redis"]


def look_into(cluster: FailoverCluster, service: Service, aside: str) -> set[int]:
    """The records in what was set aside, as docs/failover.rst says how to look."""
    listed = cluster.zfs(
        "n1", "list", "-H", "-t", "snapshot", "-o", "name", "-r", f"{POOL}/{aside}"
    )
    [kept] = [name for name in listed.split() if "@deposed-" in name]
    folder = f"/mnt/{service.name}"
    cluster.node("n1").run(["mkdir", "-p", folder])
    cluster.zfs("n1", "clone", "-o", f"mountpoint={folder}", kept, LOOK)
    try:
        return service.in_aside(cluster, folder)
    finally:
        # zfs-fuse lets go of a mount after `unmount` has returned, and says "busy" until then.
        cluster.node("n1").run(["sh", "-c", f"until zfs destroy {LOOK}; do sleep 1; done"])


def test_failback(cluster: FailoverCluster) -> None:
    """Home again, by a move that loses nothing; then it is switched over once more."""
    for service in cluster.services:
        done = cluster.flockerctl("failback", service.name)
        assert done.returncode == 0, done
        assert f"flocker--{service.name}" in cluster.runs_at("n1")
        cluster.written(service)
        service.stop()
        missing = set(service.acknowledged) - service.lost - set(cluster.records(service, "n1"))
        assert not missing, missing
    moves = [item for item in cluster.get("/state/moves") if item.get("kind") == "failover"]
    assert len(moves) == len(cluster.services)
    for item in moves:
        assert item["phase"] == "done"
        assert item["receipt"]["failover"]["forced"]
        print(json.dumps({key: item[key] for key in ("container", "failover", "pause")}))
    redis = cluster.services[0]
    cluster.stands_by(redis, "n2", time.time())
    done = cluster.flockerctl("switchover", redis.name)
    assert done.returncode == 0, done
