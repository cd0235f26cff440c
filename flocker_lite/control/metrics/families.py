"""What a scrape says of the cluster, as families of metrics; pure.

The number of series is bounded by the nodes, except for the restarts of containers and the pairs of
nodes that data went between, which have bounds of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from flocker_lite.control.metrics.containers import STATES, counted
from flocker_lite.control.metrics.snapshot import Snapshot
from flocker_lite.control.metrics.standbys import standby_families
from flocker_lite.model.lease import Role
from flocker_lite.model.machine import Machine
from flocker_lite.model.records import NodeId

RESTARTED_MAX = 20_000
"""Containers that have a series of their own; beyond it, the last ones by name have none."""

PHASES = ("preparing", "pushing", "switching", "verifying", "failed")


def families(seen: Snapshot) -> Iterator[Metric]:
    """Everything, in the order in which it is shown."""
    yield from _service(seen)
    yield from _nodes(seen)
    yield from _machines(seen)
    yield from _containers(seen)
    yield from _datasets(seen)
    yield from standby_families(seen.configuration, seen.cluster, seen.clock_offsets)
    yield from _moves(seen)
    yield from _connections(seen)


def _gauge(name: str, help: str, value: float) -> Metric:
    return GaugeMetricFamily(f"flocker_{name}", help, value=value)


def _by_node(
    seen: Snapshot, name: str, help: str, values: Mapping[NodeId, float], default: float | None = 0
) -> Metric:
    """A gauge with a series for each node; one without a value has the default, or none."""
    family = GaugeMetricFamily(f"flocker_{name}", help, labels=["node"])
    for node_id, address in seen.addresses.items():
        value = values.get(node_id, default)
        if value is not None:
            family.add_metric([address], value)
    return family


def _service(seen: Snapshot) -> Iterator[Metric]:
    # One control service serves a cluster, so it leads.
    yield _gauge("leader", "Whether this control service is the one that decides.", 1)
    connected = len(seen.addresses) - len(seen.away)
    yield _gauge("agents_connected", "Agents that are connected.", connected)
    yield _gauge("watchers", "Requests that wait for changes.", seen.watchers)
    if seen.expires_at is not None:
        help = "When this service's own certificate expires, in seconds since 1970."
        yield _gauge("control_certificate_expiry_timestamp_seconds", help, seen.expires_at)


def _nodes(seen: Snapshot) -> Iterator[Metric]:
    up = {node_id: float(node_id not in seen.away) for node_id in seen.addresses}
    yield _by_node(seen, "node_up", "Whether the node's agent is connected.", up)
    cordoned = {
        node_id: float(not seen.configuration.nodes[node_id].schedulable)
        for node_id in seen.addresses
    }
    yield _by_node(seen, "node_cordoned", "Whether nothing new is put on the node.", cordoned)
    help = "When the node's certificate expires, in seconds since 1970."
    name = "node_certificate_expiry_timestamp_seconds"
    yield _by_node(seen, name, help, seen.certificates, None)
    help = "How far the node's clock was ahead when its agent connected."
    yield _by_node(seen, "node_clock_offset_seconds", help, seen.clock_offsets, None)


def _machines(seen: Snapshot) -> Iterator[Metric]:
    figures: tuple[tuple[str, str, Callable[[Machine], float | None]], ...] = (
        ("pool_size_bytes", "The size of the node's pool.", lambda m: _size(m)),
        ("pool_free_bytes", "What is free of the node's pool.", lambda m: _free(m)),
        (
            "node_memory_free_bytes",
            "The memory that programs could still get.",
            lambda m: m.memory.free_bytes if m.memory is not None else None,
        ),
    )
    for name, help, figure in figures:
        values = {node_id: figure(machine) for node_id, machine in seen.machines.items()}
        told = {node_id: value for node_id, value in values.items() if value is not None}
        yield _by_node(seen, name, help, told, None)


def _size(machine: Machine) -> float | None:
    return machine.capacity.size_bytes if machine.capacity is not None else None


def _free(machine: Machine) -> float | None:
    return machine.capacity.free_bytes if machine.capacity is not None else None


def _containers(seen: Snapshot) -> Iterator[Metric]:
    found = counted(seen.configuration, seen.cluster.containers)
    help = (
        "Containers of the node that are in this state; pending is to be started, failed has an "
        "error, stopped was so by a user, unknown is configured there and not reported."
    )
    yield _table(seen, "container_state", help, "state", STATES, found)
    restarts = CounterMetricFamily(
        "flocker_container_restarts",
        "How often the container was started again where it is now.",
        labels=["container"],
    )
    for name in sorted(seen.cluster.containers)[:RESTARTED_MAX]:
        reports = seen.cluster.containers[name].values()
        restarts.add_metric([name], max(each.restarts for each in reports))
    yield restarts


def _datasets(seen: Snapshot) -> Iterator[Metric]:
    roles: Counter[tuple[NodeId, str]] = Counter()
    errors: Counter[NodeId] = Counter()
    for reports in seen.cluster.datasets.values():
        for node_id, reported in reports.items():
            if reported.lease is not None:
                roles[node_id, reported.lease.role.value] += 1
            if reported.error is not None:
                errors[node_id] += 1
    words = tuple(role.value for role in Role)
    yield _table(seen, "copy_role", "Copies on the node that have this role.", "role", words, roles)
    yield _by_node(seen, "dataset_errors", "Datasets with an error on the node.", errors)
    claims = len(seen.cluster.claims)
    yield _gauge("dataset_claims", "Datasets that a node claims without proof.", claims)
    asides: Counter[NodeId] = Counter()
    sizes: Counter[NodeId] = Counter()
    for reports_aside in seen.cluster.set_aside.values():
        for node_id, aside in reports_aside.items():
            asides[node_id] += 1
            sizes[node_id] += aside.size_bytes or 0
    yield _by_node(seen, "set_aside_copies", "Copies that the node has set aside.", asides)
    yield _by_node(seen, "set_aside_bytes", "What the deletion of these copies would free.", sizes)


def _moves(seen: Snapshot) -> Iterator[Metric]:
    phases: Counter[str] = Counter()
    oldest: float | None = None
    for move_id, move in seen.configuration.moves.items():
        sides = seen.progress.get(move_id, ())
        told = {each.phase for each in sides if each.source is not None}
        phase = next((each for each in reversed(PHASES) if each in told), PHASES[0])
        phases[phase] += 1
        oldest = min(move.requested_at, oldest if oldest is not None else move.requested_at)
    family = GaugeMetricFamily("flocker_moves_open", "Moves under way.", labels=["phase"])
    for phase in PHASES:
        family.add_metric([phase], phases[phase])
    yield family
    help = "When the oldest move under way was requested, in seconds since 1970; 0 for none."
    yield _gauge("move_oldest_timestamp_seconds", help, oldest or 0)
    pushed = CounterMetricFamily(
        "flocker_push_bytes",
        "Bytes that moves sent from node to node; without addresses, of all other pairs.",
        labels=["source", "destination"],
    )
    for (source, destination), sent in seen.pushed.items():
        pushed.add_metric([_address(seen, source), _address(seen, destination)], sent)
    yield pushed


def _connections(seen: Snapshot) -> Iterator[Metric]:
    held: Counter[NodeId] = Counter()
    for node_id, state in seen.cluster.nodes.items():
        held[node_id] = sum(port.held for port in state.ports.values())
    yield _by_node(seen, "connections_held", "Connections that the node holds now.", held)
    refused = CounterMetricFamily(
        "flocker_connections_refused", "Connections that the node refused.", labels=["node"]
    )
    for node_id, address in seen.addresses.items():
        refused.add_metric([address], seen.refused.get(node_id, 0))
    yield refused


def _table(
    seen: Snapshot,
    name: str,
    help: str,
    label: str,
    words: Iterable[str],
    found: Mapping[tuple[NodeId, str], int],
) -> Metric:
    """A series for each node and each word, also where there is nothing to count."""
    family = GaugeMetricFamily(f"flocker_{name}", help, labels=["node", label])
    for node_id, address in seen.addresses.items():
        for word in words:
            family.add_metric([address, word], found.get((node_id, word), 0))
    return family


def _address(seen: Snapshot, node_id: NodeId) -> str:
    return seen.addresses.get(node_id, node_id)
