"""`flockerctl status` is one screen, with what is wrong first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted.web.resource import IResource

from flocker_lite.cli.health import Finding
from flocker_lite.cli.status_command import (
    FINDINGS_SHOWN_MAX,
    MOVES_SHOWN_MAX,
    NODES_SHOWN_MAX,
    _screen,
)
from flocker_lite.model.state import ContainerState
from tests.cli.case import CLITestCase
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2

DAY_SECONDS = 86400.0
MOVE: dict[str, Any] = {
    "move_id": "m",
    "container": "db",
    "from": "n1",
    "to": "n2",
    "phase": "pushing",
    "sent_bytes": 1024,
}


def screen(
    wrong: int = 0, nodes: int = 1, moves: int = 0, how: str = "table", **node: Any
) -> list[str]:
    """The lines of a cluster with so many of each."""
    found = [Finding(f"container c{number}", "does not run") for number in range(wrong)]
    hosts = [{"host": f"10.0.0.{number}", "uuid": str(number), **node} for number in range(nodes)]
    text = "\n".join(_screen(how, found, "SUMMARY", hosts, [MOVE] * moves))
    return text.splitlines()


class StatusTests(CLITestCase):
    """Two nodes."""

    ends_at: float | None = None

    def resource(self) -> IResource:
        return self.api(certificate_ends_at=lambda _: self.ends_at).resource()

    def test_healthy(self) -> None:
        """The summary comes first, then the nodes."""
        self.both_report()
        lines = self.answer("status").splitlines()
        assert lines[0].startswith("healthy: 2 nodes")
        assert [line.split()[0] for line in lines[2:]] == ["NODE", ADDRESS_1, ADDRESS_2]

    def test_ones_own_certificate(self) -> None:
        """That ends soon is a hint at first; on its last day it is unhealthy."""
        self.both_report()
        self.ends_at = self.clock.seconds() + 10 * DAY_SECONDS
        assert "your own certificate expires in 10 days" in self.answer("status")
        self.ends_at = self.clock.seconds() + 0.4 * DAY_SECONDS
        assert self.run_command("status").exit_code == 1

    def test_watched(self) -> None:
        """It is shown again when something in it has changed, and only then."""
        self.both_report()

        def happening() -> Iterator[Any]:
            yield {"event": "alive", "generation": 1}
            yield {"event": "change", "collection": "state/nodes", "generation": 2}
            self.both_report(ContainerState(self.redis(), False, error="no such image"))
            yield {"event": "change", "collection": "state/containers", "generation": 3}

        self.events = happening()  # type: ignore[assignment]
        said = self.answer("status", "-w")
        assert said.count("2 nodes") == 2
        assert said.index("healthy: 2 nodes") < said.index("! container redis: no such image")

    def test_only_names(self) -> None:
        """With -q, what it is about; nothing if nothing is wrong."""
        self.both_report(ContainerState(self.redis(), False, error="no such image"))
        result = self.run_command("status", "-q")
        assert (result.exit_code, result.output) == (1, "container redis\n")


def test_what_is_wrong_comes_first() -> None:
    """Then the summary, the nodes, and the moves with their progress."""
    lines = screen(wrong=2, moves=1)
    assert lines[:3] == ["! container c0: does not run", "! container c1: does not run", "SUMMARY"]
    assert lines[4].startswith("NODE")
    assert lines[7] == "move of db from n1 to n2: pushing, round 1, 1.0 KiB"


def test_one_screen() -> None:
    """However large the cluster is, and however much is wrong; the rest is counted."""
    lines = screen(wrong=1000, nodes=1000, moves=1000)
    assert len(lines) < FINDINGS_SHOWN_MAX + NODES_SHOWN_MAX + MOVES_SHOWN_MAX + 10
    assert f"... and {1000 - NODES_SHOWN_MAX} more nodes: flockerctl nodes" in lines
    assert any("more findings" in line for line in lines)
    assert any("more moves" in line for line in lines)
    assert len(screen(wrong=50, nodes=50, how="wide")) > 100


def test_certificates() -> None:
    """When the first one ends is said, if there are any."""
    assert screen(certificate_expires_at=1.8e9)[-1].startswith("the first certificate to end: node")
    assert not any("certificate" in line for line in screen())


def test_a_node_that_is_away_is_shown() -> None:
    """It is not among those that are only counted."""
    hosts = [{"host": f"10.0.0.{number}", "uuid": str(number)} for number in range(100)]
    hosts[90]["away"] = True  # type: ignore[assignment]
    lines = "\n".join(_screen("table", [], "SUMMARY", hosts, [])).splitlines()
    assert lines[3].startswith("10.0.0.90")
