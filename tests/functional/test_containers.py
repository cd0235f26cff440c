"""Containers at a real Docker engine, on a node of the lab."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from pyrsistent import pmap
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from admin.hosts import Lab, Node
from flocker_lite.containers import kept_volumes
from flocker_lite.errors import ContainerError, PortInUse
from flocker_lite.interfaces import IContainers
from flocker_lite.model.records import Volume
from flocker_lite.testing.commands_contract import CommandsContract
from flocker_lite.testing.containers_contract import (
    ADDRESS,
    DATASET,
    STOP_TIMEOUT_SECONDS,
    ignore,
    raised,
)
from flocker_lite.testing.health_contract import MARK, HealthContract
from flocker_lite.testing.images_contract import ImagesContract
from flocker_lite.testing.lifecycle_contract import LifecycleContract
from flocker_lite.testing.output_contract import OutputContract
from flocker_lite.testing.volumes_contract import VolumesContract
from tests.functional.docker_threads import DockerThreads

reactor: Any = installed_reactor
lab = Lab("test-containers", "10.79.4.0/24", nodes=1, services=False)
CHECKOUT = Path(__file__).resolve().parents[2]
STUBBORN = ("sh", "-c", "trap '' TERM; while true; do sleep 1; done")


def ended(client: Popen[bytes]) -> None:
    """Have it end by itself."""
    client.communicate(timeout=10.0)


def setUpModule() -> None:
    """One lab for all tests here."""
    lab.up()


def tearDownModule() -> None:
    """Nothing is left."""
    lab.down()


class DockerContainersTests(
    VolumesContract,
    ImagesContract,
    HealthContract,
    LifecycleContract,
    OutputContract,
    CommandsContract,
    TestCase,
):
    """The contract, on a node whose Docker has no containers, and what only a real Docker shows."""

    def setUp(self) -> None:
        self.node: Node = lab.node("n1")
        self.addCleanup(self.remove_all)
        self.threads = DockerThreads(self.node.root)
        self.addCleanup(self.threads.close)

    def docker(self, *arguments: str) -> str:
        """Run Docker's own command on the node."""
        return self.node.run(["docker", *arguments]).stdout.strip()

    def remove_all(self) -> None:
        """Remove every container of the node."""
        ids = self.docker("ps", "--all", "--quiet").split()
        if ids:
            self.docker("rm", "--force", "--volumes", *ids)
        self.node.run(["umount", "--quiet", self.path], check=False)

    async def make(self) -> IContainers:
        return self.threads.containers

    async def mount(self) -> None:
        self.node.run(["mount", "-t", "tmpfs", "tmpfs", self.path])

    async def unmount(self) -> None:
        self.node.run(["umount", self.path])

    async def connect(self, name: str) -> Callable[[], None]:
        """Over the node's own address, as clients come."""
        (port,) = {str(each.external) for each in self.container().ports}
        program = (
            "import socket, sys; c = socket.create_connection((sys.argv[1], int(sys.argv[2])));"
            "print(flush=True); sys.stdin.read()"
        )
        command = [sys.executable, "-c", program, self.node.address, port]
        client = self.node.spawn(command, stdin=PIPE, stdout=PIPE)
        assert client.stdout is not None
        assert client.stdout.read(1) == b"\n"
        return lambda: ended(client)

    async def end(self, name: str) -> int:
        self.docker("kill", f"flocker--{name}")
        return int(self.docker("wait", f"flocker--{name}"))

    async def say(self, name: str) -> None:
        """Its command does."""

    async def end_of(self, name: str) -> None:
        self.docker("wait", f"flocker--{name}")

    async def restart(self, name: str) -> None:
        self.docker("restart", "--time", "1", f"flocker--{name}")

    async def start_by_hand(self, name: str) -> None:
        self.docker("start", f"flocker--{name}")

    async def pause(self, name: str) -> None:
        self.docker("pause", f"flocker--{name}")

    async def unpause(self, name: str) -> None:
        self.docker("unpause", f"flocker--{name}")

    async def rename(self, name: str, docker_name: str) -> None:
        self.docker("rename", f"flocker--{name}", docker_name)

    async def remove_by_force(self, name: str) -> None:
        self.docker("rm", "--force", f"flocker--{name}")

    async def stop_and_remove(self, name: str) -> None:
        self.docker("stop", "--time", "1", f"flocker--{name}")
        self.docker("rm", f"flocker--{name}")

    async def write(self, name: str, path: str, text: str) -> None:
        self.docker("exec", f"flocker--{name}", "sh", "-c", f'printf %s "$1" >{path}/f', "sh", text)

    async def read(self, name: str, path: str) -> str:
        return self.docker("exec", f"flocker--{name}", "sh", "-c", f"cat {path}/f || true")

    async def cure(self, name: str) -> None:
        self.docker("exec", f"flocker--{name}", "touch", MARK)

    async def sicken(self, name: str) -> None:
        self.docker("exec", f"flocker--{name}", "rm", MARK)

    async def image_with_check(self) -> str:
        check = f"HEALTHCHECK --interval=1s --retries=2 CMD ls {MARK}"
        self.docker("create", "--name", "base", self.image)
        self.docker("commit", "--change", check, "base", "with-check:latest")
        self.docker("rm", "--volumes", "base")
        return "with-check:latest"

    async def test_prestarted_program(self) -> None:
        """The image's own program is let go, as the first process, in a directory of its data."""
        containers = await self.make()
        # Not the working directory of another process: to look at that takes more than root here.
        look = ("sh", "-c", "ls >/tmp/seen; exec sleep 1000")
        container = replace(
            self.container(), volumes=(Volume(DATASET, "/data"),), command_line=look
        )
        await containers.pull(container.image, ignore)
        await containers.prepare(container, {DATASET: self.path}, ADDRESS)
        await containers.prestart("db")
        assert self.first_process("comm") == "hold"
        await self.mount()
        (self.node.root / self.path.lstrip("/") / "here").touch()
        await containers.start("db")
        assert await self.soon(lambda: self.first_process("comm") == "sleep")
        assert self.docker("exec", "flocker--db", "cat", "/tmp/seen") == "here"
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        await self.unmount()

    def first_process(self, what: str) -> str:
        """A file of /proc about the container's first process."""
        return self.docker("exec", "flocker--db", "cat", f"/proc/1/{what}")

    async def soon(self, condition: Callable[[], bool]) -> bool:
        """Whether it holds within a few seconds."""
        for _ in range(100):
            if condition():
                return True
            await deferLater(reactor, 0.05)
        return False

    async def test_inside(self) -> None:
        """The dataset, environment, links, limits and published port are what they should be."""
        containers = await self.make()
        container = replace(self.container(), volumes=(Volume(DATASET, "/data"),))
        await containers.prepare(container, {DATASET: self.path}, ADDRESS)
        await self.mount()
        await containers.start("db")
        environment = self.docker("exec", "flocker--db", "env").splitlines()
        assert 'GREETING=g\'day = "\N{SNOWMAN}"' in environment
        assert f"UP_STREAM_PORT_5432_TCP=tcp://{ADDRESS}:7001" in environment
        ping = ["timeout", "10", "redis-cli", "-h", self.node.address, "-p", "7000"]
        until_ready = ' while [ "$($* set k v)" != OK ]; do sleep 0.05; done; $* save'
        assert self.node.run(["sh", "-c", until_ready, "sh", *ping]).stdout.strip() == "OK"
        assert (self.node.root / self.path[1:] / "dump.rdb").exists()
        (details,) = json.loads(self.docker("inspect", "flocker--db"))
        host = details["HostConfig"]
        assert (host["Memory"], host["CpuShares"]) == (64 * 2**20, 512)
        assert host["RestartPolicy"]["Name"] in ("", "no")

    async def test_sigkill(self) -> None:
        """A container that does not heed SIGTERM is killed after the time-out."""
        containers = await self.make()
        await containers.prepare(replace(self.container(), command_line=STUBBORN), {}, ADDRESS)
        await containers.start("db")
        assert (await containers.stop("db", STOP_TIMEOUT_SECONDS)).killed
        found = (await containers.discover())["db"]
        assert found.last_exit is not None
        assert (found.running, found.last_exit.exit_code) == (False, 137)

    async def test_the_kernel_tells(self) -> None:
        """A stop returns when the last process is gone, and does not wait for Docker to tidy up."""
        containers = await self.make()
        await self.prepared(containers)
        await containers.start("db")
        self.docker("exec", "--detach", "flocker--db", "sleep", "600")
        pid = self.docker("inspect", "--format", "{{.State.Pid}}", "flocker--db")
        told = json.loads(
            self.node.run(
                [sys.executable, "-m", "tests.functional.stop_in_node", "db", pid],
                env={"PYTHONPATH": str(CHECKOUT)},
            ).stdout
        )
        assert told["before"] == 2
        assert told["left"] == 0
        assert told["status"] == "exited"
        assert told["running_again"]

    async def test_what_is_kept_survives_a_prune(self) -> None:
        """Nothing that Docker's commands clean up is a volume that is kept, nor after a boot."""
        self.patch(kept_volumes, "START_AFTER_SECONDS", 0.0)
        containers = await self.make()
        await self.used(containers)
        await containers.remove("db")
        kept = await containers.kept()
        while self.docker("ps", "--format", "{{.Names}}") == "":
            await deferLater(reactor, 0.05)
        self.node.stop_service("dockerd")
        self.node.start_service("dockerd")
        self.docker("system", "prune", "--all", "--volumes", "--force")
        self.docker("volume", "prune", "--force")
        assert await containers.kept() == kept
        await self.prepared(containers)
        await containers.start("db")
        assert await self.read("db", self.volume_path) == "mine"
        # Only the container has it any more.
        assert self.docker("ps", "--all", "--format", "{{.Names}}") == "flocker--db"

    async def test_strangers(self) -> None:
        """Containers of others are invisible and untouched, even with one of our names."""
        containers = await self.make()
        self.docker("pull", "--quiet", self.image)
        self.docker("create", "--name", "flocker--db", self.image)
        self.docker("create", "--name", "other", "--label", "flocker-lite.managed=1", self.image)
        assert dict(await containers.discover()) == {}
        await raised(ContainerError, self.prepared(containers))
        await raised(ContainerError, containers.start("db"))
        await raised(ContainerError, containers.stop("db", STOP_TIMEOUT_SECONDS))
        await raised(ContainerError, containers.remove("db"))
        assert len(self.docker("ps", "--all", "--quiet").split()) == 2

    async def test_docker_was_away(self) -> None:
        """While Docker is away every call says so, and when it is back they work again."""
        threads = DockerThreads(self.node.root)
        container = await self.prepared(threads.containers)
        told: list[str] = []
        watching = Deferred.fromCoroutine(threads.containers.watch(told.append))
        watching.addErrback(lambda failure: failure.trap(CancelledError))
        self.node.stop_service("dockerd")
        error = await raised(ContainerError, threads.containers.discover())
        assert "does not answer" in str(error)
        told.clear()
        self.node.start_service("dockerd")
        assert (await threads.containers.discover())["db"].container == container
        await threads.containers.start("db")
        while "db" not in told:
            await deferLater(reactor, 0.05)
        watching.cancel()
        # Docker's client leaves the socket that it could not connect to the garbage collector.
        threads.close()
        del threads, error
        gc.collect()
        self.flushWarnings()

    async def test_a_port_that_is_taken(self) -> None:
        """A start that Docker refuses for a port says which, and what to do."""
        containers = await self.make()
        await self.prepared(containers)
        await containers.start("db")
        await containers.prepare(self.container("db-2"), {}, ADDRESS)
        error = await raised(PortInUse, containers.start("db-2"))
        assert str(error).startswith("port 7000 of this node is in use by ")
        assert str(error).endswith(": stop that, or give the container another external port")
        assert not (await containers.discover())["db-2"].running

    async def test_restart_with_other_environment(self) -> None:
        """A replaced container runs with what it was made from last."""
        containers = await self.make()
        container = await self.prepared(containers)
        await containers.prepare(
            replace(container, environment=pmap({"GREETING": "second"})), {}, ADDRESS
        )
        await containers.start("db")
        assert "GREETING=second" in self.docker("exec", "flocker--db", "env").splitlines()
