"""etcd in memory, behind IEtcdGateway: what its JSON gateway answers, and how it can fail.

It surprises as the real one does: an unknown lease that is kept alive is no error but has no TTL, a
transaction that names a key twice is refused, and a request whose answer is lost may be done.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from flocker_lite.errors import EtcdRejected, EtcdUnsure
from flocker_lite.interfaces.etcd import IEtcdGateway

Json: TypeAlias = Mapping[str, Any]

OPERATIONS_MAX = 128
REQUEST_BYTES_MAX = 1536 * 1024
INVALID, NOT_FOUND, EXHAUSTED, OUT_OF_RANGE = 3, 5, 8, 11


@dataclass(frozen=True)
class Entry:
    """A key's value, as the gateway sends it, and its history."""

    value: str
    created_at: int
    changed_at: int
    lease: int = 0


@dataclass
class MemoryEtcd:
    """What the members of one etcd hold together; `clock` ends its leases.

    While it `is_full`, it refuses to write anything.
    """

    clock: IReactorTime
    entries: dict[str, Entry] = field(default_factory=dict)
    revision: int = 1
    compacted_at: int = 0
    is_full: bool = False
    version: str = "3.4.23"
    _history: dict[int, dict[str, Entry]] = field(default_factory=dict)
    _leases: dict[int, tuple[int, float]] = field(default_factory=dict)
    _leases_count: int = 0

    def answer(self, path: str, body: Json) -> dict[str, Any]:
        """Do what is asked for; EtcdRejected when etcd would refuse it."""
        self._end_leases()
        self._history.setdefault(self.revision, dict(self.entries))
        handlers: Mapping[str, Callable[[Json], dict[str, Any]]] = {
            "kv/range": lambda body: self._range(body),
            "kv/put": lambda body: self._written([{"request_put": body}]),
            "kv/deleterange": lambda body: self._written([{"request_delete_range": body}]),
            "kv/txn": self._txn,
            "kv/compaction": self._compact,
            "lease/grant": self._grant,
            "lease/keepalive": self._keep_alive,
            "lease/revoke": self._revoke,
        }
        answer = handlers[path](body)
        self._history.setdefault(self.revision, dict(self.entries))
        header = {"header": {"revision": str(self.revision)}}
        return (
            {"result": {**header, **answer}} if path == "lease/keepalive" else {**header, **answer}
        )

    def _range(self, body: Json) -> dict[str, Any]:
        revision = int(body.get("revision", 0))
        if 0 < revision < self.compacted_at:
            raise EtcdRejected(OUT_OF_RANGE, "mvcc: required revision has been compacted")
        if revision > self.revision:
            raise EtcdRejected(OUT_OF_RANGE, "mvcc: required revision is a future revision")
        entries = self._at(revision) if revision else self.entries
        chosen = sorted((key for key in entries if _is_in(key, body)), key=b64decode)
        limit = int(body.get("limit", 0)) or len(chosen)
        answer: dict[str, Any] = {}
        if chosen:
            answer["count"] = str(len(chosen))
            answer["kvs"] = [_shown(key, entries[key]) for key in chosen[:limit]]
        if len(chosen) > limit:
            answer["more"] = True
        return answer

    def _at(self, revision: int) -> dict[str, Entry]:
        return self._history[max(number for number in self._history if number <= revision)]

    def _txn(self, body: Json) -> dict[str, Any]:
        for name in ("compare", "success", "failure"):
            if len(body.get(name, ())) > OPERATIONS_MAX:
                raise EtcdRejected(INVALID, "too many operations in txn request")
        operations = [*body.get("success", ()), *body.get("failure", ())]
        if sum(len(str(each)) * 3 // 4 for each in operations) > REQUEST_BYTES_MAX:
            raise EtcdRejected(INVALID, "request is too large")
        for name in ("success", "failure"):
            _require_no_duplicates(body.get(name, ()))
        succeeded = all(self._is_true(each) for each in body.get("compare", ()))
        done = self._written(body.get("success" if succeeded else "failure", ()))
        return {**done, "succeeded": True} if succeeded else done

    def _written(self, operations: Any) -> dict[str, Any]:
        writes = [each for each in operations if "request_range" not in each]
        if writes and self.is_full:
            raise EtcdRejected(EXHAUSTED, "mvcc: database space exceeded")
        for each in writes:
            lease = int(each.get("request_put", {}).get("lease", 0))
            if lease and lease not in self._leases:
                raise EtcdRejected(NOT_FOUND, "requested lease not found")
        after, has_changed = self.revision + 1, False
        responses = []
        for each in operations:
            [(kind, body)] = each.items()
            if kind == "request_range":
                responses.append({"response_range": self._range(body)})
            elif kind == "request_put":
                known = self.entries.get(body["key"])
                created_at = known.created_at if known is not None else after
                lease = int(body.get("lease", 0))
                self.entries[body["key"]] = Entry(body.get("value", ""), created_at, after, lease)
                responses.append({"response_put": {}})
                has_changed = True
            else:
                gone = [key for key in self.entries if _is_in(key, body)]
                for key in gone:
                    del self.entries[key]
                has_changed = has_changed or bool(gone)
                responses.append({"response_delete_range": {}})
        if has_changed:
            self.revision = after
        return {"responses": responses} if responses else {}

    def _is_true(self, compare: Json) -> bool:
        entry = self.entries.get(compare["key"])
        if compare["target"] == "CREATE":
            return (entry.created_at if entry else 0) == int(compare["create_revision"])
        return (entry.changed_at if entry else 0) == int(compare["mod_revision"])

    def _compact(self, body: Json) -> dict[str, Any]:
        revision = int(body["revision"])
        if revision <= self.compacted_at:
            raise EtcdRejected(OUT_OF_RANGE, "mvcc: required revision has been compacted")
        if revision > self.revision:
            raise EtcdRejected(OUT_OF_RANGE, "mvcc: required revision is a future revision")
        self.compacted_at = revision
        return {}

    def _grant(self, body: Json) -> dict[str, Any]:
        self._leases_count += 1
        seconds = int(body["TTL"])
        self._leases[self._leases_count] = seconds, self.clock.seconds() + seconds
        return {"ID": str(self._leases_count), "TTL": str(seconds)}

    def _keep_alive(self, body: Json) -> dict[str, Any]:
        lease = int(body["ID"])
        if lease not in self._leases:
            return {"ID": str(lease)}
        seconds, _ = self._leases[lease]
        self._leases[lease] = seconds, self.clock.seconds() + seconds
        return {"ID": str(lease), "TTL": str(seconds)}

    def _revoke(self, body: Json) -> dict[str, Any]:
        if int(body["ID"]) not in self._leases:
            raise EtcdRejected(NOT_FOUND, "requested lease not found")
        self._end(int(body["ID"]))
        return {}

    def _end_leases(self) -> None:
        for lease, (_, ends_at) in list(self._leases.items()):
            if ends_at <= self.clock.seconds():
                self._end(lease)

    def _end(self, lease: int) -> None:
        del self._leases[lease]
        kept = {key: entry for key, entry in self.entries.items() if entry.lease != lease}
        if len(kept) < len(self.entries):
            self.entries = kept
            self.revision += 1


@implementer(IEtcdGateway)
class MemoryGateway:
    """One client's way to it, which a test can cut, and which can lose requests and answers.

    It loses the next `lost_requests`, and the next `lost_answers` after `answers_before_loss`.
    """

    def __init__(self, etcd: MemoryEtcd) -> None:
        self._etcd = etcd
        self.is_cut = False
        self.lost_requests = self.lost_answers = 0
        self.answers_before_loss = 0
        self.stalled: list[Deferred[None]] | None = None
        self.paths: list[str] = []

    async def call(self, path: str, body: Json) -> dict[str, Any]:
        """See IEtcdGateway. With a list in `stalled`, calls wait there and nothing is sent."""
        self.paths.append(path)
        if self.stalled is not None:
            waiting: Deferred[None] = Deferred()
            self.stalled.append(waiting)
            await waiting
        if self.is_cut or self._loses("lost_requests"):
            raise EtcdUnsure("etcd does not answer")
        answer = self._etcd.answer(path, body)
        if self.answers_before_loss:
            self.answers_before_loss -= 1
        elif self._loses("lost_answers"):
            raise EtcdUnsure("the connection ended before the answer")
        return answer

    async def versions(self) -> dict[str, str]:
        """See IEtcdGateway."""
        if self.is_cut:
            raise EtcdUnsure("etcd does not answer")
        return {"memory": self._etcd.version}

    def go_on(self) -> None:
        """Send what was stalled."""
        stalled, self.stalled = self.stalled or [], None
        for waiting in stalled:
            waiting.callback(None)

    def _loses(self, name: str) -> bool:
        left = getattr(self, name)
        setattr(self, name, max(0, left - 1))
        return bool(left)

    async def close(self) -> None:
        """See IEtcdGateway."""


def _is_in(key: str, body: Json) -> bool:
    start = b64decode(body["key"])
    if "range_end" not in body:
        return b64decode(key) == start
    return start <= b64decode(key) < b64decode(body["range_end"])


def _shown(key: str, entry: Entry) -> dict[str, str]:
    return {
        "key": key,
        "create_revision": str(entry.created_at),
        "mod_revision": str(entry.changed_at),
        **({"value": entry.value} if entry.value else {}),
    }


def _require_no_duplicates(operations: Any) -> None:
    puts: set[str] = set()
    for key in _put_keys(operations):
        if key in puts or any(_is_in(key, each) for each in _deletions(operations)):
            raise EtcdRejected(INVALID, "duplicate key given in txn request")
        puts.add(key)


def _put_keys(operations: Any) -> Iterator[str]:
    return (each["request_put"]["key"] for each in operations if "request_put" in each)


def _deletions(operations: Any) -> Iterator[Json]:
    return (each["request_delete_range"] for each in operations if "request_delete_range" in each)
