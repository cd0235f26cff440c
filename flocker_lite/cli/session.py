"""What every command has at hand: the client, how to answer, and how errors become exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

import click

from flocker_lite.cli.output import FORMATS, Column, clean, rendered
from flocker_lite.client import Client, ClientError, contexts
from flocker_lite.client.errors import BadRequest, Conflict, NotAllowed, TimedOut

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CONFLICT = 3
EXIT_NOT_ALLOWED = 4
EXIT_TIMED_OUT = 5
EXIT_ROLLED_BACK = 6
_EXIT_CODES: dict[type[ClientError], int] = {
    BadRequest: EXIT_USAGE,
    Conflict: EXIT_CONFLICT,
    NotAllowed: EXIT_NOT_ALLOWED,
    TimedOut: EXIT_TIMED_OUT,
}

Command = TypeVar("Command", bound=Callable[..., Any])
MakeClient = Callable[[contexts.Context], Client]


@dataclass
class Session:
    """One run of the command; `make_client` is another one in tests."""

    environment: Mapping[str, str]
    make_client: MakeClient = Client
    context_name: str | None = None
    output: str = "table"
    quiet: bool = False

    @property
    def client(self) -> Client:
        """The client of the context that is meant."""
        return self.make_client(contexts.current(self.context_name, self.environment))

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks at the answer as it comes, and may be shown what moves."""
        return sys.stdout.isatty() and self.environment.get("TERM") != "dumb"

    def show(self, items: Sequence[dict[str, Any]], columns: Sequence[Column], empty: str) -> None:
        """Answer a list."""
        text = rendered(items, columns, self.output, self.quiet, empty)
        if text:
            click.echo(text)

    def say(self, text: str) -> None:
        """A line for a person; not where a program reads the answer."""
        if not self.quiet and self.output in ("table", "wide"):
            click.echo(text)


def answering(command: Command) -> Command:
    """The options that every command has, and its errors as one line and an exit code."""

    @click.option("-o", "--output", type=click.Choice(FORMATS), help="How to answer.")
    @click.option("-q", "--quiet", is_flag=True, help="Names only, and no words beside them.")
    @click.option("--context", help="The cluster that is meant; see `flockerctl context`.")
    @click.pass_context
    @wraps(command)
    def answer(
        ctx: click.Context,
        /,
        *arguments: Any,
        output: str | None,
        quiet: bool,
        context: str | None,
        **options: Any,
    ) -> Any:
        session = ctx.ensure_object(Session)
        session.output = output or session.output
        session.quiet = quiet or session.quiet
        session.context_name = context or session.context_name
        with errors_as_exit_codes():
            return ctx.invoke(command, session, *arguments, **options)

    return cast(Command, answer)


@contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """One line on stderr, without control characters, and the exit code of that kind of error."""
    try:
        yield
    except ClientError as error:
        click.echo(f"flockerctl: {clean(error)}", err=True)
        raise SystemExit(exit_code(error)) from None


def exit_code(error: ClientError) -> int:
    """What the shell learns of an error."""
    for kind, code in _EXIT_CODES.items():
        if isinstance(error, kind):
            return code
    return EXIT_FAILED


def parsed(parse: Callable[[str], Any], text: str | None) -> Any:
    """What an option says; a usage error with the parser's own words when it makes no sense."""
    if text is None:
        return None
    try:
        return parse(text)
    except ValueError as error:
        raise BadRequest(str(error)) from None
