"""The control service: stores edits, sends them to the agents, and takes in their reports.

Edits run one after the other: the pure function, the commit to the store, then the announcement.
Reports are never stored; only their consequences are, such as a grant that moves.
"""

from __future__ import annotations

from collections.abc import Collection, Coroutine, Iterable
from functools import partial
from typing import Any
from uuid import uuid4

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from flocker_lite.control.absences import Absences
from flocker_lite.control.admission import admission_edit, can_be_recorded_later
from flocker_lite.control.agent_queries import AgentQueries, AsksAgents
from flocker_lite.control.audit.log import AuditLog
from flocker_lite.control.broadcast import Broadcast
from flocker_lite.control.change_feed import ChangeFeed
from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.control.completion_keeper import CompletionKeeper
from flocker_lite.control.connected_agent import Agent
from flocker_lite.control.discard_keeper import DiscardKeeper
from flocker_lite.control.drain_keeper import DrainKeeper
from flocker_lite.control.failover_keeper import FailoverKeeper
from flocker_lite.control.failovers import Failovers
from flocker_lite.control.fences import Fences
from flocker_lite.control.grant_keeper import GrantKeeper
from flocker_lite.control.grant_signer import GrantSigner
from flocker_lite.control.grants import Evidence
from flocker_lite.control.interfaces import EditFunction, IControl
from flocker_lite.control.lease_timers import LeaseTimers
from flocker_lite.control.liveness import LivenessChecks
from flocker_lite.control.moves import MoveKeeper, as_shown, log_moves
from flocker_lite.control.node_records import NodeRecords
from flocker_lite.control.promotions import Promotions
from flocker_lite.control.retried_edits import RetriedEdits
from flocker_lite.control.view_publisher import ViewPublisher
from flocker_lite.control.writer import Writer
from flocker_lite.errors import StoreError
from flocker_lite.interfaces import ISigner, IStore
from flocker_lite.logs.bound_fields import MOVE, bound, bound_request_id
from flocker_lite.model import deltas, edits, moves
from flocker_lite.model.consequences import followed
from flocker_lite.model.draining import Reports
from flocker_lite.model.move_progress import MoveProgress
from flocker_lite.model.records import Change, Configuration, DatasetId, Edit, Node, NodeId
from flocker_lite.model.state import NodeState
from flocker_lite.protocol.link import Link, Refused
from flocker_lite.protocol.messages import REPORTED_BYTES_MAX, REPORTED_COUNT_MAX, Inbox
from flocker_lite.protocol.outbox import Outbox
from flocker_lite.protocol.renewals import Answered, Asked, NoRenewal

STATE_SECONDS_MAX = 120.0
"""How long the last report of an agent that is away counts."""

SETTLING_SECONDS_MAX = 10.0


