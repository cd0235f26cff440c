"""What a failover lost at most, as its move and the move's receipt show it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FailedOver:
    """A move whose source was replaced: its destination goes on from an earlier snapshot set.

    `loses_since` is when that set was taken, by the old primary's clock, in seconds since 1970.
    `loses_seconds` is how long before the request that was: at most so much of what clients were
    acknowledged is in the copy of the old primary alone. A person `forced` it without proof that
    the old primary writes no more; the control service did it by itself if it is `automatic`.
    """

    loses_seconds: float
    loses_since: float
    forced: bool = False
    automatic: bool = False
