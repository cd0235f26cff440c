"""The one place where an error becomes an HTTP status and a body; pure but for the id it makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from flocker_lite.control.http import problems
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


def answer(error: BaseException, body: Any = None) -> Answer | None:
    """What to say to the client who sent this body; None for an error that was not foreseen."""
    match error:
        case HTTPError():
            said: dict[str, Any] = {"description": error.description}
            if error.errors:
                said["errors"] = list(error.errors)
            if error.problems:
                said["problems"] = list(error.problems)
            return Answer(error.status, said, error.headers)
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
            facts = error.facts if isinstance(error, edits.EditError) else ()
            return _described(status, str(error), problems.of_facts(facts, body))
    return None


def unforeseen() -> tuple[str, Answer]:
    """An id to log the error by, and the answer that has it; a JSON string, as ever."""
    reference = str(uuid4())
    return reference, Answer(500, reference)


def _described(status: int, description: str, found: Sequence[problems.Problem] = ()) -> Answer:
    more = {"problems": list(found)} if found else {}
    return Answer(status, {"description": description, **more})
