"""Sends a request to the control service, at the first of its addresses that answers."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests

from flocker_lite.client.contexts import PORT, Context, credentials
from flocker_lite.client.errors import ClientError, NotAllowed, Unreachable, from_response
from flocker_lite.client.transport import IF_TAG_HEADER, RESPONSE_SECONDS_MAX

CONNECT_SECONDS_MAX = 5.0
ROUNDS_MAX = 40
"""How often all addresses are asked while none of several control services leads."""

ROUND_SECONDS = 0.5
_ERROR_NUMBER = re.compile(r"^\[Errno \d+\] ")


class HTTPTransport:
    """Sends requests to the control service of a context, with the user's certificate if any.

    Of several control services it finds the leader, and waits for a while if none leads.
    """

    def __init__(self, context: Context, pause: Callable[[float], None] = time.sleep) -> None:
        self._pause = pause
        self._session = requests.Session()
        # The proxies in the environment are for the internet, not for the user's own machines.
        self._session.trust_env = False
        found = credentials(context)
        scheme = "http" if found is None else "https"
        self._bases = tuple(base_url(scheme, host) for host in context.hosts)
        if found is not None:
            cluster, certificate, key = found
            self._session.verify = str(cluster)
            self._session.cert = (str(certificate), str(key))

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        query: Mapping[str, str] | None = None,
        timeout_seconds: float = RESPONSE_SECONDS_MAX,
        tag: str | None = None,
    ) -> tuple[Any, Mapping[str, str]]:
        """See `Transport`."""
        response = self._send(method, path, body, query, timeout_seconds, stream=False, tag=tag)
        found = _json(response)
        if not 200 <= response.status_code < 300:
            raise from_response(response.status_code, found)
        return found, response.headers

    def stream(self, path: str, query: Mapping[str, str]) -> Iterator[Any]:
        """See `Transport`."""
        with self._streamed(path, query, RESPONSE_SECONDS_MAX) as response:
            for line in response.iter_lines():
                if line:
                    yield json.loads(line)

    def stream_bytes(self, path: str, query: Mapping[str, str]) -> Iterator[bytes]:
        """See `Transport`."""
        with self._streamed(path, query, None) as response:
            yield from response.iter_content(None)

    def forward(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> requests.Response:
        """A request as a browser sent it, at the first service that answers; a streamed answer."""
        troubles = []
        for base in self._bases:
            try:
                return self._session.request(
                    method,
                    base.removesuffix("/v1") + target,
                    data=body or None,
                    headers=headers,
                    timeout=(CONNECT_SECONDS_MAX, None),
                    stream=True,
                )
            except requests.RequestException as error:
                troubles.append(f"{base}: {_root(error)}")
                if method != "GET" and not _never_left(error):
                    break
        raise Unreachable(f"no control service answers ({'; '.join(troubles)})")

    @contextmanager
    def _streamed(
        self, path: str, query: Mapping[str, str], timeout_seconds: float | None
    ) -> Iterator[requests.Response]:
        response = self._send("GET", path, None, query, timeout_seconds, stream=True)
        if response.status_code != 200:
            raise from_response(response.status_code, _json(response))
        try:
            yield response
        except (requests.RequestException, ValueError) as error:
            raise Unreachable(f"the control service's stream ended: {error}") from None
        finally:
            response.close()

    def _send(
        self,
        method: str,
        path: str,
        body: object,
        query: Mapping[str, str] | None,
        timeout_seconds: float | None,
        stream: bool,
        tag: str | None = None,
    ) -> requests.Response:
        headers = {} if body is None else {"Content-Type": "application/json"}
        if tag is not None:
            headers[IF_TAG_HEADER] = tag
        options = {
            "params": query,
            "data": None if body is None else json.dumps(body),
            "headers": headers,
            "timeout": (CONNECT_SECONDS_MAX, timeout_seconds),
            "stream": stream,
        }
        for _ in range(ROUNDS_MAX - 1):
            try:
                return self._ask_each(method, path, options)
            except _Leaderless:
                self._pause(ROUND_SECONDS)
        return self._ask_each(method, path, options)

    def _ask_each(self, method: str, path: str, options: Mapping[str, Any]) -> requests.Response:
        """The first answer of all addresses; _Leaderless if there is one, but nobody leads."""
        troubles, leaderless = [], None
        for base in self._bases:
            try:
                response = self._session.request(method, base + path, **options)
            except requests.exceptions.SSLError as error:
                raise NotAllowed(
                    f"{base} and this user do not trust each other: {_root(error)}; check the "
                    "certificates of the context (flockerctl context list)"
                ) from None
            except requests.exceptions.ConnectTimeout as error:
                troubles.append(f"{_asked(error, base)}: no answer in {CONNECT_SECONDS_MAX:g} s")
                leaderless = leaderless or _asked(error, base) != base
            except requests.exceptions.ConnectionError as error:
                troubles.append(f"{_asked(error, base)}: {_root(error)}")
                if method != "GET" and not _never_left(error):
                    break  # This service may have carried it out; another one would do it twice.
                leaderless = leaderless or _asked(error, base) != base
            except requests.RequestException as error:
                raise ClientError(f"{base}: {error}") from None
            else:
                if response.status_code != 503 or "Retry-After" not in response.headers:
                    self._prefer(response)
                    return response
                troubles.append(f"{base}: {_json(response).get('description')}")
                leaderless = True
        kind = _Leaderless if leaderless else Unreachable
        raise kind(
            f"no control service answers ({'; '.join(troubles)}); check the address "
            "(flockerctl context list), and that flocker-control runs there"
        )

    def _prefer(self, response: requests.Response) -> None:
        """Ask who answered first from now on: of several, that is the leader."""
        first = next((base for base in self._bases if response.url.startswith(base)), None)
        if first is not None and first != self._bases[0]:
            self._bases = (first, *(base for base in self._bases if base != first))


class _Leaderless(Unreachable):
    """Several control services are about to find a leader; nothing was carried out."""


def _asked(error: requests.RequestException, base: str) -> str:
    """Where the request that failed went: to the base, or where that one sent it."""
    url = str(getattr(error.request, "url", None) or base)
    return base if url.startswith(base) else url.partition("/v1/")[0]


def base_url(scheme: str, host: str) -> str:
    """The root URL of the API for "HOST", "HOST:PORT" or a bare IPv6 address."""
    if host.count(":") > 1 and not host.startswith("["):
        host = f"[{host}]"
    port = urlsplit(f"//{host}").port
    return f"{scheme}://{host}/v1" if port is not None else f"{scheme}://{host}:{PORT}/v1"


def _json(response: requests.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return {"description": f"{response.url} is not the REST API: {response.text[:200]!r}"}


def _root(error: BaseException) -> str:
    """The text of the innermost exception; the outer ones only wrap it."""
    while True:
        inner = getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((item for item in error.args if isinstance(item, BaseException)), None)
        if inner is None:
            break
        error = inner
    text = str(getattr(error, "strerror", None) or error).rpartition(": ")[2]
    return _ERROR_NUMBER.sub("", text) or type(error).__name__


def _never_left(error: BaseException) -> bool:
    """Whether there was never a connection, so that the service cannot have done anything."""
    return "NewConnectionError" in repr(error)
