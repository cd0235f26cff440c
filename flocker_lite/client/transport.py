"""How a client sends its requests: what `http_transport` does, and a test does otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

RESPONSE_SECONDS_MAX = 60.0
TAG_HEADER = "X-Configuration-Tag"
IF_TAG_HEADER = "X-If-Configuration-Matches"


class Transport(Protocol):
    """Sends requests: `HTTPTransport`, or a fake of it in tests."""

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        query: Mapping[str, str] | None = None,
        timeout_seconds: float = RESPONSE_SECONDS_MAX,
        tag: str | None = None,
    ) -> tuple[Any, Mapping[str, str]]:
        """The JSON and the headers of the response; ClientError unless the status is 2xx.

        A write with a `tag` is made only if that is the configuration's.
        """

    def stream(self, path: str, query: Mapping[str, str]) -> Iterator[Any]:
        """The JSON of each line of a streamed response."""

    def stream_bytes(self, path: str, query: Mapping[str, str]) -> Iterator[bytes]:
        """The bytes of a streamed response, as they come."""
