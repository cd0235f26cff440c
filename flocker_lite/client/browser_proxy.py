"""Lets a browser of this machine use a control service with a user's certificate.

It listens on loopback. Other users and pages of this machine reach that too, so it serves only a
browser that came once with a token, and keeps a cookie since.
"""

from __future__ import annotations

import json
import secrets
from contextlib import closing, suppress
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flocker_lite.client.errors import ClientError
from flocker_lite.client.http_transport import HTTPTransport

BODY_BYTES_MAX = 1024 * 1024
COOKIE = "flocker_ui"
_TO_SERVICE = ("Accept", "Content-Type", "Last-Event-ID", "If-None-Match")
_NOT_TO_BROWSER = {"connection", "transfer-encoding", "content-length", "date", "server"}
_COME_WITH_TOKEN = "Open the address that `flockerctl ui` printed; it can be used once."


class BrowserProxy(ThreadingHTTPServer):
    """A server on a port of 127.0.0.1; `address` is what to open, once."""

    daemon_threads = True

    def __init__(self, transport: HTTPTransport, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.transport = transport
        self.token: str | None = secrets.token_urlsafe(24)
        self.cookie = secrets.token_urlsafe(32)
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.address = f"http://{self.host}/?token={self.token}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hung up is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: BrowserProxy

    def do_GET(self) -> None:
        if self._is_ours():
            self._forward()

    do_POST = do_DELETE = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""

    def _is_ours(self) -> bool:
        """Whether our browser asks, and a page of ours in it; says why not."""
        origin = self.headers.get("Origin", f"http://{self.server.host}")
        # By another name, a page of the internet would reach this as its own site.
        if self.headers.get("Host") != self.server.host or origin != f"http://{self.server.host}":
            self._say(403, "This is for pages of flocker-lite alone.")
            return False
        given = parse_qs(urlsplit(self.path).query).get("token", [""])[0]
        token = self.server.token
        if token is not None and secrets.compare_digest(given.encode(), token.encode()):
            self.server.token = None
            self._welcome()
            return False
        cookies = SimpleCookie()
        with suppress(Exception):
            cookies.load(self.headers.get("Cookie", ""))
        kept = cookies[COOKIE].value if COOKIE in cookies else ""
        if not secrets.compare_digest(kept.encode(), self.server.cookie.encode()):
            self._say(403, _COME_WITH_TOKEN)
            return False
        return True

    def _welcome(self) -> None:
        self.send_response(303)
        cookie = f"{COOKIE}={self.server.cookie}; HttpOnly; SameSite=Strict; Path=/"
        self.send_header("Set-Cookie", cookie)
        self.send_header("Location", "/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _forward(self) -> None:
        size = self.headers.get("Content-Length", "0")
        if not size.isdecimal() or int(size) > BODY_BYTES_MAX:
            self._say(413, "The request is too long.")
            return
        body = self.rfile.read(int(size))
        headers = {name: self.headers[name] for name in _TO_SERVICE if name in self.headers}
        try:
            answer = self.server.transport.forward(self.command, self.path, headers, body)
        except ClientError as error:
            self._say(502, str(error))
            return
        with closing(answer):
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in _NOT_TO_BROWSER:
                    self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            # A stream of events breaks off when its browser does.
            with suppress(OSError):
                for part in answer.iter_content(None):
                    self.wfile.write(part)

    def _say(self, status: int, text: str) -> None:
        content = json.dumps({"description": text}).encode("ascii")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
