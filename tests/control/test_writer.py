"""Writing edits: those that come together are committed together, and each has its own outcome."""

from __future__ import annotations

from collections.abc import Collection

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.control.etag import TagMismatch
from flocker_lite.control.interfaces import EditFunction
from flocker_lite.control.writer import COMPANY_SECONDS, TOGETHER_MAX, Writer
from flocker_lite.errors import Conflict, StoreError
from flocker_lite.logs.bound_fields import REQUEST, bound, bound_request_id
from flocker_lite.model.editing import edited
from flocker_lite.model.records import Change, Configuration, Edit, Node
from flocker_lite.testing.memory_store import MemoryDisk, MemoryStore

GUILTY = "guilty"


class SlowStore(MemoryStore):
    """Each commit waits until it is let go; one that has the guilty node is refused."""

    def __init__(self, disk: MemoryDisk) -> None:
        super().__init__(disk)
        self.waiting: list[Deferred[None]] = []
        self.sizes: list[int] = []

    async def commit(self, *edits: tuple[Change, ...]) -> tuple[int, ...]:
        self.sizes.append(len(edits))
        self.waiting.append(Deferred())
        await self.waiting[-1]
        if any(change.identity == GUILTY for changes in edits for change in changes):
            raise StoreError("no room for that")
        return await super().commit(*edits)


def adding(name: str) -> EditFunction:
    """An edit that adds a node; Conflict when it is there."""

    def function(before: Configuration) -> Edit:
        if name in before.nodes:
            raise Conflict(f"{name} is there")
        return edited(before, [Change("nodes", name, Node(name, name))])

    return function


