"""A terminal as far as flockerctl uses one: what it shows after each piece of text; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

_PIECE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b.|[\r\n]|[^\x1b\r\n]+", re.DOTALL)
_COLORS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")


@dataclass(frozen=True, slots=True)
class Style:
    """How a character looks."""

    bold: bool = False
    color: str | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """A character and its style."""

    text: str = " "
    style: Style = Style()


@dataclass
class Terminal:
    """Lines of cells; it grows downwards, and nothing scrolls away."""

    width: int
    lines: list[list[Cell]] = field(default_factory=lambda: [[]])
    row: int = 0
    column: int = 0
    style: Style = Style()

    def feed(self, text: str) -> None:
        """Take in what a program wrote."""
        for found in _PIECE.finditer(text):
            if found[2] is not None:
                self._control(found[1], found[2])
            elif found[0] == "\r":
                self.column = 0
            elif found[0] == "\n":
                self._down()
            elif not found[0].startswith("\x1b"):
                self._write(found[0])

    def rows(self) -> tuple[tuple[Cell, ...], ...]:
        """What is shown now, without the blanks at the end of each line."""
        return tuple(_stripped(line) for line in self.lines)

    def _down(self) -> None:
        self.row += 1
        while len(self.lines) <= self.row:
            self.lines.append([])

    def _write(self, text: str) -> None:
        for character in text:
            if self.column >= self.width:
                self.column = 0
                self._down()
            line = self.lines[self.row]
            line.extend(Cell() for _ in range(self.column + 1 - len(line)))
            line[self.column] = Cell(character, self.style)
            self.column += 1

    def _control(self, numbers: str, kind: str) -> None:
        if numbers.startswith("?"):
            return  # the cursor is shown or hidden
        given = [int(number) for number in numbers.split(";") if number]
        match kind:
            case "A":
                self.row = max(self.row - (given or [1])[0], 0)
            case "K":
                self._erase((given or [0])[0])
            case "m":
                for number in given or [0]:
                    self.style = _styled(self.style, number)

    def _erase(self, how: int) -> None:
        line = self.lines[self.row]
        if how == 2:
            line.clear()
        elif how == 0:
            del line[self.column :]


def screens(
    width: int, events: tuple[tuple[float, str], ...]
) -> Iterator[tuple[float, tuple[tuple[Cell, ...], ...]]]:
    """What is shown after each event, with its seconds; only when that is something else."""
    terminal = Terminal(width)
    before: tuple[tuple[Cell, ...], ...] | None = None
    for at, text in events:
        terminal.feed(text)
        now = terminal.rows()
        if now != before:
            yield at, now
        before = now


def _stripped(line: list[Cell]) -> tuple[Cell, ...]:
    end = len(line)
    while end and line[end - 1].text == " ":
        end -= 1
    return tuple(line[:end])


def _styled(style: Style, number: int) -> Style:
    if number == 0:
        return Style()
    if number in (1, 22):
        return replace(style, bold=number == 1)
    if 30 <= number <= 37 or 90 <= number <= 97:
        return replace(style, color=_COLORS[number % 10])
    return replace(style, color=None) if number == 39 else style
