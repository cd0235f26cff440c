"""The connection to the Docker engine of this node, and what becomes of what goes wrong there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from docker import APIClient
from docker import errors as docker_errors

from flocker_lite.containers import answers
from flocker_lite.containers.failures import UNREACHABLE, words
from flocker_lite.errors import ContainerError, DockerAway, ImageError

REQUEST_TIMEOUT_SECONDS = 60
PULL_SILENCE_SECONDS = 300


class Connection:
    """Reaches the engine behind a Unix socket, as several threads use it at once."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._client: APIClient | None = None
        self._connecting = threading.Lock()

    def close(self) -> None:
        """Let go of the connections that are idle."""
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
    def asking(self, what: str, trouble: Callable[[str], str] | None = None) -> Iterator[APIClient]:
        """Ask something; ContainerError, with Docker's words and `what` was asked, when it fails.

        `trouble` makes an ImageError's text of Docker's words, instead of a ContainerError.
        """
        try:
            yield self._connected()
        except docker_errors.APIError as error:
            if trouble is not None:
                raise ImageError(trouble(words(error))) from error
            raise ContainerError(f"Docker did not {what}: {words(error)}") from error
        except UNREACHABLE as error:
            # Docker may come back as another version, so the next question negotiates anew.
            self.close()
            raise DockerAway(
                f"Docker does not answer at {self._socket}, to {what}: is it running? ({error})"
            ) from error


class _Client(APIClient):
    """Docker's client, with limits to the silence of a pull, and to the length of each answer."""

    def __init__(self, base_url: str, version: str, timeout: int) -> None:
        super().__init__(base_url, version=version, timeout=timeout)
        # Proxies and .netrc are for the network; to look for them doubles the time of a question.
        self.trust_env = False

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        if options.get("timeout") is None and "/images/create" in (request.url or ""):
            options["timeout"] = PULL_SILENCE_SECONDS
        is_stream = options.pop("stream", False)
        response = super().send(request, stream=True, **options)
        if not (is_stream and response.ok):
            answers.take(response)
        return response

    def _stream_helper(self, response: requests.Response, decode: bool = False) -> Iterator[Any]:
        """Pulls and events: Docker's own helper takes a line, or a chunk, however long it is."""
        assert decode
        return answers.lines(response)
