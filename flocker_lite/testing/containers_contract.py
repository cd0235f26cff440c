"""What every IContainers does, as tests to be mixed into a trial TestCase."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from pyrsistent import pmap
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

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
    """Give `make`, the images, `path` with `mount` and `unmount`, and `end`.

    `image` runs a server that ends with SIGTERM. `other_image` is there from `test_pull` on alone.
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
        """Have something mounted at `path`."""
        raise NotImplementedError

    async def unmount(self) -> None:
        """Have nothing mounted at `path`; it is not at first."""
        raise NotImplementedError

    async def end(self, name: str) -> int:
        """Let the running container end without being asked to, and return its exit code."""
        raise NotImplementedError

    def container(self, name: str = "db") -> Container:
        """One with all that can be had, but for a volume."""
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
        """Have the plain one created."""
        container = self.container()
        await containers.pull(container.image, ignore)
        await containers.prepare(container, {}, ADDRESS)
        return container

    async def poisable(self, containers: IContainers) -> Container:
        """Have one with a volume created, whose dataset is not mounted yet."""
        container = replace(self.container(), volumes=(Volume(DATASET, "/data"),))
        await containers.pull(container.image, ignore)
        await containers.prepare(container, {DATASET: self.path}, ADDRESS)
        assert (await containers.discover())["db"].poisable
        return container

    async def test_provides(self) -> None:
        """It has all the methods of IContainers."""
        assert verifyObject(IContainers, await self.make())

    async def test_none_at_first(self) -> None:
        """A node on which nothing was made has no containers of ours."""
        assert dict(await (await self.make()).discover()) == {}

    async def test_prepare(self) -> None:
        """A prepared container is there as it was asked for, in every detail, and does not run."""
        containers = await self.make()
        container = await self.prepared(containers)
        (found,) = (await containers.discover()).values()
        assert (found.container, found.running) == (container, False)
        assert (found.status, found.end) == ("created", None)

    async def test_look_at_one(self) -> None:
        """One is seen alone as it is seen among all, and one that is not there is not seen."""
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
        """To prepare what is prepared changes nothing."""
        containers = await self.make()
        await self.prepared(containers)
        before = await containers.discover()
        await self.prepared(containers)
        assert await containers.discover() == before

    async def test_prepare_leaves_a_running_one_alone(self) -> None:
        """One that runs with the same configuration goes on running."""
        containers = await self.make()
        await self.prepared(containers)
        await containers.start("db")
        await self.prepared(containers)
        assert (await containers.discover())["db"].running

    async def test_prepare_refuses_to_change_a_running_one(self) -> None:
        """One that runs with another configuration is an error, and goes on running."""
        containers = await self.make()
        container = await self.prepared(containers)
        await containers.start("db")
        other = replace(container, environment=pmap({"GREETING": "no"}))
        await raised(ContainerError, containers.prepare(other, {}, ADDRESS))
        found = (await containers.discover())["db"]
        assert (found.container, found.running) == (container, True)

    async def test_prepare_replaces_a_stopped_one(self) -> None:
        """One that does not run and was made from another configuration is made anew."""
        containers = await self.make()
        container = await self.prepared(containers)
        await containers.start("db")
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        other = replace(container, ports=(), cpu_shares=None)
        await containers.prepare(other, {}, ADDRESS)
        found = (await containers.discover())["db"]
        assert (found.container, found.status) == (other, "created")

    async def test_prepare_without_image(self) -> None:
        """A container whose image is not here cannot be prepared, with an error that names it."""
        containers = await self.make()
        container = replace(self.container(), image=self.missing_image)
        error = await raised(ImageError, containers.prepare(container, {}, ADDRESS))
        assert self.missing_image in str(error)
        assert dict(await containers.discover()) == {}

    async def test_poise(self) -> None:
        """A poised container does not run; it starts when it is let go, with its data mounted."""
        containers = await self.make()
        container = await self.poisable(containers)
        await containers.poise("db")
        found = (await containers.discover())["db"]
        assert (found.container, found.poised, found.running) == (container, True, False)
        await self.mount()
        await containers.start("db")
        found = (await containers.discover())["db"]
        assert (found.poised, found.running) == (False, True)
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        await self.unmount()

    async def test_poise_twice(self) -> None:
        """To poise, or prepare, what is poised changes nothing."""
        containers = await self.make()
        container = await self.poisable(containers)
        await containers.poise("db")
        before = await containers.discover()
        await containers.poise("db")
        await containers.prepare(container, {DATASET: self.path}, ADDRESS)
        assert await containers.discover() == before

    async def test_poised_without_data(self) -> None:
        """One whose dataset is not mounted is not let go."""
        containers = await self.make()
        await self.poisable(containers)
        await containers.poise("db")
        await raised(ContainerError, containers.start("db"))
        assert (await containers.discover())["db"].poised

    async def test_poised_is_stopped(self) -> None:
        """One that waits can be stopped, and started again with its data."""
        containers = await self.make()
        await self.poisable(containers)
        await containers.poise("db")
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        found = (await containers.discover())["db"]
        assert (found.poised, found.running) == (False, False)
        assert found.end is None or not found.end.by_itself
        await self.mount()
        await containers.start("db")
        assert (await containers.discover())["db"].running
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        await self.unmount()

    async def test_nothing_to_wait_for(self) -> None:
        """One without datasets is not poisable."""
        containers = await self.make()
        await self.prepared(containers)
        assert not (await containers.discover())["db"].poisable
        await raised(ContainerError, containers.poise("db"))

    async def test_pull(self) -> None:
        """An image that is not here is fetched, with word of how far it is; another time not."""
        containers = await self.make()
        told: list[ImagePull] = []
        await containers.pull(self.other_image, told.append)
        assert told
        told.clear()
        await containers.pull(self.other_image, told.append)
        assert told == []

    async def test_pull_of_none(self) -> None:
        """An image that is not to be had is an ImageError that names it."""
        containers = await self.make()
        error = await raised(ImageError, containers.pull(self.missing_image, ignore))
        assert self.missing_image in str(error)

    async def test_start(self) -> None:
        """A started container runs; to start it again changes nothing."""
        containers = await self.make()
        await self.prepared(containers)
        await containers.start("db")
        await containers.start("db")
        found = (await containers.discover())["db"]
        assert (found.running, found.end) == (True, None)

    async def test_start_of_none(self) -> None:
        """What was not prepared cannot be started."""
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
        """A stopped container is still there; to stop it again changes nothing."""
        containers = await self.make()
        container = await self.prepared(containers)
        assert not (await containers.stop("db", STOP_TIMEOUT_SECONDS)).ran
        await containers.start("db")
        assert (await containers.stop("db", STOP_TIMEOUT_SECONDS)).ran
        assert not (await containers.stop("db", STOP_TIMEOUT_SECONDS)).ran
        found = (await containers.discover())["db"]
        assert (found.container, found.status) == (container, "exited")

    async def test_stop_of_none(self) -> None:
        """To stop or remove what is not there, or was never started, is no error."""
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
        """One that ended of its own accord says with what exit code, each time."""
        containers = await self.make()
        await self.prepared(containers)
        ends = []
        for _ in range(2):
            await containers.start("db")
            exit_code = await self.end("db")
            found = (await containers.discover())["db"]
            assert found.status == "exited"
            assert found.end is not None
            assert (found.end.exit_code, found.end.by_itself) == (exit_code, True)
            ends.append(found.end.finished_at)
        assert ends[0] < ends[1]

    async def test_instance(self) -> None:
        """A container that was made anew is told from the one before, one that ran again is not."""
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
        """A container is known by its id, and one that is not there is not."""
        containers = await self.make()
        await self.prepared(containers)
        instance = (await containers.discover())["db"].instance
        assert await containers.called(instance) == "flocker--db"
        assert await containers.called("0" * 64) is None

    async def test_remove(self) -> None:
        """A removed container is not there, whether it ran or not."""
        containers = await self.make()
        await self.prepared(containers)
        await containers.remove("db")
        await self.prepared(containers)
        await containers.start("db")
        await containers.remove("db")
        await containers.remove("db")
        assert dict(await containers.discover()) == {}

    async def test_several(self) -> None:
        """Containers are told apart by name, and each is as it is."""
        containers = await self.make()
        await self.prepared(containers)
        other = replace(self.container("db-2"), ports=())
        await containers.prepare(other, {}, ADDRESS)
        await containers.start("db-2")
        found = await containers.discover()
        assert {name: local.running for name, local in found.items()} == {"db": False, "db-2": True}

    async def test_watch(self) -> None:
        """Whoever watches is told that a container started, and that it ended, until cancelled."""
        containers = await self.make()
        await self.prepared(containers)
        told = _Told()
        watching = Deferred.fromCoroutine(_watch(containers, told))
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
    """The error of that kind that the call raises; AssertionError when it raises none."""
    try:
        await asked
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} was raised")


def ignore(progress: ImagePull) -> None:
    """For whoever does not want to know how far a pull is."""


class _Told:
    """Lets a test wait until a name is told."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Deferred[None]]] = {}

    def next(self, name: str) -> Deferred[None]:
        waiting: Deferred[None] = Deferred()
        self._waiting.setdefault(name, []).append(waiting)
        return waiting

    def __call__(self, name: str) -> None:
        # Not from inside `watch`, since a Deferred cannot be cancelled by what it runs itself.
        for waiting in self._waiting.pop(name, []):
            reactor.callLater(0, waiting.callback, None)


async def _watch(containers: IContainers, told: _Told) -> None:
    await containers.watch(told)
