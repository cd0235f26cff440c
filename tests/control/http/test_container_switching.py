"""Fields of what runs inside a container because it moves, in requests and answers."""

from __future__ import annotations

from typing import Any

from tests.control.http.container_bodies import WEB, ContainersTestCase


class HooksTests(ContainersTestCase):
    """POST /v1/configuration/containers"""

    def test_before_switch(self) -> None:
        """The time is answered in seconds, also where it was left out; null takes it away."""
        assert "before_switch" not in self.container()
        for given, answered in (
            ({"command": ["sync"]}, {"command": ["sync"], "timeout_seconds": 30}),
            (
                {"command": ["psql", "-c", "CHECKPOINT"], "timeout_seconds": "2m"},
                {"command": ["psql", "-c", "CHECKPOINT"], "timeout_seconds": 120},
            ),
            (
                {"command": ["sync"], "required": True},
                {"command": ["sync"], "timeout_seconds": 30, "required": True},
            ),
            (
                {"command": ["sync"], "required": False},
                {"command": ["sync"], "timeout_seconds": 30},
            ),
        ):
            assert self.post(WEB, {"before_switch": given}).body["before_switch"] == answered
        assert "before_switch" not in self.post(WEB, {"before_switch": None}).body

    def test_after_switch(self) -> None:
        """It fails without consequences, so nothing is required of it."""
        hook = {"command": ["warm-up"], "timeout_seconds": 5}
        assert self.container(after_switch=hook)["after_switch"] == hook
        assert self.post(WEB, {"after_switch": {**hook, "required": True}}).status == 400

    def test_refused(self) -> None:
        """What has no command, or takes longer than a move can wait for."""
        bad: tuple[Any, ...] = (
            *("sync", ["sync"], {}, {"command": "sync"}, {"command": []}, {"command": [1]}),
            {"command": ["sync"], "timeout_seconds": 0},
            {"command": ["sync"], "timeout_seconds": "11m"},
            {"command": ["sync"], "required": "yes"},
            {"command": ["sync"], "user": "root"},
        )
        for value in bad:
            assert self.create(before_switch=value).status == 400, value
            assert self.create(after_switch=value).status == 400, value
