"""Who may ask what of a node: a test for each request, with a peer whose business it is not."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import PMap, pmap
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.agent.authority import Authority
from flocker_lite.agent.gate import Gate
from flocker_lite.agent.guard import Guard
from flocker_lite.convergence.groups import Local
from flocker_lite.convergence.loans import NO_LOAN, Loans
from flocker_lite.convergence.move_log import MoveLog
from flocker_lite.errors import PeerRefused
from flocker_lite.interfaces import IGate, Lent, Released
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Container, Dataset, DatasetId, Grant, NodeId, Volume
from flocker_lite.model.state import (
    LocalContainer,
    LocalDataset,
    NodeView,
    Origin,
    Snapshot,
    WantedDataset,
)
from flocker_lite.testing.memory_fence import MemoryFence
from flocker_lite.testing.memory_origins import MemoryOrigins
from flocker_lite.testing.memory_storage import Copy, MemoryStorage
from flocker_lite.testing.quiet_host import QuietHost

ME, SOURCE, STRANGER = "me", "source", "stranger"
D, OTHER = "d1", "d2"
LAST = Snapshot("flocker-lite-7-1", "guid-1")
SHOP = Container("shop", ME, "shop:1", volumes=(Volume(D, "/data"),))
COPY = LocalDataset(D, Lease(Role.REPLICA, 7), False, "/flocker/d1", None, (LAST,))

Request = Callable[[IGate], Coroutine[Any, Any, Any]]
REQUESTS: dict[str, Request] = {
    "copy": lambda gate: cast(Any, gate.copy(D)),
    "may_receive": lambda gate: cast(Any, gate.may_receive(D, 7, LAST.guid)),
    "prepared": lambda gate: cast(Any, gate.prepared("shop")),
    "set_aside": lambda gate: cast(Any, gate.set_aside(D)),
    "prune": lambda gate: cast(Any, gate.prune(D, frozenset())),
    "set_properties": lambda gate: cast(Any, gate.set_properties(D, {"atime": "off"})),
    "acquire": lambda gate: cast(Any, gate.acquire(D, 8, LAST.guid)),
    "acquire_group": lambda gate: cast(Any, gate.acquire_group(D, (Released(D, 8, LAST.guid),))),
    "offer_loan": lambda gate: cast(Any, gate.offer_loan("shop", (D,), 30)),
    "lend": lambda gate: cast(Any, gate.lend("shop", (Lent(D, 8, LAST.guid),))),
    "recall": lambda gate: cast(Any, gate.recall((D,))),
    "serving": lambda gate: cast(Any, gate.serving("shop")),
}
GOING_ON = ("prune", "acquire", "acquire_group", "offer_loan", "lend", "recall", "serving", "copy")
"""What a source that has sent all of it may still ask, whatever is wanted meanwhile."""


def view(owner: NodeId = SOURCE, epoch: int = 7, primary: NodeId = ME) -> NodeView:
    """What the node is told: whose the dataset is, and where it is wanted."""
    wanted = WantedDataset(Dataset(D, primary), Grant(owner, epoch, materialised=True))
    return NodeView(pmap({D: wanted}), pmap({"shop": replace(SHOP, node=primary)}))


@dataclass
class Seen:
    """What the agent is told and sees."""

    view: NodeView | None = None
    local: Local = field(default_factory=Local)


class GuardTests(SynchronousTestCase):
    """A node with a replica of a dataset, which is about to come to it."""

    def setUp(self) -> None:
        clock = Clock()
        self.touched: list[str] = []
        self.storage = MemoryStorage(before=self.touch)
        self.storage.copies[D] = Copy(COPY, ("one",), pmap({LAST.guid: ("one",)}))
        self.loans = Loans(clock, clock.seconds, MemoryFence(lambda _: None, clock))
        gate = Gate(ME, self.storage, MoveLog(clock), self.loans, QuietHost())
        self.gate = cast(IGate, gate)
        self.seen = Seen(view(), Local(pmap({D: COPY})))
        self.origins = MemoryOrigins()

    async def touch(self, method: str, _: str) -> None:
        self.touched.append(method)

    def guard(self, peer: NodeId) -> IGate:
        """The gate for a peer."""
        return cast(IGate, Guard(ME, peer, self.gate, self.seen, self.origins))

    def ask(self, peer: NodeId, what: str) -> None:
        """It may."""
        self.successResultOf(Deferred.fromCoroutine(REQUESTS[what](self.guard(peer))))

    def refused(self, peer: NodeId, *requests: str) -> None:
        """It may not, and nothing is done, nor looked at, for it."""
        before = dict(self.storage.copies), dict(self.storage.aside), self.origins.remembered
        self.touched.clear()
        for what in requests or REQUESTS:
            asking = Deferred.fromCoroutine(REQUESTS[what](self.guard(peer)))
            self.failureResultOf(asking, PeerRefused)
            assert self.touched == [], what
        assert self.loans.over("shop") == NO_LOAN
        after = dict(self.storage.copies), dict(self.storage.aside), self.origins.remembered
        assert after == before

    def sent(self) -> None:
        """The source has sent all of it."""
        self.ask(SOURCE, "may_receive")
        assert self.origins.remembered == {D: Origin(SOURCE, 7)}

    def test_a_stranger(self) -> None:
        """A node that has to do with other datasets alone gets nothing of this one."""
        self.refused(STRANGER)
        self.sent()
        self.refused(STRANGER)

    def test_a_move_that_is_announced(self) -> None:
        """The owner may ask for all of it, in this order."""
        for what in ("copy", "may_receive", "prepared", "offer_loan", "lend", "acquire", "serving"):
            self.ask(SOURCE, what)
        lease = self.storage.copies[D].local.lease
        assert lease == Lease(Role.PRIMARY, 8)
        self.refused(STRANGER)

    def test_each_request_of_the_owner(self) -> None:
        """What keeps others from it does not keep it."""
        for what in ("set_aside", "prune", "recall"):
            self.ask(SOURCE, what)

    def test_what_is_not_wanted_here(self) -> None:
        """Its owner sends nothing that nobody asked for, and sets nothing aside."""
        self.seen.view = view(primary=STRANGER)
        self.refused(SOURCE, "may_receive", "set_aside")
        deleted = replace(view().datasets[D], dataset=Dataset(D, ME, deleted=True))
        self.seen.view = NodeView(pmap({D: deleted}))
        self.refused(SOURCE, "may_receive", "set_aside")

    def test_another_epoch(self) -> None:
        """What is sent, and what is handed over, is of the epoch that was granted."""
        gate = self.guard(SOURCE)
        for epoch in (6, 8, 1000):
            asking = Deferred.fromCoroutine(cast(Any, gate.may_receive(D, epoch, LAST.guid)))
            self.failureResultOf(asking, PeerRefused)
        self.sent()
        self.touched.clear()
        for epoch in (7, 9, 1000):
            for asked in (
                gate.acquire(D, epoch, LAST.guid),
                gate.acquire_group(D, (Released(D, epoch, LAST.guid),)),
                gate.lend("shop", (Lent(D, epoch, LAST.guid),)),
            ):
                self.failureResultOf(Deferred.fromCoroutine(cast(Any, asked)), PeerRefused)
        assert self.touched == []

    def test_another_container(self) -> None:
        """With its own dataset it asks nothing of a container of which that is no part."""
        gate = self.guard(SOURCE)
        for name, ids in (("shop", (OTHER,)), ("shop", (D, OTHER)), ("db", (D,)), ("shop", ())):
            for asked in (
                gate.offer_loan(name, ids, 30),
                gate.lend(name, tuple(Lent(dataset_id, 8, LAST.guid) for dataset_id in ids)),
            ):
                self.failureResultOf(Deferred.fromCoroutine(cast(Any, asked)), PeerRefused)
        for asked in (gate.prepared("db"), gate.serving("db")):
            self.failureResultOf(Deferred.fromCoroutine(cast(Any, asked)), PeerRefused)
        assert self.loans.over("shop") == NO_LOAN

    def test_nothing_is_known_yet(self) -> None:
        """Before the control service was reached nothing begins."""
        self.seen.view = None
        self.refused(SOURCE)

    def test_what_was_announced_before_counts(self) -> None:
        """The handoff ends as it began, though it is wanted elsewhere now, or nobody tells."""
        self.sent()
        made = LocalContainer(SHOP, "created")
        self.seen.local = Local(pmap({D: COPY}), pmap({"shop": made}))
        for now in (view(primary=STRANGER), NodeView(), None, view(epoch=6)):
            self.seen.view = now
            for what in GOING_ON:
                self.storage.copies[D] = Copy(COPY, ("one",), pmap({LAST.guid: ("one",)}))
                self.ask(SOURCE, what)
            self.refused_all_of_a_stranger()

    def refused_all_of_a_stranger(self) -> None:
        """Whatever else is the case."""
        for what, request in REQUESTS.items():
            asking = Deferred.fromCoroutine(request(self.guard(STRANGER)))
            assert self.failureResultOf(asking, PeerRefused), what

    def test_after_the_handover(self) -> None:
        """The dataset is this node's; who handed it over tidies up, and gets no further."""
        self.sent()
        self.ask(SOURCE, "acquire")
        self.seen.view = view(owner=ME, epoch=8)
        for what in ("acquire", "serving", "copy"):
            self.ask(SOURCE, what)
        self.refused(SOURCE, "may_receive", "set_aside")
        pruned = Deferred.fromCoroutine(cast(Any, self.guard(SOURCE).prune(D, frozenset())))
        assert "pushed on" in str(self.failureResultOf(pruned, PeerRefused).value)
        keep = frozenset({LAST.guid})
        self.successResultOf(Deferred.fromCoroutine(cast(Any, self.guard(SOURCE).prune(D, keep))))

    def test_an_owner_of_long_ago(self) -> None:
        """Once another node was granted a later epoch it is over."""
        self.sent()
        self.seen.view = view(owner=STRANGER, epoch=8)
        self.refused(SOURCE)

    def test_what_is_remembered(self) -> None:
        """No more than there is."""
        self.origins.remembered = pmap({"gone": Origin(SOURCE, 1), D: Origin(STRANGER, 3)})
        self.sent()


