"""The floor of a REST API: a Klein app that answers the same bytes, from memory.

    python -m admin.bench.memory_app PORT FILE

FILE has the answer of each operation, in JSON; prints `ready`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from klein import Klein
from twisted.web.server import Site

ROUTES = {
    "create": ("POST", "/v1/configuration/containers"),
    "read": ("GET", "/v1/configuration/containers/<name>"),
    "list": ("GET", "/v1/configuration/containers"),
    "move": ("POST", "/v1/configuration/containers/<name>"),
    "delete": ("DELETE", "/v1/configuration/containers/<name>"),
}


def app(answers: dict[str, str]) -> Klein:
    """Answers each operation with its text."""
    klein = Klein()
    for operation, (method, path) in ROUTES.items():
        klein.route(path, methods=[method], endpoint=operation)(_says(answers[operation].encode()))
    return klein


def _says(body: bytes) -> Any:
    def answer(request: Any, **parameters: str) -> bytes:
        request.setHeader("Content-Type", "application/json")
        return body

    return answer


def main() -> None:
    """Serve until killed."""
    from twisted.internet import reactor as installed_reactor

    reactor: Any = installed_reactor
    port, file = int(sys.argv[1]), Path(sys.argv[2])
    site = Site(app(json.loads(file.read_text("utf-8"))).resource())
    reactor.listenTCP(port, site, interface="127.0.0.1")
    reactor.callWhenRunning(print, "ready", flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
