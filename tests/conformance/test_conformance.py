"""Every row of the API's tables, with the application in memory and with the live service."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, TypeAlias

import pytest
from treq.testing import StubTreq
from twisted.internet.task import Clock

from flocker_lite.control.http.app import RESTAPI
from tests.conformance import rows_containers, rows_datasets, rows_later
from tests.conformance.live import NODES, TWO_NODES, ControlProcess, Reply, ReportingAgent, fill
from tests.conformance.rows import (
    ANYTHING,
    BAD_QUERY,
    NODE_1,
    NOT_VALID,
    Row,
    Step,
    named,
)
from tests.conformance.rows_transport import ERRORS, TRANSPORT
from tests.conformance.rows_types import TYPES
from tests.control.http.cluster import MemoryControl
from tests.control.http.documented import DOCUMENTED

Request: TypeAlias = Callable[[str, str, bytes | None, dict[str, str]], Reply]

ROWS: tuple[Row, ...] = (
    *TRANSPORT,
    *ERRORS,
    *TYPES,
    *rows_datasets.CREATE,
    *rows_datasets.MOVE,
    *rows_datasets.DELETE,
    *rows_containers.CREATE,
    *rows_containers.MOVE,
    *rows_containers.DELETE,
    *rows_later.STATES,
    *rows_later.LATER,
)


def in_memory() -> Request:
    """The application in memory."""
    clock = Clock()
    clock.advance(1.7e9)
    control = MemoryControl(TWO_NODES.configuration, clock)
    control.report(NODE_1, rows_later.STATE, rows_later.ERA)

    async def resolve(name: str) -> tuple[str, ...]:
        return ()

    treq: Any = StubTreq(RESTAPI(control, clock, resolve).resource())

    def request(method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Reply:
        found: list[Any] = []
        sent = treq.request(method, f"http://control{path}", data=body, headers=headers)
        sent.addCallback(found.append)
        [response] = found
        response.content().addCallback(found.append)
        names = {
            name.decode().lower(): values[0].decode()
            for name, values in response.headers.getAllRawHeaders()
        }
        return Reply(response.code, names, found[1])

    return request


@pytest.fixture(scope="module", params=["memory", "live"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Request]:
    """Both services, one after the other."""
    if request.param == "memory":
        yield in_memory()
        return
    data_path = tmp_path_factory.mktemp("control") / "data"
    fill(data_path, TWO_NODES)
    control = ControlProcess(data_path)
    try:
        control.start()
        agent = ReportingAgent(control, NODES[0], rows_later.ERA, rows_later.STATE)
        try:
            with closing(control.connect()):
                yield control.request
        finally:
            agent.stop()
    finally:
        control.stop()


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row(service: Request, row: Row) -> None:
    """Each request of the row has the answer that the row says, which is documented."""
    for step in row.steps:
        sends = named(step.sends, row)
        if step.method == "POST" and not isinstance(sends, bytes):
            sends = json.dumps(sends).encode()
        path = named(step.path, row)
        reply = service(step.method, path, sends, dict(step.headers))
        assert reply.status == step.status, (path, sends, reply)
        check(reply, step, row)
        is_json = reply.headers["content-type"] == "application/json"
        if step.method != "HEAD" and is_json:
            DOCUMENTED.check(step.method, path, reply.status, reply.body)


def check(reply: Reply, step: Step, row: Row) -> None:
    """The body that was answered is the one that the step says."""
    if step.answer is not ANYTHING:
        assert reply.body == named(step.answer, row)
    if step.description is not None:
        said = {key: value for key, value in reply.body.items() if key != "problems"}
        assert said == {"description": named(step.description, row)}
    if step.errors is not None:
        assert set(reply.body) == {"description", "errors", "problems"}
        assert reply.body["problems"]
        assert reply.body["description"] in (NOT_VALID, BAD_QUERY)
        assert len(reply.body["errors"]) == step.errors, reply.body
    for item in step.has:
        assert named(item, row) in reply.body
    for item in step.lacks:
        assert named(item, row) not in reply.body


def test_rows() -> None:
    """No two rows are the same, and a difference is said in a sentence."""
    assert max(Counter(str(row) for row in ROWS).values()) == 1
    assert all(row.differs is None or row.differs.endswith(".") for row in ROWS)
