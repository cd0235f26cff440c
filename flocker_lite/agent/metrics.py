"""What an agent tells Prometheus of its node and of itself; it answers scrapes at its own port."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from prometheus_client import CollectorRegistry
from prometheus_client import Counter as CounterMetric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import Resource
from twisted.web.server import Site

from flocker_lite.agent.machine import MachineWatch
from flocker_lite.convergence.executors import EXECUTORS
from flocker_lite.convergence.failures import Failures
from flocker_lite.convergence.loop import Loop
from flocker_lite.metrics.exposition import CONTENT_TYPE, text
from flocker_lite.metrics.reactor_delay import ReactorDelay
from flocker_lite.model.container_state import LocalContainer, RestartHistory
from flocker_lite.model.machine import Machine
from flocker_lite.model.state import PortState
from flocker_lite.planner.backoff import Failed
from flocker_lite.planner.changes import ChangeKey, IStateChange

CONTAINERS_MAX = 1000
"""Containers of a node that have series of their own; beyond it, the last ones by name have none.
"""

IDLE_SECONDS_MAX = 30.0
STATUSES = ("running", "prestarted", "paused", "created", "exited", "other")
_DETAILS = re.compile(r"\([^)]*\)")
KINDS = tuple(sorted(kind.__name__ for kind in EXECUTORS))


class Seen(Protocol):
    """What a snapshot needs to know of an agent; the agent's service provides it."""

    loop: Loop
    machine: MachineWatch
    is_connected: bool


@dataclass(frozen=True, slots=True)
class NodeSnapshot:
    """A node at one moment; `expires_at` is when its certificate does, in seconds since 1970.

    `fences` says of each container under a fencing deadline whether its fence is armed.
    """

    containers: Mapping[str, LocalContainer]
    histories: Mapping[str, RestartHistory]
    failures: Mapping[ChangeKey, Failed]
    ports: Mapping[int, PortState]
    machine: Machine | None
    is_connected: bool
    is_troubled: bool
    expires_at: float | None = None
    fences: Mapping[str, bool] = field(default_factory=dict)


def look(
    agent: Seen,
    ports: Mapping[int, PortState],
    expires_at: float | None = None,
    fences: Mapping[str, bool] = MappingProxyType({}),
) -> NodeSnapshot:
    """The node as its agent sees it now; `ports` are the connections that it holds.

    `fences` says of each container under a fencing deadline whether its fence is armed.
    """
    loop = agent.loop
    return NodeSnapshot(
        containers=loop.local.containers,
        histories=loop.restart_tracker.histories,
        failures=loop.executions.failures.now,
        ports=ports,
        machine=agent.machine.told,
        is_connected=agent.is_connected,
        is_troubled=loop.discovery.monitor.trouble is not None,
        expires_at=expires_at,
        fences=fences,
    )


class CountedFailures(Failures):
    """The failures of a node, each of which is counted."""

    def __init__(self, events: CollectorRegistry) -> None:
        super().__init__()
        self._total = CounterMetric(
            "flocker_change_failures",
            "Changes of this node that failed, by what they do.",
            ["kind"],
            registry=events,
        )
        for kind in KINDS:
            self._total.labels(kind)

    def fails(
        self, change: IStateChange, error: BaseException | None, desired: object, now_seconds: float
    ) -> Failed:
        """See `Failures`."""
        self._total.labels(kind_of(change.kind)).inc()
        return super().fails(change, error, desired, now_seconds)


class AgentMetrics:
    """Counts from its creation on; `look` takes a snapshot of the node."""

    def __init__(self, clock: IReactorTime) -> None:
        self.events = CollectorRegistry()
        self.reactor_delay = ReactorDelay(clock, self.events)
        self.failures = CountedFailures(self.events)

    def site(self, look: Callable[[], NodeSnapshot]) -> Site:
        """A protocol factory that answers GET /metrics, and nothing else."""
        root = Resource()
        root.putChild(b"metrics", _Page(lambda: text(families(look()), self.events)))
        return Site(root, timeout=IDLE_SECONDS_MAX)


