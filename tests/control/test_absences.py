"""What is asked of a node that is away says so: at once, which node, and since when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.control.absences import ARRIVAL_SECONDS_MAX
from flocker_lite.control.http import resources
from flocker_lite.control.liveness import ANSWER_SECONDS_MAX, PROBE_SECONDS_MAX
from flocker_lite.control.service import STATE_SECONDS_MAX
from flocker_lite.model import edits
from flocker_lite.model.records import Configuration, Container, Dataset, Edit
from flocker_lite.model.state import NodeState
from flocker_lite.protocol.messages import Message, encode
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2, RESTTestCase

DATASET_ID = "dddddddd-0000-4000-8000-000000000001"
OTHER_ID = "dddddddd-0000-4000-8000-000000000002"
EPOCH_AWAY = "has been away since 1970-01-01 00:"


class AbsenceTests(SynchronousTestCase):
    """Two nodes in memory, and a container with data on the first one."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.first, self.second = self.cluster.nodes
        self.cluster.start()
        self.cluster.configure("shop", DATASET_ID, self.first)
        self.cluster.run(ARRIVAL_SECONDS_MAX + 5.0)

    def shown(self, collection: str, identity: str) -> list[dict[str, Any]]:
        """The items that a GET has under this id; all of them are in the whole list too."""
        control = self.cluster.control
        assert control is not None
        found = resources.COLLECTIONS[f"state/{collection}"]
        items = found.items(control, identity, self.cluster.clock.seconds())
        assert (identity in found.ids(control)) == bool(items)
        return items

    def error(self, collection: str, identity: str) -> str:
        """What is said of the only item."""
        (item, *_) = self.shown(collection, identity)
        return str(item.get("error", ""))

    def dead(self, node: MemoryNode) -> str:
        """The agent of a node goes away; what is to be said of it."""
        self.cluster.stop_agent(node)
        self.cluster.run(1.0)
        return f"the agent of {node.address} {EPOCH_AWAY}"

    def test_a_container_on_a_dead_node(self) -> None:
        """It is in the state at once, not running, with an error; until its node is back."""
        words = self.dead(self.second)
        container = Container("web", self.second.node_id, "redis:7")
        generation = self.journal_generation()
        self.cluster.edit(lambda before: edits.create_container(before, container))
        (item,) = self.shown("containers", "web")
        assert (item["host"], item["running"]) == (self.second.address, False)
        assert words in item["error"]
        assert self.has_changed("state/containers", generation)
        self.cluster.start_agent(self.second)
        self.cluster.run(5.0)
        (item,) = self.shown("containers", "web")
        assert item["running"]
        assert "error" not in item

    def journal_generation(self) -> int:
        """How far the feed is."""
        assert self.cluster.control is not None
        return self.cluster.control.change_feed.generation

    def has_changed(self, collection: str, generation: int) -> bool:
        """Whether a watcher hears of it."""
        assert self.cluster.control is not None
        return self.cluster.control.change_feed.has_changed(collection, generation)

    def test_a_dataset_and_an_image(self) -> None:
        """Whatever is asked of that node says so."""
        words = self.dead(self.second)
        dataset = Dataset(OTHER_ID, self.second.node_id)

        def both(before: Configuration) -> Edit:
            return edits.in_turn(
                before,
                lambda now: edits.create_dataset(now, dataset),
                lambda now: edits.want_image(now, self.second.node_id, "redis:7"),
            )

        self.cluster.edit(both)
        assert words in self.error("datasets", OTHER_ID)
        assert self.cluster.control is not None
        (image_id,) = self.cluster.control.configuration.images
        assert words in self.error("images", image_id)
        self.cluster.start_agent(self.second)
        self.cluster.run(5.0)
        assert self.error("datasets", OTHER_ID) == ""
        assert self.error("images", image_id) == ""

    def test_what_is_as_it_was_asked(self) -> None:
        """What was reported to be in order is not called in question by a restart of an agent."""
        self.dead(self.first)
        assert self.error("containers", "shop") == ""
        assert self.error("datasets", DATASET_ID) == ""

    def test_believed_no_more(self) -> None:
        """After two minutes nobody knows of it any more: it is not called running then."""
        words = self.dead(self.first)
        self.cluster.run(STATE_SECONDS_MAX)
        (item,) = self.shown("containers", "shop")
        assert not item["running"]
        assert words in item["error"]
        assert words in self.error("datasets", DATASET_ID)

    def test_a_change_of_what_is_there(self) -> None:
        """Another image is asked of it, and a removal: neither can be carried out now."""
        words = self.dead(self.first)
        self.cluster.edit(
            lambda before: edits.update_container(
                before, "shop", lambda shop: replace(shop, image="redis:8")
            )
        )
        assert words in self.error("containers", "shop")
        self.cluster.edit(lambda before: edits.delete_container(before, "shop"))
        assert self.error("containers", "shop").startswith(f"it should be removed, but {words}")
        self.cluster.edit(lambda before: edits.delete_dataset(before, DATASET_ID))
        said = self.error("datasets", DATASET_ID)
        assert said.startswith(f"a copy should be destroyed, but {words}")

    def test_a_move_whose_source_is_away(self) -> None:
        """It says so at once, and so do the container and its data; until the source is back."""
        words = self.dead(self.first)
        self.cluster.edit(lambda before: edits.move_container(before, "shop", self.second.node_id))
        assert self.cluster.control is not None
        (move_id,) = self.cluster.control.configuration.moves
        assert words in self.error("moves", move_id)
        assert words in self.error("containers", "shop")
        assert words in self.error("datasets", DATASET_ID)
        self.cluster.run(STATE_SECONDS_MAX + 5.0)
        assert words in self.error("moves", move_id)
        assert f"its data cannot be sent: {words}" in self.error("containers", "shop")
        generation = self.journal_generation()
        self.cluster.start_agent(self.first)
        self.cluster.run(0.1)
        assert words not in self.error("moves", move_id)
        assert self.has_changed("state/moves", generation)
        self.cluster.run(20.0)
        (item,) = self.shown("containers", "shop")
        assert (item["host"], item["running"]) == (self.second.address, True)
        assert "error" not in item

    def test_a_move_whose_destination_is_away(self) -> None:
        """That is said as well, whichever side it is."""
        words = self.dead(self.second)
        self.cluster.edit(lambda before: edits.move_container(before, "shop", self.second.node_id))
        assert self.cluster.control is not None
        (move_id,) = self.cluster.control.configuration.moves
        assert words in self.error("moves", move_id)
        assert words in self.error("containers", "shop")

    def test_after_a_start_of_the_control_service(self) -> None:
        """Agents have a moment to come; then it is said of those that did not."""
        self.cluster.stop_agent(self.first)
        self.cluster.stop_control()
        self.cluster.start_control()
        self.cluster.run(ARRIVAL_SECONDS_MAX - 1.0)
        assert self.shown("containers", "shop") == []
        self.cluster.run(1.0)
        (item,) = self.shown("containers", "shop")
        assert not item["running"]
        started = "has not connected since the control service started at 1970"
        assert f"the agent of {self.first.address} {started}" in item["error"]
        assert "since the control service started" in item["error"]


