"""What a client gets at a control service that does not lead: the way to the one that does.

/v1/leader, /v1/version and /metrics are answered by every control service.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

from flocker_lite import __version__
from flocker_lite.control.http.metrics_page import Scrape
from flocker_lite.control.store.leadership import Leader
from flocker_lite.metrics.exposition import CONTENT_TYPE

RETRY_SECONDS = 1
"""What Retry-After says while nobody leads."""


class WhoLeads(Protocol):
    """Who leads; see `control.election.Election`."""

    leader: Leader | None
    trouble: str

    @property
    def leads(self) -> bool: ...


class LeaderResource(Resource):
    """The root of all paths: `serving` is the REST API while this service leads."""

    isLeaf = True
    log = Logger()

    def __init__(self, who_leads: WhoLeads, scrape: Scrape) -> None:
        super().__init__()
        self._who_leads = who_leads
        self._scrape = scrape
        self.serving: IResource | None = None

    def render(self, request: Any) -> Any:
        """Called once the request is read as a whole."""
        leads = self._who_leads.leads and self.serving is not None
        if request.path == b"/v1/leader":
            return self._say_who_leads(request, leads)
        if leads:
            assert self.serving is not None
            return self.serving.render(request)
        if request.path == b"/v1/version":
            return _answer(request, 200, {"flocker": __version__})
        if request.path == b"/metrics":
            return self._metrics(request)
        return self._refer(request)

    def _say_who_leads(self, request: IRequest, leads: bool) -> bytes:
        leader = self._who_leads.leader
        known = {"term": leader.term, "leader": leader.api} if leader is not None else {}
        return _answer(request, 200 if leads else 503, {"leads": leads, **known})

    def _refer(self, request: Any) -> bytes:
        leader = self._who_leads.leader
        if leader is None or not leader.api or self._who_leads.leads:
            request.setHeader("Retry-After", str(RETRY_SECONDS))
            trouble = self._who_leads.trouble
            said = f"{trouble[:1].upper()}{trouble[1:]}. Nothing was changed; try again soon."
            return _answer(request, 503, {"description": said})
        location = leader.api + request.uri.decode("ascii", "replace")
        request.setHeader("Location", location)
        return _answer(request, 307, {"description": f"{leader.api} leads: ask there."})

    def _metrics(self, request: Any) -> int:
        async def answer() -> None:
            text = await self._scrape()
            request.setHeader("Content-Type", CONTENT_TYPE)
            request.write(text)
            request.finish()

        def failed(failure: Failure) -> None:
            self.log.failure("the metrics of a follower", failure)
            request.finish()

        answering = Deferred.fromCoroutine(answer()).addErrback(failed)
        request.notifyFinish().addErrback(lambda _: answering.cancel())
        return int(NOT_DONE_YET)


def _answer(request: IRequest, status: int, body: Mapping[str, object]) -> bytes:
    content = json.dumps(body).encode("ascii")
    request.setResponseCode(status)
    request.setHeader("Content-Type", "application/json")
    request.setHeader("Content-Length", str(len(content)))
    return content
