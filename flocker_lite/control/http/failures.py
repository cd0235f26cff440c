"""The one place where an error becomes an HTTP status and a body; pure but for the id it makes."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from flocker_lite.control.http.exchange import Answer, HTTPError
from flocker_lite.control.store.errors import DiskFull
from flocker_lite.control.tags import TagMismatch
from flocker_lite.errors import StoreError
from flocker_lite.model import edits
from flocker_lite.protocol.forecasts import NoForecast

# The most specific class comes first.
_STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (edits.UnknownNode, 400),
    (edits.Missing, 404),
    (edits.AlreadyDeleted, 405),
    (edits.EditError, 409),
    (TagMismatch, 412),
    (DiskFull, 507),
    (StoreError, 503),
    (NoForecast, 503),
)


def answer(error: BaseException) -> Answer | None:
    """What to say to the client; None when the error is none that we foresaw."""
    match error:
        case HTTPError():
            body: dict[str, Any] = {"description": error.description}
            if error.errors:
                body["errors"] = list(error.errors)
            return Answer(error.status, body, error.headers)
        case NotFound():
            return _described(404, "There is nothing at this path; see /v1/docs.")
        case MethodNotAllowed():
            methods = ", ".join(sorted(error.valid_methods or ()))
            return Answer(
                405, {"description": f"Here there is only {methods}."}, {"Allow": methods}
            )
        case HTTPException():
            return _described(error.code or 500, error.description or error.name)
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            return _described(status, str(error))
    return None


def unforeseen() -> tuple[str, Answer]:
    """An id to log the error by, and the answer that has it; a JSON string, as ever."""
    reference = str(uuid4())
    return reference, Answer(500, reference)


def _described(status: int, description: str) -> Answer:
    return Answer(status, {"description": description})
