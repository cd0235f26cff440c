"""Who may ask what of a node: a test for each request, with a peer whose business it is not."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import PMap, pmap
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.convergence.move_log import MoveLog
from flocker_lite.convergence.trials import NO_TRIAL, Trials
from flocker_lite.errors import PeerRefused
from flocker_lite.interfaces import IPeerService, peer_requests
from flocker_lite.interfaces.peer_requests import (
    Acquire,
    AcquireGroup,
    ArrivedSnapshot,
    ContainerEpoch,
    GetRenewed,
    Lend,
    OfferLoan,
    Prepared,
    Prune,
    Recall,
    Receive,
    Released,
    Renew,
    Serving,
    SetAside,
    SetProperties,
    SnapshotSetComplete,
    TrialDataset,
)
from flocker_lite.interfaces.request import PeerRequest, SessionRequest
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import (
    Container,
    Dataset,
    DatasetId,
    Grant,
    NodeId,
    Replicas,
    Volume,
)
from flocker_lite.model.state import (
    DesiredDataset,
    LastSender,
    LocalContainer,
    LocalDataset,
    NodeView,
    Snapshot,
)
from flocker_lite.peers.authorized import AuthorizedPeerService
from flocker_lite.peers.policy import PeerPolicy
from flocker_lite.peers.service import PeerService
from flocker_lite.planner.groups import Local
from flocker_lite.testing.memory_copy_notes import MemoryCopyNotes
from flocker_lite.testing.memory_fence import MemoryFence
from flocker_lite.testing.memory_last_senders import MemoryLastSenders
from flocker_lite.testing.memory_storage import Copy, MemoryStorage
from flocker_lite.testing.stub_host import StubHost

ME, SOURCE, STRANGER = "me", "source", "stranger"
D, OTHER = "d1", "d2"
LAST = Snapshot("flocker-lite-7-1", "guid-1")
SHOP = Container("shop", ME, "shop:1", volumes=(Volume(D, "/data"),))
COPY = LocalDataset(D, Lease(Role.REPLICA, 7), False, "/flocker/d1", None, (LAST,))

REQUESTS: dict[str, PeerRequest[Any]] = {
    "copy": peer_requests.Copy(D),
    "receive": Receive(D, 7, LAST.guid),
    "prepared": Prepared("shop"),
    "set_aside": SetAside(D),
    "prune": Prune(D, frozenset()),
    "set_properties": SetProperties(D, {"atime": "off"}),
    "acquire": Acquire(D, 8, LAST.guid),
    "acquire_group": AcquireGroup(D, (Released(D, 8, LAST.guid),)),
    "offer_trial": OfferLoan("shop", (D,), 30),
    "start_trial": Lend("shop", (TrialDataset(D, 8, LAST.guid),)),
    "recall": Recall((D,)),
    "serving": Serving("shop"),
    "complete_set": SnapshotSetComplete(7, 1.0, (ArrivedSnapshot(D, LAST.guid),)),
    "renew": Renew("shop", (ContainerEpoch(D, 7),), 10),
    "get_renewed": GetRenewed("shop", (D,)),
}
GOING_ON = (
    "prune",
    "acquire",
    "acquire_group",
    "offer_trial",
    "start_trial",
    "recall",
    "serving",
    "copy",
)
"""What a source that has sent all of it may still ask, whatever is wanted meanwhile."""


def answer(service: IPeerService, request: PeerRequest[Any]) -> Coroutine[Any, Any, Any]:
    """What a service answers."""
    return cast(Any, service.answer(request))


def view(owner: NodeId = SOURCE, epoch: int = 7, primary: NodeId = ME) -> NodeView:
    """What the node is told: whose the dataset is, and where it is wanted."""
    desired = DesiredDataset(Dataset(D, primary), Grant(owner, epoch, materialised=True))
    return NodeView(pmap({D: desired}), pmap({"shop": replace(SHOP, node=primary)}))


@dataclass
class Seen:
    """What the agent is told and sees."""

    view: NodeView | None = None
    local: Local = field(default_factory=Local)


class AuthorizedTests(SynchronousTestCase):
    """A node with a replica of a dataset, which is about to come to it."""

    def setUp(self) -> None:
        clock = Clock()
        self.touched: list[str] = []
        self.storage = MemoryStorage(before=self.touch)
        self.storage.copies[D] = Copy(COPY, ("one",), pmap({LAST.guid: ("one",)}))
        self.trials = Trials(clock, clock.seconds, MemoryFence(lambda _: None, clock))
        notes = self.notes = MemoryCopyNotes()
        moves, host = MoveLog(clock), StubHost()
        service = PeerService(ME, self.storage, moves, self.trials, host, copy_notes=notes)
        self.service = cast(IPeerService, service)
        self.seen = Seen(view(), Local(pmap({D: COPY})))
        self.last_senders = MemoryLastSenders()

    async def touch(self, method: str, _: str) -> None:
        self.touched.append(method)

    def guard(self, peer: NodeId) -> IPeerService:
        """The service for a peer."""
        return cast(
            IPeerService,
            AuthorizedPeerService(ME, peer, self.service, self.seen, self.last_senders),
        )

    def ask(self, peer: NodeId, what: str) -> None:
        """It may."""
        self.successResultOf(Deferred.fromCoroutine(answer(self.guard(peer), REQUESTS[what])))

    def refused(self, peer: NodeId, *requests: str) -> None:
        """It may not, and nothing is done, nor looked at, for it."""
        before = dict(self.storage.copies), dict(self.storage.aside), self.last_senders.remembered
        self.touched.clear()
        for what in requests or REQUESTS:
            asking = Deferred.fromCoroutine(answer(self.guard(peer), REQUESTS[what]))
            self.failureResultOf(asking, PeerRefused)
            assert self.touched == [], what
        assert self.trials.over("shop") == NO_TRIAL
        after = dict(self.storage.copies), dict(self.storage.aside), self.last_senders.remembered
        assert after == before

    def sent(self) -> None:
        """The source has sent all of it."""
        self.ask(SOURCE, "receive")
        assert self.last_senders.remembered == {D: LastSender(SOURCE, 7)}

    def test_a_stranger(self) -> None:
        """A node that has to do with other datasets alone gets nothing of this one."""
        self.refused(STRANGER)
        self.sent()
        self.refused(STRANGER)

    def test_a_move_that_is_announced(self) -> None:
        """The owner may ask for all of it, in this order."""
        for what in (
            "copy",
            "receive",
            "prepared",
            "offer_trial",
            "start_trial",
            "acquire",
            "serving",
        ):
            self.ask(SOURCE, what)
        lease = self.storage.copies[D].local.lease
        assert lease == Lease(Role.PRIMARY, 8)
        self.refused(STRANGER)

    def test_each_request_of_the_owner(self) -> None:
        """What keeps others from it does not keep it."""
        for what in ("set_aside", "prune", "recall"):
            self.ask(SOURCE, what)

    def test_what_is_not_desired_here(self) -> None:
        """Its owner sends nothing that nobody asked for, and sets nothing aside."""
        self.seen.view = view(primary=STRANGER)
        self.refused(SOURCE, "receive", "set_aside")
        deleted = replace(view().datasets[D], dataset=Dataset(D, ME, deleted=True))
        self.seen.view = NodeView(pmap({D: deleted}))
        self.refused(SOURCE, "receive", "set_aside")

    def test_it_was_promoted_since(self) -> None:
        """This node was granted a later epoch than the next: who sent to it before is refused."""
        self.sent()
        self.seen.view = view(owner=ME, epoch=9)
        self.refused(SOURCE)
        self.seen.view = view(owner=ME, epoch=8)
        self.ask(SOURCE, "acquire")

    def test_a_standby(self) -> None:
        """The owner keeps a copy fresh here that is to stay a copy, and nobody else does."""
        standing = replace(view(primary=SOURCE).datasets[D].dataset, replicas=Replicas((ME,)))
        desired = replace(view().datasets[D], dataset=standing)
        self.seen.view = NodeView(pmap({D: desired}))
        for what in ("copy", "receive", "set_aside", "prune", "set_properties"):
            self.storage.copies[D] = Copy(COPY, ("one",), pmap({LAST.guid: ("one",)}))
            self.ask(SOURCE, what)
        self.storage.copies[D] = Copy(COPY, ("one",), pmap({LAST.guid: ("one",)}))
        self.ask(SOURCE, "complete_set")
        assert self.notes.sets[D].snapshots == {D: LAST.guid}
        self.refused(STRANGER)
        other = replace(standing, replicas=Replicas((STRANGER,)))
        self.seen.view = NodeView(pmap({D: replace(desired, dataset=other)}))
        self.refused(SOURCE, "receive", "set_aside", "complete_set")

    def test_another_epoch(self) -> None:
        """What is sent, and what is handed over, is of the epoch that was granted."""
        service = self.guard(SOURCE)
        for epoch in (6, 8, 1000):
            asking = Deferred.fromCoroutine(cast(Any, service.answer(Receive(D, epoch, LAST.guid))))
            self.failureResultOf(asking, PeerRefused)
        self.sent()
        self.touched.clear()
        for epoch in (7, 9, 1000):
            for asked in (
                service.answer(Acquire(D, epoch, LAST.guid)),
                service.answer(AcquireGroup(D, (Released(D, epoch, LAST.guid),))),
                service.answer(Lend("shop", (TrialDataset(D, epoch, LAST.guid),))),
            ):
                self.failureResultOf(Deferred.fromCoroutine(cast(Any, asked)), PeerRefused)
        assert self.touched == []

    def test_another_container(self) -> None:
        """With its own dataset it asks nothing of a container of which that is no part."""
        service = self.guard(SOURCE)
        for name, ids in (("shop", (OTHER,)), ("shop", (D, OTHER)), ("db", (D,)), ("shop", ())):
            for asked in (
                service.answer(OfferLoan(name, ids, 30)),
                service.answer(
                    Lend(name, tuple(TrialDataset(dataset_id, 8, LAST.guid) for dataset_id in ids))
                ),
            ):
                self.failureResultOf(Deferred.fromCoroutine(cast(Any, asked)), PeerRefused)
        for asked in (service.answer(Prepared("db")), service.answer(Serving("db"))):
            self.failureResultOf(Deferred.fromCoroutine(cast(Any, asked)), PeerRefused)
        assert self.trials.over("shop") == NO_TRIAL

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
            asking = Deferred.fromCoroutine(answer(self.guard(STRANGER), request))
            assert self.failureResultOf(asking, PeerRefused), what

    def test_after_the_handover(self) -> None:
        """The dataset is this node's; who handed it over tidies up, and gets no further."""
        self.sent()
        self.ask(SOURCE, "acquire")
        self.seen.view = view(owner=ME, epoch=8)
        for what in ("acquire", "serving", "copy"):
            self.ask(SOURCE, what)
        self.refused(SOURCE, "receive", "set_aside")
        pruned = Deferred.fromCoroutine(cast(Any, self.guard(SOURCE).answer(Prune(D, frozenset()))))
        assert "this node owns it" in str(self.failureResultOf(pruned, PeerRefused).value)
        keep = frozenset({LAST.guid})
        self.successResultOf(
            Deferred.fromCoroutine(cast(Any, self.guard(SOURCE).answer(Prune(D, keep))))
        )

    def test_an_owner_of_long_ago(self) -> None:
        """Once another node was granted a later epoch it is over."""
        self.sent()
        self.seen.view = view(owner=STRANGER, epoch=8)
        self.refused(SOURCE)

    def test_what_is_remembered(self) -> None:
        """No more than there is."""
        self.last_senders.remembered = pmap(
            {"gone": LastSender(SOURCE, 1), D: LastSender(STRANGER, 3)}
        )
        self.sent()


