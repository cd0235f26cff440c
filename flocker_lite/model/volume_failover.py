"""What becomes of a volume of Docker's whose node dies: the dataset's own failover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flocker_lite.model.container_fields.failover import (
    AFTER_SECONDS_DEFAULT,
    AFTER_SECONDS_MAX,
    AFTER_SECONDS_MIN,
    AUTOMATIC,
    FAILOVER_PROTOCOL,
    MAX_LAG_SECONDS_DEFAULT,
    MAX_LAG_SECONDS_MAX,
)
from flocker_lite.model.fields import described, exactly, whole


@dataclass(frozen=True, slots=True)
class VolumeFailover:
    """A standby whose Docker starts a container with the volume takes over from a dead node.

    What uses the volume runs under a fencing deadline: its node ends it `after_seconds` after the
    last renewal. No standby takes over whose data is more than `max_lag_seconds` older.
    """

    after_seconds: int = AFTER_SECONDS_DEFAULT
    max_lag_seconds: int = MAX_LAG_SECONDS_DEFAULT


def _parse(value: Mapping[str, Any]) -> VolumeFailover:
    return VolumeFailover(
        int(value.get("after_seconds", AFTER_SECONDS_DEFAULT)),
        int(value.get("max_lag_seconds", MAX_LAG_SECONDS_DEFAULT)),
    )


def _render(failover: VolumeFailover | None) -> dict[str, Any] | None:
    if failover is None:
        return None
    return {
        "mode": AUTOMATIC,
        "after_seconds": failover.after_seconds,
        "max_lag_seconds": failover.max_lag_seconds,
    }


FAILOVER = described(
    "Whether a standby whose Docker wants the volume takes over from a node that died.",
    {
        "x-words": 'an object such as {"mode": "automatic"}',
        **exactly(
            mode={
                "description": "`automatic` ends what uses the volume once its node is cut off, so "
                "that a standby can take over without your word.",
                "enum": [AUTOMATIC],
            },
            after_seconds=whole(
                AFTER_SECONDS_MIN,
                AFTER_SECONDS_MAX,
                "How long after the last renewal its node ends what uses it; "
                f"{AFTER_SECONDS_DEFAULT} unless given.",
            ),
            max_lag_seconds=whole(
                1,
                MAX_LAG_SECONDS_MAX,
                "No standby takes over without your word whose data is older by more than this; "
                f"{MAX_LAG_SECONDS_DEFAULT} unless given.",
            ),
            optional=("after_seconds", "max_lag_seconds"),
        ),
    },
    parse=_parse,
    render=_render,
    null="null has nothing end it any more; its standbys stay.",
    protocol=FAILOVER_PROTOCOL,
    schema_name="VolumeFailover",
)
