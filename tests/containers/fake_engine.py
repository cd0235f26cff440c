"""A Docker engine that is only a Unix socket: answers as a test tells it to, and counts."""

from __future__ import annotations

import json
import re
import socketserver
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

API_VERSION = "1.41"


@dataclass(frozen=True)
class Request:
    """What was asked; the path is without the version of the API, and without its query."""

    method: str
    path: str
    query: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """A status with JSON, or with several lines of JSON, one after the other.

    One that is `endless` says that, again and again, for as long as somebody listens.
    """

    status: int = 200
    body: Any = None
    lines: list[Any] = field(default_factory=list)
    endless: bytes = b""


class FakeEngine:
    """Serves `answer` on a socket below a directory until it is closed; `asked` has it all."""

    def __init__(
        self,
        directory: Path,
        answer: Callable[[Request], Answer],
        api_version: str = API_VERSION,
    ) -> None:
        self.asked: list[Request] = []
        self.endless_bytes = 0
        self.socket = directory / "docker.sock"
        engine = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def address_string(self) -> str:
                return "client"

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

            def _serve(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path, _, query = self.path.partition("?")
                path = re.sub(r"^/v[0-9.]+", "", path)
                request = Request(self.command, path, query, dict(self.headers.items()))
                if path == "/version":
                    self._write(Answer(body={"ApiVersion": api_version, "Version": "24.0.7"}))
                    return
                engine.asked.append(request)
                self._write(answer(request))

            def _write(self, answer: Answer) -> None:
                self.send_response(answer.status)
                self.send_header("Content-Type", "application/json")
                if answer.endless:
                    self._go_on(answer.endless)
                    return
                if answer.lines:
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    for text in (*(f"{json.dumps(line)}\r\n" for line in answer.lines), ""):
                        self.wfile.write(f"{len(text):x}\r\n{text}\r\n".encode())
                    return
                body = json.dumps(answer.body).encode()
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _go_on(self, text: bytes) -> None:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.close_connection = True
                with suppress(OSError):
                    while True:
                        self.wfile.write(f"{len(text):x}\r\n".encode() + text + b"\r\n")
                        engine.endless_bytes += len(text)

            do_GET = do_POST = do_DELETE = do_HEAD = _serve

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

        self._server = Server(str(self.socket), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def paths(self) -> list[str]:
        """The paths that were asked for, in order."""
        return [request.path for request in self.asked]

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
