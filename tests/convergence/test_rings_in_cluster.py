"""Containers that go round between several nodes: increments only, and nothing piles up."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import CommandTimedOut
from flocker_lite.model import edits, moves
from flocker_lite.model.increments import EPOCHS_KEPT_MAX, stash_name
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import Snapshot
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode

D = "dddddddd-0000-4000-8000-000000000001"
MOVES = int(os.environ.get("FLOCKER_LITE_MEMORY_MOVES", "200"))
WAIT_SECONDS_MAX = 120


class RingCase(SynchronousTestCase):
    """A container with a dataset on the first of some nodes, which are to take turns."""

    def begin(self, nodes: int) -> None:
        self.cluster = MemoryCluster(nodes)
        self.full = 0
        for node in self.cluster.nodes:
            node.storage.send = self.counting(node.storage.send)  # type: ignore[method-assign]
        self.cluster.start()
        self.owner = self.cluster.nodes[0]
        self.cluster.configure("shop", D, self.owner)
        self.cluster.run(5.0)
        self.texts: tuple[str, ...] = ()

    def counting(self, send: Any) -> Any:
        """A send that counts those from nothing."""

        def sent(dataset_id: DatasetId, base: str | None, snapshot: str, fd: int) -> Any:
            self.full += base is None
            return send(dataset_id, base, snapshot, fd)

        return sent

    def move(self, node: MemoryNode) -> None:
        """Write something, and have the container moved; all is there then."""
        text = f"text {len(self.texts)}"
        self.owner.write("shop", text)
        self.texts = (*self.texts, text)
        self.want(node)
        self.cluster.run(0.5)
        self.owner = node
        assert node.storage.read(D) == self.texts

    def want(self, node: MemoryNode) -> None:
        """Want it there, until all is over."""
        self.cluster.edit(lambda c: edits.move_container(c, "shop", node.node_id))
        self.finish_move()

    def finish_move(self) -> None:
        """Wait until the move is over, and done."""
        control = self.cluster.control
        assert control is not None
        for _ in range(WAIT_SECONDS_MAX):
            self.cluster.run(0.5)
            if not control.configuration.moves:
                break
        past = max(control.configuration.past_moves.values(), key=lambda move: move.ended_at)
        assert past.verdict == moves.DONE, past

    def diverge(self, node: MemoryNode, text: str) -> None:
        """What a trial that fails leaves in a copy."""
        storage = node.storage
        held = storage.copies[D].local.lease
        assert held is not None
        storage._set(D, lease=Lease(Role.PROBATION, held.epoch), mounted=True)
        storage.write(D, text)
        storage.user_snapshot(D, stash_name(held.epoch, storage.copies[D].local.snapshots))
        storage._set(D, lease=held, mounted=False)

    def snapshots(self) -> int:
        """How many there are on the node that has the most."""
        copies = (node.storage.copies.get(D) for node in self.cluster.nodes)
        return max(len(copy.local.snapshots) for copy in copies if copy is not None)

    def set_aside(self) -> list[str]:
        """What was set aside anywhere."""
        return [name for node in self.cluster.nodes for name in node.storage.aside]


class RingTests(RingCase):
    """Nobody writes but the container."""

    def go_round(self, nodes: int) -> None:
        self.begin(nodes)
        for number in range(1, MOVES + 1):
            self.move(self.cluster.nodes[number % nodes])
        assert self.full == nodes - 1
        assert self.set_aside() == []
        assert self.snapshots() <= EPOCHS_KEPT_MAX + nodes

    def test_three(self) -> None:
        """Each node gets all once; from then on every move is an increment."""
        self.go_round(3)

    def test_four(self) -> None:
        """So it is in a ring of four."""
        self.go_round(4)

    def test_a_user_holds_a_snapshot(self) -> None:
        """At both ends of every move: it stays, and all others are pruned as ever."""
        self.begin(3)
        for node in self.cluster.nodes[1:]:
            self.move(node)
        (oldest, *_) = self.owner.storage.copies[D].local.snapshots
        for node in self.cluster.nodes:
            node.storage.held.add(oldest.guid)
        for number in range(12):
            self.move(self.cluster.nodes[number % 3])
        assert self.snapshots() <= EPOCHS_KEPT_MAX + 3 + 1
        assert oldest in self.owner.storage.copies[D].local.snapshots

    def test_at_random(self) -> None:
        """In whatever order five nodes take turns, and however long one is left out."""
        self.begin(5)
        chance = random.Random(1)
        for _ in range(MOVES // 4):
            others = [node for node in self.cluster.nodes if node is not self.owner]
            self.move(chance.choice(others[: chance.randint(1, 4)]))
        copies = [node for node in self.cluster.nodes if D in node.storage.copies]
        assert self.full == len(copies) - 1
        assert self.set_aside() == []
        assert self.snapshots() <= EPOCHS_KEPT_MAX + len(self.cluster.nodes)


class DivergedTests(RingCase):
    """What was written where nobody else has it is kept, and is no reason to send all anew."""

    def setUp(self) -> None:
        self.begin(3)
        for node in (*self.cluster.nodes[1:], self.cluster.nodes[0]):
            self.move(node)
        self.full = 0
        self.aloof = self.cluster.nodes[1]

    def test_what_a_trial_wrote(self) -> None:
        """It is set aside by the next push, which is an increment like any other."""
        self.diverge(self.aloof, "on trial")
        self.move(self.aloof)
        assert self.full == 0
        (aside,) = self.aloof.storage.aside.values()
        assert "on trial" in aside.content

    def test_again_and_again(self) -> None:
        """However often it diverges, and whatever was pruned meanwhile."""
        for round_number in range(1, 5):
            self.diverge(self.aloof, f"alone {round_number}")
            for node in (self.aloof, self.cluster.nodes[2], self.cluster.nodes[0]):
                self.move(node)
            assert self.full == 0
            assert len(self.aloof.storage.aside) == round_number
        # What was set aside needs a snapshot each.
        assert self.snapshots() <= EPOCHS_KEPT_MAX + 3 + 4

    def test_cut_off_in_between(self) -> None:
        """The agent dies when the copy is out of the way, or before it has its snapshots.

        Nothing is taken for absent meanwhile: the move is done by increments in the end.
        """
        for step in ("rename", "clone", "promote"):
            died: list[str] = []

            async def dies(
                method: str, _: DatasetId, step: str = step, died: list[str] = died
            ) -> None:
                if method == step and not died:
                    died.append(step)
                    self.cluster.stop_agent(self.aloof)
                    raise CommandTimedOut((step,), 0.0)

            self.diverge(self.aloof, f"alone {step}")
            self.aloof.storage.before = dies
            self.owner.write("shop", step)
            self.texts = (*self.texts, step)
            self.cluster.edit(lambda c: edits.move_container(c, "shop", self.aloof.node_id))
            self.cluster.run(5.0)
            assert died == [step]
            self.cluster.start_agent(self.aloof)
            self.finish_move()
            assert self.aloof.storage.read(D) == self.texts
            self.owner = self.aloof
            self.move(self.cluster.nodes[0])
        assert self.full == 0
        assert len(self.aloof.storage.aside) == 3

    def test_nothing_in_common(self) -> None:
        """A copy that nothing known continues is set aside as a whole, and all is sent."""
        copy = self.aloof.storage.copies[D]
        strange = (Snapshot("flocker-lite-1-1", "strange"),)
        self.aloof.storage.copies[D] = replace(copy, local=replace(copy.local, snapshots=strange))
        self.move(self.aloof)
        assert self.full == 1
        assert len(self.aloof.storage.aside) == 1
