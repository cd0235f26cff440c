"""A redis that passes between Docker alone and us while a client writes to it all the time."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from admin.hosts import Node
from tests.functional.agents_lab import Cluster, wait_for

LOAD_CLIENT = Path(__file__).with_name("load_client.py")
NOTES = "var/lib/flocker-lite/adoptions.json"
FAULT = "run/rsync-fault"
OVER_SECONDS_MAX = 90.0
RSYNC = f"""#!/bin/bash
# While a fault is asked for at the step that the node's note is at, do that instead of copying.
read -r at what 2>/dev/null </{FAULT}
step=$(grep -o '"step": *"[a-z]*"' /{NOTES} 2>/dev/null | tail -1 | cut -d'"' -f4)
if [ "$1" != --version ] && [ "$at" = "${{step:-copying}}" ]; then
    case $what in
        wait) while [ -e /{FAULT} ]; do sleep 0.02; done ;;
        kill) kill -9 $$ ;;
        full) echo "rsync: write failed on x: No space left on device (28)" >&2; exit 11 ;;
    esac
fi
exec /run/real-rsync "$@"
"""


def put_rsync(node: Node) -> None:
    """Have the node's rsync do what a test wants at a step, and then copy."""
    node.run(["cp", "/usr/bin/rsync", "/run/real-rsync"])
    (node.root / "run/rsync").write_text(RSYNC)
    node.run(["chmod", "755", "/run/rsync"])
    node.run(["mount", "--bind", "/run/rsync", "/usr/bin/rsync"])


class RedisUnderLoad:
    """The container `cache`, and what its clients were acknowledged."""

    def __init__(self, cluster: Cluster, port: int) -> None:
        self.cluster = cluster
        self.node = cluster.node("n1")
        self.longest_seconds = 0.0
        self._port = port
        self._load: subprocess.Popen[str] | None = None

    def load(self, container: str) -> None:
        """Once redis answers, give it something to copy, and start the client."""
        wait_for(lambda: self.redis(container, "ping") == "PONG", "redis answers")
        self.redis(container, "set", "filler", "x" * 100_000)
        arguments = (self.node.address, str(self._port), "redis", "2")
        self._load = self.cluster.node("control").spawn(
            [sys.executable, str(LOAD_CLIENT), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._load.stdout is not None
        assert self._load.stdout.readline() == "ready\n"

    def docker(self, *words: str, check: bool = True) -> str:
        """Docker's own command on the node."""
        return self.node.run(["docker", *words], check=check).stdout.strip()

    def redis(self, container: str, *words: str) -> str:
        """A command to redis, inside its container."""
        return self.docker("exec", container, "redis-cli", *words, check=False)

    def move(self, move_id: str) -> Any:
        """The move as it is shown."""
        return self.cluster.get(f"/state/moves/{move_id}")

    def over(self, move_id: str) -> Any:
        """The move once it is over."""
        try:
            return wait_for(
                lambda: move if "ended_at" in (move := self.move(move_id)) else None,
                f"move {move_id} is over",
                OVER_SECONDS_MAX,
            )
        except AssertionError as error:
            log = self.node.log_tail("flocker-agent")
            said = (str(error), str(self.move(move_id)), str(self.step()), log)
            raise AssertionError("\n".join(said)) from None

    def step(self) -> str | None:
        """The step in the node's note."""
        try:
            notes = json.loads((self.node.root / NOTES).read_text()).get("adoptions", {})
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        note = notes.get("cache")
        return note and str(note.get("step", "copying"))

    def at(self, step: str) -> None:
        """Wait until the move is at this step."""
        ends = time.monotonic() + 60
        while self.step() != step:
            assert time.monotonic() < ends, f"{self.step()} instead of {step}"
            time.sleep(0.005)

    def fault(self, at: str, what: str = "wait") -> None:
        """From now on have rsync do this at that step."""
        (self.node.root / FAULT).write_text(f"{at} {what}\n")

    def no_fault(self) -> None:
        """From now on have it copy."""
        (self.node.root / FAULT).unlink(missing_ok=True)

    def running(self) -> set[str]:
        """The containers that run."""
        return set(self.docker("ps", "--format", "{{.Names}}").split())

    def acknowledged(self) -> int:
        """End the client; how many writes it was acknowledged."""
        assert self._load is not None
        said, _ = self._load.communicate("", timeout=60)
        self._load = None
        requests, errors, self.longest_seconds = json.loads(said)
        return int(requests) - int(errors)

    def assert_serves(self, name: str) -> None:
        """This container alone runs, with all that the client was acknowledged."""
        wait_for(lambda: self.redis(name, "ping") == "PONG", f"{name} answers")
        assert self.running() == {name}
        acknowledged = self.acknowledged()
        assert acknowledged > 0
        assert int(self.redis(name, "get", "requests")) >= acknowledged

    def remove(self) -> None:
        """All that is left."""
        self.no_fault()
        if self._load is not None:
            self.acknowledged()
        for move in self.cluster.get("/state/moves"):
            if "ended_at" not in move:
                self.cluster.player.delete(f"/state/moves/{move['move_id']}")
                self.over(move["move_id"])
        for container in self.cluster.get("/configuration/containers"):
            self.cluster.delete(container["name"])
        for dataset in self.cluster.get("/configuration/datasets?deleted=false"):
            self.cluster.player.delete(f"/configuration/datasets/{dataset['dataset_id']}")
        for name in ("cache", "cache--before-flocker"):
            self.docker("rm", "--force", "--volumes", name, check=False)
        self.docker("volume", "rm", "--force", "cachedata", check=False)