class ProbeTests(RESTTestCase):
    """A node that lost its power says no goodbye."""

    def test_asked(self) -> None:
        """Whether it is there is asked as soon as something is wanted of it, and of nobody else."""
        links: list[Any] = [self.control.report(n, NodeState()) for n in (NODE_1, NODE_2)]
        self.clock.advance(1.0)
        body = {"host": ADDRESS_2, "name": "web", "image": "redis"}
        self.created("/configuration/containers", body)
        self.post("/configuration/containers/web", {"image": "redis:8"})
        self.clock.advance(ANSWER_SECONDS_MAX)
        self.clock.advance(PROBE_SECONDS_MAX - 1.0)
        assert [link.transport.disconnecting for link in links] == [False, False]
        self.clock.advance(1.0)
        assert [link.transport.disconnecting for link in links] == [False, True]
        links[1].connectionLost()
        (item,) = self.get("/state/containers")
        assert (
            f"the agent of {ADDRESS_2} has been away since 2023-11-14 22:13:26 UTC" in item["error"]
        )

    def test_asked_again(self) -> None:
        """Something more is wanted of it, soon after it answered and just before it died."""
        link: Any = self.control.report(NODE_2, NodeState())
        body = {"host": ADDRESS_2, "name": "web", "image": "redis"}
        self.created("/configuration/containers", body)
        self.clock.advance(0.5)
        link.part(encode(Message(1, 2, ())), last=True)
        self.clock.advance(0.5)
        self.post("/configuration/containers/web", {"image": "redis:8"})
        half_seconds = int(2 * (ANSWER_SECONDS_MAX + PROBE_SECONDS_MAX))
        self.clock.pump([0.5] * (half_seconds - 1))
        assert not link.transport.disconnecting
        self.clock.advance(0.5)
        assert link.transport.disconnecting


class DryRunTests(RESTTestCase):
    """A dry run of a move to a node that is away."""

    def test_a_warning(self) -> None:
        """It says so."""
        self.created(
            "/configuration/containers", {"host": ADDRESS_1, "name": "web", "image": "redis"}
        )
        self.clock.advance(ARRIVAL_SECONDS_MAX)
        reply = self.post("/configuration/containers/web?dry_run=1", {"host": ADDRESS_2})
        assert reply.status == 200
        started = "has not connected since the control service started at 2023-11-14"
        assert f"the agent of {ADDRESS_1} {started}" in reply.body["warning"]
        assert NODE_1 not in reply.body["warning"]
        assert NODE_2 not in reply.body["warning"]
