"""The agent: keeps its link to the control service, and its node as the configuration wants it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from pyrsistent import PMap
from twisted.application.internet import ClientService, backoffPolicy
from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite.agent.report import report
from flocker_lite.convergence.aside_plan import ANY_ASIDE
from flocker_lite.convergence.changes import Doors, container_resource, dataset_resource
from flocker_lite.convergence.container_plan import is_prepared
from flocker_lite.convergence.ends import UNTOLD_SECONDS_MAX
from flocker_lite.convergence.forecast import forecast
from flocker_lite.convergence.loop import WHOLE_DISCOVERY_SECONDS, Loop
from flocker_lite.errors import FlockerError, PeerRefused
from flocker_lite.model import deltas
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.records import DatasetId, Move, NodeId, SshKeys
from flocker_lite.model.state import Forecast, NodeState, NodeView
from flocker_lite.protocol.forecasts import ForecastingLink, Foretell
from flocker_lite.protocol.link import VERSIONS, Hello, Link
from flocker_lite.protocol.messages import Inbox
from flocker_lite.protocol.outbox import Outbox

RECONNECT_SECONDS_FIRST = 0.5
RECONNECT_SECONDS_MAX = 30.0

SERVING_SECONDS_MAX = 60.0
"""How long another node is kept waiting for a container that it handed over."""

REFUSED_SECONDS = 10.0
"""How long this agent waits at least before it comes again to where it was refused."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an agent is. `era` is a UUID of this boot, `session` one of this process."""

    node_id: NodeId
    address: str
    era: str
    session: str


class Trust(Protocol):
    """The keys of this node, and those of others that it goes by; see `ssh.trust`."""

    keys: SshKeys

    def install(self, peers: PMap[NodeId, SshKeys]) -> None: ...  # pragma: no cover


