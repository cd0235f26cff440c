"""Shows a running move: one line that is redrawn on a terminal, else a new line per change."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import click

from flocker_lite.cli.output import clean
from flocker_lite.cli.session import Session
from flocker_lite.cli.units import shown_bytes, shown_seconds

Item: TypeAlias = dict[str, Any]
BAR_CHARACTERS = 20


class Progress(Protocol):
    """Shows the news of a move."""

    def show(self, item: Item) -> None:
        """Show the move as it is now."""

    def close(self) -> None:
        """Stop: there is no more news."""


def progress_of(session: Session) -> Progress:
    """The kind of display that fits the output format and the terminal."""
    if session.quiet or session.output in ("json", "yaml", "name"):
        return _Silent()
    return _Live() if session.is_terminal else _Lines()


def line_of(item: Item) -> str:
    """A move in one line: phase, round, bytes, time left, predicted pause."""
    words = [item["phase"]]
    rounds = item.get("rounds", ())
    if item["phase"] == "pushing":
        words.append(f"round {len(rounds) + 1}")
    sent, expected = item.get("sent_bytes"), item.get("expected_bytes")
    if sent is not None:
        of = f" of {shown_bytes(expected)}" if expected else ""
        words.append(f"{shown_bytes(sent)}{of}")
    if rounds and rounds[-1].get("bytes_per_second"):
        words.append(f"{shown_bytes(rounds[-1]['bytes_per_second'])}/s")
    if item.get("eta_seconds") is not None:
        words.append(f"{shown_seconds(item['eta_seconds'])} left")
    if item.get("predicted_pause_seconds") is not None:
        words.append(f"pause of {shown_seconds(item['predicted_pause_seconds'])} predicted")
    if item.get("error"):
        words.append(item["error"])
    return clean(", ".join(words))


def bar_of(item: Item) -> str:
    """The progress of the push as a bar, at most full."""
    sent, expected = item.get("sent_bytes"), item.get("expected_bytes")
    if not sent or not expected:
        return ""
    full = min(BAR_CHARACTERS, BAR_CHARACTERS * sent // expected)
    return "[" + "#" * full + "." * (BAR_CHARACTERS - full) + "] "


class _Silent:
    def show(self, item: Item) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Do nothing."""


class _Lines:
    """Prints a line for each new phase, round and error, so that a log stays short."""

    def __init__(self) -> None:
        self._said: tuple[object, ...] = ()

    def show(self, item: Item) -> None:
        now = (item["phase"], len(item.get("rounds", ())), item.get("error"))
        if now != self._said:
            self._said = now
            click.echo(line_of(item))

    def close(self) -> None:
        """Do nothing: each line is complete."""


class _Live:
    """Redraws one line at the bottom of a terminal; rich heeds its width and NO_COLOR."""

    def __init__(self) -> None:
        # Imported only for a terminal: the import takes 0.1 s, which scripts need not wait for.
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        self._text = Text
        self._live = Live(console=Console(), auto_refresh=False, transient=True)
        self._live.start()

    def show(self, item: Item) -> None:
        line = self._text(bar_of(item) + line_of(item), overflow="ellipsis", no_wrap=True)
        self._live.update(line, refresh=True)

    def close(self) -> None:
        self._live.stop()
