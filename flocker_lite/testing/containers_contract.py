"""The contract of every IContainers, as tests to mix into a trial TestCase."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from pyrsistent import pmap
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from flocker_lite.awaiting import deferred_of
from flocker_lite.errors import ContainerError, ImageError, NotFound
from flocker_lite.interfaces import IContainers
from flocker_lite.model.records import Container, Link, Port, RestartPolicy, Volume
from flocker_lite.model.state import ImagePull

if TYPE_CHECKING:
    Base = TestCase
else:
    # A mixin, so that no test runner takes the contract itself for a test case.
    Base = object

reactor: Any = installed_reactor

Error = TypeVar("Error", bound=Exception)

NODE = "aaaaaaaa-0000-4000-8000-000000000001"
DATASET = "dddddddd-0000-4000-8000-000000000001"
ADDRESS = "10.79.1.11"
STOP_TIMEOUT_SECONDS = 1.0


class ContainersContract(Base):
    """Implement `make`, the images, `path` with `mount` and `unmount`, and `end`.

    `image` runs a server that ends on SIGTERM. `other_image` is on the node only after `test_pull`.
    `path` is an absolute path of the node.
    """

    image = "redis:latest"
    other_image = "nginx:latest"
    missing_image = "there-is-none:latest"
    path = "/flocker/contract"

    async def make(self) -> IContainers:
        """The containers of a node that has none yet."""
        raise NotImplementedError

    async def mount(self) -> None:
        """Mount something at `path`."""
        raise NotImplementedError

    async def unmount(self) -> None:
        """Unmount `path`; nothing is mounted there at first."""
        raise NotImplementedError

    async def end(self, name: str) -> int:
        """Make the running container end by itself, and return its exit code."""
        raise NotImplementedError

    def container(self, name: str = "db") -> Container:
        """A container with every field set, but without a volume."""
        return Container(
            name=name,
            node=NODE,
            image=self.image,
            ports=(Port(6379, 7000),),
            environment=pmap({"GREETING": 'g\'day = "\N{SNOWMAN}"'}),
            links=(Link("up-stream", 5432, 7001),),
            restart_policy=RestartPolicy("on-failure", 3),
            cpu_shares=512,
            memory_limit=64 * 2**20,
        )

    async def prepared(self, containers: IContainers) -> Container:
        """Create that container."""
        container = self.container()
        await containers.pull(container.image, ignore)
        await containers.prepare(container, {}, ADDRESS)
        return container

    async def prestartable(self, containers: IContainers) -> Container:
        """Create a container with a volume whose dataset is not mounted yet."""
        container = replace(self.container(), volumes=(Volume(DATASET, "/data"),))
        await containers.pull(container.image, ignore)
        await containers.prepare(container, {DATASET: self.path}, ADDRESS)
        assert (await containers.discover())["db"].prestartable
        return container

    async def test_provides(self) -> None:
        """It has all the methods of IContainers."""
        assert verifyObject(IContainers, await self.make())

    async def test_none_at_first(self) -> None:
        """A node on which nothing was made has no containers of ours."""
        assert dict(await (await self.make()).discover()) == {}

    async def test_prepare(self) -> None:
        """A prepared container exists exactly as configured, and does not run."""
        containers = await self.make()
        container = await self.prepared(containers)
        (found,) = (await containers.discover()).values()
        assert (found.container, found.running) == (container, False)
        assert (found.status, found.last_exit) == ("created", None)

    async def test_look_at_one(self) -> None:
        """A look at one container shows the same as a look at all; a missing one is None."""
        containers = await self.make()
        await self.prepared(containers)
        other = replace(self.container(), name="db.b")
        await containers.prepare(other, {}, ADDRESS)
        await containers.start("db")
        for name in ("db", "db.b"):
            assert await containers.look(name) == (await containers.discover())[name]
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        assert await containers.look("db") == (await containers.discover())["db"]
        for name in ("d", "dbxb", "b", "db.b$"):
            assert await containers.look(name) is None

    async def test_prepare_twice(self) -> None:
        """Preparing a prepared container changes nothing."""
        containers = await self.make()
        await self.prepared(containers)
        before = await containers.discover()
        await self.prepared(containers)
        assert await containers.discover() == before

    async def test_prepare_leaves_a_running_one_alone(self) -> None:
        """A container that runs with the same configuration keeps running."""
        containers = await self.make()
        await self.prepared(containers)
        await containers.start("db")
        await self.prepared(containers)
        assert (await containers.discover())["db"].running

    async def test_prepare_refuses_to_change_a_running_one(self) -> None:
        """Preparing a container that runs with another configuration fails; it keeps running."""
        containers = await self.make()
        container = await self.prepared(containers)
        await containers.start("db")
        other = replace(container, environment=pmap({"GREETING": "no"}))
        await raised(ContainerError, containers.prepare(other, {}, ADDRESS))
        found = (await containers.discover())["db"]
        assert (found.container, found.running) == (container, True)

    async def test_prepare_replaces_a_stopped_one(self) -> None:
        """A stopped container with another configuration is replaced."""
        containers = await self.make()
        container = await self.prepared(containers)
        await containers.start("db")
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        other = replace(container, ports=(), cpu_shares=None)
        await containers.prepare(other, {}, ADDRESS)
        found = (await containers.discover())["db"]
        assert (found.container, found.status) == (other, "created")

    async def test_prepare_without_image(self) -> None:
        """Preparing a container whose image is missing is an error that names the image."""
        containers = await self.make()
        container = replace(self.container(), image=self.missing_image)
        error = await raised(ImageError, containers.prepare(container, {}, ADDRESS))
        assert self.missing_image in str(error)
        assert dict(await containers.discover()) == {}

    async def test_prestart(self) -> None:
        """A prestarted container does not run; started, it runs with its data mounted."""
        containers = await self.make()
        container = await self.prestartable(containers)
        await containers.prestart("db")
        found = (await containers.discover())["db"]
        assert (found.container, found.prestarted, found.running) == (container, True, False)
        await self.mount()
        await containers.start("db")
        found = (await containers.discover())["db"]
        assert (found.prestarted, found.running) == (False, True)
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        await self.unmount()

    async def test_prestart_twice(self) -> None:
        """Prestarting or preparing a prestarted container changes nothing."""
        containers = await self.make()
        container = await self.prestartable(containers)
        await containers.prestart("db")
        before = await containers.discover()
        await containers.prestart("db")
        await containers.prepare(container, {DATASET: self.path}, ADDRESS)
        assert await containers.discover() == before

    async def test_prestarted_without_data(self) -> None:
        """A prestarted container cannot be started while its dataset is not mounted."""
        containers = await self.make()
        await self.prestartable(containers)
        await containers.prestart("db")
        await raised(ContainerError, containers.start("db"))
        assert (await containers.discover())["db"].prestarted

    async def test_prestarted_is_stopped(self) -> None:
        """A prestarted container can be stopped, and started again with its data."""
        containers = await self.make()
        await self.prestartable(containers)
        await containers.prestart("db")
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        found = (await containers.discover())["db"]
        assert (found.prestarted, found.running) == (False, False)
        assert found.last_exit is None or not found.last_exit.by_itself
        await self.mount()
        await containers.start("db")
        assert (await containers.discover())["db"].running
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        await self.unmount()

    async def test_nothing_to_wait_for(self) -> None:
        """A container without datasets cannot be prestarted."""
        containers = await self.make()
        await self.prepared(containers)
        assert not (await containers.discover())["db"].prestartable
        await raised(ContainerError, containers.prestart("db"))

    async def test_pull(self) -> None:
        """A missing image is pulled, with progress; pulling it again does nothing."""
        containers = await self.make()
        told: list[ImagePull] = []
        await containers.pull(self.other_image, told.append)
        assert told
        told.clear()
        await containers.pull(self.other_image, told.append)
        assert told == []

    async def test_pull_of_none(self) -> None:
        """Pulling an image that does not exist is an ImageError that names it."""
        containers = await self.make()
        error = await raised(ImageError, containers.pull(self.missing_image, ignore))
        assert self.missing_image in str(error)

    async def test_start(self) -> None:
        """A started container runs; starting it again changes nothing."""
        containers = await self.make()
        await self.prepared(containers)
        await containers.start("db")
        await containers.start("db")
        found = (await containers.discover())["db"]
        assert (found.running, found.last_exit) == (True, None)

    async def test_start_of_none(self) -> None:
        """A container that was not prepared cannot be started."""
        containers = await self.make()
        await raised(NotFound, containers.start("db"))

    async def test_volume(self) -> None:
        """A container can be prepared before its dataset is mounted, and not started."""
        containers = await self.make()
        container = replace(self.container(), volumes=(Volume(DATASET, "/data"),))
        await containers.pull(container.image, ignore)
        await containers.prepare(container, {DATASET: self.path}, ADDRESS)
        error = await raised(ContainerError, containers.start("db"))
        assert self.path in str(error)
        assert not (await containers.discover())["db"].running
        await self.mount()
        await containers.start("db")
        assert (await containers.discover())["db"].running
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        await self.unmount()

    async def test_stop(self) -> None:
        """A stopped container still exists; stopping it again changes nothing."""
        containers = await self.make()
        container = await self.prepared(containers)
        assert not (await containers.stop("db", STOP_TIMEOUT_SECONDS)).ran
        await containers.start("db")
        assert (await containers.stop("db", STOP_TIMEOUT_SECONDS)).ran
        assert not (await containers.stop("db", STOP_TIMEOUT_SECONDS)).ran
        found = (await containers.discover())["db"]
        assert (found.container, found.status) == (container, "exited")

    async def test_stop_of_none(self) -> None:
        """Stopping or removing a container that is missing or never started does nothing."""
        containers = await self.make()
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        await containers.remove("db")
        await self.prepared(containers)
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        assert (await containers.discover())["db"].status == "created"

    async def test_start_right_after_stop(self) -> None:
        """A container can be started again as soon as it was stopped."""
        containers = await self.make()
        await self.prepared(containers)
        await containers.start("db")
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        await containers.start("db")
        assert (await containers.discover())["db"].running

    async def test_end(self) -> None:
        """A container that ended by itself shows its exit code, each time."""
        containers = await self.make()
        await self.prepared(containers)
        ends = []
        for _ in range(2):
            await containers.start("db")
            exit_code = await self.end("db")
            found = (await containers.discover())["db"]
            assert found.status == "exited"
            assert found.last_exit is not None
            assert (found.last_exit.exit_code, found.last_exit.by_itself) == (exit_code, True)
            ends.append(found.last_exit.finished_at)
        assert ends[0] < ends[1]

    async def test_instance(self) -> None:
        """A replaced container has another instance, a restarted one has the same."""
        containers = await self.make()
        await self.prepared(containers)
        first = (await containers.discover())["db"].instance
        await containers.start("db")
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        assert (await containers.discover())["db"].instance == first
        await containers.remove("db")
        await self.prepared(containers)
        assert (await containers.discover())["db"].instance not in ("", first)

    async def test_called(self) -> None:
        """A container is found by its Docker id; a missing one is None."""
        containers = await self.make()
        await self.prepared(containers)
        instance = (await containers.discover())["db"].instance
        assert await containers.called(instance) == "flocker--db"
        assert await containers.called("0" * 64) is None

    async def test_remove(self) -> None:
        """A removed container is gone, whether it ran or not."""
        containers = await self.make()
        await self.prepared(containers)
        await containers.remove("db")
        await self.prepared(containers)
        await containers.start("db")
        await containers.remove("db")
        await containers.remove("db")
        assert dict(await containers.discover()) == {}

    async def test_several(self) -> None:
        """Containers are told apart by name, and each has its own state."""
        containers = await self.make()
        await self.prepared(containers)
        other = replace(self.container("db-2"), ports=())
        await containers.prepare(other, {}, ADDRESS)
        await containers.start("db-2")
        found = await containers.discover()
        assert {name: local.running for name, local in found.items()} == {"db": False, "db-2": True}

    async def test_watch(self) -> None:
        """A watcher is told that a container started and ended, until it is cancelled."""
        containers = await self.make()
        await self.prepared(containers)
        told = _Told()
        watching = deferred_of(containers.watch(told))
        self.addCleanup(watching.cancel)
        started = told.next("db")
        await containers.start("db")
        await started
        ended = told.next("db")
        await self.end("db")
        await ended
        watching.cancel()
        await raised(CancelledError, watching)


async def raised(kind: type[Error], asked: Awaitable[object]) -> Error:
    """The error of that kind that the call raises; AssertionError when it does not raise."""
    try:
        await asked
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} was raised")


def ignore(progress: ImagePull) -> None:
    """Ignore the progress of a pull."""


class _Told:
    """Lets a test wait until a watcher is told a name."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Deferred[None]]] = {}

    def next(self, name: str) -> Deferred[None]:
        waiting: Deferred[None] = Deferred()
        self._waiting.setdefault(name, []).append(waiting)
        return waiting

    def __call__(self, name: str) -> None:
        # Not from inside `watch`: a callback cannot cancel the Deferred that runs it.
        for waiting in self._waiting.pop(name, []):
            reactor.callLater(0, waiting.callback, None)
