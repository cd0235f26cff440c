"""Reads the output of a container from Docker's log."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import requests
import urllib3
from docker import APIClient
from docker import errors as docker_errors
from docker.types.daemon import CancellableStream
from twisted.internet.defer import Deferred
from zope.interface import implementer

from flocker_lite.containers.connection import REQUEST_TIMEOUT_SECONDS
from flocker_lite.containers.errors import is_unreadable, words
from flocker_lite.containers.stream_demultiplexer import StreamDemultiplexer
from flocker_lite.errors import ContainerError, OutputUnreadable
from flocker_lite.interfaces.output import CHUNK_BYTES_MAX, IOutput
from flocker_lite.interfaces.threads import RunInThread

_BROKEN = (urllib3.exceptions.HTTPError, requests.RequestException, OSError, ValueError)
"""The exceptions of a connection that we shut down, or that Docker closed in the middle."""


def of_container(
    client: APIClient, name: str, details: Mapping[str, Any], lines: int, follow: bool
) -> OutputReader:
    """The same of this container; OutputUnreadable if its log driver only takes it."""
    try:
        return begin(client, details["Id"], lines, follow)
    except docker_errors.APIError as error:
        if not is_unreadable(words(error)):
            raise
        raise OutputUnreadable(name, details["HostConfig"]["LogConfig"]["Type"]) from error


def begin(client: APIClient, container_id: str, lines: int, follow: bool) -> OutputReader:
    """Start reading the last lines of a container, and with `follow` what it writes then."""
    query: dict[str, str | int] = {"stdout": 1, "stderr": 1, "tail": lines, "follow": int(follow)}
    response: Any = client.get(
        f"{client.base_url}/v{client.api_version}/containers/{container_id}/logs",
        params=query,
        stream=True,
        # If a program writes nothing for a long time, that does not mean that Docker is gone.
        timeout=None if follow else REQUEST_TIMEOUT_SECONDS,
    )
    try:
        response.raise_for_status()
    except requests.HTTPError as error:
        docker_errors.create_api_error_from_http_exception(error)
    return OutputReader(response)


class OutputReader:
    """One of Docker's responses with a log: read it in threads, close it from any thread."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self._demultiplexer = StreamDemultiplexer()
        self._lock = threading.Lock()
        self._is_read = False
        self._is_closed = False

    def read(self) -> bytes:
        """Block until there is more; empty at the end."""
        with self._lock:
            if self._is_closed:
                return b""
            self._is_read = True
        try:
            return self._next()
        except _BROKEN as error:
            if self._is_closed:
                return b""
            raise ContainerError(f"Docker broke off the output of a container: {error}") from error
        finally:
            with self._lock:
                self._is_read = False
                if self._is_closed:
                    self._response.close()

    def _next(self) -> bytes:
        while chunk := self._response.raw.read1(CHUNK_BYTES_MAX):
            if text := self._demultiplexer.take(chunk):
                return text
        return b""

    def close(self) -> None:
        """If a thread is reading, wake it, and it does the rest; else close the response."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            if self._is_read:
                CancellableStream(iter(()), self._response).close()
            else:
                self._response.close()


@implementer(IOutput)
class DockerOutput:
    """IOutput by a reader whose calls run in threads."""

    def __init__(self, run: RunInThread, reader: OutputReader) -> None:
        self._run = run
        self._reader = reader

    def read(self) -> Deferred[bytes]:
        return self._run(self._reader.read)

    def close(self) -> None:
        self._reader.close()
