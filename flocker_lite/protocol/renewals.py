"""Fencing: an agent asks the control service for renewals, and that asks it to be promoted.

An agent sends `Renew` every `renew_every_seconds` of the shortest deadline among its containers,
and at once when a container is about to start. One message is for all containers of the node that
are fenced: those that it owns, and those that it is about to take over as the destination of a
move. It also names the agreements that it has as a standby's agent, and is told which of them were
called off. An agent with neither sends nothing. What is granted counts from when it was asked for
(`fencing.primary.granted`); a container that is missing in the answer is not renewed.

Before a renewal says which witnesses it counts, the agent has written that down, and the deadline
of a container that runs is armed (`fencing.primary.armed_first`).

The control service sends `Agree` to the one standby that it would promote. The agent answers once
its agreement is on disk (`fencing.witness.agreed`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from pyrsistent import PMap, pmap
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.protocols import amp

from flocker_lite.errors import FlockerError
from flocker_lite.model import codec
from flocker_lite.model.fencing.claims import Agreement, Attempt, Proposal, Renewal
from flocker_lite.protocol.link import DISCONNECTED, Link
from flocker_lite.protocol.long_text import LongText

RENEWALS_MAX = 200
"""Containers in one message; an agent with more of them sends several."""

RENEWAL_SECONDS_MAX = 30.0
AGREEMENT_SECONDS_MAX = 3.0
"""A standby that does not answer in this time is asked again, in another attempt."""

Record = TypeVar("Record")


class NoRenewal(FlockerError):
    """Nothing was renewed, or nothing agreed to; the text says why."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an agent asks: renewals of its containers, and what became of its agreements."""

    renewals: tuple[Renewal, ...] = ()
    agreements: tuple[Agreement, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """The containers that are renewed, why others are not, and the attempts that are called off."""

    granted: tuple[str, ...] = ()
    refused: PMap[str, str] = field(default_factory=pmap)
    called_off: tuple[Attempt, ...] = ()


class Renew(amp.Command):
    """An agent asks for renewals; `asked` is an `Asked` and `answered` an `Answered`, as JSON."""

    arguments = [(b"asked", LongText())]
    response = [(b"answered", LongText())]
    errors = {NoRenewal: b"NO_RENEWAL"}


class Agree(amp.Command):
    """A standby's agent is asked to agree to a `Proposal`, as JSON; it answers when it has."""

    arguments = [(b"proposal", LongText())]
    errors = {NoRenewal: b"NO_RENEWAL"}


AgreeTo: TypeAlias = Callable[[Proposal], Awaitable[None]]
"""Agrees to a promotion, durably; NoRenewal says why not."""


async def ask(link: Link, clock: IReactorTime, asked: Asked) -> Answered:
    """What the control service answers; NoRenewal if it answers nothing in time."""
    answer = await _answer(link.callRemote(Renew, asked=codec.dumps(asked)), clock)
    return understood(Answered, answer["answered"])


async def propose(
    link: Link, clock: IReactorTime, proposal: Proposal, seconds: float = AGREEMENT_SECONDS_MAX
) -> None:
    """Have the standby's agent at the other end agree; NoRenewal if it does not, or not in time."""
    await _answer(link.callRemote(Agree, proposal=codec.dumps(proposal)), clock, seconds)


async def _answer(
    asking: Deferred[Any], clock: IReactorTime, seconds: float = RENEWAL_SECONDS_MAX
) -> Any:
    try:
        return await asking.addTimeout(seconds, clock)
    except TimeoutError:
        reason = f"no answer within {seconds:g} s"
    except DISCONNECTED:
        reason = "disconnected meanwhile"
    except amp.UnhandledCommand:
        reason = "the other side's release does not know fencing: upgrade it"
    except (NoRenewal, amp.RemoteAmpError) as error:
        reason = str(error)
    raise NoRenewal(reason)


def understood(kind: type[Record], text: str) -> Record:
    """The record that the text describes; NoRenewal if it describes none."""
    try:
        return codec.loads(kind, text)
    except codec.CodecError as error:
        raise NoRenewal(f"not understood: {error}") from None


class RenewingLink(Link):
    """The control service's end of a connection, which answers by `answer_renewals`."""

    answer_renewals: Callable[[Asked], Awaitable[Answered]] | None = None

    @Renew.responder
    def renew(self, asked: str) -> Deferred[dict[str, str]]:
        async def answer() -> dict[str, str]:
            if self.answer_renewals is None:
                raise NoRenewal("a hello comes first")
            answered = await self.answer_renewals(understood(Asked, asked))
            return {"answered": codec.dumps(answered)}

        return self.answering(answer(), NoRenewal, "renewing deadlines failed")


class FencingLink(Link):
    """An agent's end of a connection, which agrees to promotions by `agree_to`."""

    agree_to: AgreeTo | None = None

    @Agree.responder
    def agree(self, proposal: str) -> Deferred[dict[str, str]]:
        async def answer() -> dict[str, str]:
            if self.agree_to is None:
                raise NoRenewal("the agent is only just starting")
            await self.agree_to(understood(Proposal, proposal))
            return {}

        return self.answering(answer(), NoRenewal, "agreeing to a promotion failed")
