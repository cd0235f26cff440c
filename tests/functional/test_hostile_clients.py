"""Attackers on both ports of a real control service: the others are served, and memory stays."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest
from pyrsistent import pmap
from twisted.protocols import amp

from flocker_lite.control.agent_links import UNAUTHENTICATED_MAX
from flocker_lite.control.http.channel import BODY_BYTES_MAX, CONNECTIONS_MAX
from flocker_lite.model import deltas
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.state import DatasetState, NodeState
from flocker_lite.protocol.link import VERSIONS, Hello, Part
from flocker_lite.protocol.messages import Message, encode, parts
from tests.conformance.live import CHECKOUT, TWO_NODES, ControlProcess, fill
from tests.conformance.rows import ADDRESS_1, ADDRESS_2, DATASETS, NODE_1

IDLE_COUNT = 10_000
OPEN_FILES = 2 * IDLE_COUNT
MIB = 1024 * 1024
GROWTH_BYTES_MAX = 64 * MIB
"""How much more memory the service may hold after an attack than before; Python keeps some."""

SOCKET_SECONDS_MAX = 20.0
RECOVERY_SECONDS_MAX = 30.0
REPORTS = 20_000
RESOURCES = 5_000


@pytest.fixture
def control(service: ControlProcess) -> Iterator[ControlProcess]:
    """A service that runs, unharmed, when the test is over."""
    pid = service.pid
    yield service
    assert service.pid == pid


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ControlProcess]:
    """A service of two nodes and 200 datasets."""
    fill(tmp_path / "data", TWO_NODES)
    process = ControlProcess(tmp_path / "data")
    process.start()
    for _ in range(200):
        assert process.post(DATASETS, {"primary": ADDRESS_1}).status == 201
    try:
        yield process
        assert len(process.request("GET", f"{DATASETS}?deleted=false").body) == 200
        assert "Traceback" not in process.log
    finally:
        process.stop()


@pytest.fixture
def many_files() -> Iterator[None]:
    """This process may open as many files as the attack needs."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def open_files(control: ControlProcess) -> int:
    """How many it has open."""
    return len(list(Path(f"/proc/{control.pid}/fd").iterdir()))


def attack(port: int) -> socket.socket:
    """A connection to do harm with."""
    return socket.create_connection(("127.0.0.1", port), timeout=SOCKET_SECONDS_MAX)


def is_served(control: ControlProcess) -> None:
    """Others read and write."""
    assert control.request("GET", "/v1/version").status == 200
    made = control.post(DATASETS, {"primary": ADDRESS_2})
    assert made.status == 201
    gone = control.request("DELETE", f"{DATASETS}/{made.body['dataset_id']}")
    assert gone.status == 200


def connected_count(sockets: list[socket.socket]) -> int:
    """How many the service has not hung up on."""
    count = 0
    for each in sockets:
        each.setblocking(False)
        try:
            count += each.recv(1) != b""
        except BlockingIOError:
            count += 1
        except OSError:
            pass
    return count


@pytest.mark.usefixtures("many_files")
@pytest.mark.parametrize("kind", ["clients", "agents"])
def test_ten_thousand_idle_connections(control: ControlProcess, kind: str) -> None:
    """They keep nobody out, the service keeps but so many of them, and none when they are gone."""
    port = control.port if kind == "clients" else control.agent_port
    kept_max = CONNECTIONS_MAX if kind == "clients" else UNAUTHENTICATED_MAX
    before, files = control.resident_bytes, open_files(control)
    with ExitStack() as stack:
        sockets = [stack.enter_context(attack(port)) for _ in range(IDLE_COUNT)]
        is_served(control)
        agent = stack.enter_context(RawAgent(control, NODE_1, ADDRESS_1))
        agent.report(NodeState())
        assert open_files(control) <= files + kept_max + 10
        kept = connected_count(sockets)
        print(f"{kept} of {IDLE_COUNT} kept, {(control.resident_bytes - before) // 1024} KiB more")
        assert kept <= kept_max
    deadline = time.monotonic() + RECOVERY_SECONDS_MAX
    while open_files(control) > files + 10:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    is_served(control)
    assert control.resident_bytes - before < 2 * GROWTH_BYTES_MAX


