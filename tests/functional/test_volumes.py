"""Volumes of real Dockers: in all that Docker and Compose do to them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.agents_lab import wait_for
from tests.functional.volumes_lab import IMAGE, Dockers, volumes_lab

FOLDER = "/run/shop"
CONTAINER = "shop_db_1"
FILE = """\
version: "3.7"
services:
  db:
    image: redis:latest
    command: [redis-server, --appendonly, "yes", --appendfsync, always]
    volumes: ["data:/data"]
volumes:
  data:
    driver: flocker
    driver_opts: {size: 256m, on_remove: %s}
"""


class Compose:
    """The commands of `docker-compose` in the folder of the file."""

    def __init__(self, dockers: Dockers) -> None:
        self.dockers = dockers

    def write(self, on_remove: str) -> None:
        """The same file on each node."""
        for name in ("n1", "n2"):
            folder = self.dockers.node(name).root / FOLDER.lstrip("/")
            folder.mkdir(exist_ok=True)
            (folder / "docker-compose.yml").write_text(FILE % on_remove)

    def __call__(self, node: str, *words: str) -> str:
        """What it says on a node."""
        command = ["docker-compose", "--project-directory", FOLDER]
        command += ["--file", f"{FOLDER}/docker-compose.yml", *words]
        return self.dockers.node(node).run(command, timeout_seconds=140).stdout.strip()

    def redis(self, node: str, *words: str) -> str:
        """A command to the service, by Docker itself: `docker-compose exec` takes a second."""
        return self.dockers.docker(node, "exec", CONTAINER, "redis-cli", *words)

    def up(self, node: str) -> None:
        """`docker-compose up -d`, until the service answers."""
        self(node, "up", "--detach")
        ping = ("exec", CONTAINER, "redis-cli", "ping")
        wait_for(lambda: self.dockers.tried(node, *ping).stdout.strip() == "PONG", "redis")


@pytest.fixture(scope="module")
def lab() -> Iterator[Dockers]:
    """Two nodes."""
    with volumes_lab("test-volumes", "10.90.11.0/24") as lab:
        yield lab


@pytest.fixture
def dockers(lab: Dockers) -> Iterator[Dockers]:
    """The lab; all containers and volumes are gone afterwards, but not their data."""
    yield lab
    lab.clean("n1", "n2")


@pytest.fixture
def compose(dockers: Dockers) -> Compose:
    """The commands, on the same lab."""
    return Compose(dockers)


def test_found_by_docker(dockers: Dockers) -> None:
    """Docker lists the driver without anybody's doing, as Swarm needs it, also after a restart."""

    def drivers() -> str:
        return dockers.docker("n1", "info", "--format", "{{.Plugins.Volume}}")

    wait_for(lambda: "flocker" in drivers(), "the driver")
    dockers.node("n1").stop_service("dockerd")
    dockers.node("n1").start_service("dockerd")
    wait_for(lambda: "flocker" in drivers(), "the driver after a restart of Docker")


def test_copy_up(dockers: Dockers) -> None:
    """What the image has at the path is in a new volume, which is mounted twice for that."""
    build = "mkdir -p /run/seeded && cd /run/seeded && "
    build += "printf 'FROM redis:latest\\nRUN mkdir /seeded && "
    build += "echo from-image >/seeded/file\\n' >Dockerfile && docker build -q -t seeded ."
    dockers.node("n1").run(["sh", "-c", build])
    run = ("run", "--rm", "--volume-driver", "flocker", "--volume", "copied:/seeded", "seeded")
    assert dockers.docker("n1", *run, "cat", "/seeded/file") == "from-image"
    assert dockers.inspected("n1", "copied")["Driver"] == "flocker"


def test_data_stays(dockers: Dockers) -> None:
    """A removed volume leaves its data; with on_remove=destroy the dataset goes with it."""
    dockers.volume("n1", "kept")
    dockers.volume("n1", "brief", "on_remove=destroy", "size=64m")
    for name in ("kept", "brief"):
        dockers.once("n1", name, "echo row >/data/file")
    brief = dockers.inspected("n1", "brief")["Status"]["dataset_id"]
    assert dockers.error("n1", "volume", "create", "-d", "flocker", "-o", "sise=1g", "x")
    dockers.docker("n1", "volume", "rm", "kept", "brief")
    dockers.docker("n1", "volume", "prune", "--force")
    dockers.volume("n1", "kept")
    assert dockers.once("n1", "kept", "cat /data/file") == "row"

    def datasets() -> list[str]:
        return [each["dataset_id"] for each in dockers.get("/state/datasets")]

    wait_for(lambda: brief not in datasets(), "the end of the dataset")


