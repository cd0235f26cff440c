"""Requests over real connections to a service of this test."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from flocker_lite.client.contexts import Context
from flocker_lite.client.errors import Conflict, NotAllowed, NotFound, Unreachable
from flocker_lite.client.http_transport import ROUND_SECONDS, ROUNDS_MAX, HTTPTransport, base_url


class _Service(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged."""

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        leader = self.server.leader()  # type: ignore[attr-defined]
        if leader is not None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(307 if leader else 503)
            if leader:
                self.send_header("Location", f"http://{leader}{self.path}")
            else:
                self.send_header("Retry-After", "1")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        status = int(self.path.rpartition("/")[2].partition("?")[0])
        said = {"description": "No.", "problems": [{"path": "$.a", "message": "is odd"}]}
        data = json.dumps({"path": self.path, "body": body} if status < 300 else said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def service(
    leader: Callable[[], str | None] = lambda: None, asked: list[str] | None = None
) -> Iterator[str]:
    """The address of a service that answers with the status that the path names.

    Unless there is a `leader`, which it names; if that is "", nobody leads. `asked` are the paths.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    server.leader = leader  # type: ignore[attr-defined]
    server.asked = [] if asked is None else asked  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def nobody() -> str:
    """An address at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_a_request() -> None:
    """The body is JSON, the query is in the path."""
    with service() as address:
        found, _ = HTTPTransport(Context("", (address,))).request(
            "POST", "/200", {"a": 1}, {"dry_run": "1"}
        )
    assert found == {"path": "/v1/200?dry_run=1", "body": '{"a": 1}'}


@pytest.mark.parametrize(("status", "kind"), [(403, NotAllowed), (404, NotFound), (409, Conflict)])
def test_errors(status: int, kind: type[Exception]) -> None:
    """Each status is an error of its kind, with the service's words and what is wrong where."""
    with service() as address, pytest.raises(kind, match=r"No: \$\.a: is odd"):
        HTTPTransport(Context("", (address,))).request("GET", f"/{status}")


def test_the_next_address() -> None:
    """Is asked when nobody listens at the first one, a write too: it never got there."""
    with service() as address:
        transport = HTTPTransport(Context("", (nobody(), address)))
        assert transport.request("POST", "/200")[0]["path"] == "/v1/200"


def test_nobody() -> None:
    """The error names each address and what to look at."""
    address = nobody()
    with pytest.raises(Unreachable, match=f"{address}.*Connection refused.*flocker-control"):
        HTTPTransport(Context("", (address,))).request("GET", "/200")


def test_addresses() -> None:
    """Names, both versions of IP, with and without a port."""
    assert base_url("http", "control") == "http://control:4523/v1"
    assert base_url("https", "10.0.0.1:99") == "https://10.0.0.1:99/v1"
    assert base_url("http", "fd00::1") == "http://[fd00::1]:4523/v1"
    assert base_url("http", "[fd00::1]:99") == "http://[fd00::1]:99/v1"


def test_the_leader() -> None:
    """A follower's word is followed with the whole request; later its leader is asked at once."""
    asked: list[str] = []
    with service() as leader, service(lambda: leader, asked) as follower:
        transport = HTTPTransport(Context("", (follower, leader)))
        for _ in range(3):
            found, _ = transport.request("POST", "/200", {"a": 1})
            assert found["body"] == '{"a": 1}'
    assert len(asked) == 1


def test_between_two_leaders() -> None:
    """While nobody leads, or the leader is gone, all are asked again until one leads."""
    leaders: list[str | None] = ["", nobody(), "", None]
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        leaders.pop(0)

    with service(lambda: leaders[0]) as one:
        transport = HTTPTransport(Context("", (nobody(), one)), pause)
        found, _ = transport.request("POST", "/200", {"a": 1})
    assert found["body"] == '{"a": 1}'
    assert pauses == [ROUND_SECONDS] * 3


def test_nobody_leads() -> None:
    """After a while that is said, as the control services say it."""
    pauses: list[float] = []
    with service(lambda: "") as one, pytest.raises(Unreachable, match="is not the REST API"):
        HTTPTransport(Context("", (one,)), pauses.append).request("POST", "/200", {"a": 1})
    assert len(pauses) == ROUNDS_MAX - 1
