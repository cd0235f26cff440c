"""The control service as a process of its own, on loopback: crashes, limits, curl, schemathesis."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPException
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from flocker_lite.control.store.database import FILE_NAME, Database
from tests.conformance.live import CHECKOUT, TWO_NODES, ControlProcess, fill
from tests.conformance.rows import ADDRESS_1, CONTAINERS, DATASETS

WRITES = 1000
WRITERS = 4
CRASHES = 5
WRITES_SECONDS_MAX = 120.0
CURL_SECONDS_MAX = 20
SCHEMATHESIS_SECONDS_MAX = 600.0
MADE_UP = Path(__file__).with_name("made_up")
EXAMPLES_MAX = 8
STALLED_BYTES_MAX = 16 * 1024 * 1024
"""How much the service may grow for a reader that does not read."""


@pytest.fixture
def control(tmp_path: Path) -> Iterator[ControlProcess]:
    """A service with two nodes, which have no agents."""
    fill(tmp_path / "data", TWO_NODES)
    process = ControlProcess(tmp_path / "data")
    process.start()
    try:
        yield process
    finally:
        process.stop()


class Writer(Thread):
    """Creates containers, one after the other, whatever happens to the service."""

    def __init__(self, control: ControlProcess, number: int) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[str] = []
        self._control = control
        self._number = number

    def run(self) -> None:
        deadline = time.monotonic() + WRITES_SECONDS_MAX
        attempt = 0
        while len(self.acknowledged) < WRITES // WRITERS and time.monotonic() < deadline:
            try:
                with closing(self._control.connect()) as connection:
                    while len(self.acknowledged) < WRITES // WRITERS:
                        attempt += 1
                        name = f"c{self._number}-{attempt}"
                        body = json.dumps({"host": ADDRESS_1, "name": name, "image": "a:1"})
                        headers = {"Content-Type": "application/json"}
                        connection.request("POST", CONTAINERS, body, headers)
                        response = connection.getresponse()
                        response.read()
                        assert response.status == 201
                        self.acknowledged.append(name)
            except (OSError, HTTPException):
                time.sleep(0.02)  # it was killed; it comes back


def test_killed(control: ControlProcess) -> None:
    """kill -9 at any moment loses no write that was acknowledged, and it starts at once again."""
    writers = [Writer(control, number) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    rng = random.Random(7)
    done = 0
    for crash in range(1, CRASHES + 1):
        while done < WRITES * crash // (CRASHES + 1) and any(w.is_alive() for w in writers):
            time.sleep(0.01)
            done = sum(len(writer.acknowledged) for writer in writers)
        time.sleep(rng.random() * 0.05)
        control.kill()
        control.start()
    for writer in writers:
        writer.join(WRITES_SECONDS_MAX)
    acknowledged = {name for writer in writers for name in writer.acknowledged}
    assert len(acknowledged) == WRITES
    control.kill()
    control.start()
    stored = {body["name"] for body in control.request("GET", CONTAINERS).body}
    assert acknowledged <= stored
    # One for each writer and crash was perhaps made and not acknowledged; no others.
    assert len(stored) <= WRITES + WRITERS * (CRASHES + 1)


def test_tag_survives(control: ControlProcess) -> None:
    """After a crash the tag is still that of the same configuration, and grows from there."""
    before = control.post(DATASETS, {"primary": ADDRESS_1}).headers["x-configuration-tag"]
    control.kill()
    control.start()
    assert control.request("GET", DATASETS).headers["x-configuration-tag"] == before
    after = control.post(DATASETS, {"primary": ADDRESS_1}).headers["x-configuration-tag"]
    assert after != before


def test_second_process(control: ControlProcess) -> None:
    """A second service on the same data says which process has it, and ends with an error."""
    second = ControlProcess(control.data_path)
    second.launch()
    assert second.wait() == 1
    assert f"in use by another control service (pid {control.pid})" in second.log
    assert control.request("GET", DATASETS).status == 200


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (
            lambda path: path.write_bytes(b"This is no database.\n" * 500),
            "is damaged, or not a store",
        ),
        (
            lambda path: _execute(path, "UPDATE meta SET record = '99' WHERE identity = 'format'"),
            "run the release that wrote it, or a later one",
        ),
    ],
)
def test_unusable_store(tmp_path: Path, spoil: Any, complaint: str) -> None:
    """A store that cannot be used is left as it is, and the log says what to do."""
    fill(tmp_path / "data", TWO_NODES)
    spoil(tmp_path / "data" / FILE_NAME)
    control = ControlProcess(tmp_path / "data")
    control.launch()
    assert control.wait() == 1
    assert complaint in control.log
    assert "Traceback" not in control.log


def _execute(path: Path, statement: str) -> None:
    with closing(Database(path.parent)) as database:
        database.connection.execute(statement)


def test_unknown_nodes(tmp_path: Path) -> None:
    """With --accept-unknown-nodes a cluster can be set up before there are any nodes."""
    control = ControlProcess(tmp_path / "data", "--accept-unknown-nodes")
    control.start()
    try:
        reply = control.post(DATASETS, {"primary": "192.0.2.7"})
        assert (reply.status, reply.body["primary"]) == (201, "192.0.2.7")
    finally:
        control.stop()


def curl(control: ControlProcess, *arguments: str) -> str:
    """What curl prints."""
    command = ["curl", "-sS", "-N", "--max-time", str(CURL_SECONDS_MAX), *arguments]
    command[-1] = control.url + command[-1]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=CURL_SECONDS_MAX + 5, check=True
    )
    return done.stdout


def test_curl(control: ControlProcess) -> None:
    """Somebody with nothing but curl finds the page, makes something, and sees it happen."""
    assert "<h1>flocker_lite" in curl(control, "/v1/docs")
    generation = control.request("GET", DATASETS).headers["x-generation"]
    body = json.dumps({"primary": ADDRESS_1})
    made = json.loads(curl(control, "-H", "Content-Type: application/json", "-d", body, DATASETS))
    lines = curl(control, f"/v1/events?since={generation}&timeout_seconds=1").splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["event"] for event in events] == ["alive", "change", "change"]
    assert events[1]["items"] == [made]
    assert events[2]["collection"] == "state/audit"
    assert events[2]["items"][0]["about"] == made["dataset_id"]
    waited = curl(control, f"{DATASETS}?wait_for={generation}")
    assert json.loads(waited) == [made]


def test_long_poll(control: ControlProcess) -> None:
    """A request that waits is answered by the next change, and others go on meanwhile."""
    generation = control.request("GET", DATASETS).headers["x-generation"]
    with closing(control.connect()) as waiting:
        waiting.request("GET", f"{DATASETS}?wait_for={generation}")
        assert control.request("GET", DATASETS).body == []
        made = control.post(DATASETS, {"primary": ADDRESS_1}).body
        assert json.loads(waiting.getresponse().read()) == [made]


def test_reader_that_does_not_read(control: ControlProcess) -> None:
    """A stream that nobody reads costs no memory, whatever changes meanwhile."""
    with socket.create_connection(("127.0.0.1", control.port)) as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.sendall(b"GET /v1/events HTTP/1.1\r\nHost: control\r\n\r\n")
        metadata = {str(number): "v" * 256 for number in range(16)}
        dataset = control.post(DATASETS, {"primary": ADDRESS_1}).body
        path = f"{DATASETS}/{dataset['dataset_id']}"
        before = control.resident_bytes
        for number in range(1000):
            reply = control.post(path, {"metadata": {**metadata, "0": str(number)}})
            assert reply.status == 200
        assert control.resident_bytes - before < STALLED_BYTES_MAX


def test_schemathesis(control: ControlProcess, tmp_path: Path) -> None:
    """Requests made up from the document find no answer that it does not describe, and no 500."""
    program = Path(sys.executable).with_name("schemathesis")
    if not program.exists():
        pytest.skip("schemathesis is not installed")
    command = [
        *(str(program), "--config-file", str(MADE_UP / "schemathesis.toml"), "run"),
        *(f"{control.url}/v1/openapi.json", "--url", f"{control.url}/v1"),
        # It would wait for a stream to end; and there are no agents, who have the logs, and who
        # look at a container that is to be adopted or released.
        *("--exclude-path", "/events", "--exclude-path", "/state/containers/{name}/logs"),
        *("--exclude-path", "/configuration/adoptions"),
        *("--exclude-path", "/configuration/releases"),
        *("--phases", "examples,coverage,fuzzing,stateful", "--seed", "7"),
        *("--max-examples", str(EXAMPLES_MAX), "--request-timeout", "40"),
        *("--generation-database", "none", "--no-color", "--continue-on-failure"),
    ]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=SCHEMATHESIS_SECONDS_MAX,
    )
    assert done.returncode == 0, done.stdout[-8000:]
    assert "could not be answered" not in control.log