NODES = st.sampled_from([ME, SOURCE, STRANGER])
EPOCHS = st.integers(1, 4)
GRANTS = st.none() | st.builds(Grant, NODES, EPOCHS)
ORIGINS = st.dictionaries(st.just(D), st.builds(Origin, NODES, EPOCHS))


@given(NODES, GRANTS, NODES, ORIGINS, EPOCHS)
def test_nobody_hands_over_what_another_was_granted_later(
    peer: NodeId,
    grant: Grant | None,
    primary: NodeId,
    origins: dict[DatasetId, Origin],
    epoch: int,
) -> None:
    """Whoever may have this node write in an epoch owns the one before it, as far as is known."""
    datasets: PMap[DatasetId, WantedDataset] = pmap()
    if grant is not None:
        datasets = pmap({D: WantedDataset(Dataset(D, primary), grant)})
    authority = Authority(ME, peer, NodeView(datasets), pmap(), pmap(origins))
    try:
        authority.require_epoch(D, epoch)
    except PeerRefused:
        return
    owns = grant is not None and grant.owner == peer and grant.epoch == epoch - 1
    sent = origins.get(D) == Origin(peer, epoch - 1)
    assert owns or sent
    if grant is not None and grant.owner not in (ME, peer):
        assert grant.epoch < epoch


@pytest.mark.parametrize("what", REQUESTS)
def test_every_request_is_tried(what: str) -> None:
    """A request that is new is tried above; a stream itself comes by a token."""
    methods = set(IGate.names()) - {"receive"}
    assert what in methods
    assert methods == set(REQUESTS)
