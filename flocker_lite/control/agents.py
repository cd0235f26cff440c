"""The door for agents: AMP connections that say hello before anything else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure

from flocker_lite.control.crowd import Crowd
from flocker_lite.control.service import ControlService
from flocker_lite.model.records import Node, NodeId, SshKeys
from flocker_lite.model.ssh_keys import ssh_keys
from flocker_lite.model.versions import told_versions, why_strange
from flocker_lite.protocol.link import VERSIONS, Hello, Link, Refused
from flocker_lite.refusals import Refusals

STRANGERS_MAX = 1024
"""Connections without a hello; one more makes the one go that has been there longest."""

GREETING_SECONDS_MAX = 30.0
"""From the connection to an answered hello; an agent that is refused reads why in that time."""

STRANGERS_BOXES_MAX = 10


@dataclass(frozen=True, slots=True)
class Certified:
    """Whose the certificate is by which a connection came in; it expires in seconds since 1970."""

    node_id: NodeId
    expires_at: float


CertifiedBy: TypeAlias = Callable[[Any], Certified | None]
"""What the certificate of a transport says; None where there are no certificates."""


class AgentLink(Link):
    """One agent's connection, as the control service has it; a stranger's before the hello."""

    log = Logger()

    def __init__(
        self,
        control: ControlService,
        clock: Any,
        certified_by: CertifiedBy,
        strangers: Crowd[AgentLink],
        refusals: Refusals,
    ) -> None:
        super().__init__(clock)
        self._control = control
        self._timer = clock
        self._certified_by = certified_by
        self._strangers = strangers
        self._refusals = refusals
        self._said_hello = False
        self._boxes_left = STRANGERS_BOXES_MAX
        self._patience: IDelayedCall | None = None

    def connectionMade(self) -> None:
        super().connectionMade()
        self._patience = self._timer.callLater(GREETING_SECONDS_MAX, self.hang_up)
        self._strangers.came(self)

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        self._is_no_stranger()
        super().connectionLost(reason)

    def ampBoxReceived(self, box: amp.AmpBox) -> None:
        if self._patience is not None:
            self._boxes_left -= 1
            if self._boxes_left < 0:
                raise Refused(f"{STRANGERS_BOXES_MAX} messages, and none of them a good hello")
        super().ampBoxReceived(box)

    def complain(self, text: str, **facts: object) -> None:
        """Not more often than once a second of each address."""
        transport: Any = self.transport
        peer = str(getattr(transport.getPeer(), "host", "somebody"))
        self._refusals.say(peer, lambda: self.log.warn(text, **facts))

    def _is_no_stranger(self) -> None:
        self._strangers.left(self)
        if self._patience is not None and self._patience.active():
            self._patience.cancel()
        self._patience = None

    @Hello.responder
    def hello(
        self,
        version: int,
        node_id: str,
        address: str,
        cluster_id: str,
        era: str,
        session: str,
        oldest: int | None = None,
        ssh_key: str | None = None,
        host_keys: list[str] | None = None,
        signs: bool | None = None,
    ) -> Deferred[dict[str, str]]:
        async def answer() -> dict[str, str]:
            if self._said_hello:
                raise Refused("hello was said on this connection before: connect anew")
            self._said_hello = True
            certified = self._certified_by(self.transport)
            if certified is not None and certified.node_id != node_id:
                raise Refused(
                    f"the agent says that it is node {node_id}, and its certificate is that of "
                    f"node {certified.node_id}: `flocker-ca create-node --uuid {node_id}` makes "
                    "the right one"
                )
            theirs = told_versions(version, oldest)
            strange = why_strange("this control service", VERSIONS, "the agent", theirs)
            if strange is not None:
                raise Refused(strange)
            mine = self._control.cluster_id
            if cluster_id not in ("", mine):
                raise Refused(
                    f"the node belongs to cluster {cluster_id}, this is {mine}: point its agent "
                    "at its own control service, or remove its identity file to let it join here"
                )
            expires_at = certified.expires_at if certified is not None else None
            node = Node(node_id, address, _keys(ssh_key, host_keys), bool(signs))
            await self._control.connect(node, session, self, era, expires_at)
            self._is_no_stranger()
            # The answer to hello goes first: an agent takes no view from who has not answered.
            self._timer.callLater(0, self._control.start_telling, node_id, self)
            return {"cluster_id": mine}

        def refused(failure: Any) -> Any:
            self.complain(
                "agent of {address} refused: {reason}", address=address, reason=failure.value
            )
            return failure

        return Deferred.fromCoroutine(answer()).addErrback(refused)


def _keys(public_key: str | None, host_keys: list[str] | None) -> SshKeys | None:
    """The keys that an agent tells, if it does; Refused when they are none."""
    if public_key is None:
        return None
    try:
        return ssh_keys(public_key, host_keys or ())
    except ValueError as error:
        raise Refused(f"the node's ssh keys: {error}") from None


class AgentLinks(Factory):
    """Makes a link for each connection on the agents' port."""

    log = Logger()
    noisy = False

    def __init__(
        self,
        control: ControlService,
        clock: Any,
        certified_by: CertifiedBy = lambda _: None,
        strangers_max: int = STRANGERS_MAX,
    ) -> None:
        self._control = control
        self._clock = clock
        self._certified_by = certified_by
        self._strangers: Crowd[AgentLink] = Crowd(strangers_max, AgentLink.hang_up)
        self._refusals = Refusals(clock, self._left_out)

    def buildProtocol(self, addr: object) -> AgentLink:
        return AgentLink(
            self._control, self._clock, self._certified_by, self._strangers, self._refusals
        )

    def _left_out(self, address: str, count: int) -> None:
        self.log.warn(
            "{address} refused at the agents' port {count} times more", address=address, count=count
        )
