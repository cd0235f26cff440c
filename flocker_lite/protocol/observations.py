"""The control service asks an agent, live, what is wrong with its node, and what that uses."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.protocols import amp

from flocker_lite.errors import FlockerError
from flocker_lite.model import codec
from flocker_lite.model.diagnosis import Diagnosis
from flocker_lite.model.usage import NodeUsage
from flocker_lite.protocol.link import DISCONNECTED, Link
from flocker_lite.protocol.long_text import TEXT_BYTES_MAX, LongText

OBSERVATION_SECONDS_MAX = 15.0

Record = TypeVar("Record")


class NoObservation(FlockerError):
    """The agent does not say what it sees; the text says why, and what to do."""


class ObservationUnknown(NoObservation):
    """The agent's release does not know the question."""


class Observer(Protocol):
    """What an agent sees of its node."""

    def diagnosis(self) -> Awaitable[Diagnosis]:
        """What is wrong."""

    def usage(self) -> Awaitable[NodeUsage]:
        """What it uses."""


class Examine(amp.Command):
    """Asks what is wrong; `diagnosis` is the record as JSON text."""

    response = [(b"diagnosis", LongText())]
    errors = {NoObservation: b"NO_OBSERVATION"}


class Measure(amp.Command):
    """Asks what is used; `usage` is the record as JSON text."""

    response = [(b"usage", LongText())]
    errors = {NoObservation: b"NO_OBSERVATION"}


async def examine(link: Link, clock: IReactorTime) -> Diagnosis:
    """What is wrong, by the agent at the other end; NoObservation if it says nothing in time."""
    return await _asked(link, clock, Examine, "diagnosis", Diagnosis)


async def measure(link: Link, clock: IReactorTime) -> NodeUsage:
    """What is used, by the agent at the other end; NoObservation if it says nothing in time."""
    return await _asked(link, clock, Measure, "usage", NodeUsage)


async def _asked(
    link: Link, clock: IReactorTime, question: type[amp.Command], key: str, kind: type[Record]
) -> Record:
    asking: Deferred[Any] = link.callRemote(question)
    try:
        answer = await asking.addTimeout(OBSERVATION_SECONDS_MAX, clock)
        return codec.loads(kind, answer[key])
    except TimeoutError:
        reason = f"it did not answer within {OBSERVATION_SECONDS_MAX:g} s"
    except DISCONNECTED:
        reason = "it disconnected meanwhile"
    except NoObservation as error:
        reason = str(error)
    except amp.UnhandledCommand:
        raise ObservationUnknown("its release does not know the question") from None
    except (amp.RemoteAmpError, codec.CodecError) as error:
        reason = f"{error}"
    raise NoObservation(reason)


class ObservingLink(Link):
    """An agent's end of a connection, which says what its `observer` sees."""

    observer: Observer | None = None

    @Examine.responder
    def examine(self) -> Deferred[dict[str, str]]:
        async def answer() -> dict[str, str]:
            return {"diagnosis": _short(codec.dumps(await self._observer().diagnosis()))}

        return self.answering(answer(), NoObservation, "an examination failed")

    @Measure.responder
    def measure(self) -> Deferred[dict[str, str]]:
        async def answer() -> dict[str, str]:
            return {"usage": _short(codec.dumps(await self._observer().usage()))}

        return self.answering(answer(), NoObservation, "measuring failed")

    def _observer(self) -> Observer:
        if self.observer is None:
            raise NoObservation("it is only just starting")
        return self.observer


def _short(text: str) -> str:
    if len(text.encode("utf-8")) > TEXT_BYTES_MAX:
        raise NoObservation(f"its answer has more than {TEXT_BYTES_MAX} bytes")
    return text
