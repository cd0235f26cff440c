"""The exceptions of the client; their texts say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """A request that failed; the text is for a person.

    `status` is the HTTP status, None if there was no response. `body` is the response's JSON.
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
    """TLS failed, or the certificate does not allow the request: 403."""


class BadRequest(ClientError):
    """The service does not accept the request, or a local argument is wrong: 400."""


class NotFound(ClientError):
    """The named thing does not exist: 404."""


class Conflict(ClientError):
    """The request conflicts with the current state: 405, 409 or 412."""


class TimedOut(ClientError):
    """The awaited change did not happen in time; it may still happen."""


_BY_STATUS: dict[int, type[ClientError]] = {
    400: BadRequest,
    403: NotAllowed,
    404: NotFound,
    405: Conflict,
    409: Conflict,
    412: Conflict,
}


def from_response(status: int, body: object) -> ClientError:
    """The error for a response with this status and JSON body."""
    found = body if isinstance(body, dict) else {}
    text = str(found.get("description") or "")
    details = [_problem(item) for item in found.get("problems") or found.get("errors") or ()]
    if not text:
        text = f"the control service answered with status {status}"
        if isinstance(body, str):
            text += f", an internal error: look for {body} in its log"
    if details:
        text = f"{text.rstrip('.')}: {'; '.join(details)}"
    return _BY_STATUS.get(status, ClientError)(text, status, found)


def _problem(item: object) -> str:
    """The message of one problem, with its path if it has one; older services send plain texts."""
    if not isinstance(item, dict):
        return str(item)
    path, text = item.get("path"), str(item.get("message") or item)
    return f"{path}: {text}" if path and str(path) not in text else text
