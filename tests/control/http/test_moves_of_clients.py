"""Moves as things that a client of the REST API can watch, change, try and cancel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pyrsistent import pmap
from twisted.internet.defer import Deferred

from flocker_lite.control.moves import PROGRESS_SECONDS_MAX
from flocker_lite.errors import StoreError
from flocker_lite.model import edits
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.machine import MACHINE, Capacity, Machine
from flocker_lite.model.move_progress import HookRun, MoveProgress, Round, Step
from flocker_lite.model.properties import SetProperty
from flocker_lite.model.records import Container, MoveOptions, Node
from flocker_lite.model.state import ContainerState, DatasetState, Forecast, NodeState
from flocker_lite.protocol.forecasts import NoForecast
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2, RESTTestCase

NODE_3 = "33333333-3333-4333-8333-333333333333"
ADDRESS_3 = "10.77.0.13"
DATASET = "dddddddd-0000-4000-8000-00000000000a"
OTHER = "dddddddd-0000-4000-8000-00000000000b"
MOVES = "/state/moves"
SHOP = "/configuration/containers/shop"

SOURCE = MoveProgress(
    DATASET,
    2,
    "pushing",
    NODE_1,
    NODE_2,
    (Round(3000, 1.0), Round(1000, 0.5, 2.0)),
    expected_bytes=10_000,
    sent_bytes=4000,
    predicted_pause_seconds=0.25,
)
SOURCE_DONE = replace(
    SOURCE,
    phase="done",
    expected_bytes=4000,
    steps=(Step("stop", 0.1), Step("send", 0.05)),
    last_guid="g2",
)
DESTINATION = MoveProgress(
    DATASET, 2, "done", None, NODE_2, (), (Step("start", 0.2),), last_guid="g2", is_poised=True
)


class MovesTestCase(RESTTestCase):
    """A container with a dataset on the first of three nodes, all of which report."""

    def setUp(self) -> None:
        super().setUp()
        third = Node(NODE_3, ADDRESS_3)
        self.successResultOf(
            Deferred.fromCoroutine(self.control.edit(lambda c: edits.announce_node(c, third)))
        )
        for dataset_id in (DATASET, OTHER):
            body = {"dataset_id": dataset_id, "primary": ADDRESS_1}
            self.created("/configuration/datasets", body)
        volumes = [{"dataset_id": DATASET, "mountpoint": "/data"}]
        shop = {"name": "shop", "host": ADDRESS_1, "image": "a:1", "volumes": volumes}
        self.created("/configuration/containers", shop)

    def move(self, where: str = ADDRESS_2, **options: Any) -> dict[str, Any]:
        """Configure another node; the newest move."""
        body = {"host": where, **({"move": options} if options else {})}
        reply = self.post(SHOP, body)
        assert reply.status == 200, reply.content
        return self.newest()

    def newest(self) -> dict[str, Any]:
        """The newest move."""
        move: dict[str, Any] = self.get(MOVES)[0]
        return move

    def report(
        self, node_id: str, lease: Lease, progress: MoveProgress, serving: bool = False
    ) -> None:
        """A node reports its copy, its progress and, perhaps, that the container serves there."""
        shop = Container("shop", node_id, "a:1")
        containers = {"shop": ContainerState(shop, True, serving=True)} if serving else {}
        self.control.report(
            node_id,
            NodeState(
                pmap({DATASET: DatasetState(DATASET, lease)}),
                pmap(containers),
                pmap({progress.dataset_id: progress}),
            ),
        )

    def arrive(self, source: MoveProgress = SOURCE_DONE) -> None:
        """Both sides report that it was handed over, and serves."""
        self.report(NODE_1, Lease(Role.REPLICA, 2), source)
        self.report(NODE_2, Lease(Role.PRIMARY, 2), DESTINATION, serving=True)


class WatchTests(MovesTestCase):
    """What a move looks like."""

    def test_asked_for(self) -> None:
        """It is there as soon as it was asked for."""
        move = self.move(max_pause_seconds=0.5, bandwidth_limit=1e6)
        assert move == {
            "move_id": move["move_id"],
            "dataset_id": DATASET,
            "dataset_ids": [DATASET],
            "container": "shop",
            "from": ADDRESS_1,
            "to": ADDRESS_2,
            "requested_at": self.clock.seconds(),
            "options": {"max_pause_seconds": 0.5, "bandwidth_limit": 1000000},
            "phase": "preparing",
            "rounds": [],
            "pause": {},
            "pause_seconds": 0,
        }
        for identity in (move["move_id"], move["move_id"].upper(), DATASET):
            assert self.get(f"{MOVES}/{identity}") == move

    def test_under_way(self) -> None:
        """Rates, what is left, and what the pause would be are told while it pushes."""
        self.move()
        self.report(NODE_1, Lease(Role.PRIMARY, 1), SOURCE)
        move = self.newest()
        assert move["rounds"] == [
            {"bytes": 3000, "seconds": 1.0, "bytes_per_second": 3000},
            {
                "bytes": 1000,
                "seconds": 0.5,
                "bytes_per_second": 2000,
                "dirty_bytes_per_second": 500,
            },
        ]
        assert (move["phase"], move["epoch"]) == ("pushing", 2)
        assert (move["expected_bytes"], move["sent_bytes"]) == (10_000, 4000)
        assert move["eta_seconds"] == 2.0
        assert move["predicted_pause_seconds"] == 0.25

    def test_first_round(self) -> None:
        """During the first round the rate is that since it was asked for."""
        self.move()
        self.clock.advance(8)
        self.report(NODE_1, Lease(Role.PRIMARY, 1), replace(SOURCE, rounds=()))
        assert self.newest()["eta_seconds"] == 12.0

    def test_done(self) -> None:
        """In the end there are the pause, the prediction beside it, and a receipt."""
        begun = self.move()
        self.clock.advance(5)
        self.arrive()
        move = self.newest()
        assert move["move_id"] == begun["move_id"]
        assert (move["phase"], move["poised"]) == ("done", True)
        assert move["pause"] == {"stop": 0.1, "send": 0.05, "start": 0.2}
        assert (move["pause_seconds"], move["predicted_pause_seconds"]) == (0.35, 0.25)
        assert move["receipt"] == {
            "verdict": "done",
            "requested_at": begun["requested_at"],
            "ended_at": begun["requested_at"] + 5,
            "datasets": [
                {
                    "dataset_id": DATASET,
                    "epoch_from": 1,
                    "epoch_to": 2,
                    "source_guid": "g2",
                    "destination_guid": "g2",
                    "bytes": 4000,
                    "seconds": 1.5,
                }
            ],
        }
        assert self.control.configuration.moves == pmap()

    def test_killed(self) -> None:
        """That the program at the source had to be killed is in the move, and in its receipt."""
        self.move()
        self.report(NODE_1, Lease(Role.REPLICA, 2), replace(SOURCE_DONE, killed=True))
        self.report(NODE_2, Lease(Role.PRIMARY, 2), DESTINATION, serving=True)
        move = self.newest()
        assert move["killed"] is True
        assert [each["killed"] for each in move["receipt"]["datasets"]] == [True]

    def test_hooks(self) -> None:
        """What ran because of the move is shown; it waits a little for a hook that still runs."""
        self.move()
        before = HookRun("before_switch", 0.5, 3, "no superuser", "exited with 3")
        self.report(NODE_1, Lease(Role.REPLICA, 2), replace(SOURCE_DONE, hooks=(before,)))
        after = replace(DESTINATION, hooks=(HookRun("after_switch"),))
        self.report(NODE_2, Lease(Role.PRIMARY, 2), after, serving=True)
        failed = {
            "hook": "before_switch",
            "seconds": 0.5,
            "exit_code": 3,
            "output": "no superuser",
            "error": "exited with 3",
        }
        assert self.newest()["hooks"] == [failed, {"hook": "after_switch"}]
        assert self.newest()["phase"] == "verifying"
        over = replace(DESTINATION, hooks=(HookRun("after_switch", 1.5, 0),))
        self.report(NODE_2, Lease(Role.PRIMARY, 2), over, serving=True)
        assert self.newest()["phase"] == "done"
        ran = {"hook": "after_switch", "seconds": 1.5, "exit_code": 0}
        assert self.newest()["hooks"] == [failed, ran]

    def test_not_seen_to_serve(self) -> None:
        """What was handed over is not done before the container serves."""
        self.move()
        self.report(NODE_1, Lease(Role.REPLICA, 2), SOURCE_DONE)
        self.report(NODE_2, Lease(Role.PRIMARY, 2), DESTINATION)
        assert self.newest()["phase"] == "verifying"

    def test_half_the_story(self) -> None:
        """When one side does not tell the rest, the receipt does without, after a while."""
        self.move()
        self.report(NODE_2, Lease(Role.PRIMARY, 2), DESTINATION, serving=True)
        self.clock.advance(PROGRESS_SECONDS_MAX - 1)
        assert "receipt" not in self.newest()
        self.clock.advance(1)
        move = self.newest()
        assert move["phase"] == "done"
        [receipt] = move["receipt"]["datasets"]
        assert receipt == {
            "dataset_id": DATASET,
            "epoch_from": 1,
            "epoch_to": 2,
            "destination_guid": "g2",
        }

    def test_forgotten_account(self) -> None:
        """What an agent said before it restarted is not lost."""
        self.move()
        self.report(NODE_1, Lease(Role.REPLICA, 2), SOURCE_DONE)
        self.control.report(NODE_1, NodeState())
        self.report(NODE_2, Lease(Role.PRIMARY, 2), DESTINATION, serving=True)
        assert self.newest()["receipt"]["datasets"][0]["source_guid"] == "g2"

    def test_rolled_back(self) -> None:
        """A copy that was not healthy ends the move: the source is configured again."""
        move_id = self.move()["move_id"]
        progress = replace(SOURCE, phase="rolled back", error="no answer", move_id=move_id)
        self.report(NODE_1, Lease(Role.PRIMARY, 1), progress)
        move = self.newest()
        assert (move["phase"], move["error"]) == ("rolled back", "no answer")
        assert self.get(SHOP)["host"] == ADDRESS_1
        assert self.get(f"/configuration/datasets/{DATASET}")["primary"] == ADDRESS_1

    def test_failed(self) -> None:
        """A failure is shown, and the move goes on."""
        self.move()
        self.report(
            NODE_1, Lease(Role.PRIMARY, 1), replace(SOURCE, phase="failed", error="cut off")
        )
        assert (self.newest()["phase"], self.newest()["error"]) == ("failed", "cut off")
        assert self.get(f"{MOVES}?phase=open") == self.get(MOVES)

    def test_group(self) -> None:
        """A container's datasets are one move: all bytes, and the pause of the slowest."""
        volumes = [
            {"dataset_id": DATASET, "mountpoint": "/data"},
            {"dataset_id": OTHER, "mountpoint": "/other"},
        ]
        assert self.post(SHOP, {"volumes": volumes}).status == 200
        self.move()
        slow = replace(SOURCE_DONE, dataset_id=OTHER, steps=(Step("stop", 0.4),))
        moves = pmap({DATASET: SOURCE_DONE, OTHER: slow})
        self.control.report(NODE_1, NodeState(moves=moves))
        [move] = self.get(MOVES)
        assert move["dataset_ids"] == [DATASET, OTHER]
        assert "dataset_id" not in move
        assert [item["dataset_id"] for item in move["rounds"]] == [DATASET, DATASET, OTHER, OTHER]
        assert move["sent_bytes"] == 8000
        assert move["pause"] == {"stop": 0.4, "send": 0.05}

    def test_list(self) -> None:
        """The newest come first, in pages as well, and of one container, dataset or phase."""
        self.move(ADDRESS_2)
        self.clock.advance(1)
        self.move(ADDRESS_3)
        self.clock.advance(1)
        self.post(f"/configuration/datasets/{OTHER}", {"primary": ADDRESS_2})
        moves = self.get(MOVES)
        assert [move["to"] for move in moves] == [ADDRESS_2, ADDRESS_3, ADDRESS_2]
        assert [move["phase"] for move in moves] == ["preparing", "preparing", "superseded"]
        assert self.get(f"{MOVES}?container=shop") == moves[1:]
        assert self.get(f"{MOVES}?dataset_id={OTHER.upper()}") == moves[:1]
        assert self.get(f"{MOVES}?phase=open") == moves[:2]
        assert self.get(f"{MOVES}?phase=superseded&container=shop") == moves[2:]
        first = self.request("GET", f"/v1{MOVES}?limit=2")
        assert first.body == moves[:2]
        after = moves[1]["move_id"]
        assert f"limit=2&after={after}" in first.headers["link"]
        assert self.get(f"{MOVES}?limit=2&after={after}") == moves[2:]

    def test_missing(self) -> None:
        """Neither a move nor a dataset."""
        self.assert_refused(self.request("GET", f"/v1{MOVES}/x"), 404, "Move not found.")
        self.assert_refused(self.delete(f"{MOVES}/x"), 404, "Move not found.")

    def test_journal(self) -> None:
        """Whoever waits for moves hears of them by their ids."""
        before = self.control.change_feed.generation
        move_id = self.move()["move_id"]
        progress = replace(SOURCE, move_id=move_id)
        self.report(NODE_1, Lease(Role.PRIMARY, 1), progress)
        # The destination may not know the id.
        self.report(NODE_2, Lease(Role.REPLICA, 1), replace(DESTINATION, phase="switching"))
        entries = self.control.change_feed.since(before, 100) or []
        told = [entry.identity for entry in entries if entry.collection == "state/moves"]
        assert told == [move_id]
        assert self.control.change_feed.has_changed("state/moves", before)


