"""A stream that a peer has announced, until the ssh session that carries it has come and gone."""

from __future__ import annotations

from dataclasses import dataclass, field

from twisted.internet.defer import Deferred

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IPeerService
from flocker_lite.model.records import NodeId


@dataclass
class ExpectedStream:
    """A stream that a control session announced; `opened` and `received` fire once each.

    `key_of` is the node whose key that session used; None for a key that is not a node's.
    """

    service: IPeerService
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
