"""The id of a request, which a client may choose; it is in the answer and on the log's lines.

The header is X-Request-Id.
"""

from __future__ import annotations

import re
from uuid import uuid4

_VALID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def is_request_id(given: str) -> bool:
    """Whether it is a short word, which cannot spoil a line."""
    return _VALID.fullmatch(given) is not None


def request_id(given: str | None) -> str:
    """The client's own id, if it is a short word; else a new one."""
    if given is not None and is_request_id(given):
        return given
    return uuid4().hex
