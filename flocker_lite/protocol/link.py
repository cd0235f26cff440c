"""One connection between control service and agent: messages of any size, and keep-alive pings.

AMP itself limits values to 64 KiB, and does not notice when its peer is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IDelayedCall, IReactorTime, ITCPTransport
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure

from flocker_lite.errors import FlockerError
from flocker_lite.model.versions import NEWEST, Versions
from flocker_lite.protocol.messages import Assembly, BadMessage, Gap, parts

Answer = TypeVar("Answer")

VERSIONS = Versions(oldest=1, newest=NEWEST)
DISCONNECTED = (ConnectionDone, ConnectionLost, ConnectionAborted)
"""What a request to a peer fails with when the connection to it ends."""

PING_SECONDS = 15.0
"""An end that heard nothing for this long pings the other one."""

SILENCE_SECONDS_MAX = 20.0
"""An end that still heard nothing by then hangs up."""

STALL_SECONDS = 1.0
"""An end that looks so much later than it meant to did not read either: it waits once more."""

ALIVE_SECONDS_MAX = 3.0

BOX_BYTES_MAX = 256 * 1024
"""All keys and values of one AMP box; AMP itself has no limit."""

ANSWERS_PER_PING = 1_000
ANSWERS_UNREAD_MAX = 10_000
"""Answers that a peer may leave unread, as far as pings show."""


class Refused(FlockerError):
    """The other side refuses the connection; the text says why."""


class NodeForgotten(Refused):
    """The node was forgotten: its agent is to stop what runs there, and to touch nothing else."""


class Hello(amp.Command):
    """An agent's first message. `cluster_id` is "" if it has never belonged to a cluster.

    The agent speaks the versions of the protocol from `oldest` to `version`; without `oldest` it
    speaks only `version`. `era` is a UUID of this boot of the node, `session` a UUID of this
    process of the agent. Agents that manage their ssh keys send `ssh_key` and `host_keys`; agents
    that sign the datasets they release send `signs`. `allow` lists what may let containers out of
    their box there. `clock` is what the node's clock shows, in seconds since 1970.

    An agent that `follows` goes where it is sent: a control service that does not lead answers
    `leads` as false, with the `leader`'s HOST:PORT if there is one. A later leader has a larger
    `term`.
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
        (b"allow", amp.ListOf(amp.Unicode(), optional=True)),
        (b"clock", amp.Float(optional=True)),
        (b"follows", amp.Boolean(optional=True)),
    ]
    response = [
        (b"cluster_id", amp.Unicode()),
        (b"leads", amp.Boolean(optional=True)),
        (b"leader", amp.Unicode(optional=True)),
        (b"term", amp.Integer(optional=True)),
    ]
    # AMP takes the first that fits. Agents that do not know FORGOTTEN see that they are refused.
    errors = {NodeForgotten: b"FORGOTTEN", Refused: b"REFUSED"}


class Part(amp.Command):
    """A part of a message; the last part is answered once the message has been applied."""

    arguments = [(b"data", amp.String()), (b"last", amp.Boolean())]
    errors = {Gap: b"GAP", BadMessage: b"BAD_MESSAGE"}


class Ping(amp.Command):
    """Are you there?"""


