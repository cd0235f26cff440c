"""A whole cluster in memory, on one Clock: control service and agents, connected by real AMP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast
from uuid import UUID

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport, IOPump, connect
from zope.interface import implementer

from flocker_lite.agent.proofs import Proofs
from flocker_lite.agent.service import AgentService, Identity
from flocker_lite.control.agent_links import AgentLinkFactory
from flocker_lite.control.interfaces import EditFunction
from flocker_lite.control.opening import open_control
from flocker_lite.control.service import ControlService
from flocker_lite.convergence.allowance import Allowance
from flocker_lite.convergence.context import AgentContext
from flocker_lite.convergence.record_observer import RecordObserver
from flocker_lite.interfaces import Instruments, IPeerService
from flocker_lite.model import edits
from flocker_lite.model.records import Container, Dataset, DatasetId, Edit, NodeId, Volume
from flocker_lite.model.state import Holder
from flocker_lite.peers.authorized import AuthorizedPeerService
from flocker_lite.peers.service import PeerService
from flocker_lite.routing.switchboard import Switchboard
from flocker_lite.testing.fenced_datasets import ended
from flocker_lite.testing.memory_adoption_notes import MemoryAdoptionNotes
from flocker_lite.testing.memory_chains import MemoryChains
from flocker_lite.testing.memory_check import MemoryCheck
from flocker_lite.testing.memory_containers import MemoryContainers
from flocker_lite.testing.memory_copy_notes import MemoryCopyNotes
from flocker_lite.testing.memory_deadline_fence import MemoryDeadlineFence
from flocker_lite.testing.memory_directories import MemoryDirectories
from flocker_lite.testing.memory_fence import MemoryFence
from flocker_lite.testing.memory_fencing_record import MemoryFencingRecord
from flocker_lite.testing.memory_foreign import MemoryForeignContainers
from flocker_lite.testing.memory_holder import MemoryHolder
from flocker_lite.testing.memory_hosts import MemoryHosts
from flocker_lite.testing.memory_last_senders import MemoryLastSenders
from flocker_lite.testing.memory_listeners import MemoryListeners
from flocker_lite.testing.memory_machine import MemoryMachine
from flocker_lite.testing.memory_peers import MemoryNetwork, MemoryPeers
from flocker_lite.testing.memory_restart_history import MemoryRestartHistory
from flocker_lite.testing.memory_routing import MemoryRouting
from flocker_lite.testing.memory_run_times import MemoryRunTimes
from flocker_lite.testing.memory_signer import MemoryAuthority, MemorySigner
from flocker_lite.testing.memory_storage import MemoryStorage
from flocker_lite.testing.memory_store import MemoryDisk, MemoryStore
from flocker_lite.testing.memory_trust import MemoryTrust, made_up_keys
from flocker_lite.testing.memory_usage import MemoryUsage
from flocker_lite.testing.memory_volume_records import MemoryVolumeRecords

STEP_SECONDS = 0.05
FLUSHES_MAX = 1000


@dataclass
class MemoryNode:
    """A machine: everything that outlives its agent, and the agent while it runs."""

    node_id: NodeId
    address: str
    storage: MemoryStorage = field(default_factory=MemoryStorage)
    containers: MemoryContainers = field(default_factory=MemoryContainers)
    foreign: MemoryForeignContainers = field(default_factory=MemoryForeignContainers)
    directories: MemoryDirectories = field(default_factory=MemoryDirectories)
    adoption_notes: MemoryAdoptionNotes = field(default_factory=MemoryAdoptionNotes)
    copy_notes: MemoryCopyNotes = field(default_factory=MemoryCopyNotes)
    machine: MemoryMachine = field(default_factory=MemoryMachine)
    volume_records: MemoryVolumeRecords = field(default_factory=MemoryVolumeRecords)
    routing: MemoryRouting = field(default_factory=MemoryRouting)
    restart_history: MemoryRestartHistory = field(default_factory=MemoryRestartHistory)
    run_times: MemoryRunTimes = field(default_factory=MemoryRunTimes)
    holder: MemoryHolder = field(default_factory=MemoryHolder)
    listeners: MemoryListeners = field(default_factory=MemoryListeners)
    last_senders: MemoryLastSenders = field(default_factory=MemoryLastSenders)
    chains: MemoryChains = field(default_factory=MemoryChains)
    fencing_record: MemoryFencingRecord = field(default_factory=MemoryFencingRecord)
    signer: MemorySigner | None = None
    trust: MemoryTrust | None = None
    cluster_id: str = ""
    allow: tuple[str, ...] = ()
    agent: AgentService | None = None
    check: MemoryCheck = field(default_factory=MemoryCheck)
    usage: MemoryUsage = field(init=False)
    agent_context: AgentContext | None = None
    fence: MemoryFence = field(init=False)
    deadline_fence: MemoryDeadlineFence = field(init=False)
    hosts: MemoryHosts = field(init=False)

    def __post_init__(self) -> None:
        self.fence = MemoryFence(ended(self, on_trial=True), kill=self.containers.fenced)
        self.deadline_fence = MemoryDeadlineFence(ended(self), kill=self._fenced)
        self.usage = MemoryUsage(self.containers)
        self.hosts = MemoryHosts(self._with_networks)
        self.containers.mounted = self.storage.is_mounted
        self.storage.in_use = lambda path: bool(
            self.foreign.running_with(path)
            or any(path in paths for paths in self.containers.processes.values())
        )
        self.storage.users = self._users
        self.directories.read, self.directories.write = self._texts, self._copy
        self.containers.mount_of = self.storage.mount_of
        self.storage.viewers = lambda: {
            made.local.instance: made.mounts
            for made in self.containers.made.values()
            if made.local.running
        }

    def _fenced(self, instance: str) -> None:
        """A fence kills a container, whoever made it."""
        self.containers.fenced(instance)
        self.foreign.fenced(instance)

    def _texts(self, path: str) -> tuple[str, ...] | None:
        """What is in a directory: a mounted dataset's, or that of a container of others."""
        for dataset_id, copy in self.storage.copies.items():
            if copy.local.path == path:
                return self.storage.read(dataset_id) if copy.local.mounted else None
        return self.foreign.texts.get(path, ())

    def _copy(self, path: str, content: tuple[str, ...]) -> None:
        if path in self.foreign.texts:
            self.foreign.texts[path] = content
        for dataset_id, copy in list(self.storage.copies.items()):
            if copy.local.path == path:
                self.storage.copies[dataset_id] = replace(copy, content=content)

    def _with_networks(self) -> tuple[str, ...]:
        made = self.containers.made.items()
        return tuple(name for name, each in made if each.local.container.networks)

    def _users(self, path: str) -> tuple[Holder, ...]:
        """The containers' processes that have a path mounted, whoever made the containers."""
        made, how = self.containers.made, f"has it mounted at {path}"
        return (
            *(
                Holder(1, name, how, True, container=made[name].local.instance)
                for name, paths in self.containers.processes.items()
                if path in paths
            ),
            *(
                Holder(1, "sh", how, True, container=instance, run=run)
                for instance, run in self.foreign.running_with(path)
            ),
        )

    def context(
        self, network: MemoryNetwork, clock: IReactorTime, now: Callable[[], float]
    ) -> AgentContext:
        """The context for an agent that starts on this machine; for `clock`, `now` see `Trials`."""
        self.fence.clock = self.deadline_fence.clock = clock
        observer = RecordObserver()
        routing = Switchboard(
            self.routing,
            self.holder,
            self.listeners,
            self.address,
            clock,
            changed=observer.report,
        )
        self.agent_context = AgentContext.assemble(
            node_id=self.node_id,
            address=self.address,
            storage=self.storage,
            containers=self.containers,
            routing=routing,
            peers=MemoryPeers(self.node_id, network),
            restart_history=self.restart_history,
            run_times=self.run_times,
            proofs=Proofs(
                self.node_id, self.chains, self.signer, lambda: self.cluster_id, observer.report
            ),
            fence=self.fence,
            deadline_fence=self.deadline_fence,
            fencing_record=self.fencing_record,
            hosts=self.hosts,
            foreign=self.foreign,
            directories=self.directories,
            adoption_notes=self.adoption_notes,
            copy_notes=self.copy_notes,
            machine=self.machine,
            instruments=Instruments(self.usage, (self.check,)),
            volume_records=self.volume_records,
            clock=clock,
            now=now,
            observer=observer,
            allowance=Allowance(self.allow),
        )
        return self.agent_context

    def join(self, cluster_id: str) -> None:
        """Make the node a part of this cluster."""
        self.cluster_id = cluster_id

    def write(self, name: str, text: str) -> None:
        """Write into each dataset of a container, as its process does."""
        for dataset_id, copy in self.storage.copies.items():
            if copy.local.path in self.containers.processes[name]:
                self.storage.write(dataset_id, text)


