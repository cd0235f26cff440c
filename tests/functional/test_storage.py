"""The storage on a real ZFS, on a node of the lab: the contract, and what only real ZFS shows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from admin.hosts import Lab, Node

SUBNET = "10.81.0.0/24"
CHECKOUT = Path(__file__).resolve().parents[2]
TESTS = CHECKOUT / "tests/functional/storage_in_node.py"
TIMEOUT_SECONDS = 1200.0
"""It takes 400 s where other labs run beside it."""


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """A plain host with a pool of its own."""
    with Lab("test-storage", SUBNET, nodes=1, services=False) as lab:
        yield lab.node("n1")


def test_storage(node: Node) -> None:
    """All the tests of storage_in_node succeed there, and none is left out."""
    pytest_quietly = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q"]
    done = node.run(
        [*pytest_quietly, "--rootdir", str(CHECKOUT), str(TESTS)],
        timeout_seconds=TIMEOUT_SECONDS,
        env={"PYTHONPATH": str(CHECKOUT)},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
