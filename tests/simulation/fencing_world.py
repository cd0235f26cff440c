"""The world in which the fencing protocol is simulated: the real protocol, and all that can fail.

One container with two datasets, a control service, and nodes. Every machine has a clock of its own,
with an offset and a drift. Messages are late or lost. What is durable stays over a crash: leases,
agreements, what a primary counts, and what the control service has stored. A fence outlives its
agent, and its kill takes time. `World.bad` says what rule was broken, and stops the world.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from pyrsistent import PMap, pmap

from flocker_lite.model.fencing import acknowledged, claims, control, primary, witness
from flocker_lite.model.fencing.acknowledged import Fencing
from flocker_lite.model.fencing.claims import Agreement, Epochs, Proposal, Renewal
from flocker_lite.model.fencing.control import Control, Ownership
from flocker_lite.model.fencing.primary import CONTROL, NEVER, Counting, Primary
from flocker_lite.model.fencing.witness import Witness

NAME = "db"
DATASETS = {"data": 0, "log": 5}
"""The datasets, and by how much the epoch of each is ahead of the container's."""

FOREVER = float("inf")


def epochs_at(epoch: int) -> Epochs:
    """The epochs of all datasets."""
    return pmap({name: epoch + ahead for name, ahead in DATASETS.items()})


@dataclass
class Machine:
    """A machine's clock: how fast it goes, and what it showed at the beginning."""

    name: str
    rate: float
    offset: float
    is_up: bool = True
    lives: int = 0

    def clock(self, now: float) -> float:
        return self.offset + now * self.rate


@dataclass(frozen=True)
class Stored:
    """What the control service has stored; no `fencing` while failover is manual."""

    owner: str
    epoch: int
    standbys: frozenset[str]
    after_seconds: float
    fencing: Fencing | None
    destination: str | None = None

    @property
    def owned(self) -> Ownership:
        return Ownership(self.owner, epochs_at(self.epoch), self.destination)


@dataclass
class Node(Machine):
    """A node: first what is durable, then what the agent knows, then its fence and container.

    A node `holds` its copy from when it acquired until it released; `epoch` is its lease's. A copy
    `released_to` another node is delivered again and again.
    """

    holds: bool = False
    epoch: int = 0
    released_to: str | None = None
    counting: Counting | None = None
    agreements: PMap[str, tuple[Agreement, ...]] = field(default_factory=pmap)

    view: Stored | None = None
    witness: Witness = field(default_factory=lambda: Witness(0.0))
    primary: Primary | None = None

    armed: float | None = None
    dies_at: float | None = None
    is_running: bool = False

    @property
    def known(self) -> Epochs:
        return epochs_at(max(self.epoch, self.view.epoch if self.view is not None else 0))


@dataclass
class Counts:
    """What happened, so that a test sees that something did."""

    promotions: int = 0
    fencings: int = 0
    moves: int = 0
    agreements_called_off: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, name) + getattr(other, name) for name in vars(self)))


