"""GET /metrics: what Prometheus reads; whoever may read anything may read it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.web.iweb import IRequest

from flocker_lite.metrics.exposition import CONTENT_TYPE

Scrape = Callable[[], Awaitable[bytes]]


def add_metrics(klein: Klein, scrape: Scrape) -> None:
    """Serve what `scrape` answers."""

    def metrics(request: IRequest) -> Deferred[bytes]:
        async def answer() -> bytes:
            text = await scrape()
            request.setHeader("Content-Type", CONTENT_TYPE)
            request.setHeader("Cache-Control", "no-store")
            return text

        return Deferred.fromCoroutine(answer())

    klein.route("/metrics", methods=["GET"], endpoint="metrics")(metrics)
