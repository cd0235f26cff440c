"""One request to the control service, at whichever of its addresses answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests

from flocker_lite.client.contexts import PORT, Context, credentials
from flocker_lite.client.errors import ClientError, NotAllowed, Unreachable, from_answer

CONNECT_SECONDS_MAX = 5.0
ANSWER_SECONDS_MAX = 60.0
_ERROR_NUMBER = re.compile(r"^\[Errno \d+\] ")


class Answers(Protocol):
    """Whoever carries requests: `Transport`, or a double of it in tests."""

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        query: Mapping[str, str] | None = None,
        timeout_seconds: float = ANSWER_SECONDS_MAX,
    ) -> tuple[Any, Mapping[str, str]]:
        """The JSON of the answer and its headers; ClientError unless the status is a 2xx."""

    def lines(self, path: str, query: Mapping[str, str]) -> Iterator[Any]:
        """The JSON of each line of an answer that goes on."""


class Transport:
    """Speaks to the control service of a context, with the user's certificate if there is one."""

    def __init__(self, context: Context) -> None:
        self._session = requests.Session()
        # Proxies of the environment are for the world outside, not for one's own machines.
        self._session.trust_env = False
        found = credentials(context)
        scheme = "http" if found is None else "https"
        self._bases = tuple(base_url(scheme, host) for host in context.hosts)
        if found is not None:
            cluster, certificate, key = found
            self._session.verify = str(cluster)
            self._session.cert = (str(certificate), str(key))

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        query: Mapping[str, str] | None = None,
        timeout_seconds: float = ANSWER_SECONDS_MAX,
    ) -> tuple[Any, Mapping[str, str]]:
        """See `Answers`."""
        answer = self._send(method, path, body, query, timeout_seconds, stream=False)
        found = _json(answer)
        if not 200 <= answer.status_code < 300:
            raise from_answer(answer.status_code, found)
        return found, answer.headers

    def lines(self, path: str, query: Mapping[str, str]) -> Iterator[Any]:
        """See `Answers`."""
        answer = self._send("GET", path, None, query, ANSWER_SECONDS_MAX, stream=True)
        if answer.status_code != 200:
            raise from_answer(answer.status_code, _json(answer))
        try:
            for line in answer.iter_lines():
                if line:
                    yield json.loads(line)
        except (requests.RequestException, ValueError) as error:
            raise Unreachable(f"the control service's stream ended: {error}") from None
        finally:
            answer.close()

    def _send(
        self,
        method: str,
        path: str,
        body: object,
        query: Mapping[str, str] | None,
        timeout_seconds: float,
        stream: bool,
    ) -> requests.Response:
        troubles = []
        for base in self._bases:
            try:
                return self._session.request(
                    method,
                    base + path,
                    params=query,
                    data=None if body is None else json.dumps(body),
                    headers={} if body is None else {"Content-Type": "application/json"},
                    timeout=(CONNECT_SECONDS_MAX, timeout_seconds),
                    stream=stream,
                )
            except requests.exceptions.SSLError as error:
                raise NotAllowed(
                    f"{base} and this user do not trust each other: {_root(error)}; look at the "
                    "certificates of the context (flockerctl context list)"
                ) from None
            except requests.exceptions.ConnectTimeout:
                troubles.append(f"{base}: no answer within {CONNECT_SECONDS_MAX:g} s")
            except requests.exceptions.ConnectionError as error:
                troubles.append(f"{base}: {_root(error)}")
                if method != "GET" and not _never_left(error):
                    break  # it may have been carried out: to ask elsewhere would do it twice
            except requests.RequestException as error:
                raise ClientError(f"{base}: {error}") from None
        raise Unreachable(
            f"no control service answers ({'; '.join(troubles)}); is it the right address "
            "(flockerctl context list), and does flocker-control run there?"
        )


def base_url(scheme: str, host: str) -> str:
    """The root of the API at "HOST", "HOST:PORT" or a bare IPv6 address."""
    if host.count(":") > 1 and not host.startswith("["):
        host = f"[{host}]"
    port = urlsplit(f"//{host}").port
    return f"{scheme}://{host}/v1" if port is not None else f"{scheme}://{host}:{PORT}/v1"


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return {"description": f"{answer.url} does not speak the API: {answer.text[:200]!r}"}


def _root(error: BaseException) -> str:
    """The innermost reason: the outer ones repeat it, with addresses of objects."""
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
    """Whether no connection came about, so that nothing can have been carried out."""
    return "NewConnectionError" in repr(error)
