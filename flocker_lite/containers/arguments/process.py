"""The program of a container, in Docker's terms."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from flocker_lite.containers.arguments.merging import HOST, without_none
from flocker_lite.model.container_fields.process import STOP_TIMEOUT_SECONDS
from flocker_lite.model.records import Container


def process_arguments(container: Container, variables: Mapping[str, str]) -> dict[str, Any]:
    """`variables` come from the container's links; the user's own replace them."""
    environment = {**variables, **container.environment}
    return {
        "Env": [f"{key}={value}" for key, value in sorted(environment.items())],
        **without_none(
            Cmd=_list(container.command_line),
            Entrypoint=_list(container.entrypoint),
            User=container.user,
            WorkingDir=container.working_dir,
            Tty=container.tty or None,
            OpenStdin=container.stdin_open or None,
            StopSignal=container.stop_signal,
            Domainname=container.domainname,
        ),
        HOST: without_none(Init=container.init),
    }


def stop_timeout(container: Container) -> dict[str, int]:
    """How long Docker itself waits when somebody runs `docker stop`."""
    is_usual = container.stop_timeout_seconds == STOP_TIMEOUT_SECONDS
    return {} if is_usual else {"StopTimeout": ceil(container.stop_timeout_seconds)}


def _list(words: tuple[str, ...] | None) -> list[str] | None:
    return None if words is None else list(words)
