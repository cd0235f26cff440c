"""What is wrong with a Compose document: each fault with its place, several of them together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Where in the document: the keys and the positions that lead there."""

FAULTS_MAX = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, where it is, and what to do; the `text` does not repeat the path."""

    path: Path
    text: str


@dataclass(slots=True)
class Findings:
    """What a translation found besides its result: the faults, and notes for people."""

    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def fault(self, path: Path, text: str) -> None:
        """Something is wrong there; only the first FAULTS_MAX are kept."""
        found = Fault(path, text)
        if found not in self.faults and len(self.faults) < FAULTS_MAX:
            self.faults.append(found)

    def note(self, text: str) -> None:
        """Something is otherwise than people may expect; each note is kept once."""
        if text not in self.notes and len(self.notes) < FAULTS_MAX:
            self.notes.append(text)


def dotted(path: Path) -> str:
    """The path as people write it: services.web.ports[0]."""
    return "".join(_steps(path)).removeprefix(".")


def _steps(path: Path) -> Iterator[str]:
    for part in path:
        yield f"[{part}]" if isinstance(part, int) else f".{part}"
