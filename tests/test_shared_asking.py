"""What many ask at the same time is asked once."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.shared_asking import SharedAsking


class SharedAskingTests(SynchronousTestCase):
    """SharedAsking"""

    def setUp(self) -> None:
        self.asked: list[tuple[str, Deferred[int]]] = []
        self.sharing = SharedAsking(self.ask)

    async def ask(self, question: str) -> int:
        answer: Deferred[int] = Deferred()
        self.asked.append((question, answer))
        return await answer

    def test_shared(self) -> None:
        """Who asks while an answer is awaited gets that one; who asks later, a new one."""
        waiting = [self.sharing.answer("a") for _ in range(3)]
        other = self.sharing.answer("b")
        self.asked[0][1].callback(1)
        assert [self.successResultOf(each) for each in waiting] == [1, 1, 1]
        self.assertNoResult(other)
        later = self.sharing.answer("a")
        self.assertNoResult(later)
        assert [question for question, _ in self.asked] == ["a", "b", "a"]

    def test_failure(self) -> None:
        """All of them are told of it."""
        waiting = [self.sharing.answer("a") for _ in range(2)]
        self.asked[0][1].errback(ValueError())
        for each in waiting:
            self.failureResultOf(each, ValueError)

    def test_given_up(self) -> None:
        """Whoever gives up does not spoil it for the others."""
        one, other = self.sharing.answer("a"), self.sharing.answer("a")
        one.cancel()
        self.failureResultOf(one, CancelledError)
        self.asked[0][1].callback(1)
        assert self.successResultOf(other) == 1
