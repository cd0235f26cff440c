"""What every IStore must do, as tests to mix into a SynchronousTestCase."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from flocker_lite.errors import StoreError
from flocker_lite.interfaces import IStore
from flocker_lite.model import deltas
from flocker_lite.model.move_progress import MoveProgress, Round, Step
from flocker_lite.model.records import (
    Change,
    Configuration,
    Container,
    Dataset,
    Discard,
    Forgotten,
    Grant,
    Image,
    Link,
    Move,
    MoveOptions,
    Node,
    PastMove,
    Port,
    RestartPolicy,
    UserLease,
    Volume,
)

if TYPE_CHECKING:
    Base = SynchronousTestCase
else:
    # A mixin, so that no test runner takes the contract itself for a test case.
    Base = object

T = TypeVar("T")

NODE = "aaaaaaaa-0000-4000-8000-000000000001"
GONE = "aaaaaaaa-0000-4000-8000-000000000002"
DATASET = "dddddddd-0000-4000-8000-000000000001"
IMAGE = "eeeeeeee-0000-4000-8000-000000000001"
ASIDE = f"{DATASET}.trial-1732816800"
MOVE = Move(
    move_id="ffffffff-0000-4000-8000-000000000001",
    source=NODE,
    destination=NODE,
    requested_at=1.5e9,
    container="web",
    dataset_ids=(DATASET,),
    options=MoveOptions(0.5, 600.0, "abort", 10**6),
)
PAST_MOVE = PastMove(
    Move("ffffffff-0000-4000-8000-000000000002", NODE, NODE, 1.4e9, None, (DATASET,)),
    verdict="done",
    ended_at=1.4e9 + 2,
    epochs=pmap({DATASET: 7}),
    accounts=(
        MoveProgress(
            DATASET,
            7,
            "done",
            NODE,
            NODE,
            rounds=(Round(2**40, 3.5, 0.25),),
            steps=(Step("stop", 0.125),),
            predicted_pause_seconds=0.25,
            last_guid="123",
            is_poised=True,
        ),
    ),
)

EVERYTHING = Configuration(
    nodes=pmap({NODE: Node(NODE, "10.77.0.11")}),
    datasets=pmap(
        {DATASET: Dataset(DATASET, NODE, pmap({"name": "\N{SNOWMAN} '; --"}), 2**40, True)}
    ),
    containers=pmap(
        {
            "web": Container(
                name="web",
                node=NODE,
                image="nginx:latest",
                ports=(Port(80, 8080),),
                volumes=(Volume(DATASET, "/srv"),),
                environment=pmap({"A": "b"}),
                links=(Link("db", 5432, 54320),),
                restart_policy=RestartPolicy("on-failure", 5),
                cpu_shares=512,
                memory_limit=2**28,
                command_line=("sh", "-c", "true"),
            )
        }
    ),
    grants=pmap({DATASET: Grant(NODE, 7, True)}),
    leases=pmap({DATASET: UserLease(DATASET, NODE, 1.5e9)}),
    images=pmap({IMAGE: Image(IMAGE, NODE, "nginx:latest")}),
    moves=pmap({MOVE.move_id: MOVE}),
    past_moves=pmap({PAST_MOVE.move_id: PAST_MOVE}),
    discards=pmap({ASIDE: Discard(ASIDE, (NODE,))}),
    forgotten=pmap({GONE: Forgotten(GONE, "10.77.0.12", 1.6e9)}),
)


class StoreContract(Base):
    """Mix this in before SynchronousTestCase, and implement `open_store`."""

    def open_store(self) -> Awaitable[IStore]:
        """Open the store of this test: a new one at first, the same one after that."""
        raise NotImplementedError

    def now(self, work: Awaitable[T]) -> T:
        """The result of an awaitable that must be done at once."""
        return self.successResultOf(_deferred(work))

    def refused(self, work: Awaitable[object]) -> None:
        """Check that the awaitable fails at once with a StoreError."""
        self.failureResultOf(_deferred(work), StoreError)

    def opened(self) -> IStore:
        """An open store; the end of the test closes it."""
        store = self.now(self.open_store())
        self.addCleanup(lambda: self.now(store.close()))
        return store

    def reopened(self, store: IStore) -> IStore:
        """The same store after a restart."""
        self.now(store.close())
        return self.opened()

    def test_interface(self) -> None:
        """It provides IStore."""
        assert verifyObject(IStore, self.opened())

    def test_new(self) -> None:
        """A new store has an empty configuration and a UUID for the cluster."""
        store = self.opened()
        assert self.now(store.load()) == Configuration()
        assert str(UUID(store.cluster_id)) == store.cluster_id

    def test_cluster_id(self) -> None:
        """The cluster's id stays the same."""
        store = self.opened()
        cluster_id = store.cluster_id
        assert self.reopened(store).cluster_id == cluster_id

    def test_every_kind(self) -> None:
        """Every kind of record comes back as it was, at once and after a restart."""
        store = self.opened()
        self.now(store.commit(deltas.whole(EVERYTHING)))
        assert self.now(store.load()) == EVERYTHING
        assert self.now(self.reopened(store).load()) == EVERYTHING

    def test_replace(self) -> None:
        """A record replaces the one with the same identity, and leaves the others."""
        store = self.opened()
        self.now(store.commit(deltas.whole(EVERYTHING)))
        change = Change("grants", DATASET, Grant(NODE, 8, True))
        self.now(store.commit((change,)))
        assert self.now(store.load()) == deltas.apply(EVERYTHING, [change])

    def test_remove(self) -> None:
        """A change without a record removes the record; a missing one is no error."""
        store = self.opened()
        self.now(store.commit(deltas.whole(EVERYTHING)))
        changes = (Change("containers", "web", None), Change("containers", "other", None))
        self.now(store.commit(changes))
        found = self.now(self.reopened(store).load())
        assert found == deltas.apply(EVERYTHING, changes)
        assert not found.containers

    def test_order(self) -> None:
        """Of two changes to one record in a commit, the later one counts."""
        store = self.opened()
        one, two = Node(NODE, "10.77.0.11"), Node(NODE, "10.77.0.12")
        self.now(store.commit((Change("nodes", NODE, one), Change("nodes", NODE, two))))
        assert self.now(store.load()).nodes == pmap({NODE: two})

    def test_nothing(self) -> None:
        """A commit of no changes changes nothing."""
        store = self.opened()
        self.now(store.commit(()))
        assert self.now(store.load()) == Configuration()

    def test_all_or_none(self) -> None:
        """A commit that fails leaves everything as it was."""
        store = self.opened()
        good = Change("nodes", NODE, Node(NODE, "10.77.0.11"))
        self.refused(store.commit((good, Change("ghosts", "casper", None))))
        assert self.now(store.load()) == Configuration()
        self.now(store.commit((good,)))
        assert self.now(self.reopened(store).load()).nodes == pmap({NODE: good.record})

    def test_generation(self) -> None:
        """The generation is durable; it grows with each commit but those of grants and moves."""
        store = self.opened()
        grant = Change("grants", DATASET, Grant(NODE))
        move = Change("moves", MOVE.move_id, MOVE)
        seen = [store.generation]
        for address in ("10.77.0.11", "10.77.0.12"):
            self.now(store.commit((Change("nodes", NODE, Node(NODE, address)), grant)))
            seen.append(store.generation)
        assert seen == sorted(set(seen))
        self.now(store.commit((grant, move)))
        self.now(store.commit(()))
        assert store.generation == seen[-1]
        store = self.reopened(store)
        assert store.generation == seen[-1]
        self.refused(store.commit((Change("ghosts", "casper", None),)))
        assert store.generation == seen[-1]

    def test_several_edits(self) -> None:
        """Edits that are committed together are all made, or none; each has its generation."""
        store = self.opened()
        known = store.generation
        one, two = Node(NODE, "10.77.0.11"), Node(NODE, "10.77.0.12")
        grant = Change("grants", DATASET, Grant(NODE))
        edits = ((Change("nodes", NODE, one),), (grant,), (Change("nodes", NODE, two),))
        first, same, last = self.now(store.commit(*edits))
        assert known < first == same < last == store.generation
        self.refused(store.commit((Change("nodes", NODE, one),), (Change("ghosts", "c", None),)))
        store = self.reopened(store)
        loaded = self.now(store.load())
        assert dict(loaded.nodes) == {NODE: two}
        assert dict(loaded.grants) == {DATASET: Grant(NODE)}

    def test_one_at_a_time(self) -> None:
        """A store cannot be opened a second time while it is open."""
        store = self.opened()
        self.refused(self.open_store())
        self.reopened(store)

    def test_closed(self) -> None:
        """A closed store refuses to work; closing it again is no error."""
        store = self.opened()
        self.now(store.close())
        self.refused(store.load())
        self.refused(store.commit(()))
        self.now(store.close())


def _deferred(work: Awaitable[T]) -> Deferred[T]:
    async def wait() -> T:
        return await work

    return Deferred.fromCoroutine(wait())
