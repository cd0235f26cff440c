"""Shows a running move: some lines that are redrawn on a terminal, else a line per change."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import click

from flocker_lite.cli.output import clean
from flocker_lite.cli.session import Session
from flocker_lite.cli.units import shown_bytes, shown_seconds

Item: TypeAlias = dict[str, Any]
BAR_CHARACTERS = 20
ETA_SECONDS_MIN = 0.1
"""With less left, a number of seconds says nothing."""

_BAR = re.compile(rf"\[[#.]{{{BAR_CHARACTERS}}}\]")


class Progress(Protocol):
    """Shows the news of something that takes a while."""

    def show(self, item: Item, name: str = "") -> None:
        """Show a move as it is now; `name` says which, where there are several."""

    def tell(self, lines: Sequence[str], news: object) -> None:
        """Show these lines; without a terminal, one line when the `news` are others than before."""

    def close(self) -> None:
        """Stop: there is no more news."""


def progress_of(session: Session) -> Progress:
    """The kind of display that fits the output format and the terminal."""
    if session.quiet or session.output in ("json", "yaml", "name"):
        return _Silent()
    return _Live() if session.is_terminal else _Lines()


def line_of(item: Item, name: str = "") -> str:
    """A move in one line: phase, round, bytes, rates, time left, predicted pause."""
    words = [f"{name}: {item['phase']}" if name else item["phase"], *_round(item)]
    words += [*_bytes(item), *_forecast(item)]
    if item.get("error"):
        words.append(item["error"])
    return clean(", ".join(words))


def lines_of(item: Item, name: str = "") -> list[str]:
    """The same for a terminal: what is done with a bar, then what is expected, then any error."""
    words = [f"{name}: {item['phase']}" if name else item["phase"], *_round(item)]
    lines = [f"{bar_of(item)}{', '.join(words)}"]
    for more in (_bytes(item), _forecast(item), [item["error"]] if item.get("error") else []):
        if more:
            lines.append(f"  {', '.join(more)}")
    return [clean(line) for line in lines]


def _round(item: Item) -> list[str]:
    return [f"round {len(item.get('rounds', ())) + 1}"] if item["phase"] == "pushing" else []


def _bytes(item: Item) -> list[str]:
    """How much is sent, how fast, and how long it takes."""
    words = []
    sent, expected = item.get("sent_bytes"), item.get("expected_bytes")
    last: Item = (item.get("rounds") or ({},))[-1]
    if sent is not None:
        words.append(shown_bytes(sent) + (f" of {shown_bytes(expected)}" if expected else ""))
    eta_seconds = item.get("eta_seconds") or 0.0
    rate = last.get("bytes_per_second")
    if rate is None and sent is not None and expected and eta_seconds > 0:
        rate = (expected - sent) / eta_seconds
    if rate:
        words.append(f"{shown_bytes(rate)}/s")
    if eta_seconds >= ETA_SECONDS_MIN:
        words.append(f"{shown_seconds(eta_seconds)} left")
    return words


def _forecast(item: Item) -> list[str]:
    """How fast the container writes, and how long its pause will be."""
    words = []
    last: Item = (item.get("rounds") or ({},))[-1]
    if last.get("dirty_bytes_per_second") is not None:
        words.append(f"written at {shown_bytes(last['dirty_bytes_per_second'])}/s")
    if item.get("predicted_pause_seconds") is not None:
        words.append(f"pause of {shown_prediction(item)} predicted")
    return words


def shown_prediction(item: Item) -> str:
    """The predicted pause, and what it hardly ever exceeds, as far as they are known."""
    likely = shown_seconds(item.get("predicted_pause_seconds"))
    most = item.get("predicted_pause_p95_seconds")
    return f"{likely} (p95 {shown_seconds(most)})" if most is not None else likely


def show_start(progress: Progress, states: Sequence[Item], name: str = "") -> None:
    """Show what a container waits for that does not run yet: its image, or the end of an error."""
    about = f"{name}: " if name else ""
    errors = [state["error"] for state in states if state.get("error")]
    pulls = [state["image_pull"] for state in states if "image_pull" in state]
    if errors:
        progress.tell([f"{about}not yet: {'; '.join(errors)}"], (name, errors))
    elif pulls:
        pull = pulls[0]
        total = f" of {shown_bytes(pull['total_bytes'])}" if pull.get("total_bytes") else ""
        line = f"{about}pulling its image"
        if pull["layers"]:
            layers = f"{pull['layers_done']} of {pull['layers']} layers"
            line = f"{line}: {layers}, {shown_bytes(pull['bytes'])}{total}"
        progress.tell([line], (name, pull["layers_done"]))


def bar_of(item: Item) -> str:
    """The progress of the push as a bar, at most full."""
    sent, expected = item.get("sent_bytes"), item.get("expected_bytes")
    if not sent or not expected:
        return ""
    full = min(BAR_CHARACTERS, BAR_CHARACTERS * sent // expected)
    return "[" + "#" * full + "." * (BAR_CHARACTERS - full) + "] "


class _Silent:
    def show(self, item: Item, name: str = "") -> None:
        """Show nothing."""

    def tell(self, lines: Sequence[str], news: object) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Do nothing."""


class _Lines:
    """Prints a line for each new phase, round and error, so that a log stays short."""

    def __init__(self) -> None:
        self._said: object = ()

    def show(self, item: Item, name: str = "") -> None:
        news = (name, item["phase"], len(item.get("rounds", ())), item.get("error"))
        self.tell([line_of(item, name)], news)

    def tell(self, lines: Sequence[str], news: object) -> None:
        if news != self._said:
            self._said = news
            click.echo(clean("; ".join(line.strip() for line in lines)))

    def close(self) -> None:
        """Do nothing: each line is complete."""


class _Live:
    """Redraws some lines at the bottom of a terminal; rich heeds its width and NO_COLOR."""

    def __init__(self) -> None:
        # Imported only for a terminal: the import takes 0.1 s, which scripts need not wait for.
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        self._text = Text
        self._live = Live(console=Console(), auto_refresh=False, transient=True)
        self._live.start()

    def show(self, item: Item, name: str = "") -> None:
        self.tell(lines_of(item, name), ())

    def tell(self, lines: Sequence[str], news: object) -> None:
        text = self._text(overflow="ellipsis", no_wrap=True)
        for number, line in enumerate(map(clean, lines)):
            text.append(line if number == 0 else f"\n{line}", style="" if number else "bold")
        text.highlight_regex(_BAR, "green")
        self._live.update(text, refresh=True)

    def close(self) -> None:
        self._live.stop()
