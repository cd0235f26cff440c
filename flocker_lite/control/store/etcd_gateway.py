"""Sends requests to etcd's members by HTTP, one member after the other.

A member that does not answer is passed over by the next request. Which one was good last is
remembered, and the first one, which usually is on this machine, is tried again every so often.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import treq
from OpenSSL import SSL
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, DeferredList, TimeoutError
from twisted.internet.error import ConnectError, ConnectingCancelledError, ConnectionClosed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
    RequestGenerationFailed,
    RequestTransmissionFailed,
    ResponseFailed,
)
from twisted.web.http_headers import Headers
from zope.interface import implementer

from flocker_lite.control.store.etcd_tls import EtcdTLS
from flocker_lite.errors import ConfigurationFileError, EtcdRejected, EtcdUnsure
from flocker_lite.interfaces.etcd import IEtcdGateway
from flocker_lite.interfaces.reactor import INetworkReactor

SCHEME = "etcd:"
CONNECTIONS_PER_MEMBER = 4
CONNECT_SECONDS_MAX = 1.0
FIRST_AGAIN_SECONDS = 30.0

REJECTED = frozenset({3, 5, 6, 7, 9, 11, 12, 16})
"""Codes of gRPC that say that nothing was done; others leave it open, as `UNAVAILABLE` does."""

EXHAUSTED = 8


def member_urls(text: str) -> tuple[str, ...]:
    """The URLs in etcd:https://a:2379,https://b:2379; ConfigurationFileError if it is not that."""
    urls = tuple(url.strip().rstrip("/") for url in text.removeprefix(SCHEME).split(","))
    for url in urls:
        try:
            parts = urlsplit(url)
            is_good = parts.scheme in ("http", "https") and parts.port and not parts.path
        except ValueError:
            is_good = False
        if not is_good:
            raise ConfigurationFileError(
                f"{url!r} is not the client URL of a member of etcd: write "
                "etcd:https://HOST:2379,https://HOST:2379,..."
            )
    return urls


@implementer(IEtcdGateway)
class HTTPGateway:
    """The members at these URLs; a request has `seconds_max` to be answered.

    `certificates` is the directory of ca.crt, client.crt and client.key, for https.
    """

    log = Logger()

    def __init__(
        self,
        reactor: INetworkReactor,
        urls: Sequence[str],
        seconds_max: float,
        certificates: Path | None = None,
    ) -> None:
        if certificates is None and any(url.startswith("https:") for url in urls):
            raise ConfigurationFileError("etcd at https:// needs --etcd-certificates DIRECTORY")
        self._clock: IReactorTime = reactor
        self._urls = tuple(urls)
        self._seconds_max = seconds_max
        self._chosen = 0
        self._first_failed_at = 0.0
        self._pool = HTTPConnectionPool(reactor)
        self._pool.maxPersistentPerHost = CONNECTIONS_PER_MEMBER
        # It would repeat requests that may be done already.
        self._pool.retryAutomatically = False
        policy = EtcdTLS(certificates) if certificates is not None else BrowserLikePolicyForHTTPS()
        agent = Agent(reactor, policy, CONNECT_SECONDS_MAX, pool=self._pool)
        self._client = HTTPClient(agent)

    async def call(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """See IEtcdGateway."""
        member = self._member()
        sending: Deferred[tuple[int, bytes]] = Deferred.fromCoroutine(
            self._sent(f"{self._urls[member]}/v3/{path}", body)
        )
        sending.addTimeout(self._seconds_max, self._clock, _timed_out)
        try:
            status, content = await sending
        except ConnectingCancelledError:
            raise CancelledError from None  # which it is not to Twisted
        except (
            *(TimeoutError, ConnectError, ConnectionClosed, ResponseFailed),
            *(RequestGenerationFailed, RequestTransmissionFailed, SSL.Error, OSError),
        ) as error:
            self._failed(member)
            raise EtcdUnsure(
                f"etcd does not answer at {self._urls[member]}: {error or type(error).__name__}"
            ) from None
        return self._parsed(member, status, content)

    async def versions(self) -> dict[str, str]:
        """See IEtcdGateway. Every release of etcd says it at /version, without a majority too."""
        asked = [Deferred.fromCoroutine(self._version(url)) for url in self._urls]
        for asking in asked:
            asking.addTimeout(self._seconds_max, self._clock)
        answers: list[tuple[bool, Any]] = await DeferredList(asked, consumeErrors=True)
        found = {
            url: version
            for url, (is_known, version) in zip(self._urls, answers, strict=True)
            if is_known
        }
        if not found:
            raise EtcdUnsure(f"etcd does not answer at {', '.join(self._urls)}")
        return found

    async def _version(self, url: str) -> str:
        response = await self._client.get(f"{url}/version", unbuffered=True)
        answer = json.loads(await treq.content(response))
        return str(answer["etcdserver"])

    async def _sent(self, url: str, body: Mapping[str, Any]) -> tuple[int, bytes]:
        response = await self._client.post(
            url,
            data=json.dumps(body).encode("ascii"),
            headers=Headers({"Content-Type": ["application/json"]}),
            unbuffered=True,
        )
        return response.code, await treq.content(response)

    def _parsed(self, member: int, status: int, content: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            self._failed(member)
            raise EtcdUnsure(f"{self._urls[member]} is not etcd, or too old: status {status}")
        error = answer.get("error")
        if status == 200 and error is None:
            return answer
        if isinstance(error, dict):  # within a stream
            answer = {"code": error.get("grpc_code"), "message": error.get("message")}
        code, text = int(answer.get("code") or 0), str(answer.get("message") or error)
        is_full = code == EXHAUSTED and "space exceeded" in text
        if code in REJECTED or is_full or (code == EXHAUSTED and "larger than max" in text):
            raise EtcdRejected(code, text.removeprefix("etcdserver: "))
        self._failed(member)
        raise EtcdUnsure(f"etcd at {self._urls[member]}: {text}")

    def _member(self) -> int:
        again_at = self._first_failed_at + FIRST_AGAIN_SECONDS
        if self._chosen and self._clock.seconds() >= again_at:
            self._first_failed_at = self._clock.seconds()
            self._chosen = 0
        return self._chosen

    def _failed(self, member: int) -> None:
        if member == self._chosen:
            self._chosen = (member + 1) % len(self._urls)
        if member == 0:
            self._first_failed_at = self._clock.seconds()

    async def close(self) -> None:
        """See IEtcdGateway."""
        await self._pool.closeCachedConnections()


def _timed_out(outcome: object, seconds: float) -> object:
    """What a request comes to that was given up, whatever it was in the middle of."""
    if isinstance(outcome, Failure):
        raise TimeoutError(f"no answer within {seconds:g} s")
    return outcome
