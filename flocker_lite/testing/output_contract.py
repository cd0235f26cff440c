"""The contract of every IContainers for the output of containers, as tests to mix in."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred

from flocker_lite.errors import NotFound, OutputUnreadable
from flocker_lite.interfaces import IContainers
from flocker_lite.interfaces.output import CHUNK_BYTES_MAX, IOutput
from flocker_lite.model.container_fields.logs import Logging
from flocker_lite.testing.containers_contract import (
    ADDRESS,
    STOP_TIMEOUT_SECONDS,
    ContainersContract,
    ignore,
    raised,
)


class OutputContract(ContainersContract):
    """The whole contract of IContainers; implement `say`, too."""

    talker = ("sh", "-c", "echo one; echo two >&2; echo three; exec sleep 1000")
    """A command for `image` that prints three lines and keeps running."""

    failing = ("sh", "-c", "for n in $(seq 30); do echo line $n; done; exit 3")
    """A command for `image` that prints thirty lines and ends with exit code 3."""

    async def say(self, name: str) -> None:
        """Make the running container print the lines, unless its command does."""
        raise NotImplementedError

    async def end_of(self, name: str) -> None:
        """Wait until the container that prints thirty lines has ended."""
        raise NotImplementedError

    async def talking(
        self,
        containers: IContainers,
        command: tuple[str, ...],
        name: str = "db",
        logging: Logging | None = None,
    ) -> None:
        """Run a container with this command."""
        container = replace(self.container(name), command_line=command, ports=(), logging=logging)
        await containers.pull(container.image, ignore)
        await containers.prepare(container, {}, ADDRESS)
        await containers.start(name)
        await self.say(name)

    async def lines(self, output: IOutput, count: int) -> list[str]:
        """Read this many lines."""
        said = b""
        while said.count(b"\n") < count:
            chunk = await output.read()
            assert chunk, said
            assert len(chunk) <= CHUNK_BYTES_MAX
            said += chunk
        return said.decode().splitlines()

    async def rest(self, output: IOutput) -> list[str]:
        """Read all lines to the end."""
        said = b""
        while chunk := await output.read():
            said += chunk
        return said.decode().splitlines()

    async def test_output(self) -> None:
        """Reading shows all output on both streams; with a limit of lines, the last ones."""
        containers = await self.make()
        await self.talking(containers, self.talker)
        output = await containers.output("db", 100, True)
        # The order between two streams is undefined.
        assert sorted(await self.lines(output, 3)) == ["one", "three", "two"]
        output.close()
        assert len(await self.rest(await containers.output("db", 100, False))) == 3
        assert len(await self.rest(await containers.output("db", 2, False))) == 2
        assert await self.rest(await containers.output("db", 0, False)) == []

    async def test_output_of_none(self) -> None:
        """The output of a missing container is NotFound."""
        containers = await self.make()
        await raised(NotFound, containers.output("db", 100, False))

    async def test_output_that_nobody_keeps(self) -> None:
        """If Docker cannot read from the log driver, the error names the driver."""
        containers = await self.make()
        await self.talking(containers, self.talker, logging=Logging("none"))
        error = await raised(OutputUnreadable, containers.output("db", 100, False))
        assert "log driver none" in str(error)

    async def test_output_is_followed_to_the_end(self) -> None:
        """A reader that follows waits for output, and learns when the container has ended."""
        containers = await self.make()
        await self.talking(containers, self.talker)
        output = await containers.output("db", 100, True)
        await self.lines(output, 3)
        more = Deferred.fromCoroutine(self.rest(output))
        assert not more.called
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        assert await more == []

    async def test_closed_output(self) -> None:
        """Closing a reader ends its pending read at once, and each later one."""
        containers = await self.make()
        await self.talking(containers, self.talker)
        output = await containers.output("db", 0, True)
        waiting = Deferred.fromCoroutine(self.rest(output))
        output.close()
        output.close()
        await waiting
        assert await output.read() == b""

    async def test_last_words(self) -> None:
        """When a container ends with an error, its last lines are kept, and can be read."""
        containers = await self.make()
        await self.talking(containers, self.failing)
        await self.end_of("db")
        last = tuple(f"line {number}" for number in range(11, 31))
        for local in (await containers.look("db"), (await containers.discover())["db"]):
            assert local is not None
            assert local.last_exit is not None
            assert (local.last_exit.exit_code, local.last_exit.output) == (3, last)
        assert len(await self.rest(await containers.output("db", 100, False))) == 30

    async def test_no_last_words_of_what_was_stopped(self) -> None:
        """A container that we stopped did not end with an error, whatever its exit code is."""
        containers = await self.make()
        await self.talking(containers, self.talker)
        await containers.stop("db", STOP_TIMEOUT_SECONDS)
        local = await containers.look("db")
        assert local is not None
        assert local.last_exit is not None
        assert local.last_exit.output == ()
