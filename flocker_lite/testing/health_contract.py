"""The contract of every IContainers for health checks, as tests to mix in."""

from __future__ import annotations

from dataclasses import replace

from flocker_lite.errors import ContainerError
from flocker_lite.interfaces import IContainers
from flocker_lite.model.records import Container, HealthCheck
from flocker_lite.testing.containers_contract import (
    ADDRESS,
    STOP_TIMEOUT_SECONDS,
    ContainersContract,
    ignore,
    raised,
)

MARK = "/tmp/healthy"
WAIT_SECONDS = 10.0


class HealthContract(ContainersContract):
    """The whole contract of IContainers; implement `cure`, too.

    The health check's command looks for the file MARK in the container, which is missing at first.
    """

    async def cure(self, name: str) -> None:
        """Make the file MARK in the running container."""
        raise NotImplementedError

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

    async def test_healthy(self) -> None:
        """The container serves once its check has succeeded."""
        containers = await self.make()
        await self.checked(containers, WAIT_SECONDS)
        await self.cure("db")
        assert await containers.answers("db", WAIT_SECONDS) is None
