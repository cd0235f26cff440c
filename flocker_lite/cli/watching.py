"""Shows a list again at each change: in place on a terminal, elsewhere a line for each change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import click

from flocker_lite.cli.output import Column, Item, clean, rendered
from flocker_lite.cli.screen import Screen
from flocker_lite.cli.session import Session
from flocker_lite.client import Client


def watch(
    session: Session,
    client: Client,
    collection: str,
    columns: Sequence[Column],
    get: Callable[[], list[Item]],
    empty: str,
) -> None:
    """Show what `get` returns, and again whenever the collection has changed; it never ends.

    Programs get the whole list each time, in the format that they asked for.
    """
    screen = Screen(session)
    items = get()
    _show(session, screen, items, columns, empty)
    try:
        for event in client.events():
            if event.get("event") == "alive" or event.get("collection") not in (None, collection):
                continue
            before, items = items, get()
            if session.is_terminal or not session.is_for_person:
                _show(session, screen, items, columns, empty)
                continue
            for line in changes(before, items, columns, session.output):
                click.echo(line)
    finally:
        screen.close()


def changes(
    before: Sequence[Item], after: Sequence[Item], columns: Sequence[Column], how: str
) -> list[str]:
    """A line for each row that is new, is another one, or is gone."""
    known, now = _rows(before, columns, how), _rows(after, columns, how)
    lines = ["  ".join(row) for name, row in now.items() if known.get(name) != row]
    return lines + [f"{name}  gone" for name in known if name not in now]


def _rows(
    items: Sequence[Item], columns: Sequence[Column], how: str
) -> Mapping[str, tuple[str, ...]]:
    shown = [column for column in columns if how == "wide" or not column.wide]
    return {
        clean(columns[0].text(item)): tuple(clean(column.text(item)) for column in shown)
        for item in items
    }


def _show(
    session: Session, screen: Screen, items: list[Item], columns: Sequence[Column], empty: str
) -> None:
    if session.is_for_person:
        screen.show(rendered(items, columns, session.output, False, empty))
    else:
        session.show(items, columns, empty)
