"""The HTTP server for Docker on the plugin's unix socket."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import NOT_FOUND, Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from flocker_lite.volumes import messages
from flocker_lite.volumes.errors import VolumeError
from flocker_lite.volumes.messages import Answer, Asked

GET = "/VolumeDriver.Get"
NAMING = frozenset(f"/VolumeDriver.{call}" for call in ("Create", "Get", "Path", "Mount", "Remove"))
"""What is asked of one volume. Docker may repeat it without its body: an agent that was killed had
read that, and Docker does not send it anew."""

NAMELESS = (
    "Docker repeated a request without the name of the volume, since the agent was started anew "
    "meanwhile: do it again"
)

AnswerCall: TypeAlias = Callable[[str, Asked], Awaitable[Answer]]
"""The answer to a request, by its path."""


class PluginResource(Resource):
    """All paths of the protocol."""

    isLeaf = True
    _log = Logger()

    def __init__(self, answer: AnswerCall) -> None:
        super().__init__()
        self._answer = answer

    def render(self, request: Request) -> int | bytes:
        if request.method != b"POST":
            request.setResponseCode(NOT_FOUND)
            return b"Docker's volume plugin protocol: requests are POST\n"
        gone = [False]
        # Docker gives up on a request, and repeats it.
        request.notifyFinish().addErrback(lambda _: gone.__setitem__(0, True))
        answering = Deferred.fromCoroutine(self._answered(request))
        answering.addErrback(self._broken)
        answering.addCallback(lambda answer: None if gone[0] else _write(request, answer))
        return NOT_DONE_YET

    async def _answered(self, request: Request) -> Answer | None:
        """The answer; None to hang up."""
        content = request.content
        body = content.read(messages.BODY_BYTES_MAX + 1) if content is not None else b""
        if len(body) > messages.BODY_BYTES_MAX:
            return messages.failed(f"a request of more than {messages.BODY_BYTES_MAX} bytes")
        try:
            asked = messages.asked(body)
        except VolumeError as error:
            return messages.failed(error)
        path = request.path.decode("utf-8", "replace")
        if path in NAMING and not asked.name:
            # Of any answer with an error to Get, Docker makes that there is no such volume, and
            # forgets who uses it; of a hang-up, that it does not know.
            return None if path == GET else messages.failed(NAMELESS)
        return await self._answer(path, asked)

    def _broken(self, failure: Failure) -> Answer:
        self._log.failure("a request of Docker's for a volume failed", failure)
        return messages.failed("")


class PluginSite(Site):
    """The site to serve on the socket; it writes no log of requests."""

    noisy = False
    displayTracebacks = False

    def __init__(self, answer: AnswerCall) -> None:
        super().__init__(PluginResource(answer))

    def log(self, request: Request) -> None:
        """Docker asks often, and nothing else may connect."""


def _write(request: Request, answer: Answer | None) -> None:
    if answer is None:
        request.loseConnection()
        return
    request.setHeader("Content-Type", messages.CONTENT_TYPE)
    request.write(json.dumps(answer).encode("utf-8") + b"\n")
    request.finish()
