"""Shows a text that changes: in place on a terminal, elsewhere one after the other."""

from __future__ import annotations

import shutil

import click

from flocker_lite.cli.session import Session

HOME, CLEAR_LINE, CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
OTHER_SCREEN, FIRST_SCREEN = "\x1b[?1049h", "\x1b[?1049l"


class Screen:
    """What is shown; on a terminal a second text replaces the first, as far as it fits."""

    def __init__(self, session: Session) -> None:
        self._is_terminal = session.is_terminal
        self._shown = ""
        self._is_other = False

    def show(self, text: str) -> None:
        """Show this now."""
        if not self._is_terminal:
            click.echo(f"\n{text}" if self._shown else text)
        elif not self._shown:
            click.echo(text)
        else:
            self._redraw(text)
        self._shown = text

    def close(self) -> None:
        """Leave what was shown last."""
        if self._is_other:
            click.echo(FIRST_SCREEN, nl=False)
            click.echo(self._shown)

    def _redraw(self, text: str) -> None:
        width, height = _size()
        lines = [line[:width] for line in text.splitlines()[: height - 1]]
        start = "" if self._is_other else OTHER_SCREEN
        self._is_other = True
        drawn = "".join(f"{line}{CLEAR_LINE}\n" for line in lines)
        click.echo(f"{start}{HOME}{drawn}{CLEAR_BELOW}", nl=False)


def _size() -> tuple[int, int]:
    found = shutil.get_terminal_size()
    return found.columns, found.lines