class AgentService(MultiService):
    """Everything that an agent does, on doors that are given to it.

    `cluster_id` reads the id of the cluster that this node joined ("" for none), `join` writes it
    down for good; both may be called at any time. Without `trust` the way by ssh to other nodes,
    and theirs to this one, is an administrator's matter.
    """

    log = Logger()

    def __init__(
        self,
        identity: Identity,
        doors: Doors,
        endpoint: Any,
        cluster_id: Callable[[], str],
        join: Callable[[str], None],
        discovery_seconds: float = WHOLE_DISCOVERY_SECONDS,
        trust: Trust | None = None,
    ) -> None:
        super().__init__()
        self._identity = identity
        self._doors = doors
        self._cluster_id = cluster_id
        self._join = join
        self._trust = trust
        self.loop = Loop(doors, self._report, discovery_seconds)
        doors.moves.changed = doors.pulls.changed = self._report
        doors.arrivals.changed = doors.routing.changed = self._report
        doors.proofs.changed = self._report
        doors.loans.changed = doors.pins.changed = self.loop.plan_again
        doors.loans.kept = doors.arrivals.keep
        doors.loans.lost = doors.arrivals.end_trial
        self._reported = NodeState()
        self._outbox: Outbox | None = None
        self._steps: list[Deferred[None]] = []
        self._watching: Deferred[None] | None = None
        self._watching_places: Deferred[None] | None = None
        self._is_refused = False
        self._is_told_first = False
        self._unanswered_count = 0
        self._back_off = backoffPolicy(RECONNECT_SECONDS_FIRST, RECONNECT_SECONDS_MAX)
        client = ClientService(
            endpoint,
            _Links(doors.clock, self._connected, self.forecast),
            retryPolicy=self._reconnect_seconds,
            clock=doors.clock,
        )
        client.setServiceParent(self)

    def startService(self) -> None:
        self.loop.start()
        self._watching = Deferred.fromCoroutine(self._watch())
        self._watching.addErrback(self._watch_failed)
        self._watching_places = Deferred.fromCoroutine(self._watch_places())
        self._watching_places.addErrback(self._watch_failed)
        super().startService()

    def stopService(self) -> Deferred[None]:
        if self._outbox is not None:
            self._outbox.stop()
        if self._watching is not None:
            self._watching.cancel()
        if self._watching_places is not None:
            self._watching_places.cancel()
        self._doors.arrivals.stop()
        self._doors.routing.close()
        self._doors.loans.stop()
        stopping = Deferred.fromCoroutine(self.loop.stop())
        stopped: Any = super().stopService()
        return stopping.addCallback(lambda _: stopped)

    async def forecast(self, move: Move, pause_costs: PMap[str, float], address: str) -> Forecast:
        """What a move from here would be like if it began now; `address` is its destination's."""
        return await forecast(self._doors, move, pause_costs, address)

    def dataset_changed(self, dataset_id: DatasetId) -> None:
        """A peer changed something about a dataset."""
        self.loop.look_again(frozenset({dataset_resource(dataset_id)}))

    def copy_set_aside(self, dataset_id: DatasetId) -> None:
        """A peer had what a copy has here set aside."""
        self.loop.look_again(frozenset({dataset_resource(dataset_id), ANY_ASIDE}))

    async def prepared(
        self, name: str, image: ExactImage | None = None, has_ended: bool = False
    ) -> None:
        """Wait until the container is created here; PeerRefused with the reason when it cannot.

        By then its data can be mounted as well, as far as can be known before it is here. One that
        `has_ended` for good is not created: then this node has to know that it has.
        """
        await self._rehearse(name)
        ends = self._doors.clock.seconds() + UNTOLD_SECONDS_MAX
        late = self._doors.clock.callLater(UNTOLD_SECONDS_MAX, self._report)
        try:
            await self._prepared(name, image, ends if has_ended else None)
        finally:
            if late.active():
                late.cancel()
        await self._rehearse(name)

    async def _prepared(self, name: str, image: ExactImage | None, told_by: float | None) -> None:
        while True:
            have = self.loop.local.containers.get(name)
            wanted = self.loop.view.containers.get(name) if self.loop.view is not None else None
            if wanted is None or wanted.node != self._identity.node_id:
                raise PeerRefused(f"container {name} is not wanted here, as far as is known here")
            # One that runs here already, after it was deleted and made anew, waits for no data.
            if image is not None and image.image == wanted.image:
                self._doors.pins.pin(name, image if image.image_id else None)
            # Said once: another node with some of its data may say something else meanwhile.
            image, pin = None, self._doors.pins.pinned.get(name)
            pin = pin if pin is not None and pin.image == wanted.image else None
            if name in self.loop.ends.resting or self._knows_better(told_by):
                return
            is_here = have is not None and (have.running or is_prepared(have, wanted, pin))
            if is_here and told_by is None:
                return
            trouble = self._failure_of(name)
            if trouble is not None:
                raise PeerRefused(f"container {name} cannot be prepared: {trouble}")
            await self.next_step()

    async def _rehearse(self, name: str) -> None:
        wanted = self.loop.view.containers.get(name) if self.loop.view is not None else None
        for volume in wanted.volumes if wanted is not None else ():
            try:
                await self._doors.storage.rehearse(volume.dataset_id)
            except FlockerError as error:
                raise PeerRefused(f"container {name} cannot have its data here: {error}") from None

    async def tried(self, name: str) -> None:
        """Wait until the container is healthy on trial; PeerRefused once its trial is over."""
        loans = self._doors.loans
        while (why := loans.over(name)) is None:
            if self._doors.arrivals.is_healthy(name):
                return
            trouble = self._doors.arrivals.trouble(name) or self._failure_of(name)
            if trouble is not None:
                loans.end(name, trouble)
            else:
                await self.next_step()
        raise PeerRefused(f"container {name} was tried and given back: {why}")

    async def serving(self, name: str) -> None:
        """Wait until the container runs here and answers; PeerRefused when it takes too long."""
        clock = self._doors.clock
        ends = clock.seconds() + SERVING_SECONDS_MAX
        late = clock.callLater(SERVING_SECONDS_MAX, self._report)
        try:
            while True:
                have = self.loop.local.containers.get(name)
                if have is not None and have.running and name not in self._doors.arrivals.starting:
                    return
                if name in self.loop.ends.resting:
                    raise PeerRefused(f"container {name} has ended: nothing of it is started")
                if clock.seconds() >= ends:
                    raise PeerRefused(f"container {name} serves nobody here yet")
                await self.next_step()
        finally:
            if late.active():
                late.cancel()

    def _knows_better(self, told_by: float | None) -> bool:
        """Whether the control service does not tell that a container has ended for good."""
        return told_by is not None and self._doors.clock.seconds() >= told_by

    def next_step(self) -> Deferred[None]:
        """Fires when something about this node may have changed."""
        step: Deferred[None] = Deferred()
        self._steps.append(step)
        return step

    def _failure_of(self, name: str) -> str | None:
        """What went wrong with a container, in words."""
        for key, failed in self.loop.failures.now.items():
            if container_resource(name) in key.split(" "):
                return failed.error
        return None

    # Not ClientService's prepareConnection: it does not expect that a connection is lost meanwhile.
    def _connected(self, link: Link) -> None:
        greeting = Deferred.fromCoroutine(self._greet(link))
        greeting.addErrback(lambda failure: self._not_welcome(link, failure))

    def _not_welcome(self, link: Link, failure: Failure) -> None:
        self._unanswered_count += 1
        if failure.check(ConnectionDone, ConnectionLost, ConnectionAborted):
            self.log.warn(
                "the control service hung up instead of an answer; if it does so again, its log "
                "says why: it may ask for a certificate"
            )
            return
        self._is_refused = True
        self.log.error(
            "this agent and its control service do not come together, next try in {delay:g} s: "
            "{reason}",
            reason=failure.value,
            delay=REFUSED_SECONDS,
        )
        link.hang_up()

    def _reconnect_seconds(self, failed_attempts: int) -> float:
        # To the client service a connection on which nothing is answered is no failure.
        seconds = self._back_off(max(failed_attempts, self._unanswered_count))
        return max(seconds, REFUSED_SECONDS) if self._is_refused else seconds

    async def _greet(self, link: Link) -> None:
        keys = self._trust.keys if self._trust is not None else None
        answer = await link.callRemote(
            Hello,
            version=VERSIONS.newest,
            oldest=VERSIONS.oldest,
            node_id=self._identity.node_id,
            address=self._identity.address,
            cluster_id=self._cluster_id(),
            era=self._identity.era,
            session=self._identity.session,
            ssh_key=keys.public_key if keys is not None else None,
            host_keys=list(keys.host_keys) if keys is not None else None,
            signs=self._doors.proofs.signs,
        )
        self._is_refused = False
        self._unanswered_count = 0
        if not self._cluster_id():
            self._join(answer["cluster_id"])
        inbox = Inbox(NodeView(), self.loop.view)
        self._is_told_first = True
        link.attend(lambda data: self._told(inbox, data), lambda: None)
        if self._outbox is not None:
            self._outbox.stop()
        self._outbox = Outbox(
            lambda: deltas.whole(self._reported),
            link.send,
            lambda failure: self._could_not_report(link, failure),
        )
        if self.loop.seen_all:
            self._outbox.start()
        self.log.info(
            "connected to the control service of cluster {cluster}", cluster=answer["cluster_id"]
        )

    def _told(self, inbox: Inbox[NodeView], data: bytes) -> None:
        changes = inbox.take(data)
        if self._trust is not None:
            self._trust.install(inbox.maps.peers)
        self._doors.pins.keep(inbox.maps.containers, self._identity.node_id)
        self.loop.set_view(inbox.maps)
        if self.loop.seen_all:
            told = {change.identity for change in changes if change.kind == "datasets"}
            self._doors.proofs.told(told, inbox.maps.datasets, self.loop.local.datasets)
            if self._is_told_first:
                self._is_told_first = False
                self._doors.proofs.told_all(inbox.maps.datasets, self.loop.local.datasets)

    def _report(self) -> None:
        """Send what is different from what was sent last; nothing before the first look."""
        if not self.loop.seen_all:
            return
        self._doors.arrivals.see(self.loop.local.containers)
        now = report(
            self._identity.node_id,
            self.loop.view,
            self.loop.local,
            self.loop.failures.shown,
            self._doors.moves.moves,
            self._doors.pulls.pulls,
            self.loop.ends.endings,
            self._doors.arrivals.starting,
            self._doors.arrivals.unhealthy,
            self._doors.routing.counts(),
            self.loop.sight.trouble,
            self.loop.standing.over,
            self.loop.ends.crashing,
            self.loop.ends.starts_at,
            self._doors.proofs.of,
        )
        changes = deltas.difference(self._reported, now)
        self._reported = now
        steps, self._steps = self._steps, []
        for step in steps:
            step.callback(None)
        if self._outbox is not None:
            self._outbox.add(changes)
            self._outbox.start()

    def _could_not_report(self, link: Link, failure: Failure) -> None:
        self.log.warn("could not report: {reason}; connecting anew", reason=failure.value)
        link.hang_up()

    async def _watch(self) -> None:
        await self._doors.containers.watch(
            lambda name: self.loop.look_again(frozenset({container_resource(name)}))
        )

    async def _watch_places(self) -> None:
        await self._doors.storage.watch(self.loop.look_again)

    def _watch_failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self.log.failure(
                "what others do on this node is not watched any more, only looked at", failure
            )


class _Links(Factory):
    """Makes the agent's end of each connection to the control service."""

    noisy = False

    def __init__(self, clock: Any, connected: Callable[[Link], None], foretell: Foretell) -> None:
        self._clock = clock
        self._connected = connected
        self._foretell = foretell

    def buildProtocol(self, addr: object) -> Link:
        return _GreetingLink(self._clock, self._connected, self._foretell)


class _GreetingLink(ForecastingLink):
    """A link that tells when it is there to be spoken on."""

    def __init__(self, clock: Any, connected: Callable[[Link], None], foretell: Foretell) -> None:
        super().__init__(clock)
        self._connected = connected
        self.foretell = foretell

    def connectionMade(self) -> None:
        super().connectionMade()
        self._connected(self)
