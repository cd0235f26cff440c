"""The metrics of a control service: counts what happens, and answers scrapes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry, Histogram
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from flocker_lite.control.interfaces import IControl
from flocker_lite.control.metrics.families import families
from flocker_lite.control.metrics.snapshot import Snapshot, take
from flocker_lite.control.metrics.tally import Tally
from flocker_lite.interfaces import IStore
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.metrics.exposition import text
from flocker_lite.metrics.reactor_delay import ReactorDelay
from flocker_lite.model.records import Change, Configuration

COMMIT_BUCKETS_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
REQUEST_BUCKETS_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class ControlMetrics:
    """Counts from its creation on; `operations` are the names of those of the REST API."""

    def __init__(self, clock: IReactorTime, operations: tuple[str, ...] = ()) -> None:
        self.events = CollectorRegistry()
        self.reactor_delay = ReactorDelay(clock, self.events)
        self._clock = clock
        self.tally = Tally(self.events)
        self._commits = Histogram(
            "flocker_store_commit_seconds",
            "How long it took to make edits durable.",
            buckets=COMMIT_BUCKETS_SECONDS,
            registry=self.events,
        )
        self._requests = Histogram(
            "flocker_http_request_seconds",
            "How long a request took until its answer began, by the operation's name in "
            "/v1/openapi.json; those that wait for changes do not count.",
            ["operation"],
            buckets=REQUEST_BUCKETS_SECONDS,
            registry=self.events,
        )
        for operation in operations:
            self._requests.labels(operation)

    def answered(self, operation: str, seconds: float) -> None:
        """A request to this operation was answered."""
        self._requests.labels(operation).observe(seconds)

    def measured(self, store: IStore) -> IStore:
        """The same store, whose commits are measured."""
        return MeasuredStore(store, self._clock, self._commits)

    def scraper(
        self,
        control: IControl,
        run_in_thread: RunInThread,
        expires_at: Callable[[], float | None] = lambda: None,
    ) -> Callable[[], Awaitable[bytes]]:
        """What answers a scrape. The state never changes, so a thread can write it down."""
        control.change_feed.edited.append(lambda changes: self.tally.configured(changes))

        async def scrape() -> bytes:
            return await run_in_thread(self.written, take(control, self.tally, expires_at))

        return scrape

    async def scrape_follower(self) -> bytes:
        """The answer of a control service that does not lead: what it counted itself."""
        return text((), self.events)

    def written(self, seen: Snapshot) -> bytes:
        """The text about a snapshot."""
        return text(families(seen), self.events)


@implementer(IStore)
class MeasuredStore:
    """A store whose commits are measured; everything else is that of the `store`."""

    def __init__(self, store: IStore, clock: IReactorTime, seconds: Histogram) -> None:
        self._store = store
        self._clock = clock
        self._seconds = seconds

    @property
    def cluster_id(self) -> str:
        """See IStore."""
        return str(self._store.cluster_id)

    @property
    def generation(self) -> int:
        """See IStore."""
        return self._store.generation

    async def load(self) -> Configuration:
        """See IStore."""
        return await self._store.load()

    async def commit(self, *edits: tuple[Change, ...]) -> tuple[int, ...]:
        """See IStore."""
        began = self._clock.seconds()
        try:
            return await self._store.commit(*edits)
        finally:
            self._seconds.observe(max(0.0, self._clock.seconds() - began))

    async def close(self) -> None:
        """See IStore."""
        await self._store.close()
