"""What runs in a container, in Docker's words."""

from __future__ import annotations

from typing import Any

import pytest

from flocker_lite.containers.translate import create_arguments, prestarted
from flocker_lite.model.records import Container


def arguments(**fields: Any) -> dict[str, Any]:
    """What Docker gets of a container with these fields."""
    container = Container("db", "aaaaaaaa-0000-4000-8000-000000000001", "redis:latest", **fields)
    return create_arguments(container, {}, "10.79.1.11")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"entrypoint": ("sh", "-c")}, {"Entrypoint": ["sh", "-c"]}),
        ({"user": "1000:1000"}, {"User": "1000:1000"}),
        ({"working_dir": "/srv"}, {"WorkingDir": "/srv"}),
        ({"tty": True, "stdin_open": True}, {"Tty": True, "OpenStdin": True}),
        ({"stop_signal": "SIGINT"}, {"StopSignal": "SIGINT"}),
        ({"stop_timeout_seconds": 2.5}, {"StopTimeout": 3}),
        ({"stop_timeout_seconds": 30.0}, {}),
        ({"hostname": "rabbit"}, {"Hostname": "rabbit"}),
        ({"domainname": "example.org"}, {"Domainname": "example.org"}),
        ({"command_line": ("a", "b")}, {"Cmd": ["a", "b"]}),
    ],
)
def test_process(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    """Each field is told, and none that is not set."""
    plain, made = arguments(), arguments(**fields)
    added = {key: value for key, value in made.items() if plain.get(key) != value}
    assert {key: value for key, value in added.items() if key != "Labels"} == expected
    assert made["HostConfig"] == plain["HostConfig"]


@pytest.mark.parametrize("init", [True, False])
def test_init(init: bool) -> None:
    """Docker has an init of its own; None leaves it to Docker's configuration."""
    assert arguments(init=init)["HostConfig"]["Init"] is init
    assert "Init" not in arguments()["HostConfig"]


@pytest.mark.parametrize(
    ("fields", "program"),
    [
        ({}, ["entry.sh", "serve"]),
        ({"command_line": ("work",)}, ["entry.sh", "work"]),
        ({"entrypoint": ("sh", "-e")}, ["sh", "-e"]),
        ({"entrypoint": ("sh",), "command_line": ("work",)}, ["sh", "work"]),
    ],
)
def test_entrypoint_behind_the_gate(fields: dict[str, Any], program: list[str]) -> None:
    """Where the gate is the entrypoint, it becomes what Docker would have started."""
    image = {"Entrypoint": ["entry.sh"], "Cmd": ["serve"]}
    made = prestarted(arguments(**fields), "/gates/db", "/.gate", image)
    assert made is not None
    assert made["Entrypoint"] == ["/.gate/hold", *program]
