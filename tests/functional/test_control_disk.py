"""The control service where it is not at home: full disks, and a user without any rights."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from pyrsistent import pmap

from flocker_lite.control.store.database import read_content
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Node
from flocker_lite.model.state import DatasetState, NodeState
from tests.conformance.live import CHECKOUT, TWO_NODES, ControlProcess, ReportingAgent, fill
from tests.conformance.rows import ADDRESS_1, ADDRESS_2, DATASETS, NODE_1, NODE_2

COMMAND_SECONDS_MAX = 20
RETRY_SECONDS_MAX = 30.0
NOBODY = 65534
DISK_BYTES = 16 * 1024 * 1024


def run(*argv: str) -> None:
    """A command that works."""
    subprocess.run(argv, check=True, timeout=COMMAND_SECONDS_MAX)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A data path on a disk of 1 MiB, with the store of a cluster in it."""
    path = tmp_path / "data"
    path.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(path))
    try:
        fill(path, TWO_NODES)
        yield path
    finally:
        run("umount", "-l", str(path))


@pytest.fixture
def control(small: Path) -> Iterator[ControlProcess]:
    """The service on it, which may or may not run in the end."""
    process = ControlProcess(small)
    process.start()
    try:
        yield process
    finally:
        process.stop()


def fill_up(directory: Path) -> Path:
    """Leave no room there; returns the file to remove."""
    ballast = directory / "ballast"
    with ballast.open("ab", 0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 512)
    return ballast


def test_full_and_room_again(control: ControlProcess, small: Path) -> None:
    """Writes are refused in words, reads and agents go on; with room again all is as before.

    What the service itself had to write meanwhile is written then: here, a grant.
    """
    dataset_id = control.post(DATASETS, {"primary": ADDRESS_1}).body["dataset_id"]
    item = f"{DATASETS}/{dataset_id}"
    ballast = fill_up(small)
    for method, path, body in (
        ("POST", DATASETS, {"primary": ADDRESS_1}),
        ("POST", item, {"primary": ADDRESS_2}),
        ("DELETE", item, None),
    ):
        reply = control.post(path, body) if method == "POST" else control.request(method, path)
        assert reply.status == 507
        assert "free some space. Nothing was changed." in reply.body["description"]
    assert [body["dataset_id"] for body in control.request("GET", DATASETS).body] == [dataset_id]
    state = NodeState(pmap({dataset_id: DatasetState(dataset_id, Lease(Role.PRIMARY, 2))}))
    agent = ReportingAgent(control, Node(NODE_2, ADDRESS_2), "era", state)
    try:
        ballast.unlink()
        assert control.post(DATASETS, {"primary": ADDRESS_1}).status == 201
        deadline = time.monotonic() + RETRY_SECONDS_MAX
        while owner(small, dataset_id) != NODE_2:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    finally:
        agent.stop()
    assert "Traceback" not in control.log


def owner(data_path: Path, dataset_id: str) -> str:
    """Which node may write to it, by what is on disk."""
    return read_content(data_path).configuration.grants[dataset_id].owner


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_started_on_a_full_disk(control: ControlProcess, small: Path, end: str) -> None:
    """It serves what it has, or says why it cannot; with room it has all that it had."""
    made = control.post(DATASETS, {"primary": ADDRESS_1}).body
    if end == "kill":
        ballast = fill_up(small)
        control.kill()
        control.start()
        assert control.request("GET", DATASETS).body == [made]
        assert control.post(DATASETS, {"primary": ADDRESS_1}).status == 507
        control.kill()
    else:
        control.stop()
        ballast = fill_up(small)
        control.launch()
        assert control.wait() == 1
        assert "flocker-control cannot start: The disk of" in control.log
        assert "Traceback" not in control.log
    ballast.unlink()
    control.start()
    assert control.request("GET", DATASETS).body == [made]
    assert control.post(DATASETS, {"primary": ADDRESS_1}).status == 201


