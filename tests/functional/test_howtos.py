"""Commands of the how-tos are run, in their order, where a small lab is enough for them.

What needs another machine, its packages or a terminal is only read, by tests/docs/test_commands.py.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from admin.hosts import Lab
from admin.hosts.certificates import FOLDER
from tests.docs.blocks import ROOT, blocks, commands
from tests.functional.agents_lab import wait_for
from tests.functional.hand import Hand

SUBNET = "10.88.9.0/24"
HOWTOS = ROOT / "docs/howto"
SECONDS_MAX = 120
SHOP = """
name: shop
services:
  cache:
    image: redis:latest
    volumes: ["data:/data"]
volumes: {data: }
"""


def lines(page: str, program: str) -> Iterator[list[str]]:
    """The command lines of a page, of one program of ours."""
    for block in blocks(HOWTOS / page):
        if not block.inline:
            yield from (words for words in commands(block) if words[0] == program)


def test_certificates(tmp_path: Path) -> None:
    """An authority is made, a user comes and goes, all are renewed."""
    path = f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"
    played = list(lines("certificates.rst", "flocker-ca"))
    assert len(played) >= 8
    for words in played:
        done = subprocess.run(
            words,
            cwd=tmp_path,
            env={"PATH": path},
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
        )
        assert done.returncode == 0, (words, done.stderr)
    assert (tmp_path / "ca/cluster.crt").exists()


@pytest.fixture(scope="module")
def hand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hand]:
    """A lab with two nodes, and a user who may change things."""
    with Lab("howtos", SUBNET, certificates=True, pulled=True) as lab:
        hand = Hand(lab, tmp_path_factory.mktemp("home"))
        hand.done(
            *("context", "add", "lab", lab.node("control").address),
            *("--certificates", str(lab.plan.folder / FOLDER), "--user", "user"),
        )
        wait_for(lambda: len(hand.done("nodes", "-q").split()) == 2, "both nodes are there")
        yield hand


def play(hand: Hand, page: str, file: Path, without: tuple[str, ...] = ()) -> str:
    """Run the lines of `flockerctl`, but those with one of these words; what all of them print."""
    names = {
        "10.0.0.11": hand.address("n1"),
        "10.0.0.12": hand.address("n2"),
        "shop.yml": str(file),
    }
    said = [
        hand.done(*(names.get(word, word) for word in words[1:]))
        for words in lines(page, "flockerctl")
        if not set(without) & set(words)
    ]
    assert said
    return "".join(said)


def test_compose_and_an_upgrade(hand: Hand, tmp_path: Path) -> None:
    """An application comes up and moves; its node is emptied, looked at, and gets it back."""
    file = tmp_path / "shop.yml"
    file.write_text(SHOP)
    # A secret is asked for at a terminal.
    assert "shop-cache" in play(hand, "compose.rst", file, without=("secret",))
    hand.done("app", "move", "shop", hand.address("n1"))
    wait_for(lambda: hand.run("status").returncode == 0, "the cluster is healthy")
    assert "shop-cache" in play(hand, "upgrade-a-node.rst", file)
    wait_for(lambda: hand.address("n1") in hand.done("containers"), "it is where it was")
    wait_for(lambda: hand.run("status").returncode == 0, "the cluster is healthy")


@pytest.mark.parametrize(
    ("page", "without"),
    [
        ("upgrade.rst", ()),
        ("monitor.rst", ()),
        ("read-the-logs.rst", ("logs", "events")),
        ("free-a-full-pool.rst", ("delete-set-aside", "drop-copy", "move")),
    ],
)
def test_looking(hand: Hand, tmp_path: Path, page: str, without: tuple[str, ...]) -> None:
    """What only looks works on every cluster."""
    play(hand, page, tmp_path / "none", without)
