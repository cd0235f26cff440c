"""The storage on a real ZFS, on nodes of the lab: the contract, and what only real ZFS shows."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from admin.hosts import Lab, Node
from admin.hosts.files import environment
from admin.hosts.processes import run

SUBNET = "10.81.0.0/24"
NODES = 3
"""Most of the time is spent waiting for a ZFS to write: each of them is another one."""
CHECKOUT = Path(__file__).resolve().parents[2]
TESTS = CHECKOUT / "tests/functional/storage_in_node.py"
TIMEOUT_SECONDS = 1200.0


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[Node]]:
    """Plain hosts, each with a ZFS and a pool of its own."""
    with Lab("test-storage", SUBNET, nodes=NODES, services=False) as lab:
        yield [lab.node(f"n{number + 1}") for number in range(NODES)]


def test_storage(nodes: list[Node]) -> None:
    """All the tests of storage_in_node succeed there, and none is left out."""
    pythons = [shlex.join(node.argv([sys.executable])) for node in nodes]
    done = run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q"),
            *("--dist=worksteal", *(f"--tx=popen//python={python}" for python in pythons)),
            *("--rootdir", str(CHECKOUT), str(TESTS)),
        ],
        timeout_seconds=TIMEOUT_SECONDS,
        env=environment(CHECKOUT) | {"PYTHONPATH": str(CHECKOUT)},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