class Link(amp.AMP):
    """Either end of a connection; `attend` sets who gets its messages."""

    log = Logger()
    ping_seconds = PING_SECONDS
    silence_seconds_max = SILENCE_SECONDS_MAX

    def __init__(self, clock: IReactorTime) -> None:
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
        self._is_asked = False
        self._look: IDelayedCall | None = None

    def attend(self, take: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        """Give `take` each whole message from now on; call `lost` once when the link is lost."""
        self._take = take
        self._lost = lost
        self._is_attended = True
        if self._is_over:
            lost()

    async def send(self, data: bytes) -> None:
        """Deliver a message; Gap if the other side needs the whole state instead."""
        answers: list[Deferred[Any]] = []
        for part, last in parts(data):
            answers.append(self.callRemote(Part, data=part, last=last))
        for answer in answers[:-1]:
            answer.addErrback(lambda _: None)  # an error also shows at the last part
        await answers[-1]

    def answering(
        self,
        working: Coroutine[Any, Any, Answer],
        refusal: type[FlockerError],
        what: str,
        *others: type[FlockerError],
    ) -> Deferred[Answer]:
        """What a command answers whose errors are all `refusal`; a bug is logged, as `what`.

        AMP closes the connection after an error that the command does not declare; it declares
        the `others`, too.
        """

        def refused(failure: Failure) -> Failure:
            if failure.check(refusal, *others):
                return failure
            if not failure.check(FlockerError):
                self.log.failure(what, failure)
            return Failure(refusal(str(failure.value)))

        return Deferred.fromCoroutine(working).addErrback(refused)

    def connectionMade(self) -> None:
        super().connectionMade()
        if ITCPTransport.providedBy(self.transport):
            # Otherwise a second small message waits for the delayed ACK of the first.
            self.transport.setTcpNoDelay(True)
        self._heard_at = self._clock.seconds()
        self._look_in(self.ping_seconds)

    def dataReceived(self, data: bytes) -> None:
        self._heard_at = self._clock.seconds()
        self._is_asked = False
        try:
            super().dataReceived(data)
        except Exception as error:
            # This is not AMP: Twisted would log a traceback for everybody who sends such bytes.
            self.complain("hanging up, received bytes that are not AMP: {error!r}", error=error)
            self.hang_up()

    def complain(self, text: str, **facts: object) -> None:
        """Log a warning about what the other side does."""
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
            self.complain("hanging up, the other side does not read the answers to its commands")
            self.hang_up()
        elif self._answers_unread % ANSWERS_PER_PING == 0:
            self._ping()

    def locateResponder(self, name: bytes) -> Any:
        """Refuse AMP's own StartTLS, and parts of messages before `attend`."""
        if name == amp.StartTLS.commandName or (name == Part.commandName and not self._is_attended):
            return None
        responder = super().locateResponder(name)

        def understood(box: amp.AmpBox) -> Any:
            try:
                # Only bad arguments raise here; later errors come as a Deferred.
                return responder(box)
            except Exception as error:
                raise amp.RemoteAmpError(b"REFUSED", f"not understood: {error!r}") from None

        return understood if responder is not None else None

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        super().connectionLost(reason)
        if self._look is not None and self._look.active():
            self._look.cancel()
        self._is_over = True
        self._lost()

    @property
    def heard_at(self) -> float:
        """When something last came from the other side, in seconds of the clock."""
        return self._heard_at

    @property
    def is_local(self) -> bool:
        """Whether the other side is on this machine."""
        transport: Any = self.transport
        there = getattr(transport.getPeer(), "host", None)
        return there is not None and there == getattr(transport.getHost(), "host", None)

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
        """Close the connection now."""
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

    def _look_in(self, seconds: float) -> None:
        due_at = self._clock.seconds() + seconds
        self._look = self._clock.callLater(seconds, self._look_for_silence, due_at)

    def _look_for_silence(self, due_at: float) -> None:
        """Ping a silent peer; hang up if it was asked and did not answer.

        After a pause of this process what the peer said waits to be read. So it is always asked,
        and gets the whole time for its answer.
        """
        now, ask_at = self._clock.seconds(), self._heard_at + self.ping_seconds
        if now < ask_at:
            self._look_in(ask_at - now)
        elif not self._is_asked or now > due_at + STALL_SECONDS:
            self._is_asked = True
            self._ping()
            self._look_in(self.silence_seconds_max - self.ping_seconds)
        else:
            self.log.warn(
                "heard nothing for {seconds:.0f} s: hanging up", seconds=now - self._heard_at
            )
            self.hang_up()

    def _ping(self) -> None:
        """Ping: when the answer comes, the peer has read everything sent before."""
        answers = self._answers_unread

        def read(_: object) -> None:
            self._answers_unread -= answers

        self.callRemote(Ping).addCallbacks(read, lambda _: None)
