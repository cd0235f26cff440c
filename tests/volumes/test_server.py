"""The server on the plugin's socket, as Docker's HTTP client sees it."""

from __future__ import annotations

import json
from typing import Any

from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.volumes.messages import BODY_BYTES_MAX, CONTENT_TYPE, Answer, Asked
from flocker_lite.volumes.server import NAMELESS, PluginResource


class ServerTests(SynchronousTestCase):
    """The resource, with a driver that the tests control."""

    def setUp(self) -> None:
        self.asked: list[tuple[str, Asked]] = []
        self.answers: list[Any] = [{"Err": ""}]
        self.treq: Any = StubTreq(PluginResource(self.answer))

    async def answer(self, path: str, asked: Asked) -> Answer:
        """What the driver answers."""
        self.asked.append((path, asked))
        answer = self.answers.pop()
        if isinstance(answer, Exception):
            raise answer
        found: Answer = await answer if isinstance(answer, Deferred) else answer
        return found

    def post(self, body: bytes, path: str = "/VolumeDriver.Mount") -> Any:
        """What Docker is answered."""
        response = self.successResultOf(self.treq.post(f"http://plugin{path}", data=body))
        assert response.headers.getRawHeaders("Content-Type") == [CONTENT_TYPE]
        return json.loads(self.successResultOf(self.treq.content(response)))

    def test_request(self) -> None:
        """The driver gets what Docker says, and Docker what the driver answers."""
        assert self.post(b'{"Name": "db", "ID": "1"}') == {"Err": ""}
        assert self.asked == [("/VolumeDriver.Mount", Asked("db", "1"))]

    def test_waits(self) -> None:
        """A request takes as long as the driver does, and Docker may give up meanwhile."""
        later: Deferred[Answer] = Deferred()
        self.answers = [later]
        asking = self.treq.post("http://plugin/VolumeDriver.Mount", data=b'{"Name": "db"}')
        self.assertNoResult(asking)
        asking.cancel()
        later.callback({"Err": ""})
        self.failureResultOf(asking)

    def test_mistakes(self) -> None:
        """What is not JSON, or too long, is an error in Docker's form."""
        assert "not JSON" in self.post(b"{")["Err"]
        assert "more than" in self.post(b" " * (BODY_BYTES_MAX + 1))["Err"]
        assert self.asked == []

    def test_without_a_name(self) -> None:
        """Docker repeats what a killed agent had read without its body, which is no volume's name.

        It would forget who uses the volume if it were told that there is none.
        """
        for call in ("Create", "Path", "Mount", "Remove"):
            assert self.post(b"", f"/VolumeDriver.{call}") == {"Err": NAMELESS}
        self.failureResultOf(self.treq.post("http://plugin/VolumeDriver.Get", data=b""))
        assert self.asked == []
        assert self.post(b"", "/VolumeDriver.List") == {"Err": ""}

    def test_bug(self) -> None:
        """A bug is logged, and Docker is told that there is one."""
        self.answers = [ZeroDivisionError()]
        assert "log of the agent" in self.post(b'{"Name": "db"}')["Err"]
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1

    def test_get(self) -> None:
        """Docker only posts."""
        response = self.successResultOf(self.treq.get("http://plugin/"))
        assert response.code == 404