def test_size(dockers: Dockers) -> None:
    """No more bytes than its size go into a volume, and then the program is told so."""
    dockers.volume("n1", "small", "size=64m")
    script = "head -c 80000000 /dev/urandom >/data/file || echo full"
    assert "full" in dockers.once("n1", "small", script)


def test_copies(dockers: Dockers) -> None:
    """`docker cp` reaches the volume of a container that runs, and of one that does not."""
    dockers.volume("n1", "data")
    dockers.start("n1", "web", "data")
    dockers.docker("n1", "cp", "/etc/hostname", "web:/data/one")
    dockers.docker("n1", "stop", "--time", "1", "web")
    dockers.docker("n1", "cp", "/etc/hostname", "web:/data/two")
    dockers.docker("n1", "start", "web")
    assert dockers.docker("n1", "exec", "web", "ls", "/data").split() == ["one", "two"]


@pytest.mark.parametrize("live_restore", [False, True])
def test_docker_restarts(dockers: Dockers, live_restore: bool) -> None:
    """A Docker that was killed has its containers and volumes back, and what is used stays."""
    node = dockers.node("n1")
    (node.root / "etc/docker").mkdir(exist_ok=True)
    configuration = node.root / "etc/docker/daemon.json"
    configuration.write_text('{"live-restore": true}' if live_restore else "{}")
    try:
        node.stop_service("dockerd")
        node.start_service("dockerd")
        dockers.volume("n1", "data")
        dockers.start("n1", "web", "data", "--restart", "always")
        dockers.docker("n1", "exec", "web", "sh", "-c", "echo row >/data/file")
        node.kill_service("dockerd")
        node.start_service("dockerd")
        running = ("ps", "--quiet", "--filter", "name=web")
        wait_for(lambda: dockers.docker("n1", *running), "the container")
        assert dockers.docker("n1", "exec", "web", "cat", "/data/file") == "row"
        dockers.volume("n2", "data")
        said = dockers.error("n2", "run", "--rm", "--volume", "data:/data", IMAGE, "true")
        assert "by container web" in said
    finally:
        configuration.unlink()


def test_reboot(dockers: Dockers) -> None:
    """After a power loss Docker starts the container with its data before the agent is ready."""
    dockers.volume("n1", "data")
    dockers.start("n1", "web", "data", "--restart", "always")
    dockers.docker("n1", "exec", "web", "sh", "-c", "echo row >/data/file")
    dockers.make_durable("n1")
    dockers.node("n1").crash()
    dockers.node("n1").start()
    running = ("ps", "--quiet", "--filter", "name=web")
    wait_for(lambda: dockers.docker("n1", *running), "the container")
    assert dockers.docker("n1", "exec", "web", "cat", "/data/file") == "row"


def test_up_and_down(compose: Compose) -> None:
    """The data is there after down, after down -v, and on the other node."""
    compose.write("forget")
    compose.up("n1")
    compose.redis("n1", "set", "key", "one")
    compose("n1", "down")
    compose.up("n1")
    assert compose.redis("n1", "get", "key") == "one"
    compose("n1", "down", "--volumes")
    assert compose.dockers.volumes("n1") == []
    compose.up("n2")
    assert compose.redis("n2", "get", "key") == "one"
    compose.redis("n2", "set", "key", "two")
    compose("n2", "down")
    compose.up("n1")
    assert compose.redis("n1", "get", "key") == "two"


def test_destroyed(compose: Compose) -> None:
    """With on_remove=destroy, down -v does what it does to Docker's own volumes."""
    compose.write("destroy")
    compose.up("n1")
    compose.redis("n1", "set", "key", "three")
    compose("n1", "down", "--volumes")
    compose.up("n1")
    assert compose.redis("n1", "get", "key") == ""
