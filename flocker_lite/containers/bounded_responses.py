"""Reads Docker's responses, with limits: Docker also passes on what registries say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import requests

BODY_BYTES_MAX = 32 * 1024 * 1024
"""The limit of a response that we read as a whole: a list of some ten thousand containers."""

ERROR_BYTES_MAX = 64 * 1024
LINE_BYTES_MAX = 1024 * 1024
"""The limit of a line in a stream: an event, or the progress of a layer."""

CHUNK_BYTES = 64 * 1024


class ResponseTooLong(requests.RequestException):
    """A response exceeds its limit."""


def read_body(response: requests.Response) -> None:
    """Read a response to its end; ResponseTooLong if it exceeds its limit."""
    limit = BODY_BYTES_MAX if response.ok else ERROR_BYTES_MAX
    taken: list[bytes] = []
    left = limit
    while chunk := response.raw.read(min(left + 1, CHUNK_BYTES), decode_content=True):
        left -= len(chunk)
        if left < 0:
            response.close()
            raise ResponseTooLong(f"a response of more than {limit} bytes")
        taken.append(chunk)
    # This is how `requests` itself keeps a body that it has read.
    response._content = b"".join(taken)
    response._content_consumed = True  # type: ignore[attr-defined]


def json_lines(response: requests.Response) -> Iterator[Any]:
    """The JSON of each line, as it arrives; ResponseTooLong at a line that exceeds its limit."""
    rest = b""
    while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
        *complete, rest = (rest + chunk).split(b"\n")
        if len(rest) > LINE_BYTES_MAX:
            response.close()
            raise ResponseTooLong(f"a line of more than {LINE_BYTES_MAX} bytes")
        for line in complete:
            if line.strip():
                yield json.loads(line)
    if rest.strip():
        yield json.loads(rest)
