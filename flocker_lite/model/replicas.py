"""Which nodes stand by with a copy of a dataset, and how fresh it is to be; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flocker_lite.model.fields import Schema, exactly, reference, whole
from flocker_lite.model.identities import NodeId
from flocker_lite.model.quantities import as_number, duration, duration_seconds, size, size_bytes

RPO_SECONDS_DEFAULT = 30.0
RPO_SECONDS_MIN = 5.0
"""An increment has a fixed cost, so that more often than this would be little else."""

RPO_SECONDS_MAX = 30 * 86400.0
COPIES_MAX = 20
BANDWIDTH_MIN = 1024
REPLICAS_PROTOCOL = 2
"""Agents know since then what to do as a primary, or as a standby."""


@dataclass(frozen=True, slots=True)
class Replicas:
    """The standbys of a dataset, and how old the newest complete copy there may be.

    `nodes` may name the primary itself, which has nothing to do there: so a pair of nodes stays a
    pair after a move. `count` is how many standbys a user asked for without naming them; `nodes`
    are then those that were chosen, the primary among them. `bandwidth_limit` is in bytes per
    second. On a `warm` standby the container is prepared, so that a move there has little to wait
    for.
    """

    nodes: tuple[NodeId, ...] = ()
    rpo_seconds: float = RPO_SECONDS_DEFAULT
    bandwidth_limit: int | None = None
    warm: bool = False
    count: int | None = None

    def standbys(self, primary: NodeId) -> tuple[NodeId, ...]:
        """The nodes that stand by while `primary` has the dataset."""
        others = tuple(node for node in self.nodes if node != primary)
        return others if self.count is None else others[: self.count]


def _rpo(words: str = "") -> Schema:
    return duration(
        RPO_SECONDS_MAX,
        doc="How old the newest complete copy at a standby may be; 30 s unless given.",
        words=words,
        minimum=RPO_SECONDS_MIN,
    )


_LIMIT = size(BANDWIDTH_MIN, doc="The most bytes per second that are sent to each standby.")
_WARM: Schema = {
    "description": "Whether the container is prepared at the standbys beforehand.",
    "type": "boolean",
}
_COUNT = whole(
    1,
    COPIES_MAX,
    doc="How many standbys there are to be; the control service chooses those that are not named.",
)
REQUEST: Schema = {
    "x-words": "an object with the nodes that stand by, or with their count",
    **exactly(
        nodes={
            "description": "The nodes that stand by. The primary may be among them.",
            "type": "array",
            "minItems": 1,
            "maxItems": COPIES_MAX,
            "items": reference("NodeName"),
        },
        rpo_seconds=_rpo('a number of seconds, 5 or more, or a text such as "1m30s"'),
        bandwidth_limit={"anyOf": [_LIMIT, {"type": "null"}]},
        warm=_WARM,
        count=_COUNT,
        optional=("nodes", "rpo_seconds", "bandwidth_limit", "warm", "count"),
    ),
}
ANSWER: Schema = exactly(
    nodes={"type": "array", "items": reference("Address")},
    rpo_seconds=as_number(_rpo()),
    bandwidth_limit=as_number(_LIMIT),
    warm=_WARM,
    count=_COUNT,
    optional=("bandwidth_limit", "count"),
)


def parse(value: Mapping[str, Any]) -> Replicas:
    """The replicas of a request; its nodes are still as the request calls them."""
    limit = value.get("bandwidth_limit")
    return Replicas(
        tuple(value.get("nodes", ())),
        duration_seconds(value.get("rpo_seconds", RPO_SECONDS_DEFAULT)),
        None if limit is None else size_bytes(limit),
        value.get("warm", False),
        int(value["count"]) if "count" in value else None,
    )


def render(replicas: Replicas, address: Callable[[NodeId], str]) -> dict[str, Any]:
    """The replicas as an answer shows them."""
    said = {
        "nodes": [address(node) for node in replicas.nodes],
        "rpo_seconds": replicas.rpo_seconds,
        "bandwidth_limit": replicas.bandwidth_limit,
        "warm": replicas.warm,
        "count": replicas.count,
    }
    return {key: value for key, value in said.items() if value is not None}
