"""What every command uses: the client, the output options, and exit codes for errors."""

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
EXIT_INTERRUPTED = 130
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
    """One run of flockerctl; tests give it another `make_client`."""

    environment: Mapping[str, str]
    make_client: MakeClient = Client
    context_name: str | None = None
    output: str = "table"
    quiet: bool = False

    @property
    def client(self) -> Client:
        """A client for the chosen context."""
        return self.make_client(contexts.current(self.context_name, self.environment))

    @property
    def is_terminal(self) -> bool:
        """Whether a person watches the output, so that a line may be redrawn."""
        return sys.stdout.isatty() and self.environment.get("TERM") != "dumb"

    def painted(self, text: str, color: str) -> str:
        """The text in a colour, where a terminal has colours and its user wants them."""
        if not self.is_terminal or self.environment.get("NO_COLOR"):
            return text
        return click.style(text, fg=color)

    @property
    def is_interactive(self) -> bool:
        """Whether a person is at standard input, who can be asked."""
        return sys.stdin.isatty()

    @property
    def is_for_person(self) -> bool:
        """Whether a person reads the output, and wants sentences."""
        return not self.quiet and self.output in ("table", "wide")

    def show(self, items: Sequence[dict[str, Any]], columns: Sequence[Column], empty: str) -> None:
        """Print a list in the chosen format."""
        text = rendered(items, columns, self.output, self.quiet, empty)
        if text:
            click.echo(text)

    def say(self, text: str) -> None:
        """Print a line for a person; nothing if a program reads the output."""
        if self.is_for_person:
            click.echo(text)

    def show_done(self, item: dict[str, Any], columns: Sequence[Column], text: str) -> None:
        """Print what was done: a sentence for a person, the changed item for a program."""
        if self.is_for_person:
            click.echo(text)
        else:
            self.show([item], columns, "")


def with_session(command: Command) -> Command:
    """Give a command the common options, and turn its errors into one line and an exit code."""

    @click.option("-o", "--output", type=click.Choice(FORMATS), help="The output format.")
    @click.option("-q", "--quiet", is_flag=True, help="Print only names.")
    @click.option("--context", help="The cluster to use; see `flockerctl context`.")
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
    """Print an error as one line on stderr, and exit with the code of that kind of error.

    Ctrl-C has a code of its own.
    """
    try:
        yield
    except ClientError as error:
        click.echo(f"flockerctl: {clean(error)}", err=True)
        raise SystemExit(exit_code(error)) from None
    except KeyboardInterrupt:
        raise SystemExit(EXIT_INTERRUPTED) from None


def exit_code(error: ClientError) -> int:
    """The exit code of an error."""
    for kind, code in _EXIT_CODES.items():
        if isinstance(error, kind):
            return code
    return EXIT_FAILED


def parsed(parse: Callable[[str], Any], text: str | None) -> Any:
    """The parsed value of an option; the parser's ValueError becomes a usage error."""
    if text is None:
        return None
    try:
        return parse(text)
    except ValueError as error:
        raise BadRequest(str(error)) from None
