"""The containers in memory keep the contract, and do as they are told."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from flocker_lite.errors import ContainerError
from flocker_lite.interfaces import Executed, IContainers
from flocker_lite.model.records import Container, Volume
from flocker_lite.model.state import HEALTHY, UNHEALTHY, ImageHealth
from flocker_lite.testing.commands_contract import FAILS, HANGS, NOTHING, CommandsContract
from flocker_lite.testing.containers_contract import DATASET, NODE, ignore, raised
from flocker_lite.testing.health_contract import MARK, HealthContract
from flocker_lite.testing.images_contract import ImagesContract
from flocker_lite.testing.lifecycle_contract import LifecycleContract
from flocker_lite.testing.memory_containers import MemoryContainers, made_up_id
from flocker_lite.testing.output_contract import OutputContract
from flocker_lite.testing.volumes_contract import VolumesContract


class MemoryContainersTests(
    VolumesContract,
    ImagesContract,
    HealthContract,
    LifecycleContract,
    OutputContract,
    CommandsContract,
    TestCase,
):
    """On a node that knows three images."""

    def setUp(self) -> None:
        self.mounted: set[str] = set()
        self.memory = MemoryContainers(
            self.mounted.__contains__, frozenset({self.image, self.other_image, self.third_image})
        )
        self.memory.registry[f"redis@{made_up_id('manifest')}"] = made_up_id(self.image)
        self.memory.image_volumes[self.image] = (self.volume_path,)
        self.memory.commands.results |= {
            FAILS: Executed(3, "one\ntwo\n"),
            HANGS: Executed(None, "begun\n"),
            NOTHING: Executed(127, "no such file"),
        }

    async def make(self) -> IContainers:
        self.memory.unhealthy["db"] = f"{MARK} is not there"
        return self.memory

    async def write(self, name: str, path: str, text: str) -> None:
        self.memory.write(name, path, text)

    async def read(self, name: str, path: str) -> str:
        return self.memory.read(name, path)

    async def cure(self, name: str) -> None:
        self.memory.unhealthy.pop(name, None)
        self.memory.find_health(name, ImageHealth(HEALTHY))

    async def sicken(self, name: str) -> None:
        said = f"`HEALTHCHECK` exited with 1: {MARK} is not there"
        self.memory.find_health(name, ImageHealth(UNHEALTHY, said))

    async def connect(self, name: str) -> Callable[[], None]:
        self.memory.connected[name] = 1
        return lambda: self.memory.connected.clear()

    async def image_with_check(self) -> str:
        self.memory.image_checks.add(self.other_image)
        await self.memory.pull(self.other_image, ignore)
        return self.other_image

    async def mount(self) -> None:
        self.mounted.add(self.path)

    async def unmount(self) -> None:
        self.mounted.remove(self.path)

    async def end(self, name: str) -> int:
        self.memory.end(name, 7)
        return 7

    async def say(self, name: str) -> None:
        made = self.memory.made[name].local
        fails = made.container.command_line == self.failing
        lines = [f"line {n}" for n in range(1, 31)] if fails else ["one", "two", "three"]
        for line in lines:
            self.memory.outputs.say(made.instance, f"{line}\n".encode())

    async def end_of(self, name: str) -> None:
        self.memory.end(name, 3)

    async def restart(self, name: str) -> None:
        self.memory.restart(name)

    async def start_by_hand(self, name: str) -> None:
        self.memory.start_by_hand(name)

    async def pause(self, name: str) -> None:
        self.memory.pause(name)

    async def unpause(self, name: str) -> None:
        self.memory.unpause(name)

    async def rename(self, name: str, docker_name: str) -> None:
        self.memory.rename(name, docker_name)

    async def remove_by_force(self, name: str) -> None:
        self.memory.remove_by_force(name)

    async def stop_and_remove(self, name: str) -> None:
        self.memory.stop_and_remove(name)


class LeverTests(TestCase):
    """What tests and simulations can do to it."""

    def setUp(self) -> None:
        self.memory = MemoryContainers()
        self.container = Container("db", NODE, "redis:latest", volumes=(Volume(DATASET, "/data"),))

    async def running(self) -> None:
        await self.memory.pull(self.container.image, ignore)
        await self.memory.prepare(self.container, {DATASET: "/flocker/d"}, "10.79.1.11")
        await self.memory.start("db")

    async def test_processes(self) -> None:
        """The processes of running containers, and what they may write, can be seen."""
        await self.running()
        assert self.memory.processes == {"db": ("/flocker/d",)}
        await self.memory.stop("db", 10)
        assert self.memory.processes == {}

    async def test_fail_next(self) -> None:
        """One call fails before it does anything, and the next one works."""
        await self.running()
        self.memory.fail_next("stop", ContainerError("no"))
        await raised(ContainerError, self.memory.stop("db", 10))
        assert "db" in self.memory.processes
        await self.memory.stop("db", 10)
        assert self.memory.processes == {}

    async def test_crash(self) -> None:
        """After a crash what was created is there, and no process is."""
        await self.running()
        self.memory.crash()
        assert self.memory.processes == {}
        found = (await self.memory.discover())["db"]
        assert (found.status, found.container) == ("exited", self.container)
        assert found.last_exit is not None
        assert not found.last_exit.by_itself

    async def test_before(self) -> None:
        """A simulation can let time pass before a method takes effect."""
        passing: Deferred[None] = Deferred()
        calls = []

        async def before(method: str, name: str) -> None:
            calls.append((method, name))
            await passing

        await self.running()
        self.memory.before = before
        stopping = Deferred.fromCoroutine(self.memory.stop("db", 10))
        assert (calls, list(self.memory.processes)) == ([("stop", "db")], ["db"])
        passing.callback(None)
        await stopping
        assert self.memory.processes == {}
