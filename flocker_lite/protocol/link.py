"""One connection between control service and agent: messages of any size, and a pulse.

AMP itself ends at 64 KiB a value and does not notice a peer that is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure

from flocker_lite.errors import FlockerError
from flocker_lite.model.versions import Versions
from flocker_lite.protocol.messages import Assembly, BadMessage, Gap, parts

VERSIONS = Versions(oldest=1, newest=1)
PING_SECONDS = 30.0
SILENCE_SECONDS_MAX = 60.0
ALIVE_SECONDS_MAX = 3.0

BOX_BYTES_MAX = 256 * 1024
"""All keys and values of one AMP box, which AMP itself lets go on for ever."""

ANSWERS_PER_PING = 1_000
ANSWERS_UNREAD_MAX = 10_000
"""Answers on their way to a peer that asks and asks, and of which it is not known that it reads."""


class Refused(FlockerError):
    """The other side does not want to talk to this one; the text says why."""


class Hello(amp.Command):
    """An agent's first words. `cluster_id` is "" when it never belonged to a cluster.

    It speaks the versions of the protocol from `oldest` to `version`; one that names no `oldest`
    speaks but that one. `era` is a UUID of this boot of the node, `session` one of this process of
    the agent.
    `ssh_key` and `host_keys` are told by agents that take care of ssh themselves, `signs` by those
    that sign what they release.
    """

    arguments = [
        (b"version", amp.Integer()),
        (b"node_id", amp.Unicode()),
        (b"address", amp.Unicode()),
        (b"cluster_id", amp.Unicode()),
        (b"era", amp.Unicode()),
        (b"session", amp.Unicode()),
        (b"oldest", amp.Integer(optional=True)),
        (b"ssh_key", amp.Unicode(optional=True)),
        (b"host_keys", amp.ListOf(amp.Unicode(), optional=True)),
        (b"signs", amp.Boolean(optional=True)),
    ]
    response = [(b"cluster_id", amp.Unicode())]
    errors = {Refused: b"REFUSED"}


class Part(amp.Command):
    """A piece of a message; the last one is answered when the message was taken in."""

    arguments = [(b"data", amp.String()), (b"last", amp.Boolean())]
    errors = {Gap: b"GAP", BadMessage: b"BAD_MESSAGE"}


class Ping(amp.Command):
    """Are you there?"""


class Link(amp.AMP):
    """Either end of a connection; `attend` says who it speaks to."""

    log = Logger()

    def __init__(self, clock: Any) -> None:
        super().__init__()
        self._take: Callable[[bytes], None] = lambda _: None
        self._lost: Callable[[], None] = lambda: None
        self._is_over = False
        self._clock = clock
        self._assembly = Assembly()
        self._box_bytes = 0
        self._answers_unread = 0
        self._is_attended = False
        self._heard_at = 0.0
        self._pulse = LoopingCall(self._beat)
        self._pulse.clock = clock

    def attend(self, take: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        """`take` gets each whole message from now on; `lost` is called once, when it is over."""
        self._take = take
        self._lost = lost
        self._is_attended = True
        if self._is_over:
            lost()

    async def send(self, data: bytes) -> None:
        """Deliver a message; Gap when the other side needs the whole instead."""
        answers: list[Deferred[Any]] = []
        for part, last in parts(data):
            answers.append(self.callRemote(Part, data=part, last=last))
        for answer in answers[:-1]:
            answer.addErrback(lambda _: None)  # what goes wrong shows at the last one
        await answers[-1]

    def connectionMade(self) -> None:
        super().connectionMade()
        if ITCPTransport.providedBy(self.transport):
            # Else a second small message waits for the peer's delayed acknowledgement of the first.
            self.transport.setTcpNoDelay(True)
        self._heard_at = self._clock.seconds()
        self._pulse.start(PING_SECONDS, now=False).addErrback(
            lambda failure: self.log.failure("the pulse of a link stopped", failure)
        )

    def dataReceived(self, data: bytes) -> None:
        self._heard_at = self._clock.seconds()
        try:
            super().dataReceived(data)
        except Exception as error:
            # What is no AMP at all: Twisted would write a traceback for each stranger who sends it.
            self.complain("hanging up, what was sent is no message: {error!r}", error=error)
            self.hang_up()

    def complain(self, text: str, **facts: object) -> None:
        """Write a line about what the other side does."""
        self.log.warn(text, **facts)

    def proto_value(self, string: bytes) -> str:
        self._box_bytes += len(self._currentKey or b"") + len(string)
        if self._box_bytes > BOX_BYTES_MAX:
            raise BadMessage(f"a box of more than {BOX_BYTES_MAX} bytes")
        return str(super().proto_value(string))

    def ampBoxReceived(self, box: amp.AmpBox) -> None:
        self._box_bytes = 0
        super().ampBoxReceived(box)

    def sendBox(self, box: amp.AmpBox) -> None:
        super().sendBox(box)
        if amp.COMMAND in box:
            return
        self._answers_unread += 1
        if self._answers_unread == ANSWERS_UNREAD_MAX:
            self.complain("hanging up, the other side asks and does not read the answers")
            self.hang_up()
        elif self._answers_unread % ANSWERS_PER_PING == 0:
            self._ping()

    def locateResponder(self, name: bytes) -> Any:
        """Nothing of what AMP itself answers to, and no part of a message that nobody waits for."""
        if name == amp.StartTLS.commandName or (name == Part.commandName and not self._is_attended):
            return None
        responder = super().locateResponder(name)

        def understood(box: amp.AmpBox) -> Any:
            try:
                # What goes wrong later than with the arguments comes as a Deferred.
                return responder(box)
            except Exception as error:
                raise amp.RemoteAmpError(b"REFUSED", f"not understood: {error!r}") from None

        return understood if responder is not None else None

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        super().connectionLost(reason)
        if self._pulse.running:
            self._pulse.stop()
        self._is_over = True
        self._lost()

    @property
    def heard_at(self) -> float:
        """When something came from the other side last, in seconds of the clock."""
        return self._heard_at

    async def is_alive(self, seconds_max: float = ALIVE_SECONDS_MAX) -> bool:
        """Whether the other side answers a ping in time."""
        deferred: Deferred[Any] = self.callRemote(Ping)
        deferred.addTimeout(seconds_max, self._clock)
        try:
            await deferred
        except Exception:
            return False
        return True

    def hang_up(self) -> None:
        """End the connection now."""
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()

    @Part.responder
    def part(self, data: bytes, last: bool) -> dict[str, Any]:
        whole = self._assembly.add(data, last)
        if whole is not None:
            self._take(whole)
        return {}

    @Ping.responder
    def ping(self) -> dict[str, Any]:
        return {}

    def _beat(self) -> None:
        if self._clock.seconds() - self._heard_at > SILENCE_SECONDS_MAX:
            self.log.warn(
                "nothing was heard for {seconds:g} s: hanging up", seconds=SILENCE_SECONDS_MAX
            )
            self.hang_up()
            return
        self._ping()

    def _ping(self) -> None:
        """Who answers has read all that was sent before."""
        answers = self._answers_unread

        def read(_: object) -> None:
            self._answers_unread -= answers

        self.callRemote(Ping).addCallbacks(read, lambda _: None)