class MemoryCluster:
    """`nodes` agents and a control service; things happen only in `run`.

    With `resumes` their ZFS can continue an interrupted stream. Messages between the control
    service and a node in `late_until` arrive at that time, in seconds of the clock. With
    `has_certificates` all have certificates by the `authority`.
    """

    def __init__(
        self, nodes: int = 2, resumes: bool = False, has_certificates: bool = True
    ) -> None:
        self.authority = MemoryAuthority() if has_certificates else None
        self.clock = Clock()
        self.network = MemoryNetwork(clock=self.clock)
        self.disk = MemoryDisk()
        self.control: ControlService | None = None
        self.cut_from_control: set[NodeId] = set()
        self.late_until: dict[NodeId, float] = {}
        self.pumps: list[tuple[NodeId, IOPump]] = []
        self._sessions = 0
        self.nodes = [
            MemoryNode(
                str(UUID(int=number + 1, version=4)),
                f"10.0.0.{number + 1}",
                MemoryStorage(resumes=resumes),
                trust=MemoryTrust(made_up_keys(number)),
            )
            for number in range(nodes)
        ]
        if self.authority is not None:
            for node in self.nodes:
                node.signer = self.authority.signer(node.node_id)
        self.network.trusts = {node.node_id: node.trust for node in self.nodes if node.trust}

    def start(self) -> None:
        """Start everything, and let the agents connect."""
        self.start_control()
        for node in self.nodes:
            self.start_agent(node)
        self.run(1.0)

    def start_control(self) -> None:
        """Start the control service on its disk."""
        started: list[ControlService] = []
        signer = self.authority.signer() if self.authority is not None else None
        opening = Deferred.fromCoroutine(open_control(MemoryStore(self.disk), self.clock, signer))
        opening.addCallback(started.append)
        self.control = started[0]

    def stop_control(self) -> None:
        """Stop the control service as a crash of its process does."""
        assert self.control is not None
        Deferred.fromCoroutine(self.control.close())
        self.control = None
        for _, pump in self.pumps:
            _hang_up(pump)
        self.pumps.clear()

    def start_agent(self, node: MemoryNode) -> None:
        """Start the agent of a node."""
        self._sessions += 1
        context = node.context(self.network, self.clock, self.clock.seconds)
        agent = AgentService(
            Identity(node.node_id, node.address, "era", str(self._sessions)),
            context,
            _MemoryEndpoint(self, node.node_id),
            lambda: node.cluster_id,
            node.join,
            trust=node.trust,
        )
        service: IPeerService = cast(
            IPeerService,
            PeerService(
                *(node.node_id, node.storage, context.moves, context.trials),
                *(agent, context.proofs, context.incoming, node.copy_notes),
                witnessing=context.witnessing,
                renewals=context.renewals,
            ),
        )

        def service_for(peer: NodeId) -> IPeerService:
            return cast(
                IPeerService,
                AuthorizedPeerService(node.node_id, peer, service, agent.loop, node.last_senders),
            )

        self.network.services[node.node_id] = service_for
        node.agent = agent
        agent.startService()

    def stop_agent(self, node: MemoryNode) -> None:
        """Stop an agent as a crash of its process does: it does not finish what it began."""
        assert node.agent is not None
        self.network.services.pop(node.node_id, None)
        node.agent.stopService()
        node.agent = None
        node.fence.lost = node.deadline_fence.lost = lambda _: None
        self._hang_up_on(node)

    def cut_control(self, node: MemoryNode) -> None:
        """Make the control service unreachable from this node."""
        self.cut_from_control.add(node.node_id)
        self._hang_up_on(node)

    def _hang_up_on(self, node: MemoryNode) -> None:
        for node_id, pump in self.pumps:
            if node_id == node.node_id:
                _hang_up(pump)
        self.pumps = [item for item in self.pumps if item[0] != node.node_id]

    def connect(self, node_id: NodeId, factory: Any) -> Any:
        """Connect an agent to the control service; None when the agent cannot reach it."""
        if node_id in self.cut_from_control:
            return None
        server = self.answering(node_id)
        if server is None:
            return None
        client = factory.buildProtocol(None)
        pump = connect(
            server, FakeTransport(server, True), client, FakeTransport(client, False), greet=False
        )
        self.pumps.append((node_id, pump))
        return client

    def answering(self, node_id: NodeId) -> Any:
        """The control service's end of a node's connection; None when it is down."""
        if self.control is None:
            return None
        return AgentLinkFactory(self.control, self.clock).buildProtocol(None)

    def edit(self, function: EditFunction) -> Edit:
        """Edit the configuration at the running control service; raises what the edit raises."""
        assert self.control is not None
        results: list[Edit | Failure] = []
        Deferred.fromCoroutine(self.control.edit(function)).addBoth(results.append)
        (result,) = results
        if isinstance(result, Failure):
            result.raiseException()
        return result

    def configure(self, name: str, dataset_id: DatasetId, node: MemoryNode) -> None:
        """Configure a container with a dataset on that node."""
        dataset = Dataset(dataset_id, node.node_id)
        volumes = (Volume(dataset_id, "/data"),)
        container = Container(name, node.node_id, "redis:7", volumes=volumes)
        self.edit(lambda before: edits.create_dataset(before, dataset))
        self.edit(lambda before: edits.create_container(before, container))

    def run(self, seconds: float) -> None:
        """Let time pass, in small steps; messages arrive at once."""
        ends = self.clock.seconds() + seconds
        self.deliver()
        while self.clock.seconds() < ends:
            self.clock.advance(STEP_SECONDS)
            self.deliver()

    def deliver(self) -> None:
        """Deliver all messages, and the answers to them, until no new ones come."""
        now = self.clock.seconds()
        late = {node_id for node_id, until in self.late_until.items() if until > now}
        for _ in range(FLUSHES_MAX):
            moved = [pump.pump() for node_id, pump in list(self.pumps) if node_id not in late]
            if not any(moved):
                return
        raise AssertionError("control service and agents never stop talking")


@implementer(IStreamClientEndpoint)
@dataclass
class _MemoryEndpoint:
    cluster: MemoryCluster
    node_id: NodeId

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        client = self.cluster.connect(self.node_id, protocolFactory)
        if client is None:
            return fail(ConnectionRefusedError())
        done: Deferred[Any] = Deferred()
        done.callback(client)
        return done


def _hang_up(pump: IOPump) -> None:
    pump.clientIO.loseConnection()
    pump.serverIO.loseConnection()
    pump.flush()
