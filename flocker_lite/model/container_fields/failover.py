"""What becomes of a container whose node dies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flocker_lite.model.fields import Schema, described, exactly, reference, whole
from flocker_lite.model.identities import NodeId

MANUAL, AUTOMATIC = "manual", "automatic"

AFTER_SECONDS_DEFAULT = 30
AFTER_SECONDS_MIN = 5
"""Renewals are asked for six times in this time, and a busy machine must not miss all of them."""

AFTER_SECONDS_MAX = 3600
MAX_LAG_SECONDS_DEFAULT = 120
MAX_LAG_SECONDS_MAX = 30 * 86400
NODES_MAX = 20
FAILOVER_PROTOCOL = 2
"""Agents know since then that what fails over by itself runs under a fencing deadline."""


@dataclass(frozen=True, slots=True)
class Failover:
    """When another node takes over: by a person's word ("manual"), or by itself ("automatic").

    Its node counts as dead once nothing was heard of it for `after_seconds`. No standby takes over
    by itself whose data is more than `max_lag_seconds` older. `nodes` are where a container without
    data starts when its own is away.
    """

    mode: str = MANUAL
    after_seconds: int = AFTER_SECONDS_DEFAULT
    max_lag_seconds: int = MAX_LAG_SECONDS_DEFAULT
    nodes: tuple[NodeId, ...] = ()

    @property
    def is_automatic(self) -> bool:
        return self.mode == AUTOMATIC


def _schema(nodes: Schema) -> Schema:
    return {
        "x-words": 'an object such as {"mode": "automatic"}',
        **exactly(
            mode={
                "description": "`automatic` lets a standby take over by itself, `manual` by your "
                "word alone.",
                "enum": [MANUAL, AUTOMATIC],
            },
            after_seconds=whole(
                AFTER_SECONDS_MIN,
                AFTER_SECONDS_MAX,
                f"How long its node is not heard of until it counts as dead; "
                f"{AFTER_SECONDS_DEFAULT} unless given.",
            ),
            max_lag_seconds=whole(
                1,
                MAX_LAG_SECONDS_MAX,
                f"No standby takes over by itself whose data is older by more than this; "
                f"{MAX_LAG_SECONDS_DEFAULT} unless given.",
            ),
            nodes=nodes,
            optional=("after_seconds", "max_lag_seconds", "nodes"),
        ),
    }


def _nodes(item: str) -> Schema:
    return {
        "description": "Where a container without data starts when its own node is away.",
        "type": "array",
        "maxItems": NODES_MAX,
        "uniqueItems": True,
        "items": reference(item),
    }


def _parse(value: Mapping[str, Any]) -> Failover:
    """The failover of a request; its nodes are still as the request calls them."""
    return Failover(
        value["mode"],
        int(value.get("after_seconds", AFTER_SECONDS_DEFAULT)),
        int(value.get("max_lag_seconds", MAX_LAG_SECONDS_DEFAULT)),
        tuple(value.get("nodes", ())),
    )


def _render(failover: Failover, address: Callable[[NodeId], str]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "mode": failover.mode,
        "after_seconds": failover.after_seconds,
        "max_lag_seconds": failover.max_lag_seconds,
    }
    if failover.nodes:
        body["nodes"] = [address(node) for node in failover.nodes]
    return body


FAILOVER = described(
    "Whether another node takes over by itself when its own dies, and when.",
    _schema(_nodes("NodeName")),
    _schema(_nodes("Address")),
    parse=_parse,
    names_nodes=_render,
    protocol=FAILOVER_PROTOCOL,
)
