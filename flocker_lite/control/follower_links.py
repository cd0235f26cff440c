"""The agents' port of one of several control services: the leader's links, or who leads instead."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory

from flocker_lite.control.agent_links import AgentLinkFactory
from flocker_lite.control.connection_limiter import ConnectionLimiter
from flocker_lite.control.http.leader_resource import WhoLeads
from flocker_lite.control.unauthenticated_link import UnauthenticatedLink
from flocker_lite.protocol.link import Hello, Link, Refused


class FollowerLink(UnauthenticatedLink):
    """Answers a hello with who leads, and nothing else."""

    def __init__(
        self,
        clock: IReactorTime,
        who_leads: WhoLeads,
        unauthenticated: ConnectionLimiter[FollowerLink],
    ) -> None:
        super().__init__(clock, unauthenticated)
        self._who_leads = who_leads

    @Hello.responder
    def hello(self, follows: bool | None = None, **_: object) -> dict[str, Any]:
        leader = self._who_leads.leader
        if not follows:
            where = leader.agents if leader is not None else "nobody at this moment"
            raise Refused(
                f"this control service does not lead, {where} does: name all control services in "
                "`control-service: {hosts: [...]}`, and upgrade this agent"
            )
        if leader is None or self._who_leads.leads:
            return {"cluster_id": "", "leads": False}
        return {
            "cluster_id": "",
            "leads": False,
            "leader": leader.agents,
            "term": leader.term,
        }


class AgentPort(Factory):
    """Makes the leader's links, by `serving`, while this control service leads."""

    noisy = False

    def __init__(self, who_leads: WhoLeads, clock: IReactorTime, unauthenticated_max: int) -> None:
        self._who_leads = who_leads
        self._clock = clock
        self._unauthenticated: ConnectionLimiter[FollowerLink] = ConnectionLimiter(
            unauthenticated_max, FollowerLink.hang_up
        )
        self.serving: AgentLinkFactory | None = None

    def buildProtocol(self, addr: object) -> Link:
        """See Factory."""
        if self.serving is not None and self._who_leads.leads:
            return self.serving.buildProtocol(addr)
        return FollowerLink(self._clock, self._who_leads, self._unauthenticated)