class World:
    """Nodes, the control service and the network; `Troubles` makes what goes wrong.

    A message named in `late` is late by so much, and overtaken by others, as if on an older
    connection.
    """

    def __init__(self, random: Random, nodes: int = 4, after_seconds: float = 10.0) -> None:
        self.random = random
        self.now = 0.0
        self.bad: str | None = None
        self.counts = Counts()
        self.cut: set[frozenset[str]] = set()
        self.loss_rate = 0.1
        self.delays: tuple[float, ...] = (0.05, 0.05, 3.0)
        self.write_delays: tuple[float, ...] = (0.0, 0.01, 1.0)
        self.promotion_delays: tuple[float, ...] = (0.0, 0.1, 5.0)
        self.look_seconds = 0.5
        self.late: dict[str, float] = {}
        self.kill_seconds: float | None = None
        self.story: list[str] = []
        self._queue: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = 0
        self._arrives: dict[tuple[str, str], float] = {}
        self.server = Machine(CONTROL, self.drift(), random.uniform(0, 1e5))
        self.nodes = {
            f"n{i}": Node(f"n{i}", self.drift(), random.uniform(0, 1e5)) for i in range(nodes)
        }
        self.after_seconds = after_seconds
        fencing = Fencing(self.token(), longest_seconds=after_seconds)
        self.stored = Stored("n0", 1, frozenset({"n1"}), after_seconds, fencing)
        self.control = Control(self.token(), self.server.clock(0.0))
        self._writes: list[tuple[Callable[[Stored], Stored | None], Callable[[bool], None]]] = []
        first = self.nodes["n0"]
        first.holds, first.epoch = True, 1
        for node in self.nodes.values():
            self.start_agent(node)
            node.view = self.stored
            self.at(random.random(), self.tick, node)
        self.run_container(first, first.clock(0.0) + after_seconds)
        self.at(self.look_seconds, self.consider)

    def drift(self) -> float:
        """A clock that goes wrong by 1 % at most, and now and then by exactly that."""
        wrong = self.random.choice((-1.0, 1.0, self.random.uniform(-1, 1)))
        return 1 + claims.DRIFT_MAX * wrong

    def token(self) -> str:
        return f"{self.random.getrandbits(64):016x}"

    # Time and messages

    def at(self, delay: float, what: Callable[..., None], *args: Any) -> None:
        self._number += 1
        heapq.heappush(self._queue, (self.now + delay, self._number, what, args))

    def run(self, seconds: float) -> None:
        """Let time pass; every moment is looked at."""
        end = self.now + seconds
        while self._queue and self._queue[0][0] <= end and self.bad is None:
            self.now, _, what, args = heapq.heappop(self._queue)
            what(*args)
            self.check()
        self.now = max(self.now, end)

    def check(self) -> None:
        running = sorted(node.name for node in self.nodes.values() if node.is_running)
        if len(running) > 1:
            self.bad = f"two writers at {self.now:.3f}: {' and '.join(running)}"
        holders = [node.epoch for node in self.nodes.values() if node.holds]
        if len(holders) != len(set(holders)):
            self.bad = f"two primaries of one epoch at {self.now:.3f}"

    def note(self, text: str) -> None:
        self.story.append(f"{self.now:8.3f} {text}")

    def send(self, a: str, b: str, what: Callable[..., None], *args: Any) -> None:
        """A message; those between a node and the control service arrive in order."""
        if frozenset((a, b)) in self.cut or self.random.random() < self.loss_rate:
            return
        delay = self.random.expovariate(1 / self.random.choice(self.delays))
        if what.__name__ in self.late:
            delay = self.late[what.__name__]
        elif CONTROL in (a, b):
            arrives = max(self.now + delay, self._arrives.get((a, b), 0.0))
            self._arrives[a, b] = arrives
            delay = arrives - self.now
        lives = (self.machine(a).lives, self.machine(b).lives)
        self.at(delay, self._arrive, a, b, lives, what, args)

    def _arrive(
        self, a: str, b: str, lives: tuple[int, int], what: Callable[..., None], args: tuple[Any]
    ) -> None:
        # Whoever died since has no connection left on which it could come.
        if self.machine(b).is_up and self.machine(b).lives == lives[1]:
            what(*args)

    def machine(self, name: str) -> Machine:
        return self.server if name == CONTROL else self.nodes[name]

    # The agent of a node

    def start_agent(self, node: Node) -> None:
        """With what is durable, and what its fence says."""
        node.is_up, node.view, node.primary = True, None, None
        node.witness = Witness(node.clock(self.now), agreements=node.agreements)

    def tick(self, node: Node) -> None:
        self.at(claims.renew_every_seconds(self.after_seconds), self.tick, node)
        if node.is_up:
            self.look(node)

    def look(self, node: Node) -> None:
        """Ask for what the node needs, and say what it has."""
        node.witness = witness.taken_over(node.witness, epochs_at(node.epoch))
        node.agreements = node.witness.agreements
        if node.released_to is not None:
            self.send(node.name, node.released_to, self.acquire, node.released_to, node.epoch)
        named = tuple(witness.agreements_of(node.witness))
        asked = self.ask(node)
        now = node.clock(self.now)
        held = node.epoch if node.holds else None
        self.send(node.name, CONTROL, self.control_hears, node.name, held, asked, now, named)
        for peer in asked.witnesses if asked is not None else ():
            self.send(node.name, peer, self.witness_hears, peer, asked, now)

    def ask(self, node: Node) -> Renewal | None:
        """What the node asks for, once what it counts is written down; None for nothing."""
        view, now = node.view, node.clock(self.now)
        epochs = epochs_at(node.epoch)
        if not node.holds:
            is_next = view is not None and view.destination == node.name
            if not is_next or view is None or view.epoch < node.epoch:
                node.primary = None
                return None
            epochs = epochs_at(view.epoch + 1)
        if view is not None and view.fencing is None:
            # It is not fenced: it runs, under no deadline.
            node.primary = node.counting = node.armed = None
            if node.holds and view.owner == node.name and view.epoch == node.epoch:
                self.run_container(node, FOREVER)
            return None
        if node.primary is None or node.primary.epochs != epochs:
            if node.counting is None and view is None:
                return None
            fencing = view.fencing if view is not None else None
            generation = fencing.generation if fencing is not None else ""
            first = Counting(generation, (), view.after_seconds if view is not None else 0.0)
            counting = node.counting if node.holds and node.counting is not None else first
            node.primary = primary.begun(NAME, node.name, epochs, counting, node.armed)
            if node.is_running and node.armed is None:
                node.primary = primary.armed_first(node.primary, now)
        if view is not None and view.fencing is not None:
            is_owner = view.owner == node.name and epochs_at(view.epoch) == epochs
            standbys = tuple(sorted(view.standbys - {node.name}))
            counting = Counting(view.fencing.generation, standbys, view.after_seconds)
            node.primary = primary.told(node.primary, counting, is_owner, now)
        if node.holds:
            node.counting = node.primary.counting
        self.arm(node)
        return primary.renewal(node.primary)

    def granted(self, node: Node, by: str, asked: Renewal, asked_at: float) -> None:
        if node.primary is None:
            return
        node.primary = primary.granted(node.primary, by, asked, asked_at)
        self.arm(node)
        if node.holds:
            self.run_if_it_may(node)
        elif node.view is not None and primary.may_run(node.primary, node.clock(self.now)):
            source = self.nodes[node.view.owner]
            self.send(node.name, source.name, self.hand_over, source, node.name)

    def told(self, node: Node, stored: Stored) -> None:
        """The node's view of what the control service has stored."""
        node.view = stored
        if stored.epoch > node.epoch:
            if stored.owner == node.name:
                delay = self.random.choice(self.promotion_delays)
                self.at(delay, self.promote, node, node.lives, stored.epoch)
                return
            if node.holds or node.released_to is not None or self.random.random() < 0.1:
                self.stop_container(node)
                node.holds, node.released_to, node.epoch = False, None, stored.epoch
            node.primary = node.counting = None
        elif stored.epoch == node.epoch and stored.owner == node.released_to:
            node.released_to = None

    def promote(self, node: Node, lives: int, epoch: int) -> None:
        """The promoted copy gets its lease, some time after the node was told."""
        is_current = node.view is not None and node.view.epoch == epoch
        if node.is_up and node.lives == lives and is_current and node.epoch < epoch:
            node.holds, node.epoch, node.released_to = True, epoch, None
            node.primary, node.counting = None, None
            self.look(node)

    def run_if_it_may(self, node: Node) -> None:
        view = node.view
        is_stale = view is not None and view.epoch > node.epoch
        if node.primary is None or not node.holds or is_stale:
            return
        if primary.may_run(node.primary, node.clock(self.now)):
            self.run_container(node, node.primary.deadline)

    # Handoffs

    def hand_over(self, node: Node, to: str) -> None:
        """The destination is ready and has its renewal: the node stops, and commits."""
        view = node.view
        if not node.holds or view is None or view.destination != to or view.epoch != node.epoch:
            return
        self.stop_container(node)
        node.holds, node.epoch, node.released_to = False, node.epoch + 1, to
        node.primary = node.counting = None
        self.note(f"{node.name} releases {node.epoch} to {to}")
        self.send(node.name, to, self.acquire, to, node.epoch)

    def acquire(self, name: str, epoch: int) -> None:
        node = self.nodes[name]
        known = max(node.epoch, node.view.epoch if node.view is not None else 0)
        if known < epoch:
            self.note(f"{name} acquires {epoch}")
            node.holds, node.epoch, node.counting = True, epoch, None
            if node.primary is not None and node.primary.epochs != epochs_at(epoch):
                node.primary = None
            self.run_if_it_may(node)

    # The fence, and what it kills

    def arm(self, node: Node) -> None:
        if node.primary is not None and node.is_running and node.primary.deadline > NEVER:
            node.armed = node.primary.deadline
            self._watch(node)

    def run_container(self, node: Node, until: float) -> None:
        if not node.is_running:
            self.note(f"{node.name} runs {node.epoch}")
        if node.dies_at is None:
            node.is_running = True
            node.armed = until if until < FOREVER else None
            self._watch(node)

    def stop_container(self, node: Node) -> None:
        if node.is_running:
            self.note(f"{node.name} stops")
        node.is_running, node.armed, node.dies_at = False, None, None

    def _watch(self, node: Node) -> None:
        if node.armed is not None:
            left = (node.armed - node.clock(self.now)) / node.rate
            self.at(max(0.0, left), self.end_of_deadline, node)

    def end_of_deadline(self, node: Node) -> None:
        """The fence kills at the deadline, and a kill takes its time."""
        over = node.armed is not None and node.clock(self.now) >= node.armed - 1e-9
        if node.is_running and over and node.dies_at is None:
            takes = self.kill_seconds
            if takes is None:
                takes = self.random.uniform(0, claims.KILL_SECONDS_MAX)
            node.dies_at = self.now + takes
            self.counts.fencings += 1
            self.note(f"{node.name} is fenced, in {takes:.3f} s")
            self.at(takes, self.killed, node, node.dies_at)

    def killed(self, node: Node, dies_at: float) -> None:
        if node.dies_at == dies_at:
            self.stop_container(node)

    # A witness

    def witness_hears(self, name: str, asked: Renewal, asked_at: float) -> None:
        node = self.nodes[name]
        answer = witness.renewed(node.witness, asked, node.known, node.clock(self.now))
        if isinstance(answer, str):
            return
        node.witness = answer
        owner = self.nodes[asked.primary]
        self.send(name, asked.primary, self.granted, owner, name, asked, asked_at)

    def proposed(self, name: str, proposal: Proposal) -> None:
        node = self.nodes[name]
        answer = witness.agreed(node.witness, proposal, node.known, node.clock(self.now))
        if isinstance(answer, str) or node.holds:
            return
        node.witness, node.agreements = answer, answer.agreements
        self.note(f"{name} agrees to {proposal.attempt.number}")
        self.send(name, CONTROL, self.agreed, name, proposal)

    def called_off(self, node: Node, named: tuple[Agreement, ...]) -> None:
        node.witness = witness.called_off(node.witness, [each.attempt for each in named])
        node.agreements = node.witness.agreements
        self.counts.agreements_called_off += len(named)

    # The control service

    def write(self, edit: Callable[[Stored], Stored | None], then: Callable[[bool], None]) -> None:
        """Edit what is stored, one after the other; `then` is told whether anything was.

        An edit is made of what is stored, and then takes its time until it is durable.
        """
        self._writes.append((edit, then))
        if len(self._writes) == 1:
            self._write()

    def _write(self) -> None:
        edit, _ = self._writes[0]
        delay = self.random.choice(self.write_delays)
        self.at(delay, self._written, self.server.lives, edit(self.stored))

    def _written(self, lives: int, after: Stored | None) -> None:
        if self.server.lives != lives:
            return
        if after is not None:
            self.stored = after
        _, then = self._writes.pop(0)
        then(after is not None)
        if after is not None:
            for node in self.nodes.values():
                self.tell(node)
        if self._writes:
            self._write()

    def tell(self, node: Node) -> None:
        self.send(CONTROL, node.name, self.told, node, self.stored)

    def control_hears(
        self,
        name: str,
        held: int | None,
        asked: Renewal | None,
        asked_at: float,
        named: tuple[Agreement, ...],
    ) -> None:
        """A node's message: what it holds, what it asks for, and to what it has agreed."""
        node = self.nodes[name]
        self.tell(node)
        known = epochs_at(self.stored.epoch)
        off = tuple(each for each in named if control.is_called_off(self.control, each, known))
        if off:
            self.send(CONTROL, name, self.called_off, node, off)
        if held is not None and held == self.stored.epoch + 1:
            self.write(lambda stored: self._handed_over(stored, name, held), lambda _: None)
        if asked is not None:
            self._renew(name, asked, asked_at)

    def _handed_over(self, stored: Stored, name: str, held: int) -> Stored | None:
        if held != stored.epoch + 1:
            return None
        self.counts.moves += 1
        standbys = (stored.standbys | {stored.owner}) - {name}
        return self._with_owner(stored, name, held, standbys)

    def _with_owner(
        self, stored: Stored, name: str, epoch: int, standbys: frozenset[str]
    ) -> Stored:
        fencing = stored.fencing
        if fencing is not None:
            fencing = acknowledged.with_another_owner(fencing, self.token())
        return Stored(name, epoch, standbys, stored.after_seconds, fencing)

    def _renew(self, name: str, asked: Renewal, asked_at: float) -> None:
        if self._after_asking(self.stored, asked) is None:
            return
        if self._after_asking(self.stored, asked) == self.stored:
            self._grant(name, asked, asked_at)
            return
        self.write(
            lambda stored: self._after_asking(stored, asked),
            lambda done: self._grant(name, asked, asked_at) if done else None,
        )

    def _after_asking(self, stored: Stored, asked: Renewal) -> Stored | None:
        fencing = stored.fencing
        if fencing is None or control.rejection(self.control, asked, stored.owned) is not None:
            return None
        if asked.primary != stored.owner:
            return stored
        fencing = acknowledged.acknowledged(fencing, asked, stored.standbys, stored.after_seconds)
        return replace(stored, fencing=fencing)

    def _grant(self, name: str, asked: Renewal, asked_at: float) -> None:
        if self._after_asking(self.stored, asked) != self.stored:
            return
        self.control = control.granted(self.control, asked, self.server.clock(self.now))
        node = self.nodes[name]
        self.send(CONTROL, name, self.granted, node, CONTROL, asked, asked_at)

    def consider(self) -> None:
        """Look whether a standby has to be promoted; an attempt that nobody answers is repeated."""
        self.at(self.look_seconds, self.consider)
        fencing, now = self.stored.fencing, self.server.clock(self.now)
        if not self.server.is_up or fencing is None:
            return
        watch = control.watch_of(self.control, NAME)
        if watch.is_promoting or (watch.proposal is not None and self.random.random() < 0.8):
            return
        candidates = [name for name in self.candidates(fencing) if self.allows(name, now)]
        if candidates:
            self.propose(self.random.choice(candidates))

    def candidates(self, fencing: Fencing) -> Iterator[str]:
        yield from sorted(self.stored.standbys)

    def allows(self, name: str, now: float) -> bool:
        fencing = self.stored.fencing
        assert fencing is not None
        owned = self.stored.owned
        return control.hindrance(self.control, NAME, name, fencing, owned, now) is None

    def propose(self, name: str) -> None:
        fencing = self.stored.fencing
        assert fencing is not None
        self.control = control.proposed(self.control, NAME, fencing, self.stored.owned, name)
        proposal = control.watch_of(self.control, NAME).proposal
        assert proposal is not None
        self.note(f"attempt {proposal.attempt.number} for {name}")
        self.send(CONTROL, name, self.proposed, name, proposal)

    def agreed(self, name: str, proposal: Proposal) -> None:
        watch = control.watch_of(self.control, NAME)
        if watch.is_promoting or self._refusal(self.stored, name, proposal) is not None:
            return
        self.control = control.promoting(self.control, NAME)
        self.write(
            lambda stored: self._promoted(stored, name, proposal),
            lambda done: self._ended(name, done),
        )

    def _refusal(self, stored: Stored, name: str, proposal: Proposal) -> str | None:
        if stored.fencing is None:
            return "failover is manual"
        now, owned = self.server.clock(self.now), stored.owned
        attempt = proposal.attempt
        return control.refusal(self.control, attempt, name, NAME, stored.fencing, owned, now)

    def _promoted(self, stored: Stored, name: str, proposal: Proposal) -> Stored | None:
        if self._refusal(stored, name, proposal) is not None:
            return None
        standbys = (stored.standbys | {stored.owner}) - {name}
        return self._with_owner(stored, name, stored.epoch + 2, standbys)

    def _ended(self, name: str, done: bool) -> None:
        if done:
            self.counts.promotions += 1
            self.note(f"{name} is promoted to {self.stored.epoch}")
        at = self.server.clock(self.now) if done else None
        self.control = control.ended(self.control, NAME, at, self.stored.after_seconds)

    # What happens to it

    def configure(self, standbys: frozenset[str], after_seconds: float) -> None:
        """A user edits the standbys, or how long a renewal is good for; automatic mode."""

        def edit(stored: Stored) -> Stored:
            others = standbys - {stored.owner}
            fencing = acknowledged.reconfigured(stored.fencing, self.token(), others, after_seconds)
            self.note(f"standbys {sorted(others)}, after {after_seconds:g} s")
            return replace(stored, standbys=others, after_seconds=after_seconds, fencing=fencing)

        self.write(edit, lambda _: None)

    def configure_manual(self) -> None:
        self.note("manual")
        self.write(lambda stored: replace(stored, fencing=None), lambda _: None)

    def configure_move(self, destination: str | None) -> None:
        def edit(stored: Stored) -> Stored:
            to = destination if destination != stored.owner else None
            self.note(f"move to {to}")
            return replace(stored, destination=to)

        self.write(edit, lambda _: None)

    def kill_agent(self, node: Node) -> None:
        """The container runs on, under its fence."""
        if node.is_up:
            self.note(f"the agent of {node.name} dies")
            node.is_up = False
            node.lives += 1

    def lose_power(self, node: Node) -> None:
        if node.is_up:
            self.note(f"{node.name} loses power")
            self.kill_agent(node)
            self.stop_container(node)

    def kill_control(self) -> None:
        if self.server.is_up:
            self.note("the control service dies")
            self.server.is_up = False
            self.server.lives += 1
            self._writes.clear()

    def start_control(self) -> None:
        if not self.server.is_up:
            self.note("the control service starts")
            self.server.is_up = True
            self.control = Control(self.token(), self.server.clock(self.now))
