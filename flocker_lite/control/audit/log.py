"""The audit: remembers requests that changed something, and writes them to disk beside the work.

An answer does not wait for that. A kill of the service can lose the entries of some milliseconds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite.control.audit.entry import AuditEntry
from flocker_lite.control.audit.file import AuditFile
from flocker_lite.control.change_feed import ChangeFeed
from flocker_lite.interfaces.threads import RunInThread

DONE_MAX = 10_000
"""Requests that were carried out and that are remembered; then the oldest one goes."""

REFUSED_MAX = 1_000
"""Refused ones have room of their own: whoever makes many pushes no other entry out."""

COLLECTION = "state/audit"


class AuditLog:
    """The latest entries by number. Without `open` they are in memory only."""

    log = Logger()

    def __init__(self, change_feed: ChangeFeed | None = None) -> None:
        self.entries: OrderedDict[int, AuditEntry] = OrderedDict()
        self._change_feed = change_feed
        self._next = 1
        self._done: OrderedDict[int, None] = OrderedDict()
        self._refused: OrderedDict[int, None] = OrderedDict()
        self._file: AuditFile | None = None
        self._run_in_thread: RunInThread | None = None
        self._added: list[tuple[int, AuditEntry]] = []
        self._forgotten: list[int] = []
        self._writing: Deferred[None] | None = None

    async def open(self, file: AuditFile, run_in_thread: RunInThread) -> None:
        """Load what was remembered, and write to the file from now on; OSError if that fails."""
        for number, entry in await run_in_thread(file.load):
            self._remember(number, entry)
        self._file, self._run_in_thread = file, run_in_thread
        self._write()

    def follow(self, change_feed: ChangeFeed) -> None:
        """Note each entry there from now on."""
        self._change_feed = change_feed

    def note(self, entry: AuditEntry) -> None:
        """Remember a request."""
        number = self._next
        self._remember(number, entry)
        self._added.append((number, entry))
        if self._change_feed is not None:
            self._change_feed.shown_otherwise([("audit", str(number))])
        self._write()

    def newest_first(self, since: float = 0.0) -> Iterator[str]:
        """The ids of all entries from this time on, in seconds since 1970."""
        found = reversed(self.entries.items())
        # All are looked at: the clock may have been set back meanwhile.
        return (str(number) for number, entry in found if entry.at >= since)

    def entry(self, identity: str) -> AuditEntry | None:
        """The entry of this id."""
        is_number = identity.isascii() and identity.isdecimal() and len(identity) < 20
        return self.entries.get(int(identity)) if is_number else None

    async def close(self) -> None:
        """Write what is left, and close the file."""
        while self._writing is not None:
            await self._written_once()
        if self._file is not None and self._run_in_thread is not None:
            await self._run_in_thread(self._file.close)
            self._file = None

    def _written_once(self) -> Deferred[None]:
        assert self._writing is not None
        waiting: Deferred[None] = Deferred()
        self._writing.addCallback(waiting.callback)
        return waiting

    def _remember(self, number: int, entry: AuditEntry) -> None:
        self._next = max(self._next, number + 1)
        self.entries[number] = entry
        kind = self._done if entry.is_done else self._refused
        kind[number] = None
        if len(kind) > (DONE_MAX if entry.is_done else REFUSED_MAX):
            oldest, _ = kind.popitem(last=False)
            del self.entries[oldest]
            self._forgotten.append(oldest)

    def _write(self) -> None:
        """Write all that is new in one transaction, one at a time."""
        if self._file is None or self._writing is not None or not self._has_news:
            return
        added, self._added = self._added, []
        forgotten, self._forgotten = self._forgotten, []
        self._writing = Deferred.fromCoroutine(self._written(self._file, added, forgotten))
        self._writing.addErrback(self._failed).addCallback(lambda _: self._go_on())

    @property
    def _has_news(self) -> bool:
        return bool(self._added or self._forgotten)

    async def _written(
        self, file: AuditFile, added: list[tuple[int, AuditEntry]], forgotten: list[int]
    ) -> None:
        assert self._run_in_thread is not None
        await self._run_in_thread(file.write, added, forgotten)

    def _failed(self, failure: Failure) -> None:
        self.log.error(
            "the audit cannot be written, and these entries are in memory only: {reason}",
            reason=failure.getErrorMessage(),
        )

    def _go_on(self) -> None:
        self._writing = None
        self._write()
