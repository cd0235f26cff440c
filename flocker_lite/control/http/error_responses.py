"""The one place that turns errors into HTTP statuses and bodies; pure but for the id it makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from werkzeug import exceptions
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from flocker_lite.control.etag import TagMismatch
from flocker_lite.control.http import problems
from flocker_lite.control.http.request_response import HTTPError, Response
from flocker_lite.control.store.errors import DiskFull
from flocker_lite.errors import Conflict, ErrorWithFacts, NotFound, StoreError
from flocker_lite.model import edits
from flocker_lite.protocol.adoptions import (
    AdoptionAway,
    AdoptionForbidden,
    AdoptionUnknown,
    NoAdoption,
    NoSuchContainer,
    TooManyAdoptions,
)
from flocker_lite.protocol.container_output import (
    NoOutput,
    OutputAway,
    OutputUnknown,
    TooManyReaders,
)
from flocker_lite.protocol.forecasts import NoForecast

# The most specific class comes first.
_STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (edits.UnknownNode, 400),
    (NotFound, 404),
    (edits.AlreadyDeleted, 405),
    (edits.EditError, 409),
    (Conflict, 409),
    (TagMismatch, 412),
    (DiskFull, 507),
    (StoreError, 503),
    (NoForecast, 503),
    (OutputUnknown, 501),
    (OutputAway, 503),
    (TooManyReaders, 503),
    (NoOutput, 409),
    (NoSuchContainer, 404),
    (AdoptionForbidden, 409),
    (AdoptionUnknown, 501),
    (AdoptionAway, 503),
    (TooManyAdoptions, 503),
    (NoAdoption, 503),
)


def response_to(error: BaseException, body: Any = None) -> Response | None:
    """The response to the client that sent this body; None for an unexpected error."""
    match error:
        case HTTPError():
            said: dict[str, Any] = {"description": error.description}
            if error.errors:
                said["errors"] = list(error.errors)
            if error.problems:
                said["problems"] = list(error.problems)
            return Response(error.status, said, error.headers)
        case exceptions.NotFound():
            return _described(404, "There is nothing at this path; see /v1/docs.")
        case MethodNotAllowed():
            methods = ", ".join(sorted(error.valid_methods or ()))
            return Response(
                405, {"description": f"Here there is only {methods}."}, {"Allow": methods}
            )
        case HTTPException():
            return _described(error.code or 500, error.description or error.name)
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            facts = error.facts if isinstance(error, ErrorWithFacts) else ()
            return _described(status, str(error), problems.of_facts(facts, body))
    return None


def unexpected_error_response() -> tuple[str, Response]:
    """An id for the log, and the response with it: a JSON string, as in Flocker 0.4."""
    reference = str(uuid4())
    return reference, Response(500, reference)


def _described(status: int, description: str, found: Sequence[problems.Problem] = ()) -> Response:
    more = {"problems": list(found)} if found else {}
    return Response(status, {"description": description, **more})
