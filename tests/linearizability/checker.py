"""Whether what clients heard of a register can be told as one order of events.

Each answer names the version of the configuration that it is about, and versions only grow. So the
service itself says in which order it did everything, and that order is checked: each read has the
value of the last write before it, each condition held, and nothing that had ended when another
began comes after that. If all of this is true the order is a linearization; if not, an answer was
wrong, be it only in its version.

A write whose outcome is not known may have been done, once. It is placed where its value is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from tests.linearizability.history import Kind, Operation, Outcome

WRITES = (Kind.WRITE, Kind.WRITE_IF)


def complaints(history: Sequence[Operation], at_first: str, appended: Sequence[str]) -> list[str]:
    """What is wrong, in words: nothing if all is well.

    `at_first` is the register's value before the first operation, `appended` what the set has in
    the end.
    """
    return [
        *_of_versions(history),
        *_of_set(history, appended),
        *_of_conditions(history),
        *_of_order(history, at_first),
    ]


def _of_versions(history: Sequence[Operation]) -> list[str]:
    """No two writes made one version."""
    seen: dict[int, Operation] = {}
    found = []
    for operation in history:
        if operation.kind is Kind.READ or operation.outcome is not Outcome.DONE:
            continue
        other = seen.setdefault(operation.version, operation)
        if other is not operation:
            found.append(f"one tag given twice: {_told(other)}, and {_told(operation)}")
    return found


def _of_set(history: Sequence[Operation], appended: Sequence[str]) -> list[str]:
    """What was acknowledged is in the set; what was refused is not."""
    here = set(appended)
    found = []
    for operation in history:
        if operation.kind is not Kind.APPEND:
            continue
        if operation.outcome is Outcome.DONE and operation.value not in here:
            found.append(f"acknowledged and lost: {_told(operation)}")
        if operation.outcome is Outcome.REFUSED and operation.value in here:
            found.append(f"refused and done: {_told(operation)}")
    return found


def _of_conditions(history: Sequence[Operation]) -> list[str]:
    """No write came between a condition and the write that it was for."""
    versions = sorted(
        each.version
        for each in history
        if each.kind is not Kind.READ and each.outcome is Outcome.DONE
    )
    found = []
    for operation in history:
        if operation.kind is not Kind.WRITE_IF:
            continue
        if operation.outcome is Outcome.MISMATCH and operation.version == operation.expected:
            found.append(f"refused although its condition held: {_told(operation)}")
        if operation.outcome is not Outcome.DONE:
            continue
        between = [v for v in versions if operation.expected < v < operation.version]
        if between or operation.version <= operation.expected:
            found.append(f"done although its condition did not hold: {_told(operation)}")
    return found


def _of_order(history: Sequence[Operation], at_first: str) -> list[str]:
    """Whether the order of the versions tells one story; what does not fit into it."""
    unknown = {
        each.value: each
        for each in history
        if each.kind in WRITES and each.outcome is Outcome.UNKNOWN
    }
    refused = {
        each.value for each in history if each.outcome in (Outcome.REFUSED, Outcome.MISMATCH)
    }
    found: list[str] = []
    value, latest_began, latest = at_first, -inf, ""
    for operation in _in_order(history):
        is_write = operation.kind in WRITES and operation.outcome is Outcome.DONE
        if is_write:
            value = operation.value
        elif operation.kind is Kind.READ and operation.value != value:
            writer = unknown.pop(operation.value, None)
            if writer is None or writer.began_at > operation.ended_at:
                why = "a refused value" if operation.value in refused else f"not {value!r}"
                found.append(f"{why}: {_told(operation)}")
            else:
                if writer.began_at > latest_began:
                    latest_began, latest = writer.began_at, _told(writer)
            value = operation.value
        if operation.ended_at < latest_began:
            found.append(f"it is after {latest} in order, and ended before: {_told(operation)}")
        if operation.began_at > latest_began:
            latest_began, latest = operation.began_at, _told(operation)
    return found


def _in_order(history: Sequence[Operation]) -> list[Operation]:
    """All that has a version, in the order that these say; a write before those who read it."""
    placed = [each for each in history if each.version]
    return sorted(
        placed,
        key=lambda each: (
            each.version,
            each.outcome is not Outcome.DONE or each.kind is Kind.READ,
            each.began_at,
        ),
    )


def _told(operation: Operation) -> str:
    when = f"{operation.began_at:.3f}-{operation.ended_at:.3f}"
    condition = f" if {operation.expected}" if operation.kind is Kind.WRITE_IF else ""
    return (
        f"{operation.kind.name.lower()} {operation.value}{condition} "
        f"({operation.outcome.name.lower()}, version {operation.version}, {when})"
    )
