"""The whole story by `flockerctl` alone, on a cluster with certificates."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from admin.hosts import Lab
from admin.hosts.certificates import FOLDER
from tests.functional.agents_lab import wait_for
from tests.functional.hand import CHECKOUT, COMMAND, TIMEOUT_SECONDS, Hand

SUBNET = "10.88.4.0/24"
QUEUE = """
services:
  it:
    image: redis:latest
    command: redis-server --appendonly yes --appendfsync always
    ports: ["6380:6379"]
    volumes: ["data:/data"]
volumes: {data: }
"""


@pytest.fixture(scope="module")
def hand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hand]:
    """A lab with certificates, which is the context of a user who may write."""
    with Lab("flockerctl", SUBNET, certificates=True, pulled=True) as lab:
        found = Hand(lab, tmp_path_factory.mktemp("home"))
        certificates = str(lab.plan.folder / FOLDER)
        for name, user in (("lab", "user"), ("looking", "read-only-user")):
            found.done(
                *("context", "add", name, lab.node("control").address),
                *("--certificates", certificates, "--user", user),
            )
        wait_for(lambda: len(found.done("nodes", "-q").split()) == 2, "both nodes are there")
        yield found


def test_a_database_runs_and_moves(hand: Hand) -> None:
    """Run, status, a dry run, a move with a line a change, its receipt: and its data is there."""
    n1, n2 = hand.address("n1"), hand.address("n2")
    said = hand.done(
        *("run", "--on", n1, "-v", "redis_data:/data", "-p", "6379:6379", "--restart", "always"),
        *("redis:latest", "redis-server", "--appendonly", "yes", "--appendfsync", "always"),
    )
    assert said.splitlines()[-1] == "redis"
    wait_for(lambda: hand.redis("set", "hello", "world") == "OK", "redis answers")
    wait_for(lambda: hand.run("status").returncode == 0, "the cluster is healthy")
    assert n2 in hand.done("move", "redis", "--to", n2, "--dry-run")
    lines = hand.done("move", "redis", "--to", n2).splitlines()
    assert lines[-1].endswith(": done")
    assert any(line.strip().startswith("total pause") for line in lines)
    assert not any("\x1b" in line or "\r" in line for line in lines)
    wait_for(lambda: hand.redis("get", "hello") == "world", "the data came along")
    (move,) = json.loads(hand.done("moves", "redis", "-o", "json"))
    assert (move["from"], move["to"], move["phase"]) == (n1, n2, "done")
    assert re.search(rf"redis +{re.escape(n2)} +running", hand.done("containers"))


@pytest.mark.parametrize("width", [80, 200])
def test_on_a_terminal(hand: Hand, width: int) -> None:
    """One line moves at the bottom, is no wider than the terminal, and is gone at the end."""
    to = hand.address("n1" if width == 80 else "n2")
    seen = hand.on_terminal(width, "move", "redis", "--to", to)
    assert "\x1b[" in seen
    without = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen)
    assert max(len(line) for line in re.split(r"[\r\n]+", without)) <= width
    assert re.split(r"[\r\n]+", without.strip())[-1].endswith(": done")


def test_no_color(hand: Hand) -> None:
    """NO_COLOR is heeded: no colour is ever sent."""
    seen = hand.on_terminal(100, "move", "redis", "--to", hand.address("n1"), env={"NO_COLOR": "1"})
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", seen)


def test_who_may_only_look(hand: Hand) -> None:
    """Looks, and is refused the rest with an exit code of its own."""
    assert "redis" in hand.done("containers", "--context", "looking")
    refused = hand.run("delete", "redis", "--context", "looking")
    assert refused.returncode == 4, refused.stderr
    assert refused.stderr.startswith("flockerctl: ")
    assert len(refused.stderr.splitlines()) == 1


def test_an_application(hand: Hand, tmp_path: Path) -> None:
    """A Compose file comes up, moves with its data and goes; who may only look changes nothing."""
    n1, n2 = hand.address("n1"), hand.address("n2")
    file = tmp_path / "queue.yml"
    file.write_text(QUEUE)
    up = ("app", "up", str(file), "--name", "queue", "--host", n1)
    moving = ("app", "move", "queue", n2)

    def refused(*words: str) -> None:
        found = hand.run(*words, "--context", "looking")
        assert found.returncode == 4, (found.stdout, found.stderr)
        assert "read-only" in found.stderr

    refused(*up)
    assert f"container queue-it is created on {n1}" in hand.done(*up)
    wait_for(lambda: hand.redis("-p", "6380", "set", "hello", "world") == "OK", "redis answers")
    refused(*moving)
    assert hand.done(*moving).splitlines()[-1].endswith(" of queue-it: done")
    wait_for(lambda: hand.redis("-p", "6380", "get", "hello") == "world", "the data came along")
    assert n2 in hand.done("app", "list", "--context", "looking")
    refused("app", "delete", "queue")
    assert "dataset queue_data stays" in hand.done("app", "delete", "queue")
    wait_for(lambda: "queue-it" not in hand.done("containers", "-q"), "the container is gone")
    hand.done("delete-dataset", "queue_data", "-y")


def test_who_gets_nowhere(hand: Hand) -> None:
    """Without TLS, and where nobody listens: one line that says what to look at."""
    control = hand.address("control")
    for host, words in ((control, "This port speaks TLS"), (f"{control}:1", control)):
        environment = {"XDG_CONFIG_HOME": "/nowhere", "FLOCKER_CONTROL_SERVICE": host}
        found = hand.run("nodes", env=environment)
        assert found.returncode != 0
        assert len(found.stderr.splitlines()) == 1, found.stderr
        assert words in found.stderr


BASH = (
    'eval "$({command} completion bash)"; COMP_WORDS=(flockerctl move red); COMP_CWORD=2; '
    "_flockerctl_completion flockerctl red move; echo ${{COMPREPLY[*]}}"
)
FISH = "{command} completion fish | source; complete -C 'flockerctl move red'"
ZSH = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1=ready; autoload -Uz compinit; compinit -u -D; eval "$({command} completion zsh)"'
zpty -w -n shell $'flockerctl move red\t'
sleep 5
zpty -r -t shell found '*'
while zpty -r -t shell more '*'; do found+=$more; done
print -r -- $found
"""


@pytest.mark.parametrize(
    ("shell", "script"),
    [
        (("bash", "--norc", "-c"), BASH),
        (("fish", "--no-config", "-c"), FISH),
        (("zsh", "-f", "-c"), ZSH),
    ],
    ids=["bash", "fish", "zsh"],
)
def test_a_shell_completes_names(
    hand: Hand, tmp_path: Path, shell: tuple[str, ...], script: str
) -> None:
    """In a real shell, by what is in the cluster now."""
    path = f"{CHECKOUT / '.venv/bin'}:{hand.environment['PATH']}"
    found = subprocess.run(
        [*shell, script.format(command=COMMAND)],
        env=hand.environment | {"PATH": path, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert re.search(r"\bredis\b", found.stdout), (found.stdout, found.stderr)


def test_the_end(hand: Hand) -> None:
    """The container and its data go, and nothing is wrong then."""
    assert "destroyed" in hand.done("delete", "redis", "--datasets", "-y")
    wait_for(lambda: hand.done("containers", "-q") == "", "the container is gone")
    wait_for(lambda: hand.run("status").returncode == 0, "the cluster is healthy")
