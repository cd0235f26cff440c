"""The table at the end of the story; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from admin.story.chapters import Moved

STEPS = ("stop", "unmount", "snapshot", "send", "commit", "hand over", "mount", "start", "answer")


def table(moves: Iterable[Moved]) -> str:
    """One column for each move: bytes of each round, the pause by step, and the data."""
    moves = list(moves)
    rounds_max = max(len(move.progress["rounds"]) for move in moves)
    rows: list[list[str]] = [["", *(move.title for move in moves)]]
    for number in range(rounds_max):
        rows.append([f"round {number + 1}", *(_round(move, number) for move in moves)])
    for step in STEPS:
        rows.append([f"pause: {step}", *(_milliseconds(_step(move, step)) for move in moves)])
    rows.append(
        ["pause in all", *(_milliseconds(move.progress["pause_seconds"]) for move in moves)]
    )
    rows.append(
        ["pause as a client saw it", *(_milliseconds(m.client_pause_seconds) for m in moves)]
    )
    rows.append(["connections refused", *(str(move.refused) for move in moves)])
    rows.append(["data intact", *("yes" if move.intact else "NO" for move in moves)])
    return _aligned(rows)


def _round(move: Moved, number: int) -> str:
    rounds = move.progress["rounds"]
    if number >= len(rounds):
        return "-"
    sent = rounds[number]
    return f"{_bytes(sent['bytes'])} in {sent['seconds']:.2f} s"


def _step(move: Moved, step: str) -> float:
    return float(move.progress["pause"].get(step, 0.0))


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _bytes(count: int) -> str:
    for unit, size in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    rule = "-" * max(len(line) for line in lines)
    return "\n".join([lines[0], rule, *lines[1:]])
