"""Commands as processes: what they print, how they end, and that they do end."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, ensureDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from flocker_lite.errors import CommandFailed, CommandTimedOut
from flocker_lite.processes import (
    ENVIRONMENT,
    STDERR_TAIL_BYTES_MAX,
    TAKE_OVER_POLL_SECONDS,
    Commands,
    take_over,
)

LATE_SECONDS = 20.0


def python(text: str) -> tuple[str, ...]:
    """A command that runs this."""
    return (sys.executable, "-S", "-c", text)


class CommandsTests(TestCase):
    """Small commands on the real reactor."""

    timeout = LATE_SECONDS

    def setUp(self) -> None:
        self.commands = Commands(cast(Any, reactor))

    async def failure(self, argv: tuple[str, ...]) -> CommandFailed:
        """How a command failed."""
        running: Any = ensureDeferred(self.commands.run(argv))
        failed: CommandFailed = await self.assertFailure(running, CommandFailed)
        return failed

    async def test_stdout(self) -> None:
        """What it printed is the result; stderr is not."""
        assert await self.commands.run(("sh", "-c", "echo out; echo err >&2")) == b"out\n"

    async def test_stdin(self) -> None:
        """It reads what it is given to its end, and nothing at all by default."""
        data = os.urandom(300_000)
        assert await self.commands.run(("cat",), data) == data
        assert await self.commands.run(("cat",)) == b""

    async def test_environment(self) -> None:
        """Nothing of ours but a path and plain messages."""
        text = (await self.commands.run(("env",))).decode()
        names = {line.partition("=")[0] for line in text.splitlines()}
        assert names == set(ENVIRONMENT)

    async def test_exit_code(self) -> None:
        """A failure holds the command, its exit code and what it said."""
        failed = await self.failure(("sh", "-c", "echo no space left >&2; exit 3"))
        assert (failed.exit_code, failed.stderr_tail) == (3, "no space left\n")
        assert str(failed).endswith("exit code 3: no space left")

    async def test_signal(self) -> None:
        """One that a signal ended has its number, negative."""
        failed = await self.failure(("sh", "-c", "kill -9 $$"))
        assert failed.exit_code == -9
        assert "nothing on stderr" in str(failed)

    async def test_no_such_command(self) -> None:
        """A command that is not there fails like any other."""
        failed = await self.failure(("/nonexistent/zfs", "list"))
        assert failed.stderr_tail == "not started: No such file or directory"

    async def test_stderr_tail(self) -> None:
        """Of much stderr the end is kept."""
        failed = await self.failure(
            python("import sys; sys.stderr.write('x' * 100000 + 'the end'); sys.exit(1)")
        )
        assert len(failed.stderr_tail) == STDERR_TAIL_BYTES_MAX
        assert failed.stderr_tail.endswith("the end")

    async def test_time_out(self) -> None:
        """One that takes too long is killed, and that is told when it is gone."""
        running = self.commands.start(("sleep", "60"), timeout_seconds=0.1)
        transport: Any = running.transport
        pid: int = transport.pid
        late: Any = await self.assertFailure(running.finished, CommandTimedOut)
        assert str(late) == "sleep 60: no end after 0.1 s; killed"
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    async def test_cancel(self) -> None:
        """A command whose result nobody wants any more is killed."""
        running = self.commands.start(("sleep", "60"))
        running.finished.cancel()
        await self.assertFailure(running.finished, CancelledError)
        transport: Any = running.transport
        await running.gone
        assert transport.pid is None
        running.kill()

    async def test_cancel_waits(self) -> None:
        """Who cancels a command that is run to its end knows when it is gone."""
        read_fd, write_fd = os.pipe()
        running: Any = ensureDeferred(self.commands.run(("sleep", "60"), fds={1: write_fd}))
        os.close(write_fd)
        running.cancel()
        await self.assertFailure(running, CancelledError)
        # The last one that could have written there is gone.
        os.set_blocking(read_fd, False)
        assert os.read(read_fd, 1) == b""
        os.close(read_fd)

    async def test_take_over(self) -> None:
        """Who takes over waits for the last command, too, of the one before, killed or not."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / "made" / "agent.lock"
        clock = Clock()
        held_fd = await take_over(path, clock)
        running = Commands(cast(Any, reactor), held_fd=held_fd).start(("sleep", "60"))
        waiting: Any = ensureDeferred(take_over(path, clock))
        self.assertNoResult(waiting)
        os.close(held_fd)
        clock.advance(TAKE_OVER_POLL_SECONDS)
        self.assertNoResult(waiting)
        running.kill()
        await self.assertFailure(running.finished, CommandFailed)
        clock.advance(TAKE_OVER_POLL_SECONDS)
        os.close(self.successResultOf(waiting))

    async def test_take_over_given_up(self) -> None:
        """Who waits for it may give up."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path, clock = Path(folder.name) / "agent.lock", Clock()
        held_fd = await take_over(path, clock)
        waiting: Any = ensureDeferred(take_over(path, clock))
        waiting.cancel()
        await self.assertFailure(waiting, CancelledError)
        os.close(held_fd)
        os.close(await take_over(path, clock))

    async def test_descriptors(self) -> None:
        """A pipe of ours is the command's stdin, or any other number."""
        read_fd, write_fd = os.pipe()
        os.write(write_fd, b"through a pipe")
        os.close(write_fd)
        assert await self.commands.run(("cat",), fds={0: read_fd}) == b"through a pipe"
        os.close(read_fd)
        read_fd, write_fd = os.pipe()
        await self.commands.run(("sh", "-c", "echo three >&3"), fds={3: write_fd})
        os.close(write_fd)
        assert os.read(read_fd, 100) == b"three\n"
        os.close(read_fd)
