"""Who listens at a port of a node."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Listener:
    """A process that listens at a TCP port of a node; its fields are None if we cannot see it."""

    process: str | None = None
    pid: int | None = None

    @property
    def is_docker(self) -> bool:
        """Whether it listens for a container."""
        return self.process in ("docker-proxy", "dockerd")

    def __str__(self) -> str:
        if self.process is None:
            return "something else"
        if self.is_docker:
            return "another container of Docker"
        return f"{self.process} (pid {self.pid})"