class ChangeTests(MovesTestCase):
    """What a client can do about one."""

    def test_options(self) -> None:
        """The options can be changed while it goes on; what is not named stays."""
        self.move(bandwidth_limit=1000, on_miss="abort")
        reply = self.post(SHOP, {"move": {"bandwidth_limit": None, "deadline_seconds": 60}})
        assert reply.status == 200
        [move] = self.control.configuration.moves.values()
        assert move.options == MoveOptions(deadline_seconds=60.0, on_miss="abort")
        dataset = f"/configuration/datasets/{DATASET}"
        assert self.post(dataset, {"move": {"on_miss": "continue"}}).status == 200
        assert self.newest()["options"]["on_miss"] == "continue"

    def test_options_of_nothing(self) -> None:
        """Without a move they mean nothing, and that is said."""
        expected = (
            "Nothing moves: give `move` together with another node, or while a move is under way."
        )
        bodies: list[dict[str, Any]] = [
            {"move": {}},
            {"host": ADDRESS_1, "move": {"on_miss": "abort"}},
        ]
        for body in bodies:
            self.assert_refused(self.post(SHOP, body), 409, expected)

    def test_options_that_are_none(self) -> None:
        """The schema refuses others."""
        for options in (
            {"max_pause_seconds": -1},
            {"max_pause_seconds": 1e400},
            {"on_miss": "panic"},
            {"bandwidth_limit": 0},
            {"speed": 9},
        ):
            reply = self.request(
                "POST",
                f"/v1{SHOP}",
                data=repr({"host": ADDRESS_2, "move": options})
                .replace("'", '"')
                .replace("inf", "1e400")
                .encode(),
                headers={"Content-Type": "application/json"},
            )
            assert reply.status == 400, options
        assert self.get(MOVES) == []

    def test_cancel(self) -> None:
        """A cancelled move leaves everything configured at the source; once only."""
        move_id = self.move()["move_id"]
        reply = self.delete(f"{MOVES}/{move_id}")
        assert (reply.status, reply.body["phase"]) == (200, "cancelled")
        assert reply.headers["x-configuration-tag"] == self.control.tag
        assert self.get(SHOP)["host"] == ADDRESS_1
        self.assert_refused(self.delete(f"{MOVES}/{move_id}"), 409, "The move is over: cancelled.")

    def test_cancel_by_dataset(self) -> None:
        """The id of a dataset stands for its move here as well."""
        self.move()
        assert self.delete(f"{MOVES}/{DATASET.upper()}").body["phase"] == "cancelled"
        self.assert_refused(self.delete(f"{MOVES}/{DATASET}"), 404, "Move not found.")

    def test_cancel_too_late(self) -> None:
        """What was handed over is moved back by another move."""
        move_id = self.move()["move_id"]
        self.report(NODE_2, Lease(Role.PRIMARY, 2), DESTINATION)
        expected = "The data has been handed over: configure the source to move it back."
        self.assert_refused(self.delete(f"{MOVES}/{move_id}"), 409, expected)

    def test_tag(self) -> None:
        """The end of a move is no change of what a user asked for."""
        self.move()
        tag = self.control.tag
        self.arrive()
        assert self.newest()["phase"] == "done"
        assert self.control.tag == tag

    def test_store_refuses(self) -> None:
        """A move whose end could not be made durable ends later."""
        move_id = self.move()["move_id"]
        progress = replace(SOURCE, phase="rolled back", move_id=move_id)
        self.control.store.error = StoreError("no room")
        self.report(NODE_1, Lease(Role.PRIMARY, 1), progress)
        assert move_id in self.control.configuration.moves
        self.control.store.error = None
        self.clock.advance(60)
        assert move_id in self.control.configuration.past_moves


