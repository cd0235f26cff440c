"""What clients of a register asked and heard, and when: the evidence of a run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import inf


class Kind(Enum):
    """What was asked."""

    READ = "read"
    WRITE = "write"
    WRITE_IF = "write if the tag is as expected"
    APPEND = "append, to a set"


class Outcome(Enum):
    """What was heard."""

    DONE = "done"
    MISMATCH = "the tag was another"
    REFUSED = "refused: nothing was done"
    UNKNOWN = "no answer, or one that leaves it open"


@dataclass(frozen=True, slots=True)
class Operation:
    """One request, with times of one clock.

    `value` is what was written or read; no value is written twice. `version` is the number in the
    tag of the answer: of the configuration that a write made, or that was read, or that the
    expected one mismatched. `expected` is the number in the tag of a condition.
    """

    kind: Kind
    value: str
    began_at: float
    ended_at: float
    outcome: Outcome = Outcome.DONE
    version: int = 0
    expected: int = 0

    @property
    def certain_by(self) -> float:
        """When it had taken effect, if it did; one of unknown outcome may do so at any time."""
        return inf if self.outcome is Outcome.UNKNOWN else self.ended_at
