"""The ids of a request and of a move are on the lines of every node, until the work is done."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.convergence.belonging import RequestIds
from flocker_lite.logs.bound_fields import REQUEST, bound
from flocker_lite.logs.formats import as_json, as_text
from flocker_lite.model import edits
from flocker_lite.model.records import Change, Image
from flocker_lite.model.state import NodeView
from flocker_lite.planner.resources import (
    AsideResource,
    ContainerResource,
    CopyResource,
    DatasetResource,
    ImageResource,
)
from flocker_lite.testing.cluster import MemoryCluster

DATASET = "dddddddd-0000-4000-8000-000000000001"


class BelongingTests(SynchronousTestCase):
    """Two nodes in memory, and the log of all three services."""

    def setUp(self) -> None:
        self.lines: list[dict[str, Any]] = []
        observer: Any = self.note
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.cluster = MemoryCluster(nodes=2)
        self.first, self.second = self.cluster.nodes
        self.cluster.start()
        self.cluster.run(1.0)

    def note(self, event: LogEvent) -> None:
        """A line of the log, as it is written; both formats take every event."""
        line = as_json(event)
        as_text(event)
        if line is not None:
            self.lines.append(json.loads(line))

    def having(self, key: str, value: str) -> list[str]:
        """The messages of the lines that have this field, so far."""
        return [line["message"] for line in self.lines if line.get(key) == value]

    def test_request(self) -> None:
        """It is on the lines of the work that it caused, and not on those of later work."""
        with bound({REQUEST: "r-1"}):
            self.cluster.configure("web", DATASET, self.first)
        self.cluster.run(5.0)
        caused = self.having("request_id", "r-1")
        for what in ("CreateDataset", "StartContainer"):
            assert any(line.startswith("started: ") and what in line for line in caused)
            assert any(line.startswith("done: ") and what in line for line in caused)
        self.lines.clear()
        self.first.containers.remove_by_force("web")
        self.cluster.run(10.0)
        assert any("StartContainer" in line["message"] for line in self.lines)
        assert self.having("request_id", "r-1") == []

    def test_a_second_request(self) -> None:
        """Each has its own lines."""
        self.cluster.configure("web", DATASET, self.first)
        self.cluster.run(5.0)
        with bound({REQUEST: "r-2"}):
            self.cluster.edit(
                lambda before: edits.update_container(
                    before, "web", lambda container: replace(container, running=False)
                )
            )
        self.cluster.run(3.0)
        assert any("HaltContainer" in line for line in self.having("request_id", "r-2"))

    def test_move(self) -> None:
        """Its id is on the lines of the control service and of both nodes, to its end."""
        self.cluster.configure("web", DATASET, self.first)
        self.cluster.run(5.0)
        self.lines.clear()
        with bound({REQUEST: "r-3"}):
            self.cluster.edit(
                lambda before: edits.move_container(before, "web", self.second.address)
            )
        self.cluster.run(20.0)
        assert self.cluster.control is not None
        [move_id] = self.cluster.control.configuration.past_moves
        said = self.having("move_id", move_id)
        assert said[0].startswith("container web begins to move from ")
        assert said[-1] == "the move of container web is over: done"
        for what in ("HandoffDataset", "PrepareContainer", "StartContainer"):
            assert any(line.startswith("started: ") and what in line for line in said), what
        asked = self.having("request_id", "r-3")
        assert asked[0] == said[0]
        assert any("HandoffDataset" in line for line in asked)
        assert any("StartContainer" in line for line in asked)
        about_it = [line for line in self.lines if f"dataset/{DATASET}" in line["message"]]
        without = [line["message"] for line in about_it if line.get("move_id") != move_id]
        assert all("SettleDataset" in line for line in without)


def test_resources() -> None:
    """What a node is told is about a resource; of what is done, nothing is kept."""
    requests = RequestIds()
    view = NodeView()
    view = replace(view, images=view.images.set("i", Image("i", "me", "redis:7")))
    kinds = ("datasets", "secrets", "images", "discards", "routes")
    told = [(Change(kind, kind[0], None), f"r-{kind}") for kind in kinds]
    requests.told(told, view)
    assert requests.of([CopyResource("d", "n")]) == "r-datasets"
    assert requests.of([ContainerResource("x"), ContainerResource("s")]) == "r-secrets"
    assert requests.of([ImageResource("redis:7")]) == "r-images"
    requests.keep([CopyResource("d", "n"), AsideResource("d")], view)
    assert requests.of([DatasetResource("d")]) == "r-datasets"
    assert requests.of([AsideResource("d")]) == "r-discards"
    assert requests.of([ImageResource("redis:7"), ContainerResource("s")]) == ""
    requests.keep([], None)
    assert requests.of([DatasetResource("d")]) == ""
