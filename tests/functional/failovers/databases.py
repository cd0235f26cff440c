"""The databases that fail over: how each is made, read, and found again in what is set aside."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pg8000.native

from admin.hosts import LabError, Node
from tests.functional.agents_lab import Cluster, wait_for
from tests.functional.crashes import journal
from tests.functional.failovers.faults import PRIMARY, STANDBY
from tests.functional.failovers.writers import Client, Place, PostgresWriter, RedisWriter

Records = dict[int, str]
"""What is stored, by number."""

POOL, LOOK = "flocker/flocker-lite", "flocker/look"
INSIDE, OUTSIDE, AT_PRIMARY = "inside", "outside", "at the primary"


@dataclass
class Database:
    """A container with data at the primary, and the client that never stops writing to it."""

    name: str
    dataset_id: str
    client: Client
    read: Callable[[str], Records]
    read_aside: Callable[[Node, str], Records]

    @property
    def container(self) -> str:
        """What Docker calls it."""
        return f"flocker--{self.name}"


def places(cluster: Cluster) -> list[Place]:
    """On the primary's node itself, and elsewhere by the addresses of both nodes."""
    primary, standby = cluster.node(PRIMARY), cluster.node(STANDBY)
    return [
        Place(INSIDE, primary.address, primary.node.namespace),
        Place(OUTSIDE, standby.address),
        Place(AT_PRIMARY, primary.address),
    ]


def redis(cluster: Cluster, port: int, dataset_id: str, failover: Any) -> Database:
    """Each record is on disk before it is acknowledged."""
    name = "redis"
    cluster.create(
        PRIMARY,
        name,
        command_line=journal.COMMAND_LINE,
        ports=[{"internal": 6379, "external": port}],
        volumes=[{"dataset_id": dataset_id, "mountpoint": "/data"}],
        restart_policy={"name": "always"},
        failover=failover,
    )
    cluster.running(name)
    client = Client(RedisWriter, port, places(cluster))
    client.start()
    return Database(
        name, dataset_id, client, lambda address: _read_redis(address, port), _redis_in_aside
    )


def postgres(cluster: Cluster, port: int, dataset_id: str, failover: Any) -> Database:
    """Each transaction is on disk before it is acknowledged."""
    name = "postgres"
    cluster.create(
        PRIMARY,
        name,
        image="postgres:latest",
        command_line=None,
        environment={"POSTGRES_HOST_AUTH_METHOD": "trust"},
        ports=[{"internal": 5432, "external": port}],
        volumes=[{"dataset_id": dataset_id, "mountpoint": "/var/lib/postgresql/data"}],
        restart_policy={"name": "always"},
        failover=failover,
    )
    cluster.running(name)
    address = cluster.node(PRIMARY).address
    wait_for(lambda: _has_table(address, port), "a table in PostgreSQL")
    client = Client(PostgresWriter, port, places(cluster))
    client.start()
    return Database(
        name, dataset_id, client, lambda address: _read_postgres(address, port), _postgres_in_aside
    )


def _has_table(address: str, port: int) -> bool:
    create = "CREATE TABLE IF NOT EXISTS journal (number int PRIMARY KEY, payload text)"
    try:
        _ask(address, port, create)
    except (OSError, EOFError, pg8000.exceptions.Error):
        return False
    return True


def _ask(address: str, port: int, statement: str) -> Any:
    connection = pg8000.native.Connection("postgres", host=address, port=port, timeout=10)
    try:
        return connection.run(statement)
    finally:
        connection.close()


def _read_postgres(address: str, port: int) -> Records:
    rows = _ask(address, port, "SELECT number, payload FROM journal")
    return {number: payload for number, payload in rows}  # noqa: C416


def _read_redis(address: str, port: int) -> Records:
    words = journal.read_words(address, port)
    return dict(_record(word) for word in words)


def _record(word: str) -> tuple[int, str]:
    number, _, payload = word.partition(":")
    return int(number), payload


def _redis_in_aside(node: Node, folder: str) -> Records:
    """The records in the append-only file below a directory of the node."""
    found = node.run(["sh", "-c", f"cat {folder}/appendonlydir/*.aof"]).stdout
    return dict(_record(word) for word in re.findall(r"journal\s+\$\d+\s+(\d+:[0-9a-f]+)\n", found))


def _postgres_in_aside(node: Node, folder: str) -> Records:
    """The rows that a server finds which is started on a directory of the node."""
    volume = f"{folder}:/var/lib/postgresql/data"
    node.run(["docker", "rm", "-f", "look"], check=False)
    node.run(["docker", "run", "-d", "--name", "look", "-v", volume, "postgres:latest"])
    ask = ["docker", "exec", "look", "psql", "-U", "postgres", "-tA", "-F", ":", "-c"]
    asked = [*ask, "SELECT number, payload FROM journal"]
    try:
        found = wait_for(lambda: node.run(asked, check=False).stdout, "rows in the aside")
        return dict(_record(line) for line in str(found).split())
    finally:
        node.run(["docker", "rm", "-f", "look"])


def look_into(cluster: Cluster, database: Database, aside: str) -> Records:
    """The records in what the old primary set aside, as docs/failover.rst says how to look."""
    node, folder = cluster.node(PRIMARY), f"/mnt/{database.name}"
    listed = node.run(
        ["zfs", "list", "-H", "-t", "snapshot", "-o", "name", "-r", f"{POOL}/{aside}"]
    )
    [kept] = [name for name in listed.stdout.split() if "@deposed-" in name]
    node.run(["mkdir", "-p", folder])
    node.run(["zfs", "clone", "-o", f"mountpoint={folder}", kept, LOOK])
    try:
        return database.read_aside(node, folder)
    finally:
        wait_for(lambda: _is_destroyed(node), f"{LOOK} is gone")


def _is_destroyed(node: Node) -> bool:
    node.run(["zfs", "unmount", LOOK], check=False)
    try:
        node.run(["zfs", "destroy", LOOK])
    except LabError as error:
        return "does not exist" in str(error)
    return True
