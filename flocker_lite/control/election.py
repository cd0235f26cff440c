"""Several control services on one etcd: one leads, and the others say who that is.

Each looks often at the leader's key. When it is gone, whoever comes first makes it anew, loads the
configuration, and serves as a control service does after a restart, until its leadership ends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite.control.store.etcd import EtcdStore
from flocker_lite.control.store.etcd_client import Etcd
from flocker_lite.control.store.leader_watch import LeaderWatch
from flocker_lite.control.store.leadership import Leader, LeadershipTaken
from flocker_lite.errors import EtcdUnsure, StoreError

LOOK_SECONDS = 0.1
"""How often a follower looks who leads."""

ANSWER_SECONDS_MAX = 3.0
"""How long etcd may take to say who leads, before the follower says that nobody does."""

REFUSED_SECONDS = 5.0
"""How long a service that could not open the store leaves the lead to others."""


class Serving(Protocol):
    """What a control service does while it leads."""

    async def end(self) -> None:
        """Hang up on everybody, and close the store."""


class Election:
    """Takes part from `start` to `stop`; `leader` is who leads, as far as is known now.

    `open_store` becomes the leader, or raises StoreError; `begin` serves with the open store.
    """

    log = Logger()

    def __init__(
        self,
        etcd: Etcd,
        open_store: Callable[[], Awaitable[EtcdStore]],
        begin: Callable[[EtcdStore], Awaitable[Serving]],
    ) -> None:
        self._etcd = etcd
        self._watch = LeaderWatch(etcd)
        self._open_store = open_store
        self._begin = begin
        self._running: Deferred[None] | None = None
        self._store: EtcdStore | None = None
        self._serving: Serving | None = None
        self.leader: Leader | None = None
        self.trouble = "no control service leads yet"

    @property
    def leads(self) -> bool:
        """Whether this one leads, by its own clock: nobody else can."""
        return (
            self._serving is not None and self._store is not None and self._store.leadership.holds
        )

    def start(self) -> None:
        """Take part."""
        self._running = Deferred.fromCoroutine(self._run())
        self._running.addErrback(self._stopped)

    async def stop(self) -> None:
        """Take part no more; if this one leads, another may at once."""
        if self._running is not None:
            self._running.cancel()
        await self._end()

    def _stopped(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self.log.failure("this control service takes no part any more", failure)

    async def _run(self) -> None:
        while True:
            try:
                seconds = await self._look()
            except CancelledError:
                raise
            except Exception:
                self.log.failure("cannot lead")
                await self._end()
                seconds = REFUSED_SECONDS
            await deferLater(self._etcd.clock, seconds)

    async def _look(self) -> float:
        """Look who leads, and lead if nobody does; returns when to look again."""
        try:
            await self._etcd.require_supported()
            leader = await self._watch.look(ANSWER_SECONDS_MAX)
            if leader is not None:
                self._found(leader)
                return LOOK_SECONDS
            self.leader, self.trouble = None, "no control service leads now"
            store = await self._open_store()
        except LeadershipTaken:
            return LOOK_SECONDS
        except EtcdUnsure as error:
            self._troubled(f"no control service is known to lead: {error}")
            return LOOK_SECONDS
        except StoreError as error:
            self._troubled(f"this control service cannot lead: {error}")
            return REFUSED_SECONDS
        return await self._lead(store)

    async def _lead(self, store: EtcdStore) -> float:
        self._store = store
        try:
            self._serving = await self._begin(store)
        except StoreError as error:
            self.log.error("cannot lead: {reason}", reason=str(error))
            self._troubled(f"this control service cannot lead: {error}")
            await self._end()
            return REFUSED_SECONDS
        self.leader = store.leadership.leader
        self.log.info("leads, term {term}", term=self.leader.term)
        try:
            reason = await store.leadership.ended
            self.log.warn("leads no more: {reason}", reason=reason)
        finally:
            self.leader, self.trouble = None, "no control service leads now"
        await self._end()
        return 0

    async def _end(self) -> None:
        serving, store = self._serving, self._store
        self._serving = self._store = None
        if serving is not None:
            await serving.end()
        if store is not None:
            await store.close()

    def _found(self, leader: Leader) -> None:
        if self.leader != leader:
            self.log.info("follows {api}, term {term}", api=leader.api, term=leader.term)
        self.leader = leader

    def _troubled(self, text: str) -> None:
        if text != self.trouble:
            self.log.warn("{trouble}", trouble=text)
        self.leader, self.trouble = None, text
