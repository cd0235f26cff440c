"""`flockerctl` before the true REST API of a control service in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.parse import urlencode

from click.testing import CliRunner, Result
from pyrsistent import pmap

from flocker_lite.cli.main import flockerctl
from flocker_lite.cli.session import Session
from flocker_lite.client import Client
from flocker_lite.client.errors import from_response
from flocker_lite.client.transport import IF_TAG_HEADER, TAG_HEADER
from flocker_lite.model.records import Container
from flocker_lite.model.state import ContainerState, NodeState
from tests.control.http.cluster import ADDRESS_1, NODE_1, NODE_2, RESTTestCase

GENERATION = "X-Generation"


class MemoryTransport:
    """Carries requests to the REST API of a test case; time passes while nothing is answered."""

    def __init__(self, case: CLITestCase) -> None:
        self._case = case

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
        case = self._case
        if path.endswith(case.unknown_paths):
            raise from_response(404, {"description": "There is nothing at this path."})
        path = f"/v1{path}" + (f"?{urlencode(query)}" if query else "")
        options: dict[str, Any] = {} if body is None else {"json": body}
        if tag is not None:
            options["headers"] = {IF_TAG_HEADER: tag}
        sent = case.begin(method, path, **options)
        while case.meanwhile and not case.has_answered(sent):
            case.meanwhile.pop(0)()
        passed = 0.0
        while not case.has_answered(sent) and passed < timeout_seconds:
            case.clock.advance(0.5)
            passed += 0.5
        reply = case.reply(sent, method, path)
        if not 200 <= reply.status < 300:
            raise from_response(reply.status, reply.body)
        named = {name: reply.headers.get(name.lower(), "") for name in (GENERATION, TAG_HEADER)}
        return reply.body, named

    def stream(self, path: str, query: Mapping[str, str]) -> Iterator[Any]:
        """See `flocker_lite.client.transport.Transport`."""
        yield from self._case.events

    def stream_bytes(self, path: str, query: Mapping[str, str]) -> Iterator[bytes]:
        """See `flocker_lite.client.transport.Transport`."""
        path = f"/v1{path}?{urlencode(query)}"
        reply = self._case.reply(self._case.begin("GET", path), "GET", path)
        if reply.status != 200:
            raise from_response(reply.status, reply.body)
        yield reply.content


class AtTerminal(Session):
    """A session of a person who can be asked."""

    @property
    def is_interactive(self) -> bool:
        """Always."""
        return True


class CLITestCase(RESTTestCase):
    """A test of the command; `meanwhile` is what happens while it waits, one call after another.

    An older control service does not know what ends with one of the `unknown_paths`.
    """

    session_type = Session

    def setUp(self) -> None:
        super().setUp()
        self.meanwhile: list[Callable[[], object]] = []
        self.events: list[Any] = []
        self.unknown_paths: tuple[str, ...] = ()
        self.home = Path(mkdtemp(dir=self.mktemp_folder()))
        self.environment = {"XDG_CONFIG_HOME": str(self.home)}

    def mktemp_folder(self) -> str:
        """A directory of this test."""
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        return str(folder)

    def has_answered(self, sent: Any) -> bool:
        """Whether a request was answered."""
        self.treq.flush()
        return bool(sent.called and not sent.paused)

    def run_command(self, *words: str, input_text: str | bytes | None = None) -> Result:
        """Run `flockerctl` with these words."""
        transport = MemoryTransport(self)
        session = self.session_type(self.environment, make_client=lambda _: Client(None, transport))
        return CliRunner().invoke(flockerctl, words, obj=session, input=input_text)

    def answer(self, *words: str, input_text: str | bytes | None = None) -> str:
        """What it says when it succeeds."""
        result = self.run_command(*words, input_text=input_text)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    def told(self, *words: str) -> Any:
        """The JSON that it answers."""
        return json.loads(self.answer(*words, "-o", "json"))

    def both_report(self, *states: ContainerState) -> None:
        """Both agents are there; the first one has these containers."""
        found = pmap({state.container.name: state for state in states})
        self.control.report(NODE_1, NodeState(containers=found))
        self.control.report(NODE_2, NodeState())

    def redis(self) -> Container:
        """A container that is configured on the first node."""
        self.created(
            "/configuration/containers", {"host": ADDRESS_1, "name": "redis", "image": "redis"}
        )
        return self.control.configuration.containers["redis"]
