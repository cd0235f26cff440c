"""The output of a container: the control service reads it from the node's agent in chunks.

The control service asks for the next chunk only after its client has taken the last one. So a
client that stops reading fills nobody's memory.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, Protocol, TypeAlias

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.protocols import amp
from twisted.python.failure import Failure

from flocker_lite.errors import FlockerError
from flocker_lite.protocol.link import DISCONNECTED, Link

OPENING_SECONDS_MAX = 20.0
_FAILED = "reading the output of a container failed"


class NoOutput(FlockerError):
    """The output of a container cannot be read; the text says why, and what to do."""


class TooManyReaders(NoOutput):
    """The maximum number of readers has been reached."""


class OutputAway(NoOutput):
    """The agent disconnected, or does not answer."""


class OutputUnknown(NoOutput):
    """The agent's release cannot read the output of containers."""


class Output(Protocol):
    """See `interfaces.output.IOutput`."""

    def read(self) -> Awaitable[bytes]: ...  # pragma: no cover

    def close(self) -> None: ...  # pragma: no cover


OpenLocalOutput: TypeAlias = Callable[[str, int, bool], Awaitable[Output]]
"""Starts reading on a node: of this container, so many last lines, and what follows if True."""


class OpenOutput(amp.Command):
    """Start reading; the control service refers to this reader as `stream` from now on."""

    arguments = [
        (b"stream", amp.Integer()),
        (b"container", amp.Unicode()),
        (b"lines", amp.Integer()),
        (b"follow", amp.Boolean()),
    ]
    errors = {TooManyReaders: b"TOO_MANY_READERS", NoOutput: b"NO_OUTPUT"}


class ReadOutput(amp.Command):
    """Wait for the next chunk; an empty one means the end."""

    arguments = [(b"stream", amp.Integer())]
    response = [(b"data", amp.String())]
    errors = {NoOutput: b"NO_OUTPUT"}


class CloseOutput(amp.Command):
    """Stop reading."""

    arguments = [(b"stream", amp.Integer())]


_streams = count(1)


class RemoteOutput:
    """The output of a container at the other end of a link; calls `closed` once."""

    def __init__(self, link: Link, closed: Callable[[], None]) -> None:
        self.stream = next(_streams)
        self._link = link
        self._closed = closed
        self._is_closed = False

    async def read(self) -> bytes:
        """The next chunk; empty at the end. NoOutput if the output breaks off."""
        if self._is_closed:
            return b""
        try:
            answer = await self._link.callRemote(ReadOutput, stream=self.stream)
        except DISCONNECTED:
            raise OutputAway("The agent disconnected meanwhile.") from None
        data: bytes = answer["data"]
        return data

    def close(self) -> None:
        """Tell the agent to stop reading. Idempotent."""
        if self._is_closed:
            return
        self._is_closed = True
        self._closed()
        closing: Deferred[Any] = self._link.callRemote(CloseOutput, stream=self.stream)
        closing.addErrback(lambda _: None)  # an agent that disconnected has stopped reading


async def open_output(
    link: Link,
    clock: IReactorTime,
    container: str,
    lines: int,
    follow: bool,
    closed: Callable[[], None],
) -> RemoteOutput:
    """Start reading; if the agent cannot, calls `closed` and raises NoOutput."""
    output = RemoteOutput(link, closed)
    opening: Deferred[Any] = link.callRemote(
        OpenOutput, stream=output.stream, container=container, lines=lines, follow=follow
    )
    try:
        await opening.addTimeout(OPENING_SECONDS_MAX, clock)
    except BaseException as error:
        output.close()
        raise _explained(error) from None
    return output


def _explained(error: BaseException) -> BaseException:
    match error:
        case TimeoutError():
            said = f"The agent did not answer within {OPENING_SECONDS_MAX:g} s: ask again later."
            return OutputAway(said)
        case _ if isinstance(error, DISCONNECTED):
            return OutputAway("The agent disconnected meanwhile: ask again when it is back.")
        case amp.UnhandledCommand():
            return OutputUnknown(
                "The agent of that node is too old to read the output of containers: upgrade it, "
                "or run `docker logs` on that node."
            )
        case amp.RemoteAmpError():
            return NoOutput(f"The agent could not read the output: {error}; see its log.")
    return error


class OutputLink(Link):
    """The agent's end of a connection; `open_local` opens the output of a container."""

    open_local: OpenLocalOutput | None = None

    def __init__(self, clock: IReactorTime) -> None:
        super().__init__(clock)
        self._outputs: dict[int, Output | None] = {}

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        super().connectionLost(reason)
        for stream in list(self._outputs):
            self._close(stream)

    @OpenOutput.responder
    def open_output(
        self, stream: int, container: str, lines: int, follow: bool
    ) -> Deferred[dict[str, Any]]:
        async def answer() -> dict[str, Any]:
            if self.open_local is None:
                raise NoOutput("The agent is only just starting: ask again.")
            # If CloseOutput arrives while we open it, this entry is gone afterwards.
            self._outputs[stream] = None
            try:
                output = await self.open_local(container, lines, follow)
            except BaseException:
                self._outputs.pop(stream, None)
                raise
            if stream not in self._outputs:
                output.close()
            else:
                self._outputs[stream] = output
            return {}

        return self.answering(answer(), NoOutput, _FAILED)

    @ReadOutput.responder
    def read_output(self, stream: int) -> Deferred[dict[str, Any]]:
        async def answer() -> dict[str, Any]:
            output = self._outputs.get(stream)
            return {"data": await output.read() if output is not None else b""}

        return self.answering(answer(), NoOutput, _FAILED)

    @CloseOutput.responder
    def close_output(self, stream: int) -> dict[str, Any]:
        self._close(stream)
        return {}

    def _close(self, stream: int) -> None:
        output = self._outputs.pop(stream, None)
        if output is not None:
            output.close()