class WriterTests(SynchronousTestCase):
    """A writer on a store whose commits end when the test says so."""

    def setUp(self) -> None:
        self.store = SlowStore(MemoryDisk())
        self.durable: list[tuple[Configuration, Edit]] = []
        self.clock = Clock()
        self.writer = Writer(
            self.clock,
            self.store,
            Configuration(),
            lambda before, function, then: function(before),
            lambda before, edit: self.durable.append((before, edit)),
        )

    def add(self, name: str, tags: Collection[str] = ()) -> Deferred[Edit]:
        """Somebody wants a node; Conflict when it is there."""
        return Deferred.fromCoroutine(self.writer.edit(adding(name), tags, Edit))

    def add_without_hurry(self, name: str) -> Deferred[Edit]:
        """Nobody waits for this node."""
        return Deferred.fromCoroutine(self.writer.edit_without_hurry(adding(name)))

    def test_fields_of_the_log(self) -> None:
        """Each edit is announced for the request that it came with, whoever began to write."""
        seen: list[str] = []
        self.writer = Writer(
            Clock(),
            self.store,
            Configuration(),
            lambda before, function, then: function(before),
            lambda before, edit: seen.append(bound_request_id()),
        )
        for request_id in ("r-1", "r-2", ""):
            with bound({REQUEST: request_id}):
                self.add(f"node {request_id}")
        while self.store.waiting:
            self.let_go()
        assert seen == ["r-1", "r-2", ""]

    def let_go(self) -> None:
        """The commit under way ends."""
        self.store.waiting.pop(0).callback(None)

    def test_together(self) -> None:
        """What comes while a commit is under way is one commit, and is told in order."""
        adding = [self.add(name) for name in "abcd"]
        self.let_go()
        self.let_go()
        made = [self.successResultOf(each) for each in adding]
        assert self.store.sizes == [1, 3]
        assert [edit.changes[0].identity for _, edit in self.durable] == list("abcd")
        assert [sorted(before.nodes) for before, _ in self.durable] == [
            [],
            ["a"],
            ["a", "b"],
            ["a", "b", "c"],
        ]
        assert len({edit.tag for edit in made}) == 4
        assert made[-1].tag == self.writer.tag

    def test_nobody_waits_for_later_ones(self) -> None:
        """An edit is answered when its own commit is over."""
        first, second = self.add("a"), self.add("b")
        self.let_go()
        self.successResultOf(first)
        self.assertNoResult(second)

    def test_nothing_is_seen_before_it_is_durable(self) -> None:
        """The configuration is what is on disk, however much is under way."""
        self.add("a")
        self.add("b")
        assert not self.writer.configuration.nodes
        self.let_go()
        assert set(self.writer.configuration.nodes) == {"a"}

    def test_not_too_many_together(self) -> None:
        """A commit has an end, so that others than writers get their turn."""
        for number in range(TOGETHER_MAX + 2):
            self.add(str(number))
        self.let_go()
        self.let_go()
        assert self.store.sizes == [1, TOGETHER_MAX, 1]

    def test_an_edit_that_cannot_be(self) -> None:
        """It fails by what comes before it, and the others of its commit do not."""
        self.add("a")
        first, again, other = self.add("b"), self.add("b"), self.add("c")
        self.let_go()
        self.let_go()
        self.successResultOf(first)
        self.failureResultOf(again, Conflict)
        self.successResultOf(other)

    def test_one_that_the_store_refuses(self) -> None:
        """It fails alone, and what was judged by it is judged anew."""
        self.add("a")
        guilty, again, other = self.add(GUILTY), self.add(GUILTY), self.add("c")
        self.let_go()
        self.let_go()
        for each in (guilty, again, other):
            self.assertNoResult(each)
        for _ in range(3):
            self.let_go()
        self.failureResultOf(guilty, StoreError)
        self.failureResultOf(again, StoreError)
        self.successResultOf(other)
        assert self.store.sizes == [1, 2, 1, 1, 1]
        assert set(self.writer.configuration.nodes) == {"a", "c"}

    def test_a_tag(self) -> None:
        """A condition is held against the durable configuration, not one that may never be."""
        tag = self.writer.tag
        first, second = self.add("a", [tag]), self.add("b", [tag])
        self.let_go()
        self.failureResultOf(second, TagMismatch)
        third = self.add("c", [self.successResultOf(first).tag])
        self.let_go()
        self.successResultOf(third)

    def test_a_tag_behind_others(self) -> None:
        """What others have under way makes it old, as if they had been committed one by one."""
        self.add("a")
        other, conditional = self.add("b"), self.add("c", [self.writer.tag])
        self.let_go()
        self.let_go()
        self.successResultOf(other)
        self.failureResultOf(conditional, TagMismatch)

    def test_without_hurry(self) -> None:
        """It goes with the next commit of others, behind their edits, whatever came first."""
        tag = self.writer.tag
        quiet = [self.add_without_hurry(name) for name in "xy"]
        assert self.store.sizes == []
        conditional = self.add("a", [tag])
        self.let_go()
        self.successResultOf(conditional)
        for each in quiet:
            self.successResultOf(each)
        assert self.store.sizes == [3]
        assert [edit.changes[0].identity for _, edit in self.durable] == list("axy")
        self.clock.advance(COMPANY_SECONDS)
        assert self.store.sizes == [3]

    def test_without_hurry_and_without_company(self) -> None:
        """It makes a commit of its own when the time is over, with all that waits by then."""
        first = self.add_without_hurry("x")
        self.clock.advance(COMPANY_SECONDS / 2)
        second = self.add_without_hurry("y")
        assert self.store.sizes == []
        self.clock.advance(COMPANY_SECONDS / 2)
        assert self.store.sizes == [2]
        self.let_go()
        self.successResultOf(first)
        self.successResultOf(second)

    def test_without_hurry_while_others_are_written(self) -> None:
        """The end of a commit does not begin another one for it alone; the time does."""
        self.add("a")
        quiet = self.add_without_hurry("x")
        self.let_go()
        assert self.store.sizes == [1]
        self.add("b")
        self.let_go()
        self.successResultOf(quiet)
        assert self.store.sizes == [1, 2]

    def test_overdue_while_others_are_written(self) -> None:
        """What is overdue by the end of a commit is in the next one."""
        self.add("a")
        quiet = self.add_without_hurry("x")
        self.clock.advance(COMPANY_SECONDS)
        self.let_go()
        self.let_go()
        self.successResultOf(quiet)
        assert self.store.sizes == [1, 1]

    def test_there_is_room_for_others_first(self) -> None:
        """Those without hurry fill what room others leave in a commit; the rest waits."""
        quiet = [self.add_without_hurry(f"quiet {number}") for number in range(TOGETHER_MAX)]
        self.add("a")
        self.let_go()
        assert self.store.sizes == [TOGETHER_MAX]
        self.assertNoResult(quiet[-1])
        self.clock.advance(COMPANY_SECONDS)
        self.let_go()
        self.successResultOf(quiet[-1])

    def test_stopped(self) -> None:
        """Nothing is written after the end."""
        self.add_without_hurry("x")
        self.writer.stop()
        assert not self.clock.getDelayedCalls()
        self.writer.stop()