NODES = st.sampled_from([ME, SOURCE, STRANGER])
EPOCHS = st.integers(1, 4)
GRANTS = st.none() | st.builds(Grant, NODES, EPOCHS)
ORIGINS = st.dictionaries(st.just(D), st.builds(LastSender, NODES, EPOCHS))


@given(NODES, GRANTS, NODES, ORIGINS, EPOCHS)
def test_nobody_hands_over_what_another_was_granted_later(
    peer: NodeId,
    grant: Grant | None,
    primary: NodeId,
    last_senders: dict[DatasetId, LastSender],
    epoch: int,
) -> None:
    """Whoever may have this node write in an epoch owns the one before it, as far as is known."""
    datasets: PMap[DatasetId, DesiredDataset] = pmap()
    if grant is not None:
        datasets = pmap({D: DesiredDataset(Dataset(D, primary), grant)})
    policy = PeerPolicy(ME, peer, NodeView(datasets), pmap(), pmap(last_senders))
    try:
        policy.require_epoch(D, epoch)
    except PeerRefused:
        return
    owns = grant is not None and grant.owner == peer and grant.epoch == epoch - 1
    sent = last_senders.get(D) == LastSender(peer, epoch - 1)
    assert owns or sent
    if grant is not None and grant.owner not in (ME, peer):
        assert grant.epoch < epoch


@pytest.mark.parametrize("what", REQUESTS)
def test_every_request_is_tried(what: str) -> None:
    """A request that is new is tried above; a stream itself comes by a token."""
    kinds = {kind for kind in peer_requests.REQUESTS if not issubclass(kind, SessionRequest)}
    assert type(REQUESTS[what]) in kinds
    assert kinds == {type(request) for request in REQUESTS.values()}
