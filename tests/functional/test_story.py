"""The story on real ZFS, Docker and ssh: what the demo plays, held chapter by chapter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from admin.hosts import Lab
from admin.story.chapters import Moved, Story
from admin.story.player import Player

SUBNET = "10.82.0.0/24"
POSTGRES_MIB = 256


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    """A lab with all services, and nothing configured yet."""
    with Lab("test-story", SUBNET) as lab:
        yield Story(lab, Player(f"http://{lab.node('control').address}:4523/v1"))


def hold(moved: Moved) -> None:
    """A move lost nothing, and its account is complete."""
    assert moved.intact
    assert moved.refused == 0
    assert moved.progress["phase"] == "done"
    assert "error" not in moved.progress
    assert moved.progress["pause_seconds"] > 0


def test_nodes(story: Story) -> None:
    """Agents announce their nodes."""
    story.nodes()


def test_webserver(story: Story) -> None:
    """A container without data: its image is pulled, and it runs."""
    story.webserver()


def test_redis(story: Story) -> None:
    """A container with a dataset answers through every node."""
    story.redis()


def test_move(story: Story) -> None:
    """Its data moves with it, while a client goes on writing."""
    hold(story.move_redis(story.first, story.second, "there"))


def test_move_back(story: Story) -> None:
    """Moving back sends only what is new."""
    moved = story.move_redis(story.second, story.first, "back")
    hold(moved)
    assert moved.progress["rounds"][0]["bytes"] < 1024 * 1024


def test_postgres(story: Story) -> None:
    """Every transaction that was acknowledged during the move is there after it."""
    story.postgres(POSTGRES_MIB)
    moved = story.move_postgres("postgres")
    hold(moved)
    assert moved.progress["rounds"][0]["bytes"] > POSTGRES_MIB * 1024 * 1024


def test_clean_up(story: Story) -> None:
    """What is deleted is gone from every node, replicas and snapshots included."""
    story.clean_up()
