"""A cluster in memory on which anything may fail at any step, watched at every one of them."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any, cast

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure

from flocker_lite.errors import CommandTimedOut, FlockerError, PeerUnreachable, StoreError
from flocker_lite.model.edits import EDIT_ERRORS
from flocker_lite.model.records import Configuration, Edit, NodeId
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode
from flocker_lite.testing.invariants import History, unfinished, violations
from tests.simulation.strangers import Owners

AT_REST_SECONDS_MAX = 400.0

TICK_SECONDS = 1e-6
"""Time always goes on, whatever floating point makes of a difference."""


@dataclass(frozen=True)
class Call:
    """One call at a door of a node: which door, which method, of what, and by whose agent."""

    node: MemoryNode
    door: str
    method: str
    identity: str
    number: int

    def __str__(self) -> str:
        return f"{self.node.address} {self.door}.{self.method} {self.identity[:8]} #{self.number}"


@dataclass
class Hazard:
    """What happens to one call: time passes before and after its effect, or it fails there."""

    delay_before_seconds: float = 0.0
    delay_after_seconds: float = 0.0
    fails_before: bool = False
    fails_after: bool = False
    at_start: Callable[[], None] = lambda: None
    at_end: Callable[[], None] = lambda: None


@dataclass
class World:
    """`hazard` is asked at every call; `check` runs before and after each one's effect.

    `watchers` know more rules that may be broken.
    """

    nodes: int = 2
    hazard: Callable[[Call], Hazard] = lambda _: Hazard()
    resumes: bool = False
    has_certificates: bool = True
    cluster: MemoryCluster = field(init=False)
    history: History = field(default_factory=History)
    trace: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    receiving: list[tuple[NodeId, str]] = field(default_factory=list)
    calls: int = 0
    owners: Owners = field(default_factory=Owners)
    watchers: list[Callable[[], list[str]]] = field(default_factory=list)
    _served: dict[NodeId, _Served] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cluster = MemoryCluster(self.nodes, self.resumes, self.has_certificates)
        for node in self.cluster.nodes:
            for name in _STEPS:
                setattr(node, name, _Door(self, node, name, getattr(node, name)))

    # What happens to it

    def start(self) -> None:
        """Start everything, and let the agents say hello."""
        globalLogPublisher.addObserver(cast(ILogObserver, self._log))
        self.cluster.start_control()
        for node in self.cluster.nodes:
            self.start_agent(node)
        self.run(1.0)

    def start_agent(self, node: MemoryNode) -> None:
        """Start the agent of a node, if it does not run."""
        if node.agent is None:
            self.note(f"agent of {node.address} starts")
            self.cluster.start_agent(node)
            services: dict[str, Any] = self.cluster.network.services
            served = self._served[node.node_id] = _Served(services[node.node_id])
            services[node.node_id] = served.by

    def kill_agent(self, node: MemoryNode) -> None:
        """kill -9, if it runs."""
        if node.agent is not None:
            self.note(f"agent of {node.address} is killed")
            self.cluster.stop_agent(node)
            self._served.pop(node.node_id).hang_up()

    def lose_fences(self, node: MemoryNode) -> None:
        """A part of each fence at a node is killed."""
        for container in sorted(node.fence.armed):
            self.note(f"the fence of {container} at {node.address} is killed")
            node.fence.expire(container)

    def cut(self, one: MemoryNode, other: MemoryNode) -> None:
        """The network between two nodes breaks, and so do the connections over it."""
        self.note(f"cut between {one.address} and {other.address}")
        self.cluster.network.cut.add(frozenset({one.node_id, other.node_id}))
        for node in (one, other):
            if node.node_id in self._served:
                self._served[node.node_id].hang_up()

    def reboot(self, node: MemoryNode) -> None:
        """The machine loses power; its agent has to be started again."""
        self.note(f"{node.address} loses power")
        self.kill_agent(node)
        node.fence.crash()
        node.deadline_fence.crash()
        node.containers.crash()
        node.storage.reboot()
        node.routing.crash()

    def cut_from_control(self, node: MemoryNode) -> None:
        """The control service cannot be reached from a node any more."""
        self.note(f"{node.address} is cut off from the control service")
        self.cluster.cut_control(node)

    def delay_control(self, node: MemoryNode, seconds: float) -> None:
        """Nothing goes between a node and the control service for a while; then all of it does."""
        self.note(f"{seconds:g} s between {node.address} and the control service")
        self.cluster.late_until[node.node_id] = self.cluster.clock.seconds() + seconds
        # Time stops there, for it to be delivered.
        self.cluster.clock.callLater(seconds, lambda: None)

    def kill_control(self) -> None:
        """kill -9, if it runs."""
        if self.cluster.control is not None:
            self.note("control service is killed")
            self.cluster.stop_control()

    def start_control(self) -> None:
        """Start the control service, if it does not run."""
        if self.cluster.control is None:
            self.note("control service starts")
            self.cluster.start_control()

    def edit(self, function: Callable[[Configuration], Edit], what: str = "") -> None:
        """A user's edit; what the configuration refuses is no news."""
        control = self.cluster.control
        if control is None:
            return

        def refused(failure: Failure) -> None:
            failure.trap(*EDIT_ERRORS, StoreError)

        self.note(f"edit {what}")
        Deferred.fromCoroutine(control.edit(function)).addErrback(refused).addErrback(
            lambda failure: self.broken.append(f"an edit failed: {failure.getTraceback()}")
        )

    def write(self) -> None:
        """Every container that runs writes something."""
        for node in self.cluster.nodes:
            for name in node.containers.processes:
                self.history.write(node, name, str(len(self.trace)))
                self.note(f"{name} writes at {node.address}")

    def run(self, seconds: float) -> None:
        """Let time pass, from one delayed call to the next; the rules are checked after each."""
        clock = self.cluster.clock
        ends = clock.seconds() + seconds
        while True:
            self.cluster.deliver()
            self.check()
            due = min((call.getTime() for call in clock.getDelayedCalls()), default=inf)
            if due > ends:
                break
            clock.advance(max(due - clock.seconds(), TICK_SECONDS))
        clock.advance(max(ends - clock.seconds(), 0))
        self.check()

    def heal(self) -> None:
        """Nothing fails any more, and everything is started."""
        self.note("all is healed")
        self.hazard = lambda _: Hazard()
        self.cluster.network.cut.clear()
        self.cluster.network.bytes_per_second = None
        self.cluster.cut_from_control.clear()
        self.cluster.late_until.clear()
        self.cluster.disk.refusal = None
        for node in self.cluster.nodes:
            node.containers.unhealthy.clear()
        self.start_control()
        for node in self.cluster.nodes:
            self.start_agent(node)

    def rest(self, seconds_max: float = AT_REST_SECONDS_MAX) -> float:
        """Wait until all is as configured; returns the seconds that it took."""
        began = self.cluster.clock.seconds()
        while left := self.unfinished():
            waited = self.cluster.clock.seconds() - began
            if waited > seconds_max:
                raise AssertionError(f"after {waited:g} s: {left}\n{self.story()}")
            self.run(1.0)
        return self.cluster.clock.seconds() - began

    def close(self) -> None:
        """Stop watching the log; nothing may have gone wrong that nobody expected."""
        globalLogPublisher.removeObserver(cast(ILogObserver, self._log))

    def _log(self, event: LogEvent) -> None:
        """What is logged with a traceback is a bug, unless it tells of a fault that we planted."""
        failure = event.get("log_failure")
        if failure is not None and not failure.check(FlockerError):
            self.broken.append(f"{formatEvent(event)}: {failure.getTraceback()}")

    # What is seen of it

    @property
    def configuration(self) -> Configuration:
        return self.cluster.disk.configuration

    def unfinished(self) -> list[str]:
        """What is not yet as it is configured; what honest nodes do never ends as a claim."""
        found = unfinished(self.cluster.nodes, self.configuration, self.history)
        honest = {node.node_id for node in self.cluster.nodes}
        control = self.cluster.control
        if control is None:
            return found
        for dataset_id, claims in control.cluster.claims.items():
            found += [f"{dataset_id}: {claim}" for claim in claims if claim.node_id in honest]
        for name, desired in self.configuration.containers.items():
            reported = control.cluster.containers.get(name, pmap()).get(desired.node)
            if desired.running and not (reported is not None and reported.serving):
                found.append(f"{name} gets no connections")
        return found

    def violations(self) -> list[str]:
        """The rules that are broken now."""
        return violations(self.cluster.nodes, self.configuration, self.history)

    def check(self) -> None:
        """Note the rules that are broken, and fail at the next chance."""
        self.broken += self.violations()
        for watcher in self.watchers:
            self.broken += watcher()
        if self.broken:
            raise AssertionError(f"{self.broken}\n{self.story()}")

    def note(self, what: str) -> None:
        self.trace.append(f"{self.cluster.clock.seconds():9.3f} {what}")

    def story(self) -> str:
        """The last that happened, for whoever has to find out why."""
        return "\n".join(self.trace[-int(os.environ.get("FLOCKER_LITE_TRACE", "120")) :])

    async def _alone(self, call: Call, act: Callable[[], Any]) -> Any:
        """Two streams into one copy at one time are more than one increment in flight."""
        if call.method != "receive":
            return await act()
        copy = (call.node.node_id, call.identity)
        if copy in self.receiving:
            self.broken.append(f"{call} begins while another stream comes in")
        self.receiving.append(copy)
        try:
            return await act()
        finally:
            self.receiving.remove(copy)

    async def step(
        self, node: MemoryNode, door: str, method: str, identity: str, act: Callable[[], Any]
    ) -> Any:
        """One call at a door: it is never carried on by an agent that was killed meanwhile."""
        agent = node.agent
        self.calls += 1
        call = Call(node, door, method, identity, self.calls)
        hazard = self.hazard(call)

        def go_on(fails: bool) -> None:
            if agent is None or node.agent is not agent:
                raise PeerUnreachable(f"the agent of {node.address} died")
            if fails:
                self.note(f"{call} fails")
                raise CommandTimedOut((door, method), 0.0)

        hazard.at_start()
        await self._pass(hazard.delay_before_seconds)
        go_on(hazard.fails_before)
        self.watch()
        if method == "destroy":
            self._destroys(node, identity)
        result = await self._alone(call, act)
        if method != "discover":
            self.note(f"{call}")
        self.watch()
        hazard.at_end()
        await self._pass(hazard.delay_after_seconds)
        go_on(hazard.fails_after)
        return result

    def watch(self) -> None:
        """Like `check`, where an error would be taken for a failed step."""
        self.owners.note(self.cluster.nodes, self.configuration)
        self.broken += self.violations()

    def _destroys(self, node: MemoryNode, dataset_id: str) -> None:
        dataset = self.configuration.datasets.get(dataset_id)
        if dataset is None or not dataset.deleted:
            self.broken.append(f"{node.address} destroys {dataset_id}, which is not deleted")

    async def _pass(self, seconds: float) -> None:
        if seconds > 0:
            await deferLater(self.cluster.clock, seconds)


