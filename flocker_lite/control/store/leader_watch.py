"""What a follower sees of the leader's key; it removes the key of a leader that is surely gone.

etcd ends the lease of a lost leader by itself. But when etcd's own leader is lost at the same time,
with the power of one machine, the next one gives all leases their full time again. So a follower
also counts itself: when it has seen the same writing of the key for as long as the leader's lease,
it removes the key.

Nobody else can lead before the leader has stopped by its own clock:

* The leader counts its time, nine tenths of the lease, from before it asked etcd to write the key
  anew; and only once etcd says that this was done, with the key still the leader's own.
* The follower counts the whole lease from after etcd had answered with that writing. That is later
  than when the leader asked. So when the follower's time is over, so is the leader's, unless one of
  their clocks is a tenth faster than the other. Neither clock stops or jumps when its process hangs
  or its machine sleeps; a follower that hangs is only later.
* etcd removes the key only if it is still the same writing. Had the leader written it anew, however
  late that arrived, nothing is removed. If it arrives after the removal, it is refused, for the key
  is not the leader's any more; the leader does not count it, and ends.

And no write of a former leader is taken: each compares when the leader's key was created.
"""

from __future__ import annotations

from twisted.logger import Logger

from flocker_lite.control.store import etcd_requests
from flocker_lite.control.store.etcd_client import Etcd
from flocker_lite.control.store.etcd_requests import KeyValue
from flocker_lite.control.store.leadership import Leader, parsed


class LeaderWatch:
    """Looks at the leader's key, and remembers since when it is as it is."""

    log = Logger()

    def __init__(self, etcd: Etcd) -> None:
        self._etcd = etcd
        self._seen_revision = 0
        self._seen_since = 0.0

    async def look(self, seconds_max: float) -> Leader | None:
        """Who leads by the key in etcd, which may take this long to say; None if nobody does."""
        etcd = self._etcd
        [found] = await etcd.read(etcd.leader, seconds_max=seconds_max)
        if found is None:
            return None
        leader, now = parsed(found.value), etcd.clock.seconds()
        if found.changed_at != self._seen_revision:
            self._seen_revision, self._seen_since = found.changed_at, now
        if not leader.lease_seconds or now - self._seen_since < leader.lease_seconds:
            return leader
        self.log.warn(
            "{api} has not renewed its lease for {seconds} s: it leads no more",
            api=leader.api,
            seconds=leader.lease_seconds,
        )
        await self._remove(found)
        return None

    async def _remove(self, seen: KeyValue) -> None:
        """Remove the key, unless it was written anew; whoever looks next sees what became of it."""
        etcd = self._etcd
        body = etcd_requests.transaction(
            [etcd_requests.was_changed_at(etcd.leader, seen.changed_at)],
            [etcd_requests.delete(etcd.leader)],
        )
        await etcd.ask("kv/txn", body)
