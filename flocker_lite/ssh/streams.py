"""A stream that was promised to a peer, until the ssh that brings it has come and gone."""

from __future__ import annotations

from dataclasses import dataclass, field

from twisted.internet.defer import Deferred

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IGate
from flocker_lite.model.records import NodeId


@dataclass
class Stream:
    """A stream that a session was promised; `opened` and `received` fire once each.

    `key_of` is the node whose key its session came with, None for a key that is not of a node.
    """

    gate: IGate
    key_of: NodeId | None
    dataset_id: str
    epoch: int
    opened: Deferred[None] = field(default_factory=Deferred)
    received: Deferred[None] = field(default_factory=Deferred)
    receiving: Deferred[None] | None = None

    def give_up(self, reason: FlockerError) -> None:
        if self.receiving is not None:
            self.receiving.cancel()
        for deferred in (self.opened, self.received):
            if not deferred.called:
                deferred.errback(reason)
            deferred.addErrback(lambda _: None)