@implementer(IControl)
class ControlService(AsksAgents):
    """The configuration, the agents, and what they report; made by `opening.open_control`.

    `view_publisher` knows what the nodes are told of the configuration that the store holds.
    """

    log = Logger()

    def __init__(
        self,
        store: IStore,
        view_publisher: ViewPublisher,
        clock: IReactorTime,
        signer: ISigner | None = None,
        change_feed: ChangeFeed | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        configuration = view_publisher.configuration
        self._writer = Writer(clock, store, configuration, self._planned, self._durable)
        self._agents: dict[NodeId, Agent] = {}
        self._broadcast = Broadcast(clock, lambda: self._agents, self._tell_of_all)
        self._view_publisher = view_publisher
        rejection_reason = signer.rejection_reason if signer is not None else None
        view_publisher.evidence = Evidence(rejection_reason, self.is_away, self.cluster_id)
        if signer is not None:
            view_publisher.signer = GrantSigner(signer, self.cluster_id)
        self.change_feed = change_feed or ChangeFeed(clock.seconds())
        self.audit = AuditLog(self.change_feed)
        self._retried_edits = RetriedEdits(clock, self.edit, self._writer.edit_without_hurry)
        self._grants = GrantKeeper(self._view_publisher, self.change_feed, self._retried_edits)
        self._completions = CompletionKeeper(self._retried_edits)
        self._discards = DiscardKeeper(self._retried_edits)
        self._drains = DrainKeeper(
            clock, self._retried_edits, lambda: self.configuration, lambda: self.reports
        )
        self._drains.note(configuration.nodes.values())
        self.node_records = NodeRecords()
        self._leases = LeaseTimers(clock, self._lease_is_over)
        whole = deltas.whole(configuration)
        self._leases.changed(whole)
        self._moves = MoveKeeper(clock, self._review)
        self.absences = Absences(self, clock)
        self.failovers = Failovers(self, self._moment)
        self.fences = Fences(self, clock)
        self.promotions = Promotions(self, clock, self._link_of, self._moment)
        self.failover_keeper = FailoverKeeper(self, clock, self._link_of)
        self._liveness = LivenessChecks(clock)
        self._agent_queries = AgentQueries(self, self._link_of, clock)
        self.absences.changed(whole)
        self._expiries: dict[NodeId, IDelayedCall] = {}
        # Right after a start nobody has reported what runs where, and agents that were told that
        # would take down correct routes: they wait until all have reported, or for 10 s.
        settling = SETTLING_SECONDS_MAX if configuration.nodes else 0
        self._settling: IDelayedCall | None = clock.callLater(settling, self._settled)
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
        return self._view_publisher.cluster

    def is_away(self, node_id: NodeId) -> bool:
        return node_id not in self._agents

    @property
    def reports(self) -> Reports:
        return Reports(self.is_away, self.node_records.machines, self.cluster.datasets)

    def progress_of(self, move_id: str) -> tuple[MoveProgress, ...]:
        return self._moves.progress_of(move_id)

    def planned(self, function: EditFunction, then: EditFunction = Edit) -> Edit:
        return self._planned(self.configuration, function, then)

    async def edit(
        self, function: EditFunction, tags: Collection[str] = (), then: EditFunction = Edit
    ) -> Edit:
        return await self._writer.edit(function, tags, then)

    def _planned(self, before: Configuration, function: EditFunction, then: EditFunction) -> Edit:
        edit = followed(before, function(before), self._moment())
        following = then(edit.configuration)
        return Edit(following.configuration, edit.changes + following.changes)

    def _durable(self, before: Configuration, edit: Edit) -> None:
        for node_id in edits.forgotten_by(edit):
            self._forget(node_id)
            self.node_records.forget(node_id)
        to_node, to_all = self._view_publisher.configured(edit.configuration, edit.changes)
        self._announce(to_node, to_all)
        for node_id in to_node.keys() & self._agents.keys():
            self._liveness.told(node_id, self._agents[node_id].link)
        self._leases.changed(edit.changes)
        self.change_feed.configured(before, edit.changes)
        log_moves(before, edit.changes)
        self._moves.configured(edit.configuration, edit.changes)
        self._grants.configured(before, edit.changes)
        self.absences.changed(edit.changes)
        self._discards.look(edit.configuration, self.cluster)
        self._drains.configured(edit.changes)
        self.failover_keeper.configured(edit.changes)

    async def cancel_move(self, move_id: str, tags: Collection[str] = ()) -> Edit:
        return await self.edit(lambda c: moves.cancel(c, move_id, self._moment()), tags)

    async def renew(self, node_id: NodeId, link: Link, asked: Asked) -> Answered:
        """Answer an agent that asks for renewals; NoRenewal unless it is the one of this node."""
        if self._link_of(node_id) is not link:
            raise NoRenewal("another connection is that node's")
        return await self.fences.answer(node_id, asked)

    def _link_of(self, node_id: NodeId) -> Link | None:
        return self._agents[node_id].link if node_id in self._agents else None

    async def connect(
        self,
        node: Node,
        session: str,
        link: Link,
        era: str = "",
        certificate_expires_at: float | None = None,
    ) -> None:
        """An agent has said who it is; Refused if another agent is connected as that node.

        `era` is a UUID of this boot of the node. `certificate_expires_at` is in seconds since 1970.
        """
        admission_edit(self.configuration, node, self.absences)
        await self._require_own_address(node)
        known = self._agents.get(node.node_id)
        if known is not None and known.session != session and await known.link.is_alive():
            raise Refused(
                f"another agent is connected as node {node.node_id}: two machines have the same "
                "identity file; remove it on the machine that is a copy, and restart its agent"
            )
        try:
            await self.edit(
                lambda configuration: admission_edit(configuration, node, self.absences)
            )
        except StoreError as error:
            if not can_be_recorded_later(self.configuration, node):
                raise Refused(str(error)) from None
        known = self._agents.get(node.node_id)  # another may have connected meanwhile
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
                lambda: self._view_publisher.whole(node.node_id),
                link.send,
                lambda failure: self._could_not_tell(node.node_id, link, failure),
                bound_request_id,
            ),
        )
        self._agents[node.node_id] = agent
        if self.node_records.came(node.node_id, era, certificate_expires_at) or is_back:
            self._shown_anew(node.node_id)
        if is_back:
            self._grants.came_or_went()
            self.absences.came(node.node_id)
            self._drains.look()
        link.attend(lambda data: self._take(agent, data), lambda: self._disconnected(agent))
        self.log.info("agent connected: node {each.node_id} at {each.address}", each=node)

    async def _require_own_address(self, node: Node) -> None:
        """Raise Refused if the address belongs to another node whose agent is connected."""
        other = edits.node_at(self.configuration, edits.canonical_address(node.address))
        agent = self._agents.get(other or "")
        if other != node.node_id and agent is not None and await agent.link.is_alive():
            raise Refused(
                f"{node.address} is the address of node {other}, whose agent is connected: give "
                f"node {node.node_id} an address of its own"
            )

    def start_telling(self, node_id: NodeId, link: Link) -> None:
        """Send an agent its view, now that its hello was answered."""
        agent = self._agents.get(node_id)
        if agent is not None and agent.link is link:
            agent.greeted = True
            self._announce(self._view_publisher.told_anew(node_id), ())
            self._tell(agent)

    def _tell(self, agent: Agent) -> None:
        """Start sending, once the agent's view takes its own report into account."""
        if agent.greeted and agent.reported and self._settling is None:
            agent.outbox.start()

    def _settled(self) -> None:
        if self._settling is not None and self._settling.active():
            self._settling.cancel()
        self._settling = None
        for agent in self._agents.values():
            self._tell(agent)

    def _disconnected(self, agent: Agent) -> None:
        """Keep its state for a while: usually an agent connects again at once."""
        if self._agents.get(agent.node_id) is not agent:
            return
        del self._agents[agent.node_id]
        agent.outbox.stop()
        self._shown_anew(agent.node_id)
        self._grants.came_or_went()
        self.absences.went(agent.node_id)
        self._drains.look()
        self._expiries[agent.node_id] = self._clock.callLater(
            STATE_SECONDS_MAX, self._expired, agent.node_id
        )
        self.log.info("agent gone: node {node}", node=agent.node_id)

    def _shown_anew(self, node_id: NodeId) -> None:
        """Note a change of the node: the API shows its certificate and whether it is away."""
        self.change_feed.reported(node_id, (), came_or_went=True)
        self._announce(self._view_publisher.came_or_went(node_id), ())

    def _remember(self, node_id: NodeId) -> None:
        expiry = self._expiries.pop(node_id, None)
        if expiry is not None and expiry.active():
            expiry.cancel()

    def _expired(self, node_id: NodeId) -> None:
        self.log.warn("node {node} has been away too long: forgetting its state", node=node_id)
        self._forget(node_id)

    def _forget(self, node_id: NodeId) -> None:
        self._remember(node_id)
        went = node_id in self.cluster.nodes
        self._view_publisher.cluster, changes = self._view_publisher.cluster.forgotten(node_id)
        self._grants.reported(changes)
        self._announce(*self._view_publisher.reported(changes))
        self.change_feed.reported(node_id, as_shown(self.configuration, changes), went)
        self._moves.reported(self.configuration, node_id, changes)
        self.absences.changed(changes)

    async def close(self) -> None:
        """Hang up on the agents and close the store."""
        for node_id in list(self._expiries):
            self._remember(node_id)
        keepers = (self._leases, self._moves, self.absences, self._liveness, self.failover_keeper)
        for each in (self._retried_edits, self._writer, self._broadcast, *keepers, self._drains):
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
        cluster = self._view_publisher.cluster.updated(agent.node_id, agent.inbox.maps, changes)
        self._view_publisher.cluster = cluster
        self.node_records.reported(agent.node_id, changes)
        self._grants.reported(changes)
        self._announce(*self._view_publisher.reported(changes))
        shown = as_shown(self.configuration, changes)
        self.change_feed.reported(agent.node_id, shown, came_or_went)
        self._moves.reported(self.configuration, agent.node_id, changes)
        self.absences.changed(changes)
        if self._settling is not None:
            self._awaited.discard(agent.node_id)
            if not self._awaited:
                self._settled()
        agent.reported = True
        self._tell(agent)
        self._completions.reported(self.configuration, agent.node_id, changes)
        self._discards.look(self.configuration, self.cluster)

    def _lease_is_over(self, dataset_id: DatasetId) -> None:
        async def drop() -> None:
            now = self._clock.seconds()
            await self.edit(lambda c: edits.drop_lease_when_over(c, dataset_id, now))

        self._owned(drop(), "ending a lease")

    def _moment(self) -> moves.Moment:
        return moves.Moment(self._clock.seconds(), lambda: str(uuid4()), self._moves.progress_of)

    def _review(self, move_id: str) -> None:
        """End the move if it is over."""
        if self._moves.outcome(self.configuration, self.cluster, move_id) is not None:
            with bound({MOVE: move_id}):
                self._retried_edits.make(f"end move {move_id}", partial(self._move_ended, move_id))

    def _move_ended(self, move_id: str, before: Configuration) -> Edit:
        verdict = self._moves.outcome(before, self.cluster, move_id)
        if verdict is None:
            return Edit(before)
        ended = moves.end if verdict == moves.DONE else moves.roll_back
        return ended(before, move_id, verdict, self._moment())

    def _announce(self, to_node: dict[NodeId, list[Change]], to_all: Iterable[Change]) -> None:
        for node_id, changes in to_node.items():
            if node_id in self._agents:
                self._agents[node_id].outbox.add(changes)
        self._broadcast.add(to_all)

    def _tell_of_all(self, node_id: NodeId, to_all: list[Change]) -> None:
        if node_id in self._agents:
            outbox = self._agents[node_id].outbox
            outbox.add(self._view_publisher.understood(node_id, to_all))

    def _could_not_tell(self, node_id: NodeId, link: Link, failure: Failure) -> None:
        self.log.warn(
            "could not tell node {node}: {reason}; hanging up", node=node_id, reason=failure.value
        )
        link.hang_up()

    def _owned(self, doing: Coroutine[Any, Any, None], what: str) -> None:
        Deferred.fromCoroutine(doing).addErrback(
            lambda failure: self.log.failure("{what} failed", failure, what=what)
        )