class DryRunTests(MovesTestCase):
    """What a move would be like."""

    def test_away(self) -> None:
        """When the source's agent is away, nobody can tell."""
        expected = "The agent of the source is away: ask again when it is back."
        self.assert_refused(self.try_move(ADDRESS_2), 503, expected)

    def try_move(self, where: str) -> Any:
        """A dry run."""
        before = self.control.configuration
        reply = self.post(f"{SHOP}?dry_run=1", {"host": where, "move": {"bandwidth_limit": 5}})
        assert self.control.configuration == before
        return reply

    def foretell(self, answer: Forecast | Exception) -> list[Any]:
        """Have the source answer this; the moves that it was asked about."""
        asked: list[Any] = []

        async def forecast(move: Any) -> Forecast:
            asked.append(move)
            if isinstance(answer, Exception):
                raise answer
            return answer

        self.control.forecast = forecast  # type: ignore[method-assign]
        return asked

    def test_forecast(self) -> None:
        """The source is asked about the very move, and what it can tell is answered."""
        asked = self.foretell(Forecast(5000, True, 1000.0, None, "it is slow"))
        reply = self.try_move(ADDRESS_2)
        assert (reply.status, reply.body) == (
            200,
            {
                "dry_run": True,
                "from": ADDRESS_1,
                "to": ADDRESS_2,
                "expected_bytes": 5000,
                "incremental": True,
                "push_seconds": 1000.0,
                "warning": "it is slow",
            },
        )
        assert asked[0].options == MoveOptions(bandwidth_limit=5)
        assert (asked[0].source, asked[0].destination) == (NODE_1, NODE_2)

    def test_no_room(self) -> None:
        """A warning when the destination's pool is too full for what would be sent."""
        self.foretell(Forecast(5000, warning="it is slow"))
        for free_bytes, warned in ((5000, False), (4999, True)):
            machine = Machine(capacity=Capacity(10_000, free_bytes))
            self.control.report(NODE_2, NodeState(machine=pmap({MACHINE: machine})))
            warning = self.try_move(ADDRESS_2).body["warning"]
            assert warning.startswith("it is slow")
            said = f"the pool of {ADDRESS_2} has 4999 bytes free, and 5000 would be sent"
            assert (said in warning) is warned

    def test_properties(self) -> None:
        """Those of ZFS that users set are listed, with whether they travel."""
        set_ones = (
            SetProperty(OTHER, "quota", "5", False),
            SetProperty(OTHER, "atime", "off", True),
        )
        self.foretell(Forecast(properties=set_ones))
        assert self.try_move(ADDRESS_2).body["properties"] == [
            {"dataset_id": OTHER, "name": "quota", "value": "5", "travels": False},
            {"dataset_id": OTHER, "name": "atime", "value": "off", "travels": True},
        ]

    def test_dataset(self) -> None:
        """So for a dataset."""
        self.foretell(Forecast(pause_seconds=0.5))
        path = f"/configuration/datasets/{OTHER}?dry_run=1"
        body = self.post(path, {"primary": ADDRESS_2}).body
        assert (body["incremental"], body["predicted_pause_seconds"]) == (False, 0.5)

    def test_nothing(self) -> None:
        """Nothing would move; and what the edit itself would refuse is refused."""
        expected = "Nothing would move: it is already on this node."
        reply = self.post(f"{SHOP}?dry_run=1", {"host": ADDRESS_1})
        self.assert_refused(reply, 409, expected)
        reply = self.post(f"{SHOP}?dry_run=1", {"host": "10.0.0.99"})
        assert reply.status == 400

    def test_without_data(self) -> None:
        """A container without data sends nothing, and nobody needs to be asked."""
        self.created(
            "/configuration/containers", {"name": "bare", "host": ADDRESS_1, "image": "a:1"}
        )
        reply = self.post("/configuration/containers/bare?dry_run=1", {"host": ADDRESS_2})
        assert (reply.status, reply.body["expected_bytes"]) == (200, 0)

    def test_refused(self) -> None:
        """The source's reason is told."""
        self.foretell(NoForecast("not now"))
        self.assert_refused(self.try_move(ADDRESS_2), 503, "not now")
