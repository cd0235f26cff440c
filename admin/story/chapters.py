"""The chapters of the story; each ends with what it saw, or with a StoryError."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from admin.hosts import Lab, Node
from admin.story.clients import PostgresClient, RedisClient
from admin.story.player import Player, StoryError

MOVE_TIMEOUT_SECONDS = 600.0
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
    """Two agent nodes and a control service, driven with curl."""

    def __init__(self, lab: Lab, player: Player) -> None:
        self._lab = lab
        self._play = player
        self.first: Node = lab.node("n1")
        self.second: Node = lab.node("n2")
        self._datasets: dict[str, str] = {}

    def nodes(self) -> None:
        """Both agents have announced themselves to the control service."""
        self._play.tell("The nodes of the cluster.")
        self._play.poll("/state/nodes", lambda answer: len(answer) == 2)

    def webserver(self) -> None:
        """A container without data: its image is pulled, and it runs."""
        play = self._play
        play.tell("A container without data. The agent pulls its image.")
        body = {"host": self.first.address, "name": "webserver", "image": "nginx:latest"}
        play.post("/configuration/containers", body)
        play.poll("/state/containers", lambda answer: _runs(answer, "webserver", self.first))

    def redis(self) -> None:
        """A dataset, and a redis that keeps its data there, reachable through either node."""
        play = self._play
        play.tell("A dataset, and a redis that keeps its data in it.")
        dataset_id = self._dataset("redis_data")
        play.post(
            "/configuration/containers",
            {
                "host": self.first.address,
                "name": "redis",
                "image": "redis:latest",
                "restart_policy": {"name": "always"},
                "ports": [{"internal": 6379, "external": 6379}],
                "volumes": [{"dataset_id": dataset_id, "mountpoint": "/data"}],
            },
        )
        play.poll("/state/containers", lambda answer: _runs(answer, "redis", self.first))
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
            progress = self._move("redis", target)
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
        dataset_id = self._dataset("postgres_data")
        play.post(
            "/configuration/containers",
            {
                "host": self.first.address,
                "name": "postgres",
                "image": "postgres:latest",
                "environment": {"POSTGRES_HOST_AUTH_METHOD": "trust"},
                "ports": [{"internal": 5432, "external": 5432}],
                "volumes": [{"dataset_id": dataset_id, "mountpoint": "/var/lib/postgresql/data"}],
            },
        )
        play.poll("/state/containers", lambda answer: _runs(answer, "postgres", self.first))
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
            progress = self._move("postgres", self.second)
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
        for name in [item["name"] for item in play.poll("/configuration/containers", _any)]:
            play.delete(f"/configuration/containers/{name}")
        for dataset_id in self._datasets.values():
            play.delete(f"/configuration/datasets/{dataset_id}")
        play.poll("/state/containers", lambda answer: answer == [])
        play.poll("/state/datasets", lambda answer: answer == [])
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

    def _dataset(self, name: str) -> str:
        play = self._play
        body = {"primary": self.first.address, "metadata": {"name": name}}
        dataset_id = str(play.post("/configuration/datasets", body)["dataset_id"])
        self._datasets[name] = dataset_id
        play.poll("/state/datasets", lambda answer: _is_at(answer, dataset_id, self.first))
        return dataset_id

    def _move(self, name: str, target: Node) -> dict[str, Any]:
        play = self._play
        play.post(f"/configuration/containers/{name}", {"host": target.address})
        play.poll(
            "/state/containers",
            lambda answer: _runs(answer, name, target),
            timeout_seconds=MOVE_TIMEOUT_SECONDS,
        )

        def is_told(moves: Any) -> bool:
            return bool(moves) and _is_complete(moves[0], target)

        # The newest comes first.
        moves = play.poll(f"/state/moves?container={name}", is_told)
        play.poll(
            "/state/datasets",
            lambda answer: any(item.get("primary") == target.address for item in answer),
        )
        progress: dict[str, Any] = moves[0]
        return progress

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


def _any(answer: Any) -> bool:
    return True


def _runs(answer: Any, name: str, node: Node) -> bool:
    return any(
        item["name"] == name and item["host"] == node.address and item["running"] for item in answer
    )


def _is_at(answer: Any, dataset_id: str, node: Node) -> bool:
    return any(
        item["dataset_id"] == dataset_id and item.get("primary") == node.address for item in answer
    )


def _is_complete(move: Any, target: Node) -> bool:
    return move["to"] == target.address and move["phase"] == "done" and "start" in move["pause"]


def _expect(printed: str, expected: str) -> None:
    if printed != expected:
        raise StoryError(f"{printed!r} where {expected!r} should be")
