"""The agents' port: AMP connections, each of which must begin with a hello."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.protocols import amp

from flocker_lite.control.connection_limiter import ConnectionLimiter
from flocker_lite.control.service import ControlService
from flocker_lite.control.term import ENDLESS, Term
from flocker_lite.control.unauthenticated_link import UnauthenticatedLink
from flocker_lite.control.volumes import VolumeRequests
from flocker_lite.model import allowance
from flocker_lite.model.records import Node, NodeId, SshKeys
from flocker_lite.model.ssh_keys import ssh_keys
from flocker_lite.model.versions import told_versions, why_strange
from flocker_lite.protocol.link import PING_SECONDS, VERSIONS, Hello, Refused
from flocker_lite.protocol.renewals import RenewingLink
from flocker_lite.protocol.volumes import VolumeAnsweringLink
from flocker_lite.refusal_log import RefusalLog

UNAUTHENTICATED_MAX = 1024
"""Connections without a hello; when one more comes, the oldest of them is closed."""

UNAUTHENTICATED_BOXES_MAX = 10


@dataclass(frozen=True, slots=True)
class Certified:
    """The node that a connection's certificate names, and its expiry in seconds since 1970."""

    node_id: NodeId
    expires_at: float


CertifiedBy: TypeAlias = Callable[[Any], Certified | None]
"""Reads the certificate of a transport; None without certificates."""


class AgentLink(UnauthenticatedLink, VolumeAnsweringLink, RenewingLink):
    """The control service's end of a connection; it is not authenticated before the hello."""

    log = Logger()
    ping_seconds = PING_SECONDS + 1
    """The agent pings first, so that one ping is enough for both."""

    def __init__(
        self,
        control: ControlService,
        clock: IReactorTime,
        certified_by: CertifiedBy,
        unauthenticated: ConnectionLimiter[AgentLink],
        refusals: RefusalLog,
        term: Term = ENDLESS,
    ) -> None:
        super().__init__(clock, unauthenticated)
        self._term = term
        self._control = control
        self._certified_by = certified_by
        self._refusals = refusals
        self._said_hello = False
        self._boxes_left = UNAUTHENTICATED_BOXES_MAX

    def ampBoxReceived(self, box: amp.AmpBox) -> None:
        if not self._term.goes_on():
            self.hang_up()
            return
        if not self.is_authenticated:
            self._boxes_left -= 1
            if self._boxes_left < 0:
                raise Refused(
                    f"{UNAUTHENTICATED_BOXES_MAX} messages, and none of them a valid hello"
                )
        super().ampBoxReceived(box)

    def sendBox(self, box: amp.AmpBox) -> None:
        """Say nothing more once another may lead, whatever this process hung in meanwhile."""
        if self._term.goes_on():
            super().sendBox(box)
        else:
            self.hang_up()

    def complain(self, text: str, **facts: object) -> None:
        """Log at most once a second for each address."""
        transport: Any = self.transport
        peer = str(getattr(transport.getPeer(), "host", "somebody"))
        self._refusals.say(peer, lambda: self.log.warn(text, **facts))

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
        allow: list[str] | None = None,
        clock: float | None = None,
        follows: bool | None = None,
    ) -> Deferred[dict[str, Any]]:
        arrived_at = time.time()

        async def answer() -> dict[str, Any]:
            if self._said_hello:
                raise Refused("this connection has already had a hello: open another connection")
            self._said_hello = True
            certified = self._certified_by(self.transport)
            if certified is not None and certified.node_id != node_id:
                raise Refused(
                    f"the agent says that it is node {node_id}, but its certificate is that of "
                    f"node {certified.node_id}: create the right one with `flocker-ca create-node "
                    f"--uuid {node_id}`"
                )
            theirs = told_versions(version, oldest)
            strange = why_strange("this control service", VERSIONS, "the agent", theirs)
            if strange is not None:
                raise Refused(strange)
            mine = self._control.cluster_id
            if cluster_id not in ("", mine):
                raise Refused(
                    f"the node belongs to cluster {cluster_id}, and this is cluster {mine}: point "
                    "its agent at its own control service, or remove its identity file to let it "
                    "join this cluster"
                )
            expires_at = certified.expires_at if certified is not None else None
            keys, allowed = _keys(ssh_key, host_keys), _allow(allow or ())
            node = Node(node_id, address, keys, bool(signs), version, allowed)
            await self._control.connect(node, session, self, era, expires_at)
            self._control.node_records.compared(node_id, clock, arrived_at)
            self.authenticated()
            self.answer_renewals = partial(self._control.renew, node_id, self)
            self.answer_volume_request = partial(VolumeRequests(self._control).answer, node_id)
            # Answer the hello first: an agent takes no view from a service that has not answered.
            self._timer.callLater(0, self._control.start_telling, node_id, self)
            return {"cluster_id": mine, "term": self._term.number or None}

        def refused(failure: Any) -> Any:
            self.complain(
                "agent of {address} refused: {reason}", address=address, reason=failure.value
            )
            return failure

        return Deferred.fromCoroutine(answer()).addErrback(refused)


def _keys(public_key: str | None, host_keys: list[str] | None) -> SshKeys | None:
    """The ssh keys in an agent's hello, if it sends any; Refused if they are not valid keys."""
    if public_key is None:
        return None
    try:
        return ssh_keys(public_key, host_keys or ())
    except ValueError as error:
        raise Refused(f"the node's ssh keys: {error}") from None


def _allow(entries: Collection[str]) -> tuple[str, ...]:
    """What a node allows; Refused when that is no such list."""
    if len(entries) > allowance.ENTRIES_MAX:
        raise Refused(f"`allow` has more than {allowance.ENTRIES_MAX} entries")
    try:
        return tuple(dict.fromkeys(map(allowance.entry, entries)))
    except ValueError as error:
        raise Refused(f"`allow`: {error}") from None


class AgentLinkFactory(Factory):
    """Makes an `AgentLink` for each connection on the agents' port."""

    log = Logger()
    noisy = False

    def __init__(
        self,
        control: ControlService,
        clock: IReactorTime,
        certified_by: CertifiedBy = lambda _: None,
        unauthenticated_max: int = UNAUTHENTICATED_MAX,
        term: Term = ENDLESS,
    ) -> None:
        self._term = term
        self._control = control
        self._clock = clock
        self._certified_by = certified_by
        self._unauthenticated: ConnectionLimiter[AgentLink] = ConnectionLimiter(
            unauthenticated_max, AgentLink.hang_up
        )
        self._refusals = RefusalLog(clock, self._left_out)

    def buildProtocol(self, addr: object) -> AgentLink:
        return AgentLink(
            self._control,
            self._clock,
            self._certified_by,
            self._unauthenticated,
            self._refusals,
            self._term,
        )

    def _left_out(self, address: str, count: int) -> None:
        self.log.warn(
            "{address} refused at the agents' port {count} more times", address=address, count=count
        )