def test_requests_whose_answers_are_not_read(control: ControlProcess) -> None:
    """100,000 requests in a row, nothing read: they cost what one of them does."""
    before = control.resident_bytes
    request = f"GET {DATASETS} HTTP/1.1\r\nHost: control\r\n\r\n".encode()
    with closing(attack(control.port)) as stalled:
        stalled.settimeout(3)
        with suppress(TimeoutError):
            for _ in range(1000):
                stalled.sendall(request * 100)
        is_served(control)
        assert control.resident_bytes - before < GROWTH_BYTES_MAX


def test_heads_and_bodies_that_are_too_much(control: ControlProcess) -> None:
    """Each is refused by itself: long heads, long and endless bodies, deep and wide JSON."""
    before = control.resident_bytes
    head = f"POST {DATASETS} HTTP/1.1\r\nHost: control\r\nContent-Type: application/json\r\n"
    deep = b'{"metadata":' + b"[" * 100_000
    wide = b'{"primary":[' + b"0," * (BODY_BYTES_MAX // 2 - 100) + b"0]}"
    long = b" " * (20 * BODY_BYTES_MAX)
    chunks = b"Transfer-Encoding: chunked\r\n\r\n" + b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    for attempt in range(10):
        for more, status in (
            (b"".join(b"X-%d: y\r\n" % number for number in range(2000)) + b"\r\n", b"400"),
            (b"X: " + b"y" * MIB + b"\r\n\r\n", b"400"),
            (sized(deep), b"400"),
            (sized(wide), b"400"),
            (sized(long), b"413"),
            (chunks + b"7fffffffffffffff\r\n", None),
            (b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n", b"400"),
            (b"Content-Length: -5\r\n\r\n", b"400"),
        ):
            with closing(attack(control.port)) as client:
                with suppress(ConnectionError):
                    client.sendall(head.encode() + more)
                if status is not None:
                    with suppress(ConnectionError):
                        answer = client.recv(4096)
                        assert answer == b"" or answer.split()[1] == status, (attempt, more[:50])
    is_served(control)
    assert control.resident_bytes - before < GROWTH_BYTES_MAX


def sized(body: bytes) -> bytes:
    """The end of a head that says how long the body is, and the body."""
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


class RawAgent:
    """An agent's connection on which anything may be said."""

    def __init__(self, control: ControlProcess, node_id: str, address: str) -> None:
        self.socket = attack(control.agent_port)
        self._asked = 0
        self._generation = 0
        self.send(
            Hello,
            version=VERSIONS.newest,
            node_id=node_id,
            address=address,
            cluster_id="",
            era="era",
            session="session",
        )
        assert b"cluster_id" in self.socket.recv(4096)

    def __enter__(self) -> RawAgent:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def boxed(self, command: Any, **arguments: Any) -> bytes:
        """A command as it is sent."""
        self._asked += 1
        box: amp.AmpBox = command.makeArguments(arguments, None)
        box[amp.COMMAND], box[amp.ASK] = command.commandName, b"%x" % self._asked
        return box.serialize()

    def send(self, command: Any, **arguments: Any) -> None:
        """Ask, and do not wait for the answer."""
        self.socket.sendall(self.boxed(command, **arguments))

    def reported(self, state: NodeState) -> bytes:
        """A report of all of it."""
        self._generation += 1
        data = encode(Message(None, self._generation, deltas.whole(state)))
        return b"".join(self.boxed(Part, data=part, last=last) for part, last in parts(data))

    def report(self, state: NodeState) -> None:
        """Report it, and wait until that is answered."""
        self.socket.sendall(self.reported(state))
        number = b"%x" % self._asked
        answer = b"_answer\0%c%s" % (len(number), number)
        heard = b""
        while answer not in heard:
            more = self.socket.recv(65_536)
            assert more, "the control service hung up"
            heard = heard[-len(answer) :] + more


def holding(*names: str) -> NodeState:
    """A state with these datasets."""
    return NodeState(pmap({name: DatasetState(name, Lease(Role.REPLICA, 1)) for name in names}))


def test_an_agent_that_floods(control: ControlProcess) -> None:
    """Reports without a pause, none of whose answers is read; others are served meanwhile."""
    before = control.resident_bytes
    with RawAgent(control, NODE_1, ADDRESS_1) as agent:
        reports = [agent.reported(holding(f"d{number % 7}")) for number in range(REPORTS)]
        with suppress(ConnectionError, TimeoutError):
            agent.socket.sendall(b"".join(reports))
            agent.socket.sendall(b"".join(reports))
        is_served(control)
    assert control.resident_bytes - before < GROWTH_BYTES_MAX


def test_an_agent_that_reports_of_too_much(control: ControlProcess) -> None:
    """Thousands of datasets, others each time: what it does not report any more is forgotten."""
    before = control.resident_bytes
    for attempt in range(5):
        names = [f"d-{attempt}-{number}" for number in range(RESOURCES)]
        with RawAgent(control, NODE_1, ADDRESS_1) as agent:
            agent.report(holding(*names))
            is_served(control)
            shown = control.request("GET", "/v1/state/datasets").body
            assert {item["dataset_id"] for item in shown} <= set(names)
    assert control.resident_bytes - before < GROWTH_BYTES_MAX


def test_messages_without_an_end(control: ControlProcess) -> None:
    """Neither of a stranger nor of an agent is more kept than there may be of one."""
    before = control.resident_bytes
    part = RawAgent.boxed
    with RawAgent(control, NODE_1, ADDRESS_1) as agent:
        endless = part(agent, Part, data=b"x" * 60_000, last=False)
        with suppress(ConnectionError, TimeoutError):
            for _ in range(3000):
                agent.socket.sendall(endless)
        for _ in range(20):
            with closing(attack(control.agent_port)) as stranger, suppress(ConnectionError):
                for _ in range(100):
                    stranger.sendall(endless)
        is_served(control)
    assert control.resident_bytes - before < GROWTH_BYTES_MAX


def test_what_was_said_stays_said(service: ControlProcess, tmp_path: Path) -> None:
    """Metadata of every class of characters comes back as it was: REST, disk, export, import."""
    texts = [
        *("", " ", "\0", "\x7f\x1b[31m", "\u00e9 e\u0301", "\u202eabc", "\u200d\ufeff"),
        *("\U0001f469\u200d\U0001f680", "\ue000\U0010ffff", "'; DROP TABLE datasets;--"),
        *('"\\/\b\f\n\r\t', "\u2028\u2029", "\ufdd0\uffff", "<script>", "%s%n{0}$(reboot)"),
    ]
    metadata = {f"{text[:1]}{number}": text for number, text in enumerate(texts)}
    made = service.post(DATASETS, {"primary": ADDRESS_1, "metadata": metadata})
    assert made.status == 201, made.body
    path = f"{DATASETS}/{made.body['dataset_id']}"
    service.kill()
    service.start()
    assert service.request("GET", path).body["metadata"] == metadata
    text = stored_text("export", service.data_path)
    stored_text("import", tmp_path / "copy", text)
    copy = ControlProcess(tmp_path / "copy")
    copy.start()
    try:
        assert copy.request("GET", path).body["metadata"] == metadata
    finally:
        copy.stop()
    assert service.request("DELETE", path).status == 200


def stored_text(command: str, data_path: Path, text: bytes = b"") -> bytes:
    """What `python -m flocker_lite export` or `import` prints."""
    arguments = [sys.executable, "-m", "flocker_lite", command, "--data-path", str(data_path)]
    done = subprocess.run(
        arguments,
        cwd=CHECKOUT,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        input=text,
        capture_output=True,
        check=True,
        timeout=SOCKET_SECONDS_MAX,
    )
    return done.stdout
