"""The chapters of the story; each ends with what it saw, or with a StoryError."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from admin.hosts import Lab, Node
from admin.story.clients import PostgresClient, RedisClient
from admin.story.drivers import CurlDriver, Driver, Program
from admin.story.player import Player, StoryError

FILL_ROW_BYTES = 8192
DOCKER_PS = "docker ps --format 'table {{.Names}}\\t{{.Image}}\\t{{.Status}}'"


@dataclass(frozen=True)
class Moved:
    """What a move was like: the API's report of its progress, and what a client saw."""

    title: str
    progress: dict[str, Any]
    client_pause_seconds: float
    refused: int
    intact: bool


class Story:
    """Two agent nodes and a control service, driven with curl or by another `driver`."""

    def __init__(self, lab: Lab, player: Player, driver: Driver | None = None) -> None:
        self._lab = lab
        self._play = player
        self._driver = driver or CurlDriver(player)
        self.first: Node = lab.node("n1")
        self.second: Node = lab.node("n2")

    def nodes(self) -> None:
        """Both agents have announced themselves to the control service."""
        self._play.tell("The nodes of the cluster.")
        self._driver.nodes()

    def webserver(self) -> None:
        """A container without data: its image is pulled, and it runs."""
        self._play.tell("A container without data. The agent pulls its image.")
        self._driver.run(Program("webserver", "nginx:latest"), self.first)

    def redis(self) -> None:
        """A dataset, and a redis that keeps its data there, reachable through either node."""
        play = self._play
        play.tell("A dataset, and a redis that keeps its data in it.")
        program = Program(
            *("redis", "redis:latest", "redis_data", "/data"), port=6379, restart="always"
        )
        self._driver.run(program, self.first)
        play.tell("Its port answers on every node: here through the one that does not run it.")
        RedisClient(self.second.address, 6379).wait_until_up()
        _expect(play.run(f"redis-cli -h {self.second.address} set hello world"), "OK")
        _expect(play.run(f"redis-cli -h {self.first.address} save"), "OK")

    def move_redis(self, source: Node, target: Node, title: str) -> Moved:
        """Move it while a client counts; afterwards the data and the count are there."""
        play = self._play
        play.tell(f"Move it to {target.address}, while a client goes on writing to it.")
        with RedisClient(self.first.address, 6379) as client:
            client.wait_for_answers(20)
            before = client.answered
            progress = self._driver.move("redis", target)
            client.wait_for_answers(20)
        play.tell("The data is there, through either node.")
        for node in (self.first, self.second):
            _expect(play.run(f"redis-cli -h {node.address} get hello"), "world")
        visits = int(play.run(f"redis-cli -h {target.address} get visits"))
        self._show_where_it_runs("redis", source, target)
        # An increment whose answer was lost on the way may count as well.
        intact = visits >= client.answered > before
        return Moved(title, progress, client.longest_pause_seconds, client.refused, intact)

    def postgres(self, size_mib: int) -> None:
        """A PostgreSQL with this much data in it."""
        play = self._play
        play.tell(f"A PostgreSQL with {size_mib} MiB of data.")
        program = Program(
            *("postgres", "postgres:latest", "postgres_data", "/var/lib/postgresql/data"),
            port=5432,
            environment={"POSTGRES_HOST_AUTH_METHOD": "trust"},
        )
        self._driver.run(program, self.first)
        PostgresClient(self.first.address, 5432).wait_until_up()
        rows = size_mib * 1024 * 1024 // FILL_ROW_BYTES
        self._sql(
            "CREATE TABLE journal (number int PRIMARY KEY)",
            "CREATE TABLE fill (number int, body text)",
            # Neither compressed nor short, so that the size is what it says.
            "ALTER TABLE fill ALTER body SET STORAGE external",
            f"INSERT INTO fill SELECT g, repeat(md5(random()::text), {FILL_ROW_BYTES // 32}) "
            f"FROM generate_series(1, {rows}) g",
            "CHECKPOINT",
        )

    def move_postgres(self, title: str) -> Moved:
        """Move it under a write load; afterwards each acknowledged transaction is there."""
        play = self._play
        play.tell("Move it under a light write load.")
        with PostgresClient(self.second.address, 5432) as client:
            client.wait_for_answers(50)
            progress = self._driver.move("postgres", self.second)
            client.wait_for_answers(50)
        play.tell("Is every transaction there that was acknowledged?")
        there = self._sql("SELECT number FROM journal ORDER BY number")
        found = {int(row) for row in there.split()}
        lost = [number for number in client.acknowledged if number not in found]
        play.tell(f"{len(client.acknowledged)} were acknowledged, {len(lost)} of them are missing.")
        return Moved(title, progress, client.longest_pause_seconds, client.refused, not lost)

    def clean_up(self) -> None:
        """Delete everything; nothing of it is left on either node."""
        play = self._play
        play.tell("Delete the containers and the datasets.")
        self._driver.delete_everything()
        play.tell("Nothing of them is left on either node.")
        for node in (self.first, self.second):
            left = self.what_is_left(node)
            if left:
                raise StoryError(f"left on {node.name}: {left}")

    def what_is_left(self, node: Node) -> list[str]:
        """The datasets (and their snapshots) and containers of ours that a node has."""
        listed = node.run(["zfs", "list", "-H", "-r", "-t", "all", "-o", "name", node.pool]).stdout
        root = f"{node.pool}/flocker-lite/"
        datasets = [line for line in listed.splitlines() if line.startswith(root)]
        names = node.run(["docker", "ps", "-a", "--format", "{{.Names}}"]).stdout
        return datasets + [name for name in names.split() if name.startswith("flocker--")]

    def _show_where_it_runs(self, name: str, source: Node, target: Node) -> None:
        play = self._play
        play.tell("docker ps shows that it moved.")
        for node, expected in ((source, False), (target, True)):
            listed = play.run(
                f"admin/lab --name {self._lab.plan.name} exec {node.name} -- {DOCKER_PS}"
            )
            if (f"flocker--{name}" in listed) is not expected:
                raise StoryError(f"{name} on {node.name}: {listed}")

    def _sql(self, *statements: str) -> str:
        inside = ["docker", "exec", "flocker--postgres", "psql", "-U", "postgres", "-tA"]
        words = [word for statement in statements for word in ("-c", statement)]
        runs_at = self.first if self._has(self.first, "postgres") else self.second
        return str(runs_at.run([*inside, *words], timeout_seconds=600).stdout)

    def _has(self, node: Node, name: str) -> bool:
        names = node.run(["docker", "ps", "--format", "{{.Names}}"]).stdout
        return f"flocker--{name}" in names.split()


def _expect(printed: str, expected: str) -> None:
    if printed != expected:
        raise StoryError(f"{printed!r} where {expected!r} should be")
