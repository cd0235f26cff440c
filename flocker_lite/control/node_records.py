"""What the control service remembers of each node in memory, beside what it reports."""

from __future__ import annotations

import math
from collections.abc import Iterable

from flocker_lite.model.machine import MACHINE, Machine
from flocker_lite.model.records import Change, NodeId


class NodeRecords:
    """By a node's UUID; what was known last stays known while a node is away.

    `eras` are UUIDs of their boots. `certificates` say when each certificate expires, in seconds
    since 1970. `clock_offsets` say how many seconds each node's clock is ahead of ours.
    """

    def __init__(self) -> None:
        self.eras: dict[NodeId, str] = {}
        self.certificates: dict[NodeId, float] = {}
        self.machines: dict[NodeId, Machine] = {}
        self.clock_offsets: dict[NodeId, float] = {}

    def came(self, node_id: NodeId, era: str, certificate_expires_at: float | None) -> bool:
        """An agent has connected; returns whether its certificate is another one than before."""
        self.eras[node_id] = era.lower()
        before = self.certificates.get(node_id)
        if certificate_expires_at is None:
            self.certificates.pop(node_id, None)
        else:
            self.certificates[node_id] = certificate_expires_at
        return before != certificate_expires_at

    def compared(self, node_id: NodeId, clock: float | None, now: float) -> None:
        """A node said what its clock shows, when ours showed `now`; None if it does not say."""
        if clock is not None and math.isfinite(clock):
            self.clock_offsets[node_id] = clock - now

    def reported(self, node_id: NodeId, changes: Iterable[Change]) -> None:
        """A node has reported these changes."""
        for change in changes:
            if change.identity == MACHINE and isinstance(change.record, Machine):
                self.machines[node_id] = change.record

    def forget(self, node_id: NodeId) -> None:
        """The node is no part of the cluster any more."""
        for known in (self.eras, self.certificates, self.machines, self.clock_offsets):
            known.pop(node_id, None)
