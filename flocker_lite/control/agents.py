"""The door for agents: AMP connections that say hello before anything else."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from flocker_lite.control.service import ControlService
from flocker_lite.model.records import Node
from flocker_lite.protocol.link import PROTOCOL_VERSION, Hello, Link, Refused


class AgentLink(Link):
    """One agent's connection, as the control service has it."""

    log = Logger()

    def __init__(self, control: ControlService, clock: Any) -> None:
        super().__init__(clock)
        self._control = control
        self._timer = clock

    @Hello.responder
    def hello(
        self, version: int, node_id: str, address: str, cluster_id: str, era: str, session: str
    ) -> Deferred[dict[str, str]]:
        async def answer() -> dict[str, str]:
            if version != PROTOCOL_VERSION:
                raise Refused(
                    f"the agent speaks protocol {version}, this control service "
                    f"{PROTOCOL_VERSION}: upgrade the older of the two"
                )
            mine = self._control.cluster_id
            if cluster_id not in ("", mine):
                raise Refused(
                    f"the node belongs to cluster {cluster_id}, this is {mine}: point its agent "
                    "at its own control service, or remove its identity file to let it join here"
                )
            await self._control.connect(Node(node_id, address), session, self, era)
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

    def __init__(self, control: ControlService, clock: Any) -> None:
        self._control = control
        self._clock = clock

    def buildProtocol(self, addr: object) -> AgentLink:
        return AgentLink(self._control, self._clock)
