"""What is kept of each request: its id, how long it took, and an entry in the audit."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest

from flocker_lite.control.audit.entry import AuditEntry, about, described, given_and_also
from flocker_lite.control.audit.log import AuditLog
from flocker_lite.control.http import error_responses, request_parsing
from flocker_lite.control.http.openapi import Operation
from flocker_lite.control.http.request_response import Response
from flocker_lite.logs.bound_fields import bound_request_id
from flocker_lite.logs.request_ids import request_id

ID_HEADER = "X-Request-Id"

_log = Logger()


def begin(request: Any) -> str:
    """Give the request its id, which its answer has too."""
    given = request.requestHeaders.getRawHeaders(ID_HEADER, [None])[-1]
    request.request_id = request_id(given)
    request.setHeader(ID_HEADER, request.request_id)
    return str(request.request_id)


def client_address(request: Any) -> str:
    """Where the request came from."""
    return str(getattr(request.getClientAddress(), "host", ""))


class Tracker:
    """Notes requests that changed something, or that were refused it.

    `user_of` tells who sent a request; `now` is in seconds since 1970.
    """

    def __init__(
        self,
        audit: AuditLog | None,
        user_of: Callable[[Any], str | None],
        now: Callable[[], float],
    ) -> None:
        self._audit = audit
        self._user_of = user_of
        self._now = now

    def note(self, request: IRequest, operation: Operation, outcome: Any) -> None:
        """A request has this outcome: an answer, or the failure of the handler."""
        if self._audit is None or operation.reads:
            return
        if operation.asks_only(request_parsing.raw_query(request)):
            return
        response = _response(outcome)
        given, also = given_and_also(_body(request)) if response.status < 400 else ({}, ())
        entry = AuditEntry(
            at=round(self._now(), 3),
            user=self._user_of(request),
            address=client_address(request),
            request_id=bound_request_id(),
            operation=operation.name,
            method=operation.method,
            path=request.path.decode("ascii", "replace"),
            status=response.status,
            error=described(response.body) if response.status >= 400 else None,
            about=about(response.body) if response.status < 400 else None,
            given=given,
            also=also,
        )
        self._audit.note(entry)
        said = "changed" if entry.is_done else "refused"
        _log.info(
            "{operation} {said}: {about} by {user} at {address}",
            operation=entry.operation,
            said=said,
            about=entry.about or entry.path,
            user=entry.user or "somebody",
            address=entry.address,
            status=entry.status,
            error=entry.error,
        )


def _response(outcome: Any) -> Response:
    if isinstance(outcome, Response):
        return outcome
    error = outcome.value if isinstance(outcome, Failure) else None
    return (error_responses.response_to(error) if error is not None else None) or Response(
        500, None
    )


def _body(request: Any) -> Any:
    """The body of a request that was carried out, so it is known to be JSON, if it is there."""
    try:
        request.content.seek(0)
        return json.loads(request.content.read() or b"null")
    except (AttributeError, ValueError):
        return None
