"""What Docker answers, read with a limit to all of it: it passes on what registries say, too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import requests

BODY_BYTES_MAX = 32 * 1024 * 1024
"""Of an answer that is taken as a whole: a list of some ten thousand containers."""

ERROR_BYTES_MAX = 64 * 1024
LINE_BYTES_MAX = 1024 * 1024
"""Of an answer that is taken line by line: an event, or what becomes of a layer."""

CHUNK_BYTES = 64 * 1024


class TooMuch(requests.RequestException):
    """What was answered has no end in sight."""


def take(response: requests.Response) -> None:
    """Read a response to its end; TooMuch when there is more of it than may be."""
    limit = BODY_BYTES_MAX if response.ok else ERROR_BYTES_MAX
    taken: list[bytes] = []
    left = limit
    while chunk := response.raw.read(min(left + 1, CHUNK_BYTES), decode_content=True):
        left -= len(chunk)
        if left < 0:
            response.close()
            raise TooMuch(f"an answer of more than {limit} bytes")
        taken.append(chunk)
    # As `requests` itself keeps what it has read.
    response._content = b"".join(taken)
    response._content_consumed = True  # type: ignore[attr-defined]


def lines(response: requests.Response) -> Iterator[Any]:
    """The JSON of each line, as it comes; TooMuch at one that is longer than may be."""
    rest = b""
    while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
        *complete, rest = (rest + chunk).split(b"\n")
        if len(rest) > LINE_BYTES_MAX:
            response.close()
            raise TooMuch(f"a line of more than {LINE_BYTES_MAX} bytes")
        for line in complete:
            if line.strip():
                yield json.loads(line)
    if rest.strip():
        yield json.loads(rest)
