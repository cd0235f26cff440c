"""`flockerctl ui`: what lets a browser of this machine in, and nobody else."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPResponse
from io import BytesIO
from typing import Any, cast

import pytest
import requests

from flocker_lite.client.browser_proxy import BODY_BYTES_MAX, COOKIE, BrowserProxy
from flocker_lite.client.errors import Unreachable
from flocker_lite.client.http_transport import HTTPTransport


class Service:
    """The way to a control service; it remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Mapping[str, str], bytes]] = []
        self.is_away = False

    def forward(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> requests.Response:
        """See `HTTPTransport`."""
        if self.is_away:
            raise Unreachable("no control service answers")
        self.asked.append((method, target, headers, body))
        answer = requests.Response()
        answer.status_code = 201
        answer.headers["X-Generation"] = "7"
        answer.raw = BytesIO(b"first second")
        return answer


@pytest.fixture
def service() -> Service:
    """One."""
    return Service()


@pytest.fixture
def proxy(service: Service) -> Iterator[BrowserProxy]:
    """A proxy that serves."""
    with BrowserProxy(cast(HTTPTransport, service)) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join(10)


def ask(
    proxy: BrowserProxy, path: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[HTTPResponse, bytes]:
    """A request to it; underscores in names of headers stand for dashes."""
    connection = HTTPConnection("127.0.0.1", proxy.server_port, timeout=10)
    named: dict[str, Any] = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, {"Host": proxy.host, **named})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def cookie_of(proxy: BrowserProxy) -> str:
    """What a browser has that came with the token."""
    answer, _ = ask(proxy, proxy.address.partition(proxy.host)[2])
    assert answer.status == 303
    set_cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in set_cookie
    assert "SameSite=Strict" in set_cookie
    return str(set_cookie).partition(";")[0]


def test_with_the_token(proxy: BrowserProxy, service: Service) -> None:
    """The browser is let in once, keeps a cookie, and its requests go on as they are."""
    cookie = cookie_of(proxy)
    answer, content = ask(proxy, "/v1/state/nodes?limit=1", Cookie=cookie, Accept="text/html")
    assert (answer.status, content) == (201, b"first second")
    assert answer.headers["X-Generation"] == "7"
    [(method, target, headers, body)] = service.asked
    assert (method, target, body) == ("GET", "/v1/state/nodes?limit=1", b"")
    # The cookie is ours, and none of the service's business.
    assert headers == {"Accept": "text/html"}
    again, _ = ask(proxy, proxy.address.partition(proxy.host)[2])
    assert again.status == 403


def test_a_change(proxy: BrowserProxy, service: Service) -> None:
    """Its body goes along; one that is too long does not."""
    cookie = cookie_of(proxy)
    kind, origin = "application/json", f"http://{proxy.host}"
    ask(proxy, "/v1/x", "POST", b"{}", Cookie=cookie, Content_Type=kind, Origin=origin)
    assert service.asked == [("POST", "/v1/x", {"Content-Type": kind}, b"{}")]
    size = str(BODY_BYTES_MAX + 1)
    answer, _ = ask(proxy, "/v1/x", "POST", None, Cookie=cookie, Content_Length=size)
    assert answer.status == 413


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Cookie": f"{COOKIE}=wrong"},
        {"Cookie": "nonsense; ;="},
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
def test_somebody_else(proxy: BrowserProxy, service: Service, headers: dict[str, str]) -> None:
    """Another user of the machine, a page of another site, a name that leads to loopback."""
    cookie = {"Cookie": cookie_of(proxy)} if {"Host", "Origin"} & headers.keys() else {}
    for path in ("/", "/v1/state/nodes", "/?token=wrong", "/?token="):
        merged: dict[str, Any] = {**cookie, **headers}
        answer, _ = ask(proxy, path, **merged)
        assert answer.status == 403
    assert service.asked == []


def test_a_service_that_is_away(proxy: BrowserProxy, service: Service) -> None:
    """The page gets to know."""
    cookie = cookie_of(proxy)
    service.is_away = True
    answer, content = ask(proxy, "/v1/version", Cookie=cookie)
    assert answer.status == 502
    assert b"no control service answers" in content
