"""The door for agents: AMP connections that say hello before anything else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from flocker_lite.control.service import ControlService
from flocker_lite.model.records import Node, NodeId
from flocker_lite.model.versions import told_versions, why_strange
from flocker_lite.protocol.link import VERSIONS, Hello, Link, Refused


@dataclass(frozen=True, slots=True)
class Certified:
    """Whose the certificate is by which a connection came in; it expires in seconds since 1970."""

    node_id: NodeId
    expires_at: float


CertifiedBy: TypeAlias = Callable[[Any], Certified | None]
"""What the certificate of a transport says; None where there are no certificates."""


class AgentLink(Link):
    """One agent's connection, as the control service has it."""

    log = Logger()

    def __init__(self, control: ControlService, clock: Any, certified_by: CertifiedBy) -> None:
        super().__init__(clock)
        self._control = control
        self._timer = clock
        self._certified_by = certified_by

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
    ) -> Deferred[dict[str, str]]:
        async def answer() -> dict[str, str]:
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
            await self._control.connect(Node(node_id, address), session, self, era, expires_at)
            # The answer to hello goes first: an agent takes no view from who has not answered.
            self._timer.callLater(0, self._control.start_telling, self)
            return {"cluster_id": mine}

        def refused(failure: Any) -> Any:
            self.log.warn(
                "agent of {address} refused: {reason}", address=address, reason=failure.value
            )
            return failure

        return Deferred.fromCoroutine(answer()).addErrback(refused)


class AgentLinks(Factory):
    """Makes a link for each connection on the agents' port."""

    noisy = False

    def __init__(
        self, control: ControlService, clock: Any, certified_by: CertifiedBy = lambda _: None
    ) -> None:
        self._control = control
        self._clock = clock
        self._certified_by = certified_by

    def buildProtocol(self, addr: object) -> AgentLink:
        return AgentLink(self._control, self._clock, self._certified_by)
