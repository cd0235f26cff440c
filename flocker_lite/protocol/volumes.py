"""Volumes of Docker's: an agent asks the control service, which asks the agent that has the data.

Both questions and answers are records as JSON text.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.protocols import amp

from flocker_lite.errors import FlockerError, NotYet
from flocker_lite.model import codec
from flocker_lite.model.identities import DatasetId
from flocker_lite.model.volumes import VolumeRequest, VolumeStatuses, VolumeUse
from flocker_lite.protocol.link import DISCONNECTED, Link
from flocker_lite.protocol.long_text import TEXT_BYTES_MAX, LongText

ANSWER_SECONDS_MAX = 20.0
"""The control service may have to ask another agent, for which it takes half of this."""

USE_SECONDS_MAX = 10.0

Record = TypeVar("Record")

AnswerVolumeRequest: TypeAlias = Callable[[VolumeRequest], Awaitable[VolumeStatuses]]
"""The control service's answer to the node of this link."""

LookAtVolumeUse: TypeAlias = Callable[[DatasetId], Awaitable[VolumeUse]]
"""Who uses a dataset on this node."""


class VolumeRefused(FlockerError):
    """What Docker wants of a volume cannot be; the text says why, and what to do."""


class ControlAway(FlockerError):
    """The control service, or another node's agent, does not answer now."""


class AskVolume(amp.Command):
    """An agent asks for its own Docker; `request` is a VolumeRequest, `answer` VolumeStatuses."""

    arguments = [(b"request", LongText())]
    response = [(b"answer", LongText())]
    errors = {
        VolumeRefused: b"VOLUME_REFUSED",
        ControlAway: b"CONTROL_AWAY",
        NotYet: b"NOT_YET",
    }


class DescribeVolumeUse(amp.Command):
    """Asks an agent who uses a dataset on its node; `use` is a VolumeUse."""

    arguments = [(b"dataset_id", amp.Unicode())]
    response = [(b"use", LongText())]
    errors = {VolumeRefused: b"VOLUME_REFUSED"}


async def ask(link: Link, clock: IReactorTime, request: VolumeRequest) -> VolumeStatuses:
    """What the control service answers; VolumeRefused, or ControlAway if it does not in time.

    NotYet if what the request is about comes by itself.
    """
    asking = link.callRemote(AskVolume, request=codec.dumps(request))
    who = "the control service"
    return await _answered(clock, asking, ANSWER_SECONDS_MAX, who, "answer", VolumeStatuses)


async def ask_use(link: Link, clock: IReactorTime, dataset_id: DatasetId, who: str) -> VolumeUse:
    """Who uses a dataset where `who` is; VolumeRefused, or ControlAway without an answer."""
    asking = link.callRemote(DescribeVolumeUse, dataset_id=dataset_id)
    return await _answered(clock, asking, USE_SECONDS_MAX, who, "use", VolumeUse)


async def _answered(
    clock: IReactorTime,
    asking: Deferred[Any],
    seconds_max: float,
    who: str,
    key: str,
    kind: type[Record],
) -> Record:
    try:
        answer = await asking.addTimeout(seconds_max, clock)
        return codec.loads(kind, answer[key])
    except (TimeoutError, *DISCONNECTED):
        raise ControlAway(f"{who} does not answer: try again when it does") from None
    except amp.UnhandledCommand:
        raise VolumeRefused(f"{who} is of a release without volumes: upgrade it") from None
    except (amp.RemoteAmpError, codec.CodecError) as error:
        raise ControlAway(f"{who} answers in error, and its log says why: {error}") from None


class VolumeAnsweringLink(Link):
    """The control service's end of a connection, once `answer_volume_request` is set."""

    answer_volume_request: AnswerVolumeRequest | None = None

    @AskVolume.responder
    def ask_volume(self, request: str) -> Deferred[dict[str, str]]:
        async def answer() -> dict[str, str]:
            if self.answer_volume_request is None:
                raise VolumeRefused("say hello first")
            try:
                told = codec.loads(VolumeRequest, request)
            except codec.CodecError as error:
                raise VolumeRefused(f"not understood: {error}") from None
            text = codec.dumps(await self.answer_volume_request(told))
            if len(text.encode("utf-8")) > TEXT_BYTES_MAX:
                raise VolumeRefused("too much to tell: ask for fewer volumes at once")
            return {"answer": text}

        what = "a request for a volume failed"
        return self.answering(answer(), VolumeRefused, what, ControlAway, NotYet)


class VolumeUsingLink(Link):
    """An agent's end of a connection, which looks at datasets with `look_at_volume_use`."""

    look_at_volume_use: LookAtVolumeUse | None = None

    @DescribeVolumeUse.responder
    def describe_volume_use(self, dataset_id: str) -> Deferred[dict[str, str]]:
        async def answer() -> dict[str, str]:
            if self.look_at_volume_use is None:
                raise VolumeRefused("the agent is only just starting: try again")
            return {"use": codec.dumps(await self.look_at_volume_use(dataset_id))}

        return self.answering(answer(), VolumeRefused, "looking at the use of a volume failed")