_STEPS = {
    "storage": {
        *("discover", "look", "create", "destroy", "resize", "mount", "unmount", "set_lease"),
        "set_membership",
        *("snapshot", "snapshot_all", "destroy_snapshot", "send", "receive", "set_aside"),
        "continue_from",
    },
    "containers": {
        *("discover", "look", "pull", "prepare", "prestart", "start", "answers", "stop", "remove"),
        "execute",
    },
    "routing": {"discover", "replace"},
    "holder": {"hold"},
    "restart_history": {"remember"},
    "chains": {"write"},
}


class _Door:
    """A door of a node whose calls meet hazards; everything else is the door's own."""

    def __init__(self, world: World, node: MemoryNode, name: str, inner: Any) -> None:
        self._world = world
        self._node = node
        self._name = name
        self._inner = inner

    def __getattr__(self, method: str) -> Any:
        value = getattr(self._inner, method)
        if method not in _STEPS[self._name]:
            return value

        def call(*arguments: Any) -> Awaitable[Any]:
            identity = getattr(arguments[0], "name", arguments[0]) if arguments else ""
            return self._world.step(
                self._node, self._name, method, str(identity), lambda: value(*arguments)
            )

        return call


class _Served:
    """A service whose work goes on when the peer that asked for it dies or is cut off."""

    def __init__(self, service_for: Callable[[NodeId], Any]) -> None:
        self._service_for = service_for
        self._answers: set[Deferred[Any]] = set()

    def by(self, peer: NodeId) -> _Asked:
        """The service as one peer asks it."""
        return _Asked(self._service_for(peer), self._answers)

    def hang_up(self) -> None:
        """No answer will come to what was asked so far."""
        for answer in list(self._answers):
            answer.errback(PeerUnreachable("cut off"))


class _Asked:
    """A service that answers to one peer."""

    def __init__(self, service: Any, answers: set[Deferred[Any]]) -> None:
        self._service = service
        self._answers = answers

    def __getattr__(self, method: str) -> Any:
        async def call(*arguments: Any) -> Any:
            # The caller closes its descriptor when it gives up, not when this is done.
            given = (*arguments[:-1], os.dup(arguments[-1])) if method == "receive" else arguments

            async def serve() -> Any:
                try:
                    return await getattr(self._service, method)(*given)
                finally:
                    if method == "receive":
                        os.close(given[-1])

            def served(result: Any) -> None:
                if not answer.called:
                    answer.callback(result)

            answer: Deferred[Any] = Deferred()
            self._answers.add(answer)
            Deferred.fromCoroutine(serve()).addBoth(served)
            try:
                return await answer
            finally:
                self._answers.discard(answer)

        return call
