"""Plays commands: shows each one, runs it as a user's shell does, and shows its output."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from shlex import quote
from typing import Any

COMMAND_TIMEOUT_SECONDS = 300.0
POLL_SECONDS = 0.2
SHOWN_CHARACTERS_MAX = 2000


class StoryError(Exception):
    """The story failed; the text says where."""


class Player:
    """Runs commands, and passes what it does to `show`."""

    def __init__(
        self,
        api: str,
        show: Callable[[str], None] = print,
        curl_options: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`api` is the root of the REST API, such as "http://10.77.0.10:4523/v1".

        The `environment` is that of the commands, beside this process's own.
        """
        self.api = api
        self._show = show
        self.environment = {**os.environ, **(environment or {})}
        self._curl = f"curl -sS {curl_options}".rstrip()

    def tell(self, text: str) -> None:
        """A heading or a sentence between commands."""
        self._show(f"\n# {text}")

    def run(self, command: str) -> str:
        """Run a command line of a shell and return what it printed; StoryError when it fails."""
        self._show(f"$ {command}")
        done = subprocess.run(
            ["bash", "-c", command],
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_SECONDS,
            stdin=subprocess.DEVNULL,
            env=self.environment,
        )
        printed = done.stdout.strip()
        self._show(printed[:SHOWN_CHARACTERS_MAX] or done.stderr.strip()[:SHOWN_CHARACTERS_MAX])
        if done.returncode != 0:
            raise StoryError(f"{command}: exit code {done.returncode}: {done.stderr.strip()}")
        return printed

    def post(self, path: str, body: object) -> Any:
        """POST a JSON body with curl and return the answer; StoryError when it is an error."""
        return self._answer(
            f"{self._curl} -X POST -H 'Content-Type: application/json' "
            f"-d {quote(json.dumps(body))} {self.api}{path}"
        )

    def delete(self, path: str) -> Any:
        """DELETE with curl and return the answer."""
        return self._answer(f"{self._curl} -X DELETE {self.api}{path}")

    def poll(self, path: str, good: Callable[[Any], bool], timeout_seconds: float = 120.0) -> Any:
        """GET with curl, again and again, until the answer is good; shows the last one."""
        self.wait_for(path, good, timeout_seconds)
        return self._answer(f"{self._curl} {self.api}{path}")

    def wait_for(
        self, path: str, good: Callable[[Any], bool], timeout_seconds: float = 120.0
    ) -> Any:
        """GET again and again until the answer is good, and show nothing of that."""
        command = [*self._curl.split(), f"{self.api}{path}"]
        ends = time.monotonic() + timeout_seconds
        while True:
            answer = json.loads(subprocess.check_output(command, timeout=30))
            if good(answer):
                return answer
            if time.monotonic() > ends:
                raise StoryError(f"{path}: not as hoped in {timeout_seconds:g} s: {answer}")
            time.sleep(POLL_SECONDS)

    def _answer(self, command: str) -> Any:
        answer = json.loads(self.run(command))
        if isinstance(answer, dict) and "description" in answer:
            raise StoryError(f"{command}: {answer}")
        return answer
