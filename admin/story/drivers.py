"""How the story asks for what it wants: with curl, or with flockerctl."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from admin.hosts import Node
from admin.hosts.arrivals import agents_here
from admin.story.player import Player, StoryError

MOVE_TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True)
class Program:
    """A container that the story runs; its data is in the dataset `volume`, at `mountpoint`."""

    name: str
    image: str
    volume: str | None = None
    mountpoint: str = ""
    port: int | None = None
    restart: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


class Driver(Protocol):
    """Does what the story wants, and shows how."""

    def nodes(self) -> None:
        """Wait until both agents are there."""

    def run(self, program: Program, node: Node) -> None:
        """Run it on the node; returns when it runs."""

    def move(self, name: str, target: Node) -> dict[str, Any]:
        """Move it to the node; returns what the API says of the move, which is over."""

    def delete_everything(self) -> None:
        """Delete all containers and datasets; returns when the state shows none."""


class CurlDriver:
    """Requests with curl, and polls the state."""

    def __init__(self, play: Player) -> None:
        self._play = play
        self._datasets: list[str] = []

    def nodes(self) -> None:
        self._play.poll("/state/nodes", lambda answer: agents_here(answer) == 2)

    def run(self, program: Program, node: Node) -> None:
        body: dict[str, Any] = {
            "host": node.address,
            "name": program.name,
            "image": program.image,
        }
        if program.restart is not None:
            body["restart_policy"] = {"name": program.restart}
        if program.environment:
            body["environment"] = dict(program.environment)
        if program.port is not None:
            body["ports"] = [{"internal": program.port, "external": program.port}]
        if program.volume is not None:
            dataset_id = self._dataset(program.volume, node)
            body["volumes"] = [{"dataset_id": dataset_id, "mountpoint": program.mountpoint}]
        self._play.post("/configuration/containers", body)
        self._play.poll("/state/containers", lambda answer: _runs(answer, program.name, node))

    def move(self, name: str, target: Node) -> dict[str, Any]:
        play = self._play
        play.post(f"/configuration/containers/{name}", {"host": target.address})
        play.poll(
            "/state/containers",
            lambda answer: _runs(answer, name, target),
            timeout_seconds=MOVE_TIMEOUT_SECONDS,
        )
        # The newest comes first.
        moves = play.poll(f"/state/moves?container={name}", _is_told(target))
        play.poll("/state/datasets", _is_some_at(target))
        progress: dict[str, Any] = moves[0]
        return progress

    def delete_everything(self) -> None:
        play = self._play
        for name in [each["name"] for each in play.poll("/configuration/containers", _any)]:
            play.delete(f"/configuration/containers/{name}")
        for dataset_id in self._datasets:
            play.delete(f"/configuration/datasets/{dataset_id}")
        play.poll("/state/containers", lambda answer: answer == [])
        play.poll("/state/datasets", lambda answer: answer == [])

    def _dataset(self, name: str, node: Node) -> str:
        body = {"primary": node.address, "metadata": {"name": name}}
        dataset_id = str(self._play.post("/configuration/datasets", body)["dataset_id"])
        self._datasets.append(dataset_id)
        self._play.poll("/state/datasets", lambda answer: _is_at(answer, dataset_id, node))
        return dataset_id


class FlockerctlDriver:
    """Types flockerctl; `move` runs the command of a move, which may be recorded meanwhile."""

    def __init__(self, play: Player, move: Callable[[str], object] | None = None) -> None:
        self._play = play
        self._move = move or play.run
        self._names: list[str] = []
        self._volumes: list[str] = []

    def nodes(self) -> None:
        self._play.wait_for("/state/nodes", lambda answer: agents_here(answer) == 2)
        self._play.run("flockerctl nodes")

    def run(self, program: Program, node: Node) -> None:
        words = ["flockerctl run", f"--on {node.address}", f"--name {program.name}"]
        words += [f"-e {key}={value}" for key, value in program.environment.items()]
        if program.volume is not None:
            words.append(f"-v {program.volume}:{program.mountpoint}")
            self._volumes.append(program.volume)
        if program.port is not None:
            words.append(f"-p {program.port}:{program.port}")
        if program.restart is not None:
            words.append(f"--restart {program.restart}")
        self._names.append(program.name)
        self._play.run(" ".join([*words, program.image]))

    def move(self, name: str, target: Node) -> dict[str, Any]:
        self._play.run(f"flockerctl move {name} --to {target.address} --dry-run")
        self._move(f"flockerctl move {name} --to {target.address}")
        self._play.run("flockerctl status")
        moves = self._play.wait_for(f"/state/moves?container={name}", _is_told(target))
        progress: dict[str, Any] = moves[0]
        return progress

    def delete_everything(self) -> None:
        self._play.run(f"flockerctl delete {' '.join(self._names)}")
        self._play.run(f"flockerctl delete-dataset -y {' '.join(self._volumes)}")
        for collection in ("containers", "datasets"):
            self._play.wait_for(f"/state/{collection}", lambda answer: answer == [])
            left = json.loads(self._play.run(f"flockerctl {collection} -o json"))
            if left and collection == "containers":
                raise StoryError(f"{collection} are left: {left}")


def _any(answer: Any) -> bool:
    return True


def _runs(answer: Any, name: str, node: Node) -> bool:
    return any(
        item["name"] == name and item["host"] == node.address and item["running"] for item in answer
    )


def _is_at(answer: Any, dataset_id: str, node: Node) -> bool:
    return any(
        item["dataset_id"] == dataset_id and item.get("primary") == node.address for item in answer
    )


def _is_some_at(node: Node) -> Callable[[Any], bool]:
    return lambda answer: any(item.get("primary") == node.address for item in answer)


def _is_told(target: Node) -> Callable[[Any], bool]:
    """Whether the newest move is over, with all steps of its pause."""

    def is_told(moves: Any) -> bool:
        return bool(moves) and (
            moves[0]["to"] == target.address
            and moves[0]["phase"] == "done"
            and "start" in moves[0]["pause"]
        )

    return is_told
