"""Counts containers by their state; pure.

A cluster has too many containers for a series per container and state. Here, each node has one for
each state; an agent has them for its own containers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from flocker_lite.model.records import Configuration, NodeId
from flocker_lite.model.state import STARTING, UNHEALTHY, ContainerState

RUNNING, FAILED, PAUSED = "running", "failed", "paused"
PENDING, ENDED, STOPPED, UNKNOWN = "pending", "ended", "stopped", "unknown"
STATES = (RUNNING, STARTING, UNHEALTHY, PAUSED, PENDING, FAILED, ENDED, STOPPED, UNKNOWN)


def state_of(reported: ContainerState, is_wanted: bool) -> str:
    """The one state that a report stands for; `is_wanted`: it is configured to run here."""
    if reported.running:
        if reported.health in (STARTING, UNHEALTHY):
            return reported.health
        return RUNNING
    if reported.paused:
        return PAUSED
    if reported.error is not None:
        return FAILED
    if not is_wanted:
        return STOPPED
    return ENDED if reported.exit_code is not None else PENDING


def counted(
    configuration: Configuration,
    containers: Mapping[str, Mapping[NodeId, ContainerState]],
) -> Counter[tuple[NodeId, str]]:
    """How many containers each node has in each state.

    One that its node does not report is unknown: the node is away, or has just been told of it.
    """
    found: Counter[tuple[NodeId, str]] = Counter()
    for name, reports in containers.items():
        desired = configuration.containers.get(name)
        for node_id, reported in reports.items():
            is_wanted = desired is not None and desired.running and desired.node == node_id
            found[node_id, state_of(reported, is_wanted)] += 1
    for name, desired in configuration.containers.items():
        if desired.node not in containers.get(name, {}):
            found[desired.node, UNKNOWN] += 1
    return found
