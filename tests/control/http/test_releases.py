"""POST /v1/configuration/releases: what a container would become as a plain one of Docker's."""

from __future__ import annotations

from typing import Any

from pyrsistent import pmap

from flocker_lite.model.adoption import RETURNED, AdoptionState, Release, Remark
from flocker_lite.model.records import NodeId
from flocker_lite.model.releasing import RELEASED, Releasing
from flocker_lite.model.state import NodeState
from flocker_lite.protocol.adoptions import (
    AdoptionForbidden,
    AdoptionUnknown,
    NoSuchContainer,
)
from tests.control.http.cluster import ADDRESS_1, NODE_1, Reply, RESTTestCase

PATH = "/configuration/releases"


class ReleasesTestCase(RESTTestCase):
    """The agent of the first node answers with `found`, or raises it; `asked` has the questions."""

    def setUp(self) -> None:
        super().setUp()
        self.asked: list[tuple[NodeId, str, str | None]] = []
        dataset = {"primary": ADDRESS_1, "metadata": {"name": "pgdata"}}
        self.dataset_id = self.created("/configuration/datasets", dataset)["dataset_id"]
        volume = {"dataset_id": self.dataset_id, "mountpoint": "/data"}
        body = {"host": ADDRESS_1, "name": "pg", "image": "postgres:16", "volumes": [volume]}
        self.created("/configuration/containers", body)
        self.found: Release | Exception = Release(
            "pg-2", pmap({self.dataset_id: "pgdata"}), (Remark("move", "nobody moves it"),)
        )
        self.control.release = self.described  # type: ignore[method-assign]

    async def described(self, node_id: NodeId, name: str, docker_name: str | None) -> Release:
        """What the control service does."""
        self.asked.append((node_id, name, docker_name))
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def ask(self, query: str = "?dry_run=1", **more: Any) -> Reply:
        """Ask what `pg` would become."""
        return self.post(f"{PATH}{query}", {"container": "pg", **more})


class ReleasesTests(ReleasesTestCase):
    def test_dry_run(self) -> None:
        """What is made on which node, what it lacks, and nothing that is in the way."""
        assert self.ask().body == {
            "dry_run": True,
            "container": "pg",
            "host": ADDRESS_1,
            "docker_name": "pg-2",
            "volumes": [{"dataset_id": self.dataset_id, "volume": "pgdata", "mountpoint": "/data"}],
            "not_kept": [{"field": "move", "message": "nobody moves it"}],
            "hindrances": [],
        }
        assert self.asked == [(NODE_1, "pg", None)]
        assert not self.control.configuration.moves

    def test_name(self) -> None:
        """The agent is told what it is to be called."""
        assert self.ask(name="shop.db").status == 200
        assert self.asked == [(NODE_1, "pg", "shop.db")]

    def test_begins(self) -> None:
        """A move of the node to itself, with its options; the container stays configured."""
        reply = self.ask("", move={"max_pause_seconds": 2})
        assert reply.status == 201, reply.content
        assert "hindrances" not in reply.body
        move = self.control.configuration.moves[reply.body["move_id"]]
        assert move.release is not None
        assert move.release == Releasing("pg-2", pmap({self.dataset_id: "pgdata"}))
        assert (move.source, move.destination, move.container) == (NODE_1, NODE_1, "pg")
        assert move.options.max_pause_seconds == 2
        (shown,) = self.get("/state/moves")
        assert (shown["kind"], shown["phase"]) == ("release", "preparing")
        assert [each["name"] for each in self.get("/configuration/containers")] == ["pg"]

    def report(self, move_id: str, step: str, why: str | None = None) -> None:
        """The node reports this step."""
        state = AdoptionState(move_id, step, why)
        self.control.report(NODE_1, NodeState(adoptions=pmap({"pg": state})))

    def test_done(self) -> None:
        """The container leaves the configuration; its dataset stays."""
        move_id = self.ask("").body["move_id"]
        self.report(move_id, RELEASED)
        self.clock.advance(60)
        assert self.get(f"/state/moves/{move_id}")["phase"] == "done"
        assert self.get("/configuration/containers") == []
        (dataset,) = self.get("/configuration/datasets")
        assert not dataset["deleted"]

    def test_cancel(self) -> None:
        """It is for the node to say that it was in time; the container stays."""
        move_id = self.ask("").body["move_id"]
        reply = self.delete(f"/state/moves/{move_id}")
        assert reply.status == 202
        assert reply.body["cancelling"]
        self.report(move_id, RETURNED, "it was cancelled")
        assert self.get(f"/state/moves/{move_id}")["phase"] == "cancelled"
        assert [each["name"] for each in self.get("/configuration/containers")] == ["pg"]

    def test_rolled_back(self) -> None:
        """What the node gave up is shown with the reason."""
        move_id = self.ask("").body["move_id"]
        self.report(move_id, RETURNED, "no tables")
        shown = self.get(f"/state/moves/{move_id}")
        assert (shown["phase"], shown["error"]) == ("rolled back", "no tables")

    def test_twice(self) -> None:
        """While it is being released, neither a second release nor a delete takes it away."""
        self.ask("")
        assert self.ask("").status == 409
        (remark,) = self.ask().body["hindrances"]
        assert "is moving" in remark["message"]
        assert self.delete("/configuration/containers/pg").status == 409

    def test_hindrances(self) -> None:
        """What is in the way is a refusal that names it, and nothing begins."""
        assert isinstance(self.found, Release)
        self.found = Release("pg", hindrances=(Remark("secrets", "a file"),))
        reply = self.ask("")
        assert reply.status == 409
        assert reply.body["problems"][0]["message"] == "secrets: a file"
        assert self.ask().body["hindrances"] == [{"field": "secrets", "message": "a file"}]
        assert not self.control.configuration.moves

    def test_refusals(self) -> None:
        """What the agent cannot say has the status that fits."""
        for error, status in (
            (NoSuchContainer("Not on its node yet."), 404),
            (AdoptionForbidden("This node lets nobody."), 409),
            (AdoptionUnknown("Too old."), 501),
        ):
            self.found = error
            self.assert_refused(self.ask(), status, str(error))

    def test_away(self) -> None:
        """Without its agent nothing is known."""
        del self.control.release
        reply = self.ask()
        assert reply.status == 503
        assert "away" in reply.body["description"]

    def test_bad_requests(self) -> None:
        """A container that nobody knows is not found; the schema says what else is wrong."""
        assert self.ask(container="other").status == 404
        assert self.ask(name="../x").status == 400
        assert self.post(PATH, {}).status == 400
        assert not self.asked
