"""The requests between agents that keep a standby's copies fresh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from flocker_lite.errors import PeerRefused
from flocker_lite.interfaces import wire
from flocker_lite.interfaces.request import PeerRequest, Permissions
from flocker_lite.interfaces.wire import Form, Wire

_MILLISECONDS = 1000
_INSTANT_MAX = 2**53

_INSTANT = wire.whole(0, _INSTANT_MAX, "time")
Instant = Annotated[
    float,
    Wire(
        Form.WHOLE,
        lambda raw: _INSTANT.decode(raw) / _MILLISECONDS,
        lambda seconds: round(seconds * _MILLISECONDS),
    ),
]
"""Seconds since 1970, sent as whole milliseconds."""


@dataclass(frozen=True, slots=True)
class ArrivedSnapshot:
    """The snapshot of one dataset in a set, by its guid."""

    dataset_id: wire.Dataset
    guid: wire.Guid


@dataclass(frozen=True, slots=True)
class SnapshotSetComplete(PeerRequest[None]):
    """All snapshots of a set have arrived: write that down, in place of the last set. Idempotent.

    `epoch` is that of the asking node as primary of the first of these datasets by id; `taken_at`
    is by its clock.
    """

    epoch: wire.Epoch
    taken_at: Instant
    snapshots: Annotated[tuple[ArrivedSnapshot, ...], wire.boxes(ArrivedSnapshot)]

    def require(self, policy: Permissions) -> None:
        if not self.snapshots:
            raise PeerRefused("a set of no snapshots")
        first = min(each.dataset_id for each in self.snapshots)
        for each in self.snapshots:
            epoch = self.epoch if each.dataset_id == first else None
            policy.require_announced(each.dataset_id, epoch)
