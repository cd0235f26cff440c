"""`flockerctl audit`: who changed what, and when."""

from __future__ import annotations

import time

import click

from flocker_lite.cli.output import Column, clean
from flocker_lite.cli.session import Session, with_session
from flocker_lite.cli.units import seconds, shown_time
from flocker_lite.client.client import Item

LINES = 50

AUDIT = (
    Column("WHEN", lambda item: shown_time(item["at"])),
    Column("USER", lambda item: item.get("user")),
    Column("DID", lambda item: item["operation"]),
    Column("TO", lambda item: item.get("about") or item["path"]),
    Column("WITH", lambda item: words(item)),
    Column("RESULT", lambda item: item.get("error") or item["status"]),
    Column("ADDRESS", lambda item: item["address"], wide=True),
    Column("REQUEST", lambda item: item["request_id"], wide=True),
)


def words(item: Item) -> str | None:
    """What a request gave: values that are known, and the names of the others."""
    given = [f"{key}={value}" for key, value in item.get("given", {}).items()]
    return ", ".join([*given, *item.get("also", ())]) or None


def line(item: Item) -> str:
    """A request in one line, for a stream of events."""
    result = item.get("error") or item["status"]
    about = item.get("about") or item["path"]
    return clean(f"{item.get('user', 'somebody')} {item['operation']} {about}: {result}")


@click.command()
@click.option("--user", help="Only what this user did.")
@click.option("--since", help="Only what is no longer ago, such as 30m or 2d.")
@click.option("-n", "--limit", type=int, default=LINES, help="The latest so many; 0 for all.")
@with_session
def audit(session: Session, user: str | None, since: str | None, limit: int) -> None:
    """List who changed what, and who was refused it; newest first."""
    filters = {} if user is None else {"user": user}
    try:
        if since is not None:
            filters["since"] = str(max(0, int(time.time() - seconds(since))))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from None
    nothing = "nothing was changed yet" if not filters else "nothing of that was changed"
    session.show(session.client.audit(limit, **filters), AUDIT, nothing)
