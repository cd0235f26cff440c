"""All families of metrics that the two services have, as they are written for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from twisted.internet.task import Clock

from flocker_lite.agent.metrics import AgentMetrics, NodeSnapshot
from flocker_lite.agent.metrics import families as of_node
from flocker_lite.control.metrics.control_metrics import ControlMetrics
from flocker_lite.control.metrics.families import families as of_cluster
from flocker_lite.metrics.exposition import build_info
from flocker_lite.metrics.reactor_delay import ReactorDelay
from flocker_lite.model.machine import Capacity, Machine
from tests.control.metrics.test_metrics import large


def of_both() -> Iterator[Metric]:
    """Those that each of the services has."""
    events = CollectorRegistry()
    ReactorDelay(Clock(), events)
    yield build_info()
    yield from events.collect()


def of_control() -> Iterator[Metric]:
    """Those of a control service, with a node."""
    yield from of_cluster(replace(large(1, 1), expires_at=1.0))
    yield from _alone(ControlMetrics(Clock(), ("version",)).events)


def of_agent() -> Iterator[Metric]:
    """Those of an agent."""
    machine = Machine(capacity=Capacity(2, 1))
    yield from of_node(NodeSnapshot({}, {}, {}, {}, machine, True, False, expires_at=1.0))
    yield from _alone(AgentMetrics(Clock()).events)


def written_name(family: Metric) -> str:
    """Its name, as Prometheus sees it."""
    return f"{family.name}_total" if family.type == "counter" else family.name


def labels(family: Metric) -> tuple[str, ...]:
    """The labels of its series."""
    declared = getattr(family, "_labelnames", ())
    found = (key for sample in family.samples for key in sample.labels if key != "le")
    return tuple(dict.fromkeys([*declared, *found]))


def _alone(events: CollectorRegistry) -> Iterator[Metric]:
    shared = {family.name for family in of_both()}
    return (family for family in events.collect() if family.name not in shared)
