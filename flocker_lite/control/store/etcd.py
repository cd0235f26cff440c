"""The store on etcd: the leader alone writes, and each commit is one transaction.

    PREFIX leader       who leads, on a lease; PREFIX term counts the leaders
    PREFIX store        {"format", "cluster_id"}: written last by an import, so it is there as a
                        whole or not at all
    PREFIX head         {"generation", "commit"}: who changed the configuration last, and how often
    PREFIX records/KIND/IDENTITY   one record, as JSON

A commit compares the leader's key, so that a former leader cannot write, and the head, so that a
transaction whose answer was lost can be sent again: of several that arrive, one is done.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from itertools import chain
from uuid import uuid4

from zope.interface import implementer

from flocker_lite.control.store import etcd_requests, schema
from flocker_lite.control.store.errors import DiskFull
from flocker_lite.control.store.etcd_client import Etcd, as_object, is_compacted
from flocker_lite.control.store.etcd_requests import Json, KeyValue
from flocker_lite.control.store.leadership import LEASE_SECONDS, Leadership, LeadershipLost
from flocker_lite.errors import EtcdRejected, EtcdUnsure, StoreError
from flocker_lite.interfaces import IStore
from flocker_lite.model import codec, deltas
from flocker_lite.model.generations import next_generations
from flocker_lite.model.records import Change, Configuration

OPERATIONS_MAX = 128
"""What etcd accepts in one transaction by default (--max-txn-ops); one is for the head."""

REQUEST_BYTES_MAX = 1_500_000
"""What etcd accepts in one request by default (--max-request-bytes), less a little."""

COMMITS_PER_COMPACTION = 1_000
"""After how many commits etcd is told to forget the history, which grows with each."""

LOADS_MAX = 3
EXHAUSTED = 8


@implementer(IStore)
class EtcdStore:
    """An open store; see `open_store`."""

    def __init__(
        self,
        etcd: Etcd,
        leadership: Leadership,
        cluster_id: str,
        head: KeyValue,
        wall_seconds: Callable[[], float],
    ) -> None:
        self.cluster_id = cluster_id
        self.generation = generation_of(head)
        self.leadership = leadership
        self._etcd = etcd
        self._head_changed_at = head.changed_at
        self._wall_seconds = wall_seconds
        self._commits = 0
        self._is_closed = False

    async def load(self) -> Configuration:
        """See IStore."""
        self._require_open()
        configuration, revision = await read_configuration(self._etcd)
        self._etcd.compact(revision)
        return configuration

    async def commit(self, *edits: tuple[Change, ...]) -> tuple[int, ...]:
        """See IStore; raises LeadershipLost if another may lead, and DiskFull if etcd is full."""
        self._require_open()
        operations = list(writes(self._etcd, chain.from_iterable(edits)))
        generations = next_generations(self.generation, edits, self._wall_seconds())
        if operations:
            commit = str(uuid4())
            operations.append(head_operation(self._etcd, generations[-1], commit))
            require_small(operations)
            await self._write(operations, commit)
            self.generation = generations[-1]
            self._commits += 1
            if self._commits % COMMITS_PER_COMPACTION == 0:
                self._etcd.compact(self._head_changed_at)
        return generations

    async def _write(self, operations: list[Json], commit: str) -> None:
        """Send the transaction until etcd says what became of it, or the lease is over."""
        etcd, leadership = self._etcd, self.leadership
        conditions = [
            etcd_requests.was_created_at(etcd.leader, leadership.created_at),
            etcd_requests.was_changed_at(etcd.head, self._head_changed_at),
        ]
        body = etcd_requests.transaction(conditions, operations, [etcd_requests.get(etcd.head)])
        is_first = True
        while leadership.holds:
            try:
                answer = await etcd.gateway.call("kv/txn", body)
            except EtcdUnsure:
                is_first = False
                await etcd.pause()
                continue
            except EtcdRejected as error:
                if is_first:
                    raise _explained(error) from None
                break
            if answer.get("succeeded"):
                self._head_changed_at = etcd_requests.revision_of(answer)
                return
            [head] = etcd_requests.read(answer)
            if head is not None and as_object(head).get("commit") == commit:
                self._head_changed_at = head.changed_at
                return
            leadership.end("another control service leads")
            if is_first:
                raise LeadershipLost("another control service leads now. Nothing was changed.")
        leadership.end("the outcome of a write is not known")
        raise LeadershipLost(
            "etcd did not say in time what became of this change: it may have been made or not. "
            "Look, and try again."
        )

    def _require_open(self) -> None:
        if self._is_closed:
            raise StoreError("the store is closed.")
        if not self.leadership.holds:
            self.leadership.end("its lease could have ended")
            raise LeadershipLost("this control service does not lead any more")

    async def close(self) -> None:
        """See IStore; another control service may lead at once."""
        if not self._is_closed:
            self._is_closed = True
            await self.leadership.resign()


async def open_store(
    etcd: Etcd,
    api: str = "",
    agents: str = "",
    lease_seconds: int = LEASE_SECONDS,
    wall_seconds: Callable[[], float] = time.time,
) -> EtcdStore:
    """Lead, and open the store, or make one if there is none.

    Clients and agents reach this service at `api` and `agents`. StoreError if another leads, if
    etcd does not answer, or if the store is not whole.
    """
    leadership = Leadership(etcd, api, agents, lease_seconds)
    await leadership.acquire(wall_seconds())
    try:
        cluster_id, head = await _opened(etcd, leadership)
    except BaseException:
        await leadership.resign()
        raise
    return EtcdStore(etcd, leadership, cluster_id, head, wall_seconds)


async def _opened(etcd: Etcd, leadership: Leadership) -> tuple[str, KeyValue]:
    marker, head = await read_marker(etcd)
    if marker is None:
        await make_empty(etcd, leadership)
        marker, head = await read_marker(etcd)
    if marker is None or head is None:
        raise StoreError(f"etcd has no whole store at {etcd.prefix}: restore a backup of it")
    found = as_object(marker)
    # Each format only added kinds of records, which need no tables here. One that changes records
    # has to change them here, too.
    if found["format"] < schema.FORMAT:
        text = json.dumps({**found, "format": schema.FORMAT})
        await led(etcd, leadership, [etcd_requests.put(etcd.marker, text)])
    return str(found["cluster_id"]), head


async def read_marker(etcd: Etcd) -> tuple[KeyValue | None, KeyValue | None]:
    """The marker of a whole store, and the head; StoreError if this release cannot read it."""
    marker, head, importing = await etcd.read(etcd.marker, etcd.head, etcd.importing)
    if importing is not None or (marker is None and await etcd.has_any(etcd.records)):
        raise StoreError(
            f"an import into etcd at {etcd.prefix} was interrupted: do it again, which begins anew"
        )
    if marker is not None:
        known = as_object(marker).get("format")
        if not isinstance(known, int) or known > schema.FORMAT:
            raise StoreError(
                f"the store in etcd has format {known}, and this release knows formats up to "
                f"{schema.FORMAT}: run the release that wrote it, or a later one."
            )
    return marker, head


async def make_empty(etcd: Etcd, leadership: Leadership) -> None:
    """Make a new store, with a UUID of its own for the cluster."""
    await led(
        etcd,
        leadership,
        [
            etcd_requests.put(etcd.marker, marker_text(str(uuid4()))),
            head_operation(etcd, 0, str(uuid4())),
        ],
    )


async def led(etcd: Etcd, leadership: Leadership, operations: list[Json]) -> None:
    """Do this as the leader, maybe several times; LeadershipLost if this service is not."""
    condition = etcd_requests.was_created_at(etcd.leader, leadership.created_at)
    answer = await etcd.ask("kv/txn", etcd_requests.transaction([condition], operations))
    if not answer.get("succeeded"):
        raise LeadershipLost("another control service leads now")


async def read_configuration(etcd: Etcd) -> tuple[Configuration, int]:
    """The whole configuration, and etcd's revision as of which it is."""
    for attempt in range(1, LOADS_MAX + 1):
        try:
            return await _read(etcd)
        except EtcdRejected as error:
            if not is_compacted(error) or attempt == LOADS_MAX:
                raise
    raise AssertionError("unreachable")


