"""Asks etcd until it answers: requests that may be carried out twice are repeated."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from flocker_lite.control.store import etcd_requests
from flocker_lite.control.store.etcd_requests import KeyValue
from flocker_lite.control.store.etcd_version import require_supported
from flocker_lite.errors import EtcdRejected, EtcdUnsure, StoreError
from flocker_lite.interfaces.etcd import IEtcdGateway

ANSWER_SECONDS_MAX = 10.0
"""How long a request is repeated, where nothing else says it."""

REPEAT_SECONDS = 0.1
PAGE_RECORDS = 1_000
COMPACTED = 11


class Etcd:
    """One etcd, with all that this cluster keeps there below one `prefix`, such as "/flocker/"."""

    log = Logger()

    def __init__(self, gateway: IEtcdGateway, clock: IReactorTime, prefix: str) -> None:
        self.gateway = gateway
        self.clock = clock
        self.prefix = prefix
        self.leader = f"{prefix}leader"
        self.term = f"{prefix}term"
        self.marker = f"{prefix}store"
        self.importing = f"{prefix}importing"
        self.head = f"{prefix}head"
        self.records = f"{prefix}records/"
        self._is_supported = False

    async def require_supported(self) -> None:
        """Raise StoreError if a member is too old; once they were seen not to be, never again.

        What would be asked again is asked while a leader is missing, when every second counts.
        """
        if not self._is_supported:
            require_supported(await self.gateway.versions())
            self._is_supported = True

    async def ask(
        self, path: str, body: Mapping[str, Any], seconds_max: float = ANSWER_SECONDS_MAX
    ) -> dict[str, Any]:
        """The answer to a request that may be carried out twice; EtcdUnsure if none comes."""
        ends = self.clock.seconds() + seconds_max
        while True:
            try:
                return await self.gateway.call(path, body)
            except EtcdUnsure:
                if self.clock.seconds() + REPEAT_SECONDS >= ends:
                    raise
            await self.pause()

    async def read(
        self, *keys: str, seconds_max: float = ANSWER_SECONDS_MAX
    ) -> list[KeyValue | None]:
        """What is at these keys, at one moment."""
        body = etcd_requests.transaction((), [etcd_requests.get(key) for key in keys])
        return etcd_requests.read(await self.ask("kv/txn", body, seconds_max))

    async def has_any(self, prefix: str) -> bool:
        """Whether there is a key with this prefix."""
        body = etcd_requests.page(prefix, etcd_requests.end_of(prefix), 1, 0)
        return bool(etcd_requests.found(await self.ask("kv/range", body)))

    async def pages(self, prefix: str) -> AsyncIterator[tuple[list[KeyValue], int]]:
        """All keys with this prefix as of one moment, some at a time, with that revision.

        EtcdRejected with the code `COMPACTED` if it takes so long that the moment is forgotten.
        """
        start, end, revision = prefix, etcd_requests.end_of(prefix), 0
        while True:
            body = etcd_requests.page(start, end, PAGE_RECORDS, revision)
            answer = await self.ask("kv/range", body)
            revision = revision or etcd_requests.revision_of(answer)
            found = etcd_requests.found(answer)
            yield found, revision
            if not answer.get("more"):
                return
            start = f"{found[-1].key}\0"

    def compact(self, revision: int) -> None:
        """Have etcd forget the history before this revision; nobody waits for that."""

        async def compact() -> None:
            try:
                await self.gateway.call("kv/compaction", {"revision": str(revision)})
            except EtcdRejected as error:
                if not is_compacted(error):
                    raise

        Deferred.fromCoroutine(compact()).addErrback(
            lambda failure: self.log.warn(
                "etcd's history is not compacted: {reason}", reason=failure.getErrorMessage()
            )
        )

    async def pause(self) -> None:
        """Wait before a repetition."""
        await deferLater(self.clock, REPEAT_SECONDS)


def as_object(entry: KeyValue) -> dict[str, Any]:
    """The JSON object that is at a key of ours; StoreError if it is something else."""
    try:
        value = json.loads(entry.value)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise StoreError(
            f"the key {entry.key} in etcd is not what flocker-control wrote: restore a backup, or "
            "choose another --etcd-prefix"
        )
    return value


def is_compacted(error: EtcdRejected) -> bool:
    """Whether what was asked for is of a moment that etcd has forgotten."""
    return error.code == COMPACTED
