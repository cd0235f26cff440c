"""Sees whether agents of whom something is asked are there.

By itself a link takes more than a minute to see that nobody is at its other end any more.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from flocker_lite.model.records import NodeId
from flocker_lite.protocol.link import Link

ANSWER_SECONDS_MAX = 2.0
"""Who says nothing for so long when it is told something is asked whether it is there."""

PROBE_SECONDS_MAX = 3.0
"""Who does not answer that in this time is hung up on; one that was only slow connects again."""


class Probing:
    """One look at a time at each; `clock` provides IReactorTime."""

    log = Logger()

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._looks: dict[Link, IDelayedCall] = {}

    def told(self, node_id: NodeId, link: Link) -> None:
        """It was told something just now."""
        if link not in self._looks:
            now = self._clock.seconds()
            self._looks[link] = self._clock.callLater(
                ANSWER_SECONDS_MAX, self._look, node_id, link, now
            )

    def stop(self) -> None:
        """Look no more."""
        for look in self._looks.values():
            look.cancel()
        self._looks.clear()

    def _look(self, node_id: NodeId, link: Link, since_seconds: float) -> None:
        del self._looks[link]
        if link.heard_at < since_seconds:
            Deferred.fromCoroutine(self._ask(node_id, link)).addErrback(
                lambda failure: self.log.failure("asking whether an agent is there", failure)
            )

    async def _ask(self, node_id: NodeId, link: Link) -> None:
        if not await link.is_alive(PROBE_SECONDS_MAX):
            self.log.info("the agent of node {node} does not answer: hanging up", node=node_id)
            link.hang_up()
