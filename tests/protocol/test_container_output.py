"""The control service reads what containers say from their agents, bit by bit."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import ContainerError
from flocker_lite.protocol.container_output import (
    OPENING_SECONDS_MAX,
    NoOutput,
    Output,
    OutputAway,
    OutputLink,
    OutputUnknown,
    RemoteOutput,
    TooManyReaders,
    open_output,
)
from flocker_lite.protocol.link import Link
from flocker_lite.testing.memory_output import MemoryOutputs
from tests.protocol.joined import joined


class OutputTests(SynchronousTestCase):
    """Two ends in memory; nothing arrives but by `pump`."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.outputs = MemoryOutputs()
        self.asked: list[tuple[str, int, bool]] = []
        self.closed = 0
        self.agent = OutputLink(self.clock)
        self.agent.open_local = self.open_local
        self.join(self.agent)

    async def open_local(self, container: str, lines: int, follow: bool) -> Output:
        """What the agent does."""
        self.asked.append((container, lines, follow))
        return self.outputs.open(container, lines, follow)

    def join(self, agent: Link) -> None:
        """Join the control service to this agent."""
        self.control, self.pump = joined(self.clock, agent)

    def opening(self) -> Deferred[RemoteOutput]:
        """Begin to read, and let the answer come if there is one."""

        def closed() -> None:
            self.closed += 1

        opening = open_output(self.control, self.clock, "db", 10, True, closed)
        answer = Deferred.fromCoroutine(opening)
        self.pump.flush()
        return answer

    def opened(self) -> RemoteOutput:
        """One that could be begun."""
        return self.successResultOf(self.opening())

    def reading(self, output: RemoteOutput) -> Deferred[bytes]:
        """Ask for more, and let the answer come if there is one."""
        answer = Deferred.fromCoroutine(output.read())
        self.pump.flush()
        return answer

    def refusal(self, kind: type[NoOutput]) -> str:
        """The words in which there is nothing to read."""
        said = str(self.failureResultOf(self.opening(), kind).value)
        assert self.closed == 1
        return said

    def fails(self, error: Exception) -> None:
        """The agent is to fail in this way."""

        async def failing(container: str, lines: int, follow: bool) -> Output:
            raise error

        self.agent.open_local = failing

    def test_read(self) -> None:
        """What is there is read, then what comes, as it comes."""
        self.outputs.say("db", b"one\n")
        output = self.opened()
        assert self.asked == [("db", 10, True)]
        assert self.successResultOf(self.reading(output)) == b"one\n"
        more = self.reading(output)
        self.assertNoResult(more)
        self.outputs.say("db", b"two\n")
        self.pump.flush()
        assert self.successResultOf(more) == b"two\n"

    def test_nothing_is_read_ahead(self) -> None:
        """The agent reads only what was asked for: a slow reader costs nobody memory."""
        self.outputs.say("db", b"x" * 1_000_000)
        output = self.outputs.open("db", 1, False)
        first = self.successResultOf(output.read())
        remote = self.opened()
        assert self.successResultOf(self.reading(remote)) == first
        [reader] = [each for each in self.outputs.readers if each is not output]
        assert reader.position == len(first)

    def test_end(self) -> None:
        """At the end there is nothing more."""
        output = self.opened()
        more = self.reading(output)
        self.outputs.end("db")
        self.pump.flush()
        assert self.successResultOf(more) == b""

    def test_close(self) -> None:
        """Once closed it is read no more at the node, and what waits there ends."""
        output = self.opened()
        more = self.reading(output)
        output.close()
        output.close()
        self.pump.flush()
        assert self.successResultOf(more) == b""
        assert self.successResultOf(self.reading(output)) == b""
        assert [each.is_closed for each in self.outputs.readers] == [True]
        assert self.closed == 1

    def test_closed_while_it_is_opened(self) -> None:
        """An agent that is slow to begin lets go of it when nobody wants it any more."""
        slow: Deferred[None] = Deferred()

        async def open_slowly(container: str, lines: int, follow: bool) -> Output:
            await slow
            return self.outputs.open(container, lines, follow)

        self.agent.open_local = open_slowly
        opening = self.opening()
        self.clock.advance(OPENING_SECONDS_MAX)
        assert "did not answer within" in str(self.failureResultOf(opening, OutputAway).value)
        self.pump.flush()
        slow.callback(None)
        assert [each.is_closed for each in self.outputs.readers] == [True]
        assert self.closed == 1

    def test_connection_lost(self) -> None:
        """The agent reads nothing any more for a control service that is gone."""
        output = self.opened()
        more = self.reading(output)
        self.agent.connectionLost(Failure(ConnectionDone()))
        self.control.connectionLost(Failure(ConnectionDone()))
        self.failureResultOf(more, OutputAway)
        assert [each.is_closed for each in self.outputs.readers] == [True]
        output.close()

    def test_reason(self) -> None:
        """What the agent cannot do is told in its words; the connection stays."""
        self.fails(ContainerError("the log driver cannot read"))
        assert "the log driver cannot read" in self.refusal(NoOutput)

    def test_too_many(self) -> None:
        """That there are too many readers is told as that."""
        self.fails(TooManyReaders("8 read already"))
        assert "8 read already" in self.refusal(TooManyReaders)

    def test_bug(self) -> None:
        """A mistake of the agent's is logged there, and does not cost the connection."""
        self.fails(ZeroDivisionError("oops"))
        assert "oops" in self.refusal(NoOutput)
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1

    def test_starting(self) -> None:
        """An agent that is not ready says so."""
        self.agent.open_local = None
        assert "just starting" in self.refusal(NoOutput)

    def test_other_release(self) -> None:
        """One of a release that does not know the question says so, as it can."""
        self.join(Link(self.clock))
        assert "upgrade it" in self.refusal(OutputUnknown)

    def test_breaks_off(self) -> None:
        """What breaks off at the node is no end."""

        class Breaking:
            def read(self) -> Any:
                raise ContainerError("Docker broke off")

            def close(self) -> None:
                pass

        async def open_breaking(container: str, lines: int, follow: bool) -> Output:
            return Breaking()

        self.agent.open_local = open_breaking
        said = self.failureResultOf(self.reading(self.opened()), NoOutput)
        assert "Docker broke off" in str(said.value)

    def test_unknown_stream(self) -> None:
        """What was never begun, or is closed, has nothing more in it."""
        output = RemoteOutput(self.control, lambda: None)
        assert self.successResultOf(self.reading(output)) == b""
