"""The control service: edits become durable, and go to the agents; their reports come back.

One edit after the other: the pure function, the commit to the store, then the announcement. What a
report says about the world is never stored; only what it means for a grant is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from flocker_lite.control.absences import Absences
from flocker_lite.control.announcer import Announcer
from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.control.discard_keeper import DiscardKeeper
from flocker_lite.control.end_keeper import EndKeeper
from flocker_lite.control.grant_keeper import STORE_RETRY_SECONDS, GrantKeeper
from flocker_lite.control.grants import Evidence
from flocker_lite.control.interfaces import EditFunction, IControl
from flocker_lite.control.journal import Journal
from flocker_lite.control.lease_timers import LeaseTimers
from flocker_lite.control.moves import MoveKeeper, as_shown
from flocker_lite.control.probing import Probing
from flocker_lite.control.sealing import GrantSeal
from flocker_lite.control.writer import Writer
from flocker_lite.errors import StoreError
from flocker_lite.interfaces import ISeal, IStore
from flocker_lite.model import deltas, edits, moves
from flocker_lite.model.accounts import MoveState
from flocker_lite.model.records import (
    Change,
    Configuration,
    DatasetId,
    Edit,
    Move,
    Node,
    NodeId,
)
from flocker_lite.model.state import Forecast, NodeState
from flocker_lite.protocol.forecasts import NoForecast, ask
from flocker_lite.protocol.link import Link, Refused
from flocker_lite.protocol.messages import REPORTED_BYTES_MAX, REPORTED_COUNT_MAX, Inbox
from flocker_lite.protocol.outbox import Outbox

STATE_SECONDS_MAX = 120.0
"""How long the last report of an agent that is away is believed."""

SETTLING_SECONDS_MAX = 10.0


@dataclass
class Agent:
    """A connected agent."""

    node_id: NodeId
    session: str
    link: Link
    inbox: Inbox[NodeState]
    outbox: Outbox
    greeted: bool = False
    reported: bool = False


@implementer(IControl)
class ControlService:
    """The configuration, the agents, and what they report; made by `open_control`."""

    log = Logger()

    def __init__(
        self, store: IStore, configuration: Configuration, clock: Any, seal: ISeal | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._writer = Writer(store, configuration, self._planned, self._durable)
        objection = seal.objection if seal is not None else None
        self._announcer = Announcer(
            Evidence(objection, self.is_away, self.cluster_id),
            GrantSeal(seal, self.cluster_id) if seal is not None else None,
        )
        self._agents: dict[NodeId, Agent] = {}
        self._announcer.configured(configuration, deltas.whole(configuration))
        self.journal = Journal(clock.seconds())
        self._grants = GrantKeeper(self._announcer, self.journal, clock, self.edit)
        self._ends = EndKeeper(clock, self.edit)
        self._discards = DiscardKeeper(clock, self.edit)
        self.eras: dict[NodeId, str] = {}
        self.certificates: dict[NodeId, float] = {}
        self._leases = LeaseTimers(clock, self._lease_is_over)
        self._leases.changed(deltas.whole(configuration))
        self._moves = MoveKeeper(clock, self._review)
        self.absences = Absences(self, clock)
        self._probing = Probing(clock)
        self.absences.changed(deltas.whole(configuration))
        self._expiries: dict[NodeId, IDelayedCall] = {}
        self._closed = False
        # Right after a start nothing is known of what runs where. Told that, agents would take down
        # routes that are right: they are told nothing until all have reported, or some time passed.
        settling_seconds = SETTLING_SECONDS_MAX if configuration.nodes else 0
        self._settling: IDelayedCall | None = clock.callLater(settling_seconds, self._settled)
        self._awaited = {container.node for container in configuration.containers.values()}

    @property
    def cluster_id(self) -> str:
        """UUID of the cluster."""
        return str(self._store.cluster_id)

    @property
    def configuration(self) -> Configuration:
        return self._writer.configuration

    @property
    def tag(self) -> str:
        return self._writer.tag

    @property
    def cluster(self) -> ClusterState:
        return self._announcer.cluster

    def is_away(self, node_id: NodeId) -> bool:
        return node_id not in self._agents

    def accounts(self, move_id: str) -> tuple[MoveState, ...]:
        return self._moves.accounts(move_id)

    def planned(self, function: EditFunction, then: EditFunction = Edit) -> Edit:
        return self._planned(self.configuration, function, then)

    async def edit(
        self, function: EditFunction, tags: Collection[str] = (), then: EditFunction = Edit
    ) -> Edit:
        return await self._writer.edit(function, tags, then)

    def _planned(self, before: Configuration, function: EditFunction, then: EditFunction) -> Edit:
        edit = moves.followed(before, function(before), self._moment())
        following = then(edit.configuration)
        return Edit(following.configuration, edit.changes + following.changes)

    def _durable(self, before: Configuration, edit: Edit) -> None:
        to_node, to_all = self._announcer.configured(edit.configuration, edit.changes)
        self._announce(to_node, to_all)
        for node_id in to_node.keys() & self._agents.keys():
            self._probing.told(node_id, self._agents[node_id].link)
        self._leases.changed(edit.changes)
        self.journal.configured(before, edit.changes)
        self._moves.configured(edit.configuration, edit.changes)
        self._grants.configured(before, edit.changes)
        self.absences.changed(edit.changes)
        self._discards.look(edit.configuration, self.cluster)

    async def cancel_move(self, move_id: str, tags: Collection[str] = ()) -> Edit:
        return await self.edit(lambda c: moves.cancel(c, move_id, self._moment()), tags)

    async def forecast(self, move: Move) -> Forecast:
        agent = self._agents.get(move.source)
        if agent is None:
            away = self.absences.of_node(move.source)
            why = f" ({away})" if away is not None else ""
            raise NoForecast(f"The agent of the source is away: ask again when it is back.{why}")
        costs = moves.pause_costs(moves.last_alike(self.configuration, move))
        address = self.configuration.nodes[move.destination].address
        return await ask(agent.link, self._clock, move, costs, address)

    async def connect(
        self,
        node: Node,
        session: str,
        link: Link,
        era: str = "",
        certificate_expires_at: float | None = None,
    ) -> None:
        """An agent says who it is; Refused when another one is at work in that node's name.

        `era` is a UUID of this boot of the node. Its certificate expires in seconds since 1970.
        """
        try:
            edits.announce_node(self.configuration, node)
        except edits.EditError as error:
            raise Refused(str(error)) from None
        await self._require_own_address(node)
        known = self._agents.get(node.node_id)
        if known is not None and known.session != session and await known.link.is_alive():
            raise Refused(
                f"another agent is connected as node {node.node_id}: two machines have the same "
                "identity file; remove it on the one that is a copy, and restart its agent"
            )
        try:
            await self.edit(lambda configuration: edits.announce_node(configuration, node))
        except edits.EditError as error:
            raise Refused(str(error)) from None
        known = self._agents.get(node.node_id)  # another may have come meanwhile
        if known is not None:
            known.outbox.stop()
            known.link.hang_up()
        self._remember(node.node_id)
        is_back = self.is_away(node.node_id)
        known_state = self.cluster.nodes.get(node.node_id)
        agent = Agent(
            node.node_id,
            session,
            link,
            Inbox(NodeState(), known_state, REPORTED_COUNT_MAX, REPORTED_BYTES_MAX),
            Outbox(
                lambda: self._announcer.whole(node.node_id),
                link.send,
                lambda failure: self._could_not_tell(node.node_id, link, failure),
            ),
        )
        self._agents[node.node_id] = agent
        self.eras[node.node_id] = era.lower()
        self._note_certificate(node.node_id, certificate_expires_at)
        if is_back:
            self._shown_anew(node.node_id)
            self._grants.came_or_went()
            self.absences.came(node.node_id)
        link.attend(lambda data: self._take(agent, data), lambda: self._disconnected(agent))
        self.log.info(
            "agent connected: node {node} at {address}", node=node.node_id, address=node.address
        )

    async def _require_own_address(self, node: Node) -> None:
        """Refused when the address is that of another node, whose agent is at work."""
        other = edits.node_at(self.configuration, edits.canonical_address(node.address))
        agent = self._agents.get(other or "")
        if other != node.node_id and agent is not None and await agent.link.is_alive():
            raise Refused(
                f"{node.address} is the address of node {other}, whose agent is connected: give "
                f"node {node.node_id} an address of its own"
            )

    def _note_certificate(self, node_id: NodeId, expires_at: float | None) -> None:
        if self.certificates.get(node_id) == expires_at:
            return
        if expires_at is None:
            del self.certificates[node_id]
        else:
            self.certificates[node_id] = expires_at
        self._shown_anew(node_id)

    def start_telling(self, node_id: NodeId, link: Link) -> None:
        """Send an agent its view, now that its greeting was answered."""
        agent = self._agents.get(node_id)
        if agent is not None and agent.link is link:
            agent.greeted = True
            self._announce(self._announcer.told_anew(node_id), ())
            self._tell(agent)

    def _tell(self, agent: Agent) -> None:
        """Start with it, once what it is told takes into account what it has."""
        if agent.greeted and agent.reported and self._settling is None:
            agent.outbox.start()

    def _settled(self) -> None:
        if self._settling is not None and self._settling.active():
            self._settling.cancel()
        self._settling = None
        for agent in self._agents.values():
            self._tell(agent)

    def _disconnected(self, agent: Agent) -> None:
        """Its state is believed for a while: most of the time an agent comes back at once."""
        if self._agents.get(agent.node_id) is not agent:
            return
        del self._agents[agent.node_id]
        agent.outbox.stop()
        self._shown_anew(agent.node_id)
        self._grants.came_or_went()
        self.absences.went(agent.node_id)
        self._expiries[agent.node_id] = self._clock.callLater(
            STATE_SECONDS_MAX, self._forget, agent.node_id
        )
        self.log.info("agent gone: node {node}", node=agent.node_id)

    def _shown_anew(self, node_id: NodeId) -> None:
        """Its certificate, and whether its agent is away, are a part of what is shown of a node."""
        if node_id in self.cluster.nodes:
            self.journal.reported(node_id, (), came_or_went=True)

    def _remember(self, node_id: NodeId) -> None:
        expiry = self._expiries.pop(node_id, None)
        if expiry is not None and expiry.active():
            expiry.cancel()

    def _forget(self, node_id: NodeId) -> None:
        self._expiries.pop(node_id, None)
        self.eras.pop(node_id, None)
        self.certificates.pop(node_id, None)
        came_or_went = node_id in self.cluster.nodes
        self._announcer.cluster, changes = self._announcer.cluster.forgotten(node_id)
        self._grants.reported(changes)
        self._announce(*self._announcer.reported(changes))
        self.journal.reported(node_id, as_shown(self.configuration, changes), came_or_went)
        self._moves.reported(self.configuration, node_id, changes)
        self.absences.changed(changes)
        self.log.warn("the state of node {node} is too old to be believed", node=node_id)

    async def close(self) -> None:
        """Hang up on the agents and close the store."""
        self._closed = True
        for node_id in list(self._expiries):
            self._remember(node_id)
        keepers = (self._grants, self._ends, self._discards, self._leases, self._moves)
        for each in (*keepers, self.absences, self._probing):
            each.stop()
        if self._settling is not None:
            self._settling.cancel()
        for agent in list(self._agents.values()):
            agent.link.hang_up()
        await self._store.close()

    def _take(self, agent: Agent, data: bytes) -> None:
        if self._agents.get(agent.node_id) is not agent:
            return
        changes = agent.inbox.take(data)
        came_or_went = agent.node_id not in self.cluster.nodes
        cluster = self._announcer.cluster.updated(agent.node_id, agent.inbox.maps, changes)
        self._announcer.cluster = cluster
        self._grants.reported(changes)
        self._announce(*self._announcer.reported(changes))
        shown = as_shown(self.configuration, changes)
        self.journal.reported(agent.node_id, shown, came_or_went)
        self._moves.reported(self.configuration, agent.node_id, changes)
        self.absences.changed(changes)
        if self._settling is not None:
            self._awaited.discard(agent.node_id)
            if not self._awaited:
                self._settled()
        agent.reported = True
        self._tell(agent)
        self._ends.reported(self.configuration, agent.node_id, changes)
        self._discards.look(self.configuration, self.cluster)

    def _lease_is_over(self, dataset_id: DatasetId) -> None:
        async def drop() -> None:
            now = self._clock.seconds()
            await self.edit(lambda c: edits.drop_lease_when_over(c, dataset_id, now))

        self._owned(drop(), "ending a lease")

    def _moment(self) -> moves.Moment:
        return moves.Moment(self._clock.seconds(), lambda: str(uuid4()), self._moves.accounts)

    def _review(self, move_id: str) -> None:
        """Have a move end that is over."""
        verdict = self._moves.outcome(self.configuration, self.cluster, move_id)
        if verdict is not None and not self._closed:
            self._owned(self._end_move(move_id, verdict), "ending a move")

    async def _end_move(self, move_id: str, verdict: str) -> None:
        ended = moves.call_back if verdict == moves.ROLLED_BACK else moves.end
        try:
            await self.edit(lambda c: ended(c, move_id, verdict, self._moment()))
        except StoreError as error:
            self.log.error(
                "move {move} not ended, next try in {delay:g} s: {error}",
                move=move_id,
                delay=STORE_RETRY_SECONDS,
                error=error,
            )
            if not self._closed:
                self._clock.callLater(STORE_RETRY_SECONDS, self._review, move_id)

    def _announce(self, to_node: dict[NodeId, list[Change]], to_all: Iterable[Change]) -> None:
        for node_id, changes in to_node.items():
            if node_id in self._agents:
                self._agents[node_id].outbox.add(changes)
        to_all = list(to_all)
        if to_all:
            for agent in self._agents.values():
                agent.outbox.add(to_all)

    def _could_not_tell(self, node_id: NodeId, link: Link, failure: Failure) -> None:
        self.log.warn(
            "could not tell node {node}: {reason}; hanging up", node=node_id, reason=failure.value
        )
        link.hang_up()

    def _owned(self, doing: Awaitable[None], what: str) -> None:
        async def run() -> None:
            await doing

        Deferred.fromCoroutine(run()).addErrback(
            lambda failure: self.log.failure("{what} failed", failure, what=what)
        )


async def open_control(store: IStore, clock: Any, seal: ISeal | None = None) -> ControlService:
    """The control service on what the store holds; `clock` provides IReactorTime.

    Without a `seal` there are no certificates: agents are who they say they are.
    """
    return ControlService(store, await store.load(), clock, seal)