def test_a_disk_that_cannot_be_written(control: ControlProcess, small: Path) -> None:
    """It says which file, and what to check; mounted as it should be, all is there."""
    made = control.post(DATASETS, {"primary": ADDRESS_1}).body
    control.stop()
    run("mount", "-o", "remount,ro", str(small))
    control.launch()
    assert control.wait() == 1
    assert "check its owner, mode and mount" in control.log
    assert "Traceback" not in control.log
    run("mount", "-o", "remount,rw", str(small))
    control.start()
    assert control.request("GET", DATASETS).body == [made]


def test_a_disk_that_turns_read_only(tmp_path: Path) -> None:
    """As Linux makes it after an error: writes are refused in words, reads and agents go on.

    Mounted anew, which takes a restart, all is there.
    """
    disk, path = tmp_path / "disk", tmp_path / "data"
    path.mkdir()
    with disk.open("wb") as file:
        file.truncate(DISK_BYTES)
    run("mkfs.ext4", "-q", str(disk))
    mount = ("mount", "-o", "loop,errors=remount-ro")
    run(*mount, str(disk), str(path))
    control = ControlProcess(path)
    try:
        fill(path, TWO_NODES)
        control.start()
        made = control.post(DATASETS, {"primary": ADDRESS_1}).body
        run("mount", "-o", "remount,abort", str(path))
        for _ in range(2):
            reply = control.post(DATASETS, {"primary": ADDRESS_1})
            assert reply.status == 503
            assert "check its disk and its mount" in reply.body["description"]
            assert control.request("GET", DATASETS).body == [made]
        ReportingAgent(control, Node(NODE_1, ADDRESS_1), "era", NodeState()).stop()
        assert "Traceback" not in control.log
        control.kill()
        run("umount", str(path))
        # Another disk, for a lab that begins meanwhile keeps the first one mounted.
        mended = tmp_path / "mended"
        shutil.copyfile(disk, mended)
        run(*mount, str(mended), str(path))
        control.start()
        assert control.request("GET", DATASETS).body == [made]
        assert control.post(DATASETS, {"primary": ADDRESS_1}).status == 201
    finally:
        control.stop()
        run("umount", "-l", str(path))


@pytest.fixture
def shared_checkout() -> Iterator[Path]:
    """This checkout, where everybody may read it."""
    directory = Path(tempfile.mkdtemp(prefix="flocker-lite-"))
    directory.chmod(0o755)
    checkout = directory / "checkout"
    checkout.mkdir()
    run("mount", "--bind", str(CHECKOUT), str(checkout))
    try:
        yield checkout
    finally:
        run("umount", "-l", str(checkout))
        shutil.rmtree(directory)


def test_it_needs_no_rights(shared_checkout: Path) -> None:
    """As a user who may do nothing, with no capability that could be had, everything works.

    Only its data path is its own. A data path of somebody else is refused in words.
    """
    data_path = shared_checkout.parent / "data"
    data_path.mkdir()
    nobody = [
        *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
        *("--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"),
    ]
    python = shared_checkout / Path(sys.executable).relative_to(CHECKOUT)
    control = ControlProcess(data_path, command=(*nobody, str(python)), checkout=shared_checkout)
    control.launch()
    assert control.wait() == 1
    assert "check its owner, mode and mount" in control.log
    os.chown(data_path, NOBODY, NOBODY)
    fill(data_path, TWO_NODES)
    for path in data_path.iterdir():
        os.chown(path, NOBODY, NOBODY)
    control.start()
    try:
        status = Path(f"/proc/{control.pid}/status").read_text("ascii")
        assert f"Uid:\t{NOBODY}" in status
        assert "CapBnd:\t0000000000000000" in status
        made = control.post(DATASETS, {"primary": ADDRESS_1})
        assert made.status == 201
        agent = ReportingAgent(control, Node(NODE_1, ADDRESS_1), "era", NodeState())
        agent.stop()
        control.kill()
        control.start()
        assert control.request("GET", DATASETS).body == [made.body]
        assert data_path.stat().st_mode & 0o777 == 0o700
    finally:
        control.stop()
