"""What an agent says first on a connection, and whom of several control services it believes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pyrsistent import PMap
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.logger import Logger
from zope.interface import implementer

from flocker_lite.convergence.context import AgentContext
from flocker_lite.errors import FlockerError
from flocker_lite.model.records import NodeId, SshKeys
from flocker_lite.protocol.link import (
    PING_SECONDS,
    SILENCE_SECONDS_MAX,
    VERSIONS,
    Hello,
    Link,
)

RECONNECT_SECONDS_MAX = 30.0
SEARCH_SECONDS_MAX = 2.0
"""How long an agent waits before it tries the next of several control services, at most."""

TOLD_SECONDS = 0.1
"""How long it waits before it goes where a follower sent it."""

SEARCH_PING_SECONDS = 3.0
SEARCH_SILENCE_SECONDS_MAX = 10.0
"""After this time without a sign of life from one of several control services, others are tried."""


class NotLeading(FlockerError):
    """This control service does not lead; the text says what was done about it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Identifies an agent. `era` is a UUID of this boot, `session` one of this process."""

    node_id: NodeId
    address: str
    era: str
    session: str


class Trust(Protocol):
    """The ssh keys of this node, and those of the peers that it trusts; see `peers.trust`."""

    keys: SshKeys

    def install(self, peers: PMap[NodeId, SshKeys]) -> None: ...  # pragma: no cover


class ControlFinder:
    """What an agent knows of its control services: how many, who leads, and the newest term."""

    def __init__(self, count: int = 1) -> None:
        self.is_one_of_several = count > 1
        self.newest_term = 0
        self.told: str | None = None

    @property
    def reconnect_seconds_max(self) -> float:
        """How long to wait between two connections, at most."""
        return SEARCH_SECONDS_MAX if self.is_one_of_several else RECONNECT_SECONDS_MAX

    @property
    def pulse(self) -> tuple[float, float]:
        """How often to ping, and after how much silence to hang up, in seconds."""
        if self.is_one_of_several:
            return SEARCH_PING_SECONDS, SEARCH_SILENCE_SECONDS_MAX
        return PING_SECONDS, SILENCE_SECONDS_MAX

    def heard(self, leads: bool | None, leader: str | None, term: int | None) -> None:
        """An answer to a hello; NotLeading unless it is of the newest leader."""
        if leads is False:
            if leader is not None and (term or 0) >= self.newest_term:
                self.told, self.newest_term = leader, term or 0
                raise NotLeading(f"going to {leader}, which leads")
            raise NotLeading("nobody leads yet")
        if (term or 0) < self.newest_term:
            raise NotLeading(
                f"its term {term or 0} is over, for {self.newest_term} is known; if the control "
                "service is the only one now, restart this agent"
            )
        self.newest_term = term or 0


@implementer(IStreamClientEndpoint)
class SearchingEndpoint:
    """Connects where the `finder` was told to, or else to the next of the control services.

    `endpoint_at` makes the endpoint of a HOST:PORT; FlockerError if that is none for this agent.
    """

    log = Logger()

    def __init__(
        self,
        finder: ControlFinder,
        endpoints: Sequence[IStreamClientEndpoint],
        endpoint_at: Callable[[str], IStreamClientEndpoint],
    ) -> None:
        self._finder = finder
        self._endpoints = endpoints
        self._endpoint_at = endpoint_at
        self._count = 0

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        """See IStreamClientEndpoint."""
        connecting: Deferred[Any] = (self._told() or self._next()).connect(protocolFactory)
        return connecting

    def _told(self) -> IStreamClientEndpoint | None:
        told, self._finder.told = self._finder.told, None
        try:
            return self._endpoint_at(told) if told is not None else None
        except FlockerError as error:
            self.log.warn("not going to {leader}: {reason}", leader=told, reason=str(error))
            return None

    def _next(self) -> IStreamClientEndpoint:
        self._count += 1
        return self._endpoints[(self._count - 1) % len(self._endpoints)]


async def say_hello(
    link: Link,
    identity: Identity,
    context: AgentContext,
    cluster_id: str,
    trust: Trust | None,
    finder: ControlFinder,
) -> str:
    """Say who this is; returns the cluster's id. NotLeading sends the agent elsewhere."""
    keys = trust.keys if trust is not None else None
    answer = await link.callRemote(
        Hello,
        version=VERSIONS.newest,
        oldest=VERSIONS.oldest,
        node_id=identity.node_id,
        address=identity.address,
        cluster_id=cluster_id,
        era=identity.era,
        session=identity.session,
        ssh_key=keys.public_key if keys is not None else None,
        host_keys=list(keys.host_keys) if keys is not None else None,
        signs=context.proofs.signs,
        allow=list(context.allowance.entries),
        clock=time.time(),
        follows=True,
    )
    finder.heard(answer["leads"], answer["leader"], answer["term"])
    return str(answer["cluster_id"])
