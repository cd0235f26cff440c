"""`flockerctl release`: what a container would be in Docker alone, in plain words."""

from __future__ import annotations

import json

from flocker_lite.model.adoption import Release, Remark
from flocker_lite.model.state import NodeState
from tests.cli.case import CLITestCase
from tests.control.http.cluster import ADDRESS_1, NODE_1
from tests.control.http.test_releases import ReleasesTestCase


class ReleaseTests(ReleasesTestCase, CLITestCase):
    """The agent of the first node knows one container."""

    def setUp(self) -> None:
        super().setUp()
        self.control.report(NODE_1, NodeState())

    def test_words(self) -> None:
        """A person reads what is made, and what would be lacking."""
        said = self.answer("release", "pg", "--dry-run")
        assert f"pg would be pg-2 in Docker on {ADDRESS_1}; nothing was changed" in said
        (row,) = [line for line in said.splitlines() if line.startswith("/data")]
        assert row.endswith("pgdata")
        assert "it would lack:\n  move: nobody moves it" in said
        assert "to settle first" not in said

    def test_what_is_in_the_way(self) -> None:
        """Nor is that left out."""
        self.found = Release("pg", hindrances=(Remark("secrets", "a file"),))
        said = self.answer("release", "pg", "--dry-run", "--name", "shop")
        assert "to settle first:\n  secrets: a file" in said
        assert self.asked == [(NODE_1, "pg", "shop")]

    def test_request(self) -> None:
        """A program gets the whole answer."""
        (found,) = json.loads(self.answer("release", "pg", "--dry-run", "-o", "json"))
        assert found["docker_name"] == "pg-2"

    def test_release(self) -> None:
        """Without a wait its move is named, by which it can be watched and cancelled."""
        move_id = self.answer("release", "pg", "--no-wait", "--max-pause", "2s").strip()
        assert self.control.configuration.moves[move_id].options.max_pause_seconds == 2
        assert "release" in self.answer("cancel", "pg")
