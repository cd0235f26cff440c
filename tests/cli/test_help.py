"""Every command explains itself, and says what is wrong with its words with exit code 2."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from flocker_lite.cli.main import flockerctl
from flocker_lite.cli.session import Session


def every(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of each command, of those in groups too."""
    for name, command in group.commands.items():
        yield (*words, name)
        if isinstance(command, click.Group):
            yield from every(command, (*words, name))


COMMANDS = list(every(flockerctl))


def found(words: tuple[str, ...]) -> click.Command:
    """The command with these words."""
    command: click.Command = flockerctl
    for word in words:
        assert isinstance(command, click.Group)
        command = command.commands[word]
    return command


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help(words: tuple[str, ...]) -> None:
    """--help and -h succeed, begin with the usage, and have a sentence about the command."""
    for option in ("--help", "-h"):
        if words == ("run",) and option == "-h":
            continue  # Docker's own option of that name
        result = CliRunner().invoke(flockerctl, [*words, option], obj=Session({}))
        assert result.exit_code == 0, result.output
        assert result.output.startswith("Usage: ")
    command = found(words)
    assert (command.help or "").strip().split("\n\n")[0].rstrip().endswith((".", ":"))
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help, f"{words} {parameter.name} has no help"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_an_unknown_option(words: tuple[str, ...]) -> None:
    """Is exit code 2, and nothing is asked of any service."""
    result = CliRunner().invoke(flockerctl, [*words, "--there-is-none"], obj=Session({}))
    assert result.exit_code == 2, result.output


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_common_options(words: tuple[str, ...]) -> None:
    """Whatever talks to a service has -o, -q and --context; whatever waits has --timeout."""
    command = found(words)
    options = {each for parameter in command.params for each in parameter.opts}
    if isinstance(command, click.Group) or words == ("completion",):
        return
    assert {"-o", "-q", "--context"} <= options
    assert ("--wait" in options) <= ("--timeout" in options)


def test_all_are_listed() -> None:
    """`flockerctl` alone lists every command."""
    listed = CliRunner().invoke(flockerctl, ["--help"], obj=Session({})).output
    assert all(f"  {name} " in listed for name in flockerctl.commands)


def test_without_a_service() -> None:
    """Nobody listens: one line on stderr, and exit code 1."""
    session = Session({"FLOCKER_CONTROL_SERVICE": "127.0.0.1:1", "XDG_CONFIG_HOME": "/nowhere"})
    for words in (["nodes"], ["status"], ["doctor"], ["top"]):
        result = CliRunner().invoke(flockerctl, words, obj=session)
        assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
        assert result.stderr.startswith("flockerctl: no control service answers")
