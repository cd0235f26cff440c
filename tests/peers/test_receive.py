"""What `flocker-lite-receive` is asked for, by whoever may start it: two things, and no others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.receive import COMMAND_VARIABLE, greeting

NODE = "aaaaaaaa-0000-4000-8000-000000000001"
TOKEN = "0123456789abcdef" * 2
PARTS = st.sampled_from(
    ["flocker-lite-receive", "control", "stream", TOKEN, "--node", NODE, " ", "\n", ";", "$(id)"]
)
COMMANDS = st.text() | st.lists(PARTS).map("".join) | st.lists(PARTS).map(" ".join)


def forced(command: str) -> str | None:
    """What a key that may start it as that of NODE makes of a command."""
    return greeting(["--node", NODE], {COMMAND_VARIABLE: command})


def test_what_there_is() -> None:
    """A session, and a stream that was promised; by a key that is a node's, with its name."""
    assert greeting(["control"], {}) == "control"
    assert greeting(["stream", TOKEN], {}) == f"stream {TOKEN}"
    assert forced("flocker-lite-receive control") == f"node {NODE} control"
    assert forced(f"flocker-lite-receive stream {TOKEN}") == f"node {NODE} stream {TOKEN}"


@pytest.mark.parametrize(
    "command",
    [
        "",
        "flocker-lite-receive",
        "control",
        "sh",
        "/usr/lib/openssh/sftp-server",
        "scp -t /etc",
        "flocker-lite-receive control\n",
        "flocker-lite-receive  control",
        "flocker-lite-receive control; id",
        "flocker-lite-receive control --node bbbbbbbb-0000-4000-8000-000000000001",
        "flocker-lite-receive --node bbbbbbbb-0000-4000-8000-000000000001 control",
        "flocker-lite-receive stream $(id)",
        f"flocker-lite-receive stream {TOKEN[:-1]}",
        f"flocker-lite-receive stream {TOKEN.upper()}",
        f"flocker-lite-receive stream {TOKEN}\nnode {NODE} control",
    ],
)
def test_what_there_is_not(command: str) -> None:
    """Whatever else a node's key asks for; no shell has seen it until here."""
    assert forced(command) is None


def test_words_of_no_use() -> None:
    """Nor does anything else start it."""
    for words in ([], ["stream"], ["control", "more"], ["--node"], ["--node", "n2"], ["control\n"]):
        assert greeting(words, {COMMAND_VARIABLE: "flocker-lite-receive control"}) is None
    assert greeting(["--node", NODE], {}) is None
    assert greeting(["--node", NODE, "control"], {}) is None


@given(COMMANDS)
def test_any_command(command: str) -> None:
    """What gets to the agent is one of two lines, and names the node of the key."""
    greeted = forced(command)
    if greeted is not None:
        assert command == f"flocker-lite-receive {greeted.removeprefix(f'node {NODE} ')}"
        assert "\n" not in greeted


@given(st.lists(COMMANDS, max_size=4))
def test_any_words(words: list[str]) -> None:
    """As the old way has it: the words themselves are one of the two."""
    greeted = greeting(words, {})
    assert greeted is None or greeted in ("control", f"stream {words[-1]}")
    assert greeted is None or "\n" not in greeted
