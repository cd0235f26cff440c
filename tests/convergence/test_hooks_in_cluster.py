"""What containers do before and after they move, in a whole cluster."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.applications import edits as application_edits
from flocker_lite.convergence.hooks import MARGIN_SECONDS
from flocker_lite.errors import CommandTimedOut
from flocker_lite.interfaces import Executed
from flocker_lite.model import edits, moves
from flocker_lite.model.container_fields.identity import Membership
from flocker_lite.model.container_fields.switching import SwitchHook
from flocker_lite.model.move_progress import HookRun
from flocker_lite.model.open_moves import move_of_container
from flocker_lite.model.records import (
    Container,
    Dataset,
    HealthCheck,
    MoveOptions,
    PastMove,
    Volume,
)
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode

DATASETS = tuple(f"dddddddd-0000-4000-8000-00000000000{number}" for number in range(3))
BEFORE, AFTER = SwitchHook(("CHECKPOINT",)), SwitchHook(("WARM",), 5.0)


class HooksTests(SynchronousTestCase):
    """Two nodes in memory; a container with two datasets runs on the first one."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.here, self.there = self.cluster.nodes
        self.told: list[tuple[str, str, str]] = []
        for place, node in (("here", self.here), ("there", self.there)):
            node.containers.before = partial(self.note, place)
            node.storage.before = partial(self.note, place)
        self.hanging: Deferred[None] | None = None
        self.cluster.start()

    def tearDown(self) -> None:
        for node in self.cluster.nodes:
            self.cluster.stop_agent(node)
        self.cluster.stop_control()

    async def note(self, place: str, method: str, name: str) -> None:
        """Remember what is done, and where; a hook may hang."""
        if method in ("execute", "stop", "start", "send", "answers"):
            self.told.append((place, method, name))
        if method == "execute" and self.hanging is not None:
            await self.hanging

    def create(self, name: str = "db", ids: tuple[str, ...] = DATASETS[:2], **fields: Any) -> None:
        """Have it run on the first node, with these datasets."""
        volumes = tuple(Volume(each, f"/{each}") for each in ids)
        container = Container(name, self.here.node_id, "db:1", volumes=volumes, **fields)
        for each in ids:
            dataset = Dataset(each, self.here.node_id)
            self.cluster.edit(partial(edits.create_dataset, dataset=dataset))
        self.cluster.edit(partial(edits.create_container, container=container))
        self.cluster.run(5.0)
        self.told.clear()

    def revise(self, name: str = "db", **fields: Any) -> None:
        """Want it otherwise."""
        self.cluster.edit(
            lambda before: edits.update_container(before, name, lambda it: replace(it, **fields))
        )

    def move(self, to: MemoryNode | None = None, seconds: float = 30.0) -> None:
        """Move it, and let time pass."""
        self.revise(node=(to or self.there).node_id)
        self.cluster.run(seconds)

    def executed(self, place: str) -> list[str]:
        """Whose commands were run there."""
        return [name for where, method, name in self.told if (where, method) == (place, "execute")]

    def is_stopped_here(self) -> bool:
        """Whether anything was stopped at the source."""
        return any((place, method) == ("here", "stop") for place, method, _ in self.told)

    def last(self) -> PastMove:
        """The move that ended last."""
        past = self.cluster.disk.configuration.past_moves.values()
        return max(past, key=lambda each: each.ended_at)

    def runs(self) -> list[HookRun]:
        """What it says of its hooks."""
        return [run for side in self.last().accounts for run in side.hooks]

    def test_before(self) -> None:
        """It runs once, after the rounds; one more round of each dataset follows, then the stop."""
        self.create(before_switch=BEFORE)
        self.move()
        methods = [method for place, method, _ in self.told if place == "here"]
        began = methods.index("execute")
        stopped = methods.index("stop")
        assert methods[:began].count("send") >= len(DATASETS[:2])
        assert methods[began:stopped].count("send") == len(DATASETS[:2])
        assert self.executed("here") == ["db"]
        assert self.executed("there") == []
        assert self.here.containers.commands.run == [("db", BEFORE.command)]
        (run,) = self.runs()
        assert (run.name, run.exit_code, run.trouble) == ("before_switch", 0, None)
        rounds = next(side.rounds for side in self.last().accounts if side.source)
        assert [each.after_hook for each in rounds][-2:] == [True, False]

    def test_no_part_of_the_pause(self) -> None:
        """However long the hook takes, nobody waits for an answer meanwhile."""
        self.create(before_switch=BEFORE)
        self.hanging = Deferred()
        self.cluster.clock.callLater(10.0, self.hanging.callback, None)
        self.move()
        (run,) = self.runs()
        assert run.seconds is not None
        assert run.seconds > 5.0
        steps = [step.seconds for side in self.last().accounts for step in side.steps]
        assert sum(steps) < 2.0

    def test_a_failure(self) -> None:
        """The move goes on, and says the exit code and what the command wrote."""
        self.create(before_switch=BEFORE)
        self.here.containers.commands.results[BEFORE.command] = Executed(3, "no superuser\n")
        self.move()
        assert self.last().verdict == moves.DONE
        (run,) = self.runs()
        assert (run.exit_code, run.output) == (3, "no superuser")
        assert run.trouble == "exited with 3"

    def test_a_failure_that_counts(self) -> None:
        """The move is given up before anything is stopped, and says why."""
        self.create(before_switch=replace(BEFORE, required=True))
        self.here.containers.commands.results[BEFORE.command] = Executed(3, "no superuser")
        self.move()
        assert self.last().verdict == moves.ROLLED_BACK
        (error,) = {side.error for side in self.last().accounts if side.error}
        assert error == "before_switch of container db exited with 3: no superuser"
        assert not self.is_stopped_here()
        assert "db" in self.here.containers.processes

    def test_not_in_time(self) -> None:
        """It is waited for no longer than it may take and a margin, even if Docker hangs."""
        self.create(before_switch=replace(BEFORE, timeout_seconds=3.0))
        self.hanging = Deferred()
        self.move(seconds=3.0 + MARGIN_SECONDS + 30.0)
        assert self.last().verdict == moves.DONE
        (run,) = self.runs()
        assert run.trouble == "did not end within 3 s"

    def test_cancelled_meanwhile(self) -> None:
        """The container goes on where it is, and the next move runs the hook again."""
        self.create(before_switch=BEFORE)
        self.hanging = Deferred()
        self.move(seconds=10.0)
        move = move_of_container(self.cluster.disk.configuration, "db")
        assert move is not None
        moment = moves.Moment(0.0, lambda: "unused")
        self.cluster.edit(lambda before: moves.cancel(before, move.move_id, moment))
        self.hanging = None
        self.cluster.run(10.0)
        assert "db" in self.here.containers.processes
        assert not self.is_stopped_here()
        self.move()
        assert self.last().verdict == moves.DONE
        assert self.executed("here") == ["db", "db"]

    def test_docker_fails_meanwhile(self) -> None:
        """An attempt that cannot ask Docker is tried again."""
        self.create(before_switch=BEFORE)
        self.here.containers.fail_next("execute", CommandTimedOut(("docker",), 5.0))
        self.move()
        assert self.last().verdict == moves.DONE
        assert self.executed("here") == ["db", "db"]

    def test_stopped(self) -> None:
        """A container that does not run has nothing to do."""
        self.create(before_switch=BEFORE, after_switch=AFTER, running=False)
        self.move()
        assert self.last().verdict == moves.DONE
        assert self.executed("here") == self.executed("there") == []

    def test_after(self) -> None:
        """It runs at the destination, once the container serves there, and the move says so."""
        self.create(after_switch=AFTER)
        self.move()
        assert self.executed("here") == []
        there = [method for place, method, _ in self.told if place == "there"]
        assert there.index("answers") < there.index("execute")
        assert self.executed("there") == ["db"]
        (run,) = self.runs()
        assert (run.name, run.exit_code) == ("after_switch", 0)
        assert self.last().verdict == moves.DONE

    def test_after_a_trial(self) -> None:
        """It runs once the copy is kept."""
        self.create(after_switch=AFTER, health_check=HealthCheck(command=("true",)))
        self.move()
        assert self.executed("there") == ["db"]
        assert [run.name for run in self.runs()] == ["after_switch"]

    def test_a_failure_afterwards(self) -> None:
        """The move is done all the same."""
        self.create(after_switch=AFTER)
        self.there.containers.commands.results[AFTER.command] = Executed(1, "cold")
        self.move()
        assert self.last().verdict == moves.DONE
        (run,) = self.runs()
        assert (run.trouble, run.output) == ("exited with 1", "cold")

    def test_afterwards_it_hangs(self) -> None:
        """The move is over a little later, without its result, and the container may move again."""
        self.create(after_switch=AFTER)
        self.hanging = Deferred()
        self.move()
        assert self.last().verdict == moves.DONE
        assert [run.seconds for run in self.runs()] == [None]
        self.hanging = None
        self.move(self.here)
        assert "db" in self.here.containers.processes

    def test_only_because_of_a_move(self) -> None:
        """A restart runs neither of them."""
        self.create(before_switch=BEFORE, after_switch=AFTER)
        self.here.containers.restart("db")
        self.cluster.run(10.0)
        self.revise(image="db:2")
        self.cluster.run(20.0)
        assert self.executed("here") == []

    def test_a_change(self) -> None:
        """Another hook needs no other container."""
        self.create()
        instance = self.here.containers.made["db"].local.instance
        self.revise(before_switch=BEFORE)
        self.cluster.run(10.0)
        assert self.here.containers.made["db"].local.instance == instance
        self.move()
        assert self.executed("here") == ["db"]

    def application(self, **before: SwitchHook) -> None:
        """Two containers of an application, each with a dataset."""
        for number, name in enumerate(("db", "web")):
            self.create(
                name,
                DATASETS[number : number + 1],
                application=Membership("shop", name),
                before_switch=before.get(name),
                depends_on=pmap(),
            )
        where = self.there.address
        self.cluster.edit(lambda before: application_edits.move(before, "shop", where))
        self.cluster.run(60.0)

    def test_several_containers(self) -> None:
        """All send once more after the hook of one, so that they stop with little to send."""
        self.application(db=BEFORE)
        here = [(method, name) for place, method, name in self.told if place == "here"]
        began = here.index(("execute", "db"))
        stopped = min(here.index(("stop", "db")), here.index(("stop", "web")))
        assert {name for method, name in here[began:stopped] if method == "send"} == set(
            DATASETS[:2]
        )
        assert set(self.there.containers.processes) == {"db", "web"}

    def test_several_containers_of_which_one_must_not(self) -> None:
        """All of them stay, and none was stopped."""
        self.here.containers.commands.results[BEFORE.command] = Executed(1)
        self.application(web=replace(BEFORE, required=True))
        assert set(self.here.containers.processes) == {"db", "web"}
        assert not self.is_stopped_here()
        verdicts = {each.verdict for each in self.cluster.disk.configuration.past_moves.values()}
        assert verdicts == {moves.ROLLED_BACK}

    def test_a_deadline(self) -> None:
        """A move that is to be over by then does not wait for the hook."""
        self.create(before_switch=BEFORE)
        self.hanging = Deferred()
        options = MoveOptions(deadline_seconds=5.0, on_miss="abort")
        self.move(seconds=1.0)
        move = move_of_container(self.cluster.disk.configuration, "db")
        self.cluster.edit(lambda before: moves.revise_options(before, move, lambda _: options))
        self.cluster.run(30.0)
        assert self.last().verdict == moves.ROLLED_BACK
        assert "db" in self.here.containers.processes