async def _read(etcd: Etcd) -> tuple[Configuration, int]:
    changes: list[Change] = []
    as_of = 0
    async for page, revision in etcd.pages(etcd.records):
        changes += [_change(etcd, entry) for entry in page]
        as_of = revision
    return deltas.apply(Configuration(), changes), as_of


def _change(etcd: Etcd, entry: KeyValue) -> Change:
    kind, _, identity = entry.key[len(etcd.records) :].partition("/")
    try:
        return Change(
            kind, identity, codec.loads(codec.record_types(Configuration)[kind], entry.value)
        )
    except (codec.CodecError, KeyError) as error:
        raise StoreError(
            f"the key {entry.key} in etcd is damaged, or not ours ({error}): restore a backup"
        ) from None


def writes(etcd: Etcd, changes: Iterable[Change]) -> Iterable[Json]:
    """The operations that make the changes; of several for one record, the last counts."""
    latest = {(change.kind, change.identity): change.record for change in changes}
    unknown = {kind for kind, _ in latest}.difference(schema.KINDS)
    if unknown:
        raise StoreError(f"the configuration has no {', '.join(sorted(unknown))}")
    for (kind, identity), record in latest.items():
        key = f"{etcd.records}{kind}/{identity}"
        if record is None:
            yield etcd_requests.delete(key)
        else:
            yield etcd_requests.put(key, codec.dumps(record))


def require_small(operations: list[Json]) -> None:
    """Raise StoreError, before anything is written, if etcd would refuse so large a change."""
    if len(operations) > OPERATIONS_MAX:
        raise StoreError(
            f"this changes {len(operations) - 1} records at once, and etcd takes "
            f"{OPERATIONS_MAX - 1}: do it in several steps. Nothing was changed."
        )
    size = etcd_requests.bytes_of(operations)
    if size > REQUEST_BYTES_MAX:
        raise StoreError(
            f"this change has {size} bytes, and etcd takes {REQUEST_BYTES_MAX} at once: do it in "
            "several steps, or make it smaller. Nothing was changed."
        )


def marker_text(cluster_id: str) -> str:
    """The value of the key that says that a store is whole."""
    return json.dumps({"format": schema.FORMAT, "cluster_id": cluster_id})


def head_operation(etcd: Etcd, generation: int, commit: str) -> Json:
    """The operation that says who has changed the configuration last."""
    return etcd_requests.put(etcd.head, json.dumps({"generation": generation, "commit": commit}))


def generation_of(head: KeyValue) -> int:
    """The generation of the last commit."""
    return int(as_object(head)["generation"])


def _explained(error: EtcdRejected) -> StoreError:
    if error.code == EXHAUSTED and "space" in error.text:
        return DiskFull(
            "etcd has no space left (its --quota-backend-bytes): compact and defragment it, then "
            "disarm the alarm (etcdctl alarm disarm). Nothing was changed."
        )
    return StoreError(f"{error}. Nothing was changed.")
