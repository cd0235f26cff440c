"""The contract of every IContainers for commands inside a container, as tests to mix in."""

from __future__ import annotations

from flocker_lite.errors import ContainerError
from flocker_lite.testing.containers_contract import (
    STOP_TIMEOUT_SECONDS,
    ContainersContract,
    raised,
)

FAILS = ("sh", "-c", "echo one; echo two >&2; exit 3")
HANGS = ("sh", "-c", "echo begun; exec sleep 1000")
NOTHING = ("/nothing/of/this/name",)
TIMEOUT_SECONDS = 10.0
HANGS_SECONDS = 1.0


class CommandsContract(ContainersContract):
    """Commands that succeed, fail, hang or are not there, in containers that run and that do not.

    An implementation in memory has to know what FAILS, HANGS and NOTHING come to.
    """

    async def test_command(self) -> None:
        """It runs inside the container: there is nothing to say of one that succeeds in silence."""
        containers = await self.make()
        await self.prepared(containers)
        await containers.start("db")
        done = await containers.execute("db", ("true",), TIMEOUT_SECONDS)
        assert (done.exit_code, done.output) == (0, "")

    async def test_command_that_fails(self) -> None:
        """We get its exit code, and what it wrote on both streams."""
        containers = await self.make()
        await self.prepared(containers)
        await containers.start("db")
        done = await containers.execute("db", FAILS, TIMEOUT_SECONDS)
        assert done.exit_code == 3
        assert set(done.output.split()) == {"one", "two"}

    async def test_command_that_hangs(self) -> None:
        """It is waited for no longer than asked, and the container goes on."""
        containers = await self.make()
        await self.prepared(containers)
        await containers.start("db")
        done = await containers.execute("db", HANGS, HANGS_SECONDS)
        assert done.exit_code is None
        assert "begun" in done.output
        assert (await containers.discover())["db"].running

    async def test_command_that_is_not_there(self) -> None:
        """It fails, with an exit code of a shell's or because Docker cannot start it."""
        containers = await self.make()
        await self.prepared(containers)
        await containers.start("db")
        try:
            done = await containers.execute("db", NOTHING, TIMEOUT_SECONDS)
        except ContainerError:
            return
        assert done.exit_code in (126, 127)

    async def test_command_where_nothing_runs(self) -> None:
        """It cannot be run in a container that is not there, not started or stopped."""
        containers = await self.make()
        await raised(ContainerError, containers.execute("db", ("true",), TIMEOUT_SECONDS))
        await self.prepared(containers)
        await raised(ContainerError, containers.execute("db", ("true",), TIMEOUT_SECONDS))
        await containers.start("db")
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        await raised(ContainerError, containers.execute("db", ("true",), TIMEOUT_SECONDS))
