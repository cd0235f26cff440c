"""What a terminal shows of what flockerctl writes."""

from __future__ import annotations

from admin.picture.terminal import Cell, Style, Terminal, screens


def shown(*texts: str, width: int = 20) -> list[str]:
    """The lines after these texts."""
    terminal = Terminal(width)
    for text in texts:
        terminal.feed(text)
    return ["".join(cell.text for cell in row) for row in terminal.rows()]


def test_lines() -> None:
    """Below each other; what is too long goes on in the next."""
    assert shown("one\r\ntwo\r\n") == ["one", "two", ""]
    assert shown("abcdef", width=4) == ["abcd", "ef"]


def test_redrawn() -> None:
    """As rich redraws two lines: erased from the last to the first, and written anew."""
    assert shown("$ x\r\n", "first\r\nsecond", "\r\x1b[2K\x1b[1A\x1b[2Kthird") == [
        "$ x",
        "third",
        "",
    ]
    assert shown("long line", "\rshort\x1b[K") == ["short"]


def test_styles() -> None:
    """Bold and colours, until they end."""
    terminal = Terminal(20)
    terminal.feed("\x1b[1;32ma\x1b[0mb\x1b[96mc\x1b[39md\x1b[?25l")
    assert terminal.rows() == (
        (
            Cell("a", Style(True, "green")),
            Cell("b"),
            Cell("c", Style(False, "cyan")),
            Cell("d"),
        ),
    )


def test_screens() -> None:
    """Only those that differ, each with its time."""
    events = ((0.0, "a"), (1.0, "\x1b[?25h"), (2.0, "b"))
    found = [(at, "".join(cell.text for cell in rows[0])) for at, rows in screens(20, events)]
    assert found == [(0.0, "a"), (2.0, "ab")]
