"""Which etcd is meant, what is wrong with its certificates, and what its answers mean."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.awaiting import deferred_of
from flocker_lite.ca import etcd
from flocker_lite.control.store.etcd_gateway import FIRST_AGAIN_SECONDS, HTTPGateway, member_urls
from flocker_lite.control.store.etcd_tls import EtcdTLS
from flocker_lite.control.store.etcd_version import require_supported
from flocker_lite.errors import (
    ConfigurationFileError,
    EtcdRejected,
    EtcdUnsure,
    StoreError,
)


def test_members() -> None:
    """They are URLs with commas between them."""
    assert member_urls("etcd:https://a:2379, http://[::1]:2379/") == (
        "https://a:2379",
        "http://[::1]:2379",
    )


@pytest.mark.parametrize("text", ["etcd:", "etcd:a:2379", "etcd:https://a", "etcd:https://a:1/x"])
def test_no_members(text: str) -> None:
    """What is no URL of a member is refused, with how one is written."""
    with pytest.raises(ConfigurationFileError, match="etcd:https://HOST:2379"):
        member_urls(text)


def test_certificates(tmp_path: Path) -> None:
    """Each mistake with them is explained."""
    folder = etcd.create(tmp_path, ("10.0.0.1",), datetime.now(UTC))
    EtcdTLS(folder)
    with pytest.raises(ConfigurationFileError, match=r"ca\.crt cannot be read"):
        EtcdTLS(tmp_path)
    (folder / "client.key").write_bytes((folder / "server.key").read_bytes())
    with pytest.raises(ConfigurationFileError, match="are no certificates of etcd"):
        EtcdTLS(folder)
    with pytest.raises(ConfigurationFileError, match="needs --etcd-certificates"):
        HTTPGateway(cast(Any, Clock()), ["https://a:2379"], 2.0)


class Gateway(HTTPGateway):
    """One that has its answers from a test."""

    def __init__(self, clock: Clock, count: int = 3) -> None:
        super().__init__(cast(Any, clock), [f"http://m{n}:2379" for n in range(count)], 2.0)
        self.status, self.answer = 200, b"{}"
        self.asked: list[str] = []

    async def _sent(self, url: str, body: Any) -> tuple[int, bytes]:
        self.asked.append(url.split("/")[2].split(":")[0])
        return self.status, self.answer

    def ask(self) -> Any:
        """What a request comes to."""
        asking = self.call("kv/range", {})
        try:
            asking.send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError("it waits")


@pytest.mark.parametrize("text", ["3.4.22", "3.4.23", "3.5.0-rc.1", "3.10.1", "4.0.0"])
def test_releases(text: str) -> None:
    """Those that the store is tested with, and later ones, will do."""
    require_supported({"https://a:2379": text})


@pytest.mark.parametrize("text", ["3.4.21", "3.3.27", "2.3.8", "", "master"])
def test_old_releases(text: str) -> None:
    """Of an older one the error says which it is, where, and what to do."""
    said = f"etcd at https://b:2379 is version {text or 'unknown'}, and .* 3.4.22 .*: upgrade"
    with pytest.raises(StoreError, match=said):
        require_supported({"https://a:2379": "3.4.23", "https://b:2379": text})


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (400, 3, "etcdserver: request is too large", EtcdRejected),
        (400, 11, "etcdserver: mvcc: required revision has been compacted", EtcdRejected),
        (404, 5, "etcdserver: requested lease not found", EtcdRejected),
        (429, 8, "etcdserver: mvcc: database space exceeded", EtcdRejected),
        (429, 8, "grpc: received message larger than max", EtcdRejected),
        (429, 8, "etcdserver: too many requests", EtcdUnsure),
        (503, 14, "etcdserver: request timed out", EtcdUnsure),
        (503, 14, "etcdserver: leader changed", EtcdUnsure),
        (500, 2, "something else", EtcdUnsure),
    ],
)
def test_what_leaves_it_open(status: int, code: int, message: str, kind: type[Exception]) -> None:
    """Only what etcd is known to refuse before it does anything counts as not done."""
    gateway = Gateway(Clock())
    gateway.status = status
    gateway.answer = json.dumps({"error": message, "message": message, "code": code}).encode()
    with pytest.raises(kind):
        gateway.ask()


def test_within_a_stream() -> None:
    """An error of a request that is answered by a stream has another form."""
    gateway = Gateway(Clock())
    gateway.answer = b'{"error": {"grpc_code": 14, "message": "no leader"}}'
    with pytest.raises(EtcdUnsure, match="no leader"):
        gateway.ask()


def test_the_next_member() -> None:
    """After one that fails the next is asked; the first one again after a while."""
    clock = Clock()
    gateway = Gateway(clock)
    gateway.status, gateway.answer = 502, b"bad gateway"
    with pytest.raises(EtcdUnsure, match="is not etcd, or too old"):
        gateway.ask()
    gateway.status, gateway.answer = 200, b'{"header": {}}'
    for _ in range(2):
        gateway.ask()
    clock.advance(FIRST_AGAIN_SECONDS)
    gateway.ask()
    assert gateway.asked == ["m0", "m1", "m1", "m0"]


class ConnectingTests(SynchronousTestCase):
    """A member that lets nobody connect, as on a machine that hangs."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        gateway = HTTPGateway(cast(Any, self.reactor), ["http://127.0.0.1:2379"], 0.5)
        self.asking = deferred_of(gateway.call("kv/range", {}))

    def test_given_up(self) -> None:
        """It may have been done, as far as the caller is to know."""
        self.reactor.advance(0.6)
        error = self.failureResultOf(self.asking, EtcdUnsure).value
        assert "etcd does not answer at http://127.0.0.1:2379: no answer within 0.5 s" in str(error)

    def test_cancelled(self) -> None:
        """Who is stopped meanwhile is stopped, and does not ask again."""
        self.asking.cancel()
        self.failureResultOf(self.asking, CancelledError)
