"""What can go wrong on the way to the control service, as exceptions with what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """A request that was not answered as it should be; its text is for a person.

    `status` is the HTTP status, None when there was no answer. `body` is the answer's JSON.
    """

    def __init__(
        self, text: str, status: int | None = None, body: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(text)
        self.status = status
        self.body = body or {}


class Unreachable(ClientError):
    """No control service answers at any of the addresses."""


class NotAllowed(ClientError):
    """TLS failed, or the certificate does not allow this: 403."""


class BadRequest(ClientError):
    """The request makes no sense to the service: 400."""


class NotThere(ClientError):
    """What was asked for does not exist: 404."""


class Conflict(ClientError):
    """Something else stands in the way: 405, 409 or 412."""


class TimedOut(ClientError):
    """What was waited for did not happen in time; it may still happen."""


_BY_STATUS: dict[int, type[ClientError]] = {
    400: BadRequest,
    403: NotAllowed,
    404: NotThere,
    405: Conflict,
    409: Conflict,
    412: Conflict,
}


def from_answer(status: int, body: object) -> ClientError:
    """The error that an answer with this status and JSON body stands for."""
    found = body if isinstance(body, dict) else {}
    text = str(found.get("description") or "")
    details = [_problem(item) for item in found.get("problems") or found.get("errors") or ()]
    if not text:
        text = f"the control service answered {status}"
        if isinstance(body, str):
            text += f": an error of its own, see its log for {body}"
    if details:
        text = f"{text.rstrip('.')}: {'; '.join(details)}"
    return _BY_STATUS.get(status, ClientError)(text, status, found)


def _problem(item: object) -> str:
    """A problem has a text of its own, and may say where it is; older services have texts."""
    if not isinstance(item, dict):
        return str(item)
    path, text = item.get("path"), item.get("description") or item.get("text") or item
    return f"{path}: {text}" if path and str(path) not in str(text) else str(text)
