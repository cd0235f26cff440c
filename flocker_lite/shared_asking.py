"""Asks one thing of many at a time once only: who asks meanwhile gets the same answer."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

Question = TypeVar("Question", bound=Hashable)
Answer = TypeVar("Answer")


class SharedAsking(Generic[Question, Answer]):
    """`ask` is not called with a question whose answer is being awaited."""

    def __init__(self, ask: Callable[[Question], Coroutine[Any, Any, Answer]]) -> None:
        self._ask = ask
        self._waiting: dict[Question, list[Deferred[Answer]]] = {}

    def answer(self, question: Question) -> Deferred[Answer]:
        """The answer that is under way, or that of asking now; each may cancel its own."""
        waiting: Deferred[Answer] = Deferred(lambda given_up: self._give_up(question, given_up))
        is_asked = question in self._waiting
        self._waiting.setdefault(question, []).append(waiting)
        if not is_asked:
            Deferred.fromCoroutine(self._ask(question)).addBoth(self._answered, question)
        return waiting

    def _answered(self, answer: Answer | Failure, question: Question) -> None:
        for waiting in self._waiting.pop(question):
            waiting.callback(answer)

    def _give_up(self, question: Question, given_up: Deferred[Answer]) -> None:
        self._waiting[question].remove(given_up)
