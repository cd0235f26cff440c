"""Reads and fills whole stores of either kind, for the commands export, import and migrate."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from flocker_lite.control.store import etcd_gateway, etcd_import
from flocker_lite.control.store.content import Content
from flocker_lite.control.store.database import Database, read_content
from flocker_lite.control.store.etcd_client import Etcd
from flocker_lite.control.store.etcd_gateway import HTTPGateway, member_urls
from flocker_lite.control.store.leadership import LEASE_SECONDS, Leadership
from flocker_lite.errors import ConfigurationFileError

SQLITE = "sqlite:"
ANSWER_SECONDS_MAX = 2.0

T = TypeVar("T")


@dataclass(frozen=True)
class StoreAddress:
    """Where a store is: `sqlite:DIRECTORY`, or `etcd:URL,URL,...` with how that is reached."""

    text: str
    certificates: Path | None = None
    prefix: str = "/flocker-lite/"

    @property
    def directory(self) -> Path | None:
        """That of SQLite; None for etcd. ConfigurationFileError if it is neither."""
        if self.text.startswith(etcd_gateway.SCHEME):
            return None
        if not self.text.startswith(SQLITE):
            raise ConfigurationFileError(
                f"{self.text!r} is no store: it is sqlite:DIRECTORY or etcd:https://HOST:2379,..."
            )
        return Path(self.text.removeprefix(SQLITE))

    def read(self) -> Content:
        """What is in it, also while it is in use; StoreError if there is none."""
        directory = self.directory
        if directory is not None:
            return read_content(directory)
        found, _ = _blocking(self, etcd_import.read_content)
        return found

    def read_stopped(self) -> tuple[Content, int]:
        """What is in it, and its generation; StoreError if a control service uses it."""
        directory = self.directory
        if directory is None:
            return _blocking(self, _read_stopped)
        read_content(directory)  # does not make one
        with closing(Database(directory)) as database:
            return Content(database.cluster_id, database.load()), database.generation

    def fill(self, content: Content, generation: int = 0) -> None:
        """Put this into it; StoreError if it is in use, or not empty."""
        directory = self.directory
        if directory is None:
            _blocking(self, lambda etcd: etcd_import.fill(etcd, content, generation))
            return
        with closing(Database(directory)) as database:
            database.fill(content, generation)


async def _read_stopped(etcd: Etcd) -> tuple[Content, int]:
    leadership = Leadership(etcd, "", "", LEASE_SECONDS)
    await leadership.acquire(time.time())
    try:
        return await etcd_import.read_content(etcd)
    finally:
        await leadership.resign()


def _blocking(address: StoreAddress, work: Callable[[Etcd], Awaitable[T]]) -> T:
    """Do some work with etcd, and return when it is done; once in a process."""
    from twisted.internet import reactor

    running: Any = reactor
    outcome: list[Any] = []

    async def do() -> T:
        urls = member_urls(address.text)
        gateway = HTTPGateway(running, urls, ANSWER_SECONDS_MAX, address.certificates)
        try:
            etcd = Etcd(gateway, running, address.prefix)
            await etcd.require_supported()
            return await work(etcd)
        finally:
            await gateway.close()

    def begin() -> None:
        doing = Deferred.fromCoroutine(do())
        doing.addBoth(outcome.append).addCallback(lambda _: running.stop())

    running.callWhenRunning(begin)
    running.run()
    if isinstance(outcome[0], Failure):
        outcome[0].raiseException()
    result: T = outcome[0]
    return result
