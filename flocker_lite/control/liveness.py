"""Checks that an agent is still there after we told it something.

Without this, a link takes more than a minute to notice that its other end is gone.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from flocker_lite.model.records import NodeId
from flocker_lite.protocol.link import Link

ANSWER_SECONDS_MAX = 2.0
"""An agent that sends nothing for this long after it was told something is pinged."""

PROBE_SECONDS_MAX = 3.0
"""Without a reply in this time the link is closed; an agent that was only slow connects again."""


class LivenessChecks:
    """Runs at most one check per link at a time."""

    log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._looks: dict[Link, IDelayedCall] = {}
        self._told_at: dict[Link, float] = {}

    def told(self, node_id: NodeId, link: Link) -> None:
        """We told the node something just now."""
        self._told_at[link] = self._clock.seconds()
        if link not in self._looks:
            self._schedule(node_id, link)

    def stop(self) -> None:
        """Cancel all checks."""
        for look in self._looks.values():
            look.cancel()
        self._looks.clear()
        self._told_at.clear()

    def _schedule(self, node_id: NodeId, link: Link) -> None:
        since = self._told_at[link]
        wait = max(0.0, since + ANSWER_SECONDS_MAX - self._clock.seconds())
        self._looks[link] = self._clock.callLater(wait, self._look, node_id, link, since)

    def _look(self, node_id: NodeId, link: Link, since_seconds: float) -> None:
        del self._looks[link]
        if link.heard_at >= since_seconds and link.heard_at < self._told_at[link]:
            # It was heard, and told more since.
            self._schedule(node_id, link)
            return
        del self._told_at[link]
        if link.heard_at < since_seconds:
            Deferred.fromCoroutine(self._ask(node_id, link)).addErrback(
                lambda failure: self.log.failure("checking an agent's link failed", failure)
            )

    async def _ask(self, node_id: NodeId, link: Link) -> None:
        if not await link.is_alive(PROBE_SECONDS_MAX):
            self.log.info("node {node}: its agent does not answer, hanging up", node=node_id)
            link.hang_up()
