"""The connection to this node's Docker engine; it turns what goes wrong into our errors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from docker import APIClient
from docker import errors as docker_errors

from flocker_lite.containers import bounded_responses
from flocker_lite.containers.errors import UNREACHABLE, words
from flocker_lite.errors import ContainerError, DockerAway, ImageError

REQUEST_TIMEOUT_SECONDS = 60
PULL_SILENCE_SECONDS = 300


class Connection:
    """Reaches the engine behind a Unix socket, for several threads at once."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._client: APIClient | None = None
        self._connecting = threading.Lock()

    def close(self) -> None:
        """Close the idle connections."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connected(self) -> APIClient:
        with self._connecting:
            if self._client is None:
                self._client = self.another("auto")
            return self._client

    def another(self, version: str) -> APIClient:
        """One more connection, which the caller closes."""
        return _Client(f"unix://{self._socket}", version, REQUEST_TIMEOUT_SECONDS)

    @contextmanager
    def client_for(
        self, what: str, image_error: Callable[[str], str] | None = None
    ) -> Iterator[APIClient]:
        """A client for one request; if that fails, ContainerError says `what` failed, and why.

        With `image_error` it raises ImageError instead, with the text that this makes of Docker's.
        """
        try:
            yield self._connected()
        except docker_errors.APIError as error:
            if image_error is not None:
                raise ImageError(image_error(words(error))) from error
            raise ContainerError(f"Docker did not {what}: {words(error)}") from error
        except UNREACHABLE as error:
            # Docker may come back as another version, so the next request negotiates anew.
            self.close()
            raise DockerAway(
                f"Docker does not answer at {self._socket}, to {what}: is it running? ({error})"
            ) from error


class _Client(APIClient):
    """Docker's client, with limits on the silence of a pull and on the length of each response."""

    def __init__(self, base_url: str, version: str, timeout: int) -> None:
        super().__init__(base_url, version=version, timeout=timeout)
        # Proxies and .netrc are for the network; looking for them doubles the time of a request.
        self.trust_env = False

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        if options.get("timeout") is None and "/images/create" in (request.url or ""):
            options["timeout"] = PULL_SILENCE_SECONDS
        is_stream = options.pop("stream", False)
        response = super().send(request, stream=True, **options)
        if not (is_stream and response.ok):
            bounded_responses.read_body(response)
        return response

    def _stream_helper(self, response: requests.Response, decode: bool = False) -> Iterator[Any]:
        """Pulls and events: Docker's own helper accepts lines and chunks of any length."""
        assert decode
        return bounded_responses.json_lines(response)