class _Page(Resource):
    isLeaf = True

    def __init__(self, written: Callable[[], bytes]) -> None:
        super().__init__()
        self._written = written

    def render_GET(self, request: Any) -> bytes:
        request.setHeader("Content-Type", CONTENT_TYPE)
        return self._written()


def families(seen: NodeSnapshot) -> Iterator[Metric]:
    """All that is said of a node; pure."""
    help = "Whether this agent is connected to the control service."
    yield GaugeMetricFamily("flocker_agent_connected", help, value=float(seen.is_connected))
    help = "Whether this agent cannot find out what is on its node."
    yield GaugeMetricFamily("flocker_discovery_failing", help, value=float(seen.is_troubled))
    if seen.expires_at is not None:
        name = "flocker_agent_certificate_expiry_timestamp_seconds"
        help = "When this node's certificate expires, in seconds since 1970."
        yield GaugeMetricFamily(name, help, value=seen.expires_at)
    yield from _pool(seen.machine)
    yield from _containers(seen)
    yield _fences(seen.fences)
    yield from _changes(seen.failures)
    yield from _connections(seen.ports.values())


def _pool(machine: Machine | None) -> Iterator[Metric]:
    capacity = machine.capacity if machine is not None else None
    if capacity is not None:
        help = "The size of this node's pool."
        yield GaugeMetricFamily("flocker_agent_pool_size_bytes", help, value=capacity.size_bytes)
        help = "What is free of this node's pool."
        yield GaugeMetricFamily("flocker_agent_pool_free_bytes", help, value=capacity.free_bytes)


def _containers(seen: NodeSnapshot) -> Iterator[Metric]:
    states = GaugeMetricFamily(
        "flocker_agent_container_state",
        "Whether the container is in this state of Docker's.",
        labels=["container", "state"],
    )
    restarts = CounterMetricFamily(
        "flocker_agent_container_restarts",
        "How often the container was started again after it had ended by itself.",
        labels=["container"],
    )
    for name in sorted(seen.containers)[:CONTAINERS_MAX]:
        status = seen.containers[name].status
        status = status if status in STATUSES else STATUSES[-1]
        for word in STATUSES:
            states.add_metric([name, word], float(word == status))
        history = seen.histories.get(name)
        restarts.add_metric([name], history.times if history is not None else 0)
    yield states
    yield restarts


def _fences(armed: Mapping[str, bool]) -> Metric:
    fences = GaugeMetricFamily(
        "flocker_fence_armed",
        "Whether the container, which may run only under a fencing deadline, has one ahead; 0 "
        "while it waits for a renewal, and once its deadline has passed.",
        labels=["container"],
    )
    for name in sorted(armed)[:CONTAINERS_MAX]:
        fences.add_metric([name], float(armed[name]))
    return fences


def _changes(failures: Mapping[ChangeKey, Failed]) -> Iterator[Metric]:
    failing: Counter[str] = Counter()
    until: dict[str, float] = {}
    for each, failed in failures.items():
        kind = kind_of(each.kind)
        failing[kind] += 1
        until[kind] = max(until.get(kind, 0.0), failed.until_seconds)
    counts = GaugeMetricFamily(
        "flocker_changes_failing",
        "Changes that failed the last time and are tried again, by what they do.",
        labels=["kind"],
    )
    waits = GaugeMetricFamily(
        "flocker_change_next_try_timestamp_seconds",
        "When the last of them is tried again, in seconds since 1970; 0 for none.",
        labels=["kind"],
    )
    for kind in (*KINDS, *sorted(failing.keys() - set(KINDS))):
        counts.add_metric([kind], failing[kind])
        waits.add_metric([kind], until.get(kind, 0.0))
    yield counts
    yield waits


def _connections(ports: Iterable[PortState]) -> Iterator[Metric]:
    ports = tuple(ports)
    help = "Connections that this node holds now."
    held = sum(port.held for port in ports)
    yield GaugeMetricFamily("flocker_agent_connections_held", help, value=held)
    help = "Connections that this node refused."
    refused = sum(port.refused_total for port in ports)
    yield CounterMetricFamily("flocker_agent_connections_refused", help, value=refused)


def kind_of(kind: str) -> str:
    """What a change does, without what it does it to."""
    return _DETAILS.sub("", kind)
