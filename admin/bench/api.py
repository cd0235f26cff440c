"""The few requests to the REST API that the benchmarks need."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

POLL_SECONDS = 0.05
TIMEOUT_SECONDS = 600.0


class Api:
    """A control service at `root`, such as "http://10.77.0.10:4523/v1"."""

    def __init__(self, root: str) -> None:
        self._root = root

    def get(self, path: str) -> Any:
        """The answer to a GET."""
        with urllib.request.urlopen(self._root + path, timeout=30) as answer:
            return json.load(answer)

    def post(self, path: str, body: object) -> Any:
        """The answer to a POST."""
        request = urllib.request.Request(
            self._root + path,
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def until(self, path: str, good: Callable[[Any], bool]) -> Any:
        """GET until the answer is good; TimeoutError when it never is."""
        ends = time.monotonic() + TIMEOUT_SECONDS
        while not good(answer := self.get(path)):
            if time.monotonic() > ends:
                raise TimeoutError(f"GET {path}: {answer}")
            time.sleep(POLL_SECONDS)
        return answer

    def until_dataset_at(self, dataset_id: str, address: str) -> None:
        """Wait until the dataset's primary is the node at the address."""
        self.until(
            "/state/datasets",
            lambda found: any(
                item["dataset_id"] == dataset_id and item.get("primary") == address
                for item in found
            ),
        )

    def container_with_data(self, container: dict[str, Any], mountpoint: str) -> str:
        """A container with a dataset, running at its host; returns the dataset's id."""
        made = self.post("/configuration/datasets", {"primary": container["host"]})
        dataset_id = str(made["dataset_id"])
        self.until_dataset_at(dataset_id, container["host"])
        volumes = [{"dataset_id": dataset_id, "mountpoint": mountpoint}]
        self.post("/configuration/containers", {**container, "volumes": volumes})
        self.until(
            "/state/containers",
            lambda found: any(
                item["name"] == container["name"] and item["running"] for item in found
            ),
        )
        return dataset_id

    def moved(self, dataset_id: str, address: str, epoch: int, last_step: str) -> dict[str, Any]:
        """Wait for the end of a move, the progress of both sides included; returns them."""

        def ended(move: Any) -> bool:
            return (
                move.get("dataset_id") == dataset_id
                and move.get("epoch") == epoch
                and move["phase"] == "done"
                and last_step in move.get("pause", {})
            )

        moves = self.until(
            f"/state/moves?dataset_id={dataset_id}",
            lambda moves: any(ended(move) for move in moves),
        )
        self.until_dataset_at(dataset_id, address)
        move: dict[str, Any] = next(move for move in moves if ended(move))
        return move
