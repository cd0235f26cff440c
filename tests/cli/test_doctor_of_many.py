"""`flockerctl doctor` with many nodes asks several of them at the same time."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from click.testing import CliRunner

from flocker_lite.cli.doctor_command import AT_ONCE
from flocker_lite.cli.main import flockerctl
from flocker_lite.cli.session import Session
from flocker_lite.client import Client

NODES = 3 * AT_ONCE


class Slow:
    """A control service of which each node is examined once AT_ONCE of them are asked."""

    def __init__(self) -> None:
        self.together = threading.Barrier(AT_ONCE, timeout=10)

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        query: Mapping[str, str] | None = None,
        timeout_seconds: float = 60.0,
        tag: str | None = None,
    ) -> tuple[Any, Mapping[str, str]]:
        """See `flocker_lite.client.transport.Transport`."""
        if path == "/state/nodes":
            return [
                {"host": f"10.0.0.{number}", "uuid": str(number)} for number in range(NODES)
            ], {}
        if path == "/state/doctor":
            return {"checks": [], "findings": [], "time": 0.0}, {}
        self.together.wait()
        return {"uuid": path.split("/")[3], "checks": [], "findings": []}, {}

    def stream(self, path: str, query: Mapping[str, str]) -> Iterator[Any]:
        """See `flocker_lite.client.transport.Transport`."""
        raise NotImplementedError

    def stream_bytes(self, path: str, query: Mapping[str, str]) -> Iterator[bytes]:
        """See `flocker_lite.client.transport.Transport`."""
        raise NotImplementedError


def test_many_nodes() -> None:
    """The answers come in the order of the nodes."""
    service = Slow()
    session = Session({"XDG_CONFIG_HOME": "/nowhere"}, make_client=lambda _: Client(None, service))
    result = CliRunner().invoke(flockerctl, ["doctor", "-o", "json"], obj=session)
    told = json.loads(result.output)
    assert [each["about"] for each in told[1:]] == [f"node 10.0.0.{each}" for each in range(NODES)]
    assert [each["uuid"] for each in told[1:]] == [str(each) for each in range(NODES)]
