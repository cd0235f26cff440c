"""Leadership: a key on a lease of etcd, and a clock of our own by which it ends before the lease.

Who holds it renews the lease and writes the key again, and counts from before it asked for either.
So its own time is over before etcd can give the key to another, and before a follower may remove it
(see `leader_watch`), whatever hangs: the network, etcd, or this process.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import count
from uuid import uuid4

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite.control.store import etcd_requests
from flocker_lite.control.store.etcd_client import Etcd
from flocker_lite.errors import EtcdRejected, EtcdUnsure, StoreError

LEASE_SECONDS = 10
LEASE_SECONDS_MIN = 2
RENEWALS_PER_LEASE = 5
RENEWALS_PER_COMPACTION = 1_000
"""After how many renewals etcd is told to forget the history: each is a write."""

RESIGN_SECONDS_MAX = 3.0
MARGIN_SHARE = 0.1
"""The part of the lease that is not used: clocks drift, and etcd counts whole seconds."""

TERM_STEP = 10**9
"""Terms are this far apart, so that the generations which begin with one never reach the next."""

_MICROSECONDS = 1_000_000


class LeadershipLost(StoreError):
    """This control service does not lead any more; another one may."""


class LeadershipTaken(StoreError):
    """Another control service leads."""


@dataclass(frozen=True, slots=True)
class Leader:
    """Who leads, since which term, and where clients and agents reach it.

    It writes its key again within `lease_seconds`, or leads no more; 0 if it does not promise that.
    """

    api: str = ""
    agents: str = ""
    term: int = 0
    session: str = ""
    lease_seconds: int = 0


class Leadership:
    """Leads from `acquire` until `ended` fires; `holds` is true for no longer than the lease.

    `wall_seconds` is the time of day: terms keep up with it, so that they grow even when etcd was
    restored from a backup. `acquire` and `resign` are called once.
    """

    log = Logger()

    def __init__(self, etcd: Etcd, api: str, agents: str, lease_seconds: int) -> None:
        self._etcd = etcd
        self._clock = etcd.clock
        self._api, self._agents = api, agents
        self._lease_seconds = lease_seconds
        self._lease = 0
        self._until = 0.0
        self._renewing: Deferred[None] | None = None
        self._timer: IDelayedCall | None = None
        self._has_ended = False
        self.created_at = 0
        self.leader = Leader()
        self.ended: Deferred[str] = Deferred()

    @property
    def holds(self) -> bool:
        """Whether nobody else can lead yet, by this process's clock alone."""
        return not self._has_ended and self._clock.seconds() < self._until

    async def acquire(self, wall_seconds: float) -> None:
        """Begin to lead; StoreError if somebody else leads, or etcd does not answer."""
        found, term = await self._etcd.read(self._etcd.leader, self._etcd.term)
        if found is not None:
            raise _taken(parsed(found.value))
        known = int(term.value) if term is not None else 0
        number = max(known + TERM_STEP, int(wall_seconds * _MICROSECONDS))
        self.leader = Leader(self._api, self._agents, number, str(uuid4()), self._lease_seconds)
        asked_at = self._clock.seconds()
        granted = await self._etcd.ask("lease/grant", {"TTL": str(self._lease_seconds)})
        self._lease = int(granted["ID"])
        try:
            await self._take(term.changed_at if term is not None else 0)
        except BaseException:
            await self._revoke()
            raise
        self._renewed(asked_at)
        self._renewing = Deferred.fromCoroutine(self._renew())
        self._renewing.addErrback(self._could_not_renew)

    async def _take(self, term_changed_at: int) -> None:
        etcd, text = self._etcd, _text(self.leader)
        body = etcd_requests.transaction(
            [
                etcd_requests.was_created_at(etcd.leader, 0),
                etcd_requests.was_changed_at(etcd.term, term_changed_at),
            ],
            [
                etcd_requests.put(etcd.leader, text, self._lease),
                etcd_requests.put(etcd.term, str(self.leader.term)),
            ],
            [etcd_requests.get(etcd.leader)],
        )
        answer = await etcd.ask("kv/txn", body, self._lease_seconds / 2)
        if answer.get("succeeded"):
            self.created_at = etcd_requests.revision_of(answer)
            return
        [found] = etcd_requests.read(answer)
        if found is not None and parsed(found.value) == self.leader:
            self.created_at = found.created_at  # the first answer was lost
            return
        raise _taken(parsed(found.value) if found is not None else Leader())

    async def resign(self) -> None:
        """Stop leading; another may lead at once, if etcd can be told. Idempotent."""
        was_held = self.holds
        self.end("it resigned")
        if was_held:
            await self._revoke()

    def end(self, reason: str) -> None:
        """Stop leading now; the lease ends by itself. Idempotent."""
        if self._has_ended:
            return
        self._has_ended = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._renewing is not None:
            self._renewing.cancel()
        self.ended.callback(reason)

    async def _revoke(self) -> None:
        try:
            body = {"ID": str(self._lease)}
            await self._etcd.ask("lease/revoke", body, RESIGN_SECONDS_MAX)
        except StoreError as error:
            self.log.info("the lease ends by itself: {reason}", reason=str(error))

    async def _renew(self) -> None:
        interval = self._lease_seconds / RENEWALS_PER_LEASE
        for number in count(1):
            await deferLater(self._clock, interval)
            asked_at = self._clock.seconds()
            body = {"ID": str(self._lease)}
            answer = (await self._etcd.ask("lease/keepalive", body, self._lease_seconds))["result"]
            if not int(answer.get("TTL", 0)):
                self.end("etcd has ended its lease")
                return
            revision = await self._written_again()
            if not revision:
                self.end("etcd has given the lead to another")
                return
            # A process that was paused does not go on, even if nobody else leads yet.
            if not self.holds:
                self.end("its lease could have ended")
                return
            self._renewed(asked_at)
            if number % RENEWALS_PER_COMPACTION == 0:
                self._etcd.compact(revision)

    async def _written_again(self) -> int:
        """Write the key as it is, so that followers see that this one leads; 0 if it is not ours.

        Returns etcd's revision.
        """
        etcd = self._etcd
        body = etcd_requests.transaction(
            [etcd_requests.was_created_at(etcd.leader, self.created_at)],
            [etcd_requests.put(etcd.leader, _text(self.leader), self._lease)],
        )
        answer = await etcd.ask("kv/txn", body, self._lease_seconds)
        return etcd_requests.revision_of(answer) if answer.get("succeeded") else 0

    def _renewed(self, asked_at: float) -> None:
        self._until = asked_at + self._lease_seconds * (1 - MARGIN_SHARE)
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        left = max(0.0, self._until - self._clock.seconds())
        self._timer = self._clock.callLater(left, self.end, "etcd did not renew its lease in time")

    def _could_not_renew(self, failure: Failure) -> None:
        if failure.check(EtcdUnsure, EtcdRejected):
            self.end(f"its lease was not renewed: {failure.getErrorMessage()}")
        elif not failure.check(CancelledError):
            self.log.failure("the lease is not renewed", failure)
            self.end("its lease was not renewed")


def parsed(text: str) -> Leader:
    """The leader that the key's value names."""
    try:
        said = json.loads(text)
        lease_seconds = int(said.get("lease_seconds", 0))
        return Leader(
            said["api"], said["agents"], int(said["term"]), said["session"], lease_seconds
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return Leader()


def _text(leader: Leader) -> str:
    return json.dumps(
        {
            "api": leader.api,
            "agents": leader.agents,
            "term": leader.term,
            "session": leader.session,
            "lease_seconds": leader.lease_seconds,
        }
    )


def _taken(leader: Leader) -> LeadershipTaken:
    where = leader.api or "another address"
    return LeadershipTaken(
        f"the control service at {where} uses this store: stop it first, or wait until its lease "
        "is over"
    )
