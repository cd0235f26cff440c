"""The contract of every IContainers for health checks, as tests to mix in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from flocker_lite.errors import ContainerError
from flocker_lite.interfaces import IContainers
from flocker_lite.model.records import Container, HealthCheck
from flocker_lite.model.state import HEALTHY, STARTING, UNHEALTHY, ImageHealth
from flocker_lite.testing.containers_contract import (
    ADDRESS,
    STOP_TIMEOUT_SECONDS,
    ContainersContract,
    ignore,
    raised,
)

reactor: Any = installed_reactor

MARK = "/tmp/healthy"
WAIT_SECONDS = 10.0
POLL_SECONDS = 0.1


class HealthContract(ContainersContract):
    """The whole contract of IContainers; implement what raises NotImplementedError, too.

    The health check's command looks for the file MARK in the container, which is missing at first.
    """

    async def cure(self, name: str) -> None:
        """Make the file MARK in the running container."""
        raise NotImplementedError

    async def sicken(self, name: str) -> None:
        """Remove that file."""
        raise NotImplementedError

    async def connect(self, name: str) -> Callable[[], None]:
        """Connect a client to the running container's port, until the function is called."""
        raise NotImplementedError

    async def image_with_check(self) -> str:
        """The name of an image on the node like `image`, with a HEALTHCHECK of every second.

        It fails twice in a row until the container is unhealthy.
        """
        raise NotImplementedError

    async def of_image_with_check(self, containers: IContainers, **fields: Any) -> Container:
        """Run a container of the image that has a check."""
        await self.prepared(containers)
        await containers.remove("db")
        image = await self.image_with_check()
        container = replace(self.container(), image=image, **fields)
        await containers.prepare(container, {}, ADDRESS)
        await containers.start(container.name)
        return container

    async def health_of(self, containers: IContainers) -> ImageHealth | None:
        """What a look at all containers shows; a look at this one shows the same a moment later."""
        found = (await containers.discover())["db"].health
        for _ in range(round(WAIT_SECONDS / POLL_SECONDS)):
            looked = await containers.look("db")
            assert looked is not None
            if looked.health == found:
                return found
            found = (await containers.discover())["db"].health
        raise AssertionError("they never show the same")

    async def becomes(self, containers: IContainers, status: str) -> ImageHealth:
        """Wait until it is so."""
        for _ in range(round(WAIT_SECONDS / POLL_SECONDS)):
            found = await self.health_of(containers)
            if found is not None and found.status == status:
                return found
            await deferLater(reactor, POLL_SECONDS)
        raise AssertionError(f"it did not become {status} in time")

    async def checked(self, containers: IContainers, start_period_seconds: float) -> Container:
        """Run a container with a health check."""
        check = HealthCheck(
            command=("ls", MARK), timeout_seconds=5.0, start_period_seconds=start_period_seconds
        )
        container = replace(self.container(), health_check=check)
        await containers.pull(container.image, ignore)
        await containers.prepare(container, {}, ADDRESS)
        await containers.start(container.name)
        return container

    async def test_answers(self) -> None:
        """A running container answers after a moment; otherwise we get the reason."""
        containers = await self.make()
        assert await containers.answers("db", WAIT_SECONDS) == "it does not exist"
        await self.prepared(containers)
        assert await containers.answers("db", WAIT_SECONDS) == "it does not run: it is created"
        await containers.start("db")
        assert await containers.answers("db", WAIT_SECONDS) is None
        exit_code = await self.end("db")
        said = await containers.answers("db", WAIT_SECONDS)
        assert said == f"it does not run: exit code {exit_code}"

    async def test_stopped(self) -> None:
        """A stopped container does not answer."""
        containers = await self.make()
        await self.prepared(containers)
        await containers.start("db")
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        assert await containers.answers("db", WAIT_SECONDS) is not None

    async def test_connections(self) -> None:
        """Who is connected to a running container counts, until he hangs up."""
        containers = await self.make()
        assert await containers.connections("db") == 0
        await self.prepared(containers)
        assert await containers.connections("db") == 0
        await containers.start("db")
        assert await containers.answers("db", WAIT_SECONDS) is None
        assert await containers.connections("db") == 0
        hang_up = await self.connect("db")
        assert await containers.connections("db") == 1
        hang_up()
        while await containers.connections("db"):
            await deferLater(reactor, POLL_SECONDS)
        hang_up = await self.connect("db")
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        assert await containers.connections("db") == 0
        hang_up()

    async def test_health_check_is_read_back(self) -> None:
        """A container has the health check that it was made with."""
        containers = await self.make()
        container = await self.checked(containers, 1.0)
        assert (await containers.discover())["db"].container == container

    async def test_not_healthy(self) -> None:
        """After the start period, the check's output is the reason, though the container runs."""
        containers = await self.make()
        await self.checked(containers, 0.5)
        said = await containers.answers("db", WAIT_SECONDS)
        assert said is not None
        assert MARK in said
        assert (await containers.discover())["db"].running

    async def test_no_longer_than_asked(self) -> None:
        """The caller's time-out ends the wait before the start period does."""
        containers = await self.make()
        await self.checked(containers, 3600.0)
        assert await containers.answers("db", 0.5) is not None

    async def test_probe(self) -> None:
        """The check is tried once, without a wait; what it said is the reason."""
        containers = await self.make()
        await self.checked(containers, 3600.0)
        said = await containers.probe("db")
        assert said is not None
        assert MARK in said
        await self.cure("db")
        assert await containers.probe("db") is None

    async def test_probe_of_what_does_not_run(self) -> None:
        """Nobody can tell, of one that is not there, was not started yet, or has ended."""
        containers = await self.make()
        await raised(ContainerError, containers.probe("db"))
        await self.checked(containers, 1.0)
        await self.end("db")
        await raised(ContainerError, containers.probe("db"))

    async def test_probe_without_a_check(self) -> None:
        """It is healthy."""
        containers = await self.make()
        await self.prepared(containers)
        await raised(ContainerError, containers.probe("db"))
        await containers.start("db")
        assert await containers.probe("db") is None

    async def test_check_of_the_image(self) -> None:
        """Docker carries it out; an unhealthy container says why, and one success ends it."""
        containers = await self.make()
        await self.of_image_with_check(containers)
        assert await self.health_of(containers) == ImageHealth(STARTING)
        await self.cure("db")
        assert await self.becomes(containers, HEALTHY) == ImageHealth(HEALTHY)
        await self.sicken("db")
        trouble = (await self.becomes(containers, UNHEALTHY)).trouble
        assert trouble is not None
        assert trouble.startswith("`HEALTHCHECK` exited with ")
        assert MARK in trouble
        await self.cure("db")
        await self.becomes(containers, HEALTHY)

    async def test_watchers_hear_of_health(self) -> None:
        """Nobody has to look at a container to find out that its health is another."""
        containers = await self.make()
        await self.of_image_with_check(containers)
        told: list[str] = []
        watching = Deferred.fromCoroutine(_watch(containers, told.append))
        watching.addErrback(lambda failure: None)
        self.addCleanup(watching.cancel)
        await self.cure("db")
        await self.becomes(containers, HEALTHY)
        for _ in range(round(WAIT_SECONDS / POLL_SECONDS)):
            if "db" in told:
                break
            await deferLater(reactor, POLL_SECONDS)
        told.clear()
        await self.sicken("db")
        await self.becomes(containers, UNHEALTHY)
        for _ in range(round(WAIT_SECONDS / POLL_SECONDS)):
            if told:
                return
            await deferLater(reactor, POLL_SECONDS)
        raise AssertionError("no watcher heard of it")

    async def test_no_health_without_a_run(self) -> None:
        """A stopped or paused container has none, and the next run begins anew."""
        containers = await self.make()
        await self.of_image_with_check(containers)
        await self.cure("db")
        await self.becomes(containers, HEALTHY)
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        assert await self.health_of(containers) is None
        await containers.start("db")
        found = await self.health_of(containers)
        assert found is not None
        assert found.trouble is None

    async def test_our_check_is_in_place_of_another(self) -> None:
        """Docker carries out none then."""
        containers = await self.make()
        check = HealthCheck(command=("ls", MARK))
        await self.of_image_with_check(containers, health_check=check)
        assert await self.health_of(containers) is None
        assert await containers.probe("db") is not None

    async def test_healthy(self) -> None:
        """The container serves once its check has succeeded."""
        containers = await self.make()
        await self.checked(containers, WAIT_SECONDS)
        await self.cure("db")
        assert await containers.answers("db", WAIT_SECONDS) is None


async def _watch(containers: IContainers, told: Callable[[str], None]) -> None:
    await containers.watch(told)
