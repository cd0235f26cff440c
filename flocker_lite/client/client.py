"""Every operation of the REST API as a method, and the waiting that goes with some of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote

from flocker_lite.client.contexts import Context
from flocker_lite.client.errors import TimedOut
from flocker_lite.client.transport import Answers, Transport

Item: TypeAlias = dict[str, Any]

POLL_SECONDS_MAX = 15.0
"""How long one question to the service waits for a change."""

OVER = ("done", "rolled back", "cancelled", "superseded")
"""The phases of a move that is over."""


class Client:
    """The control service of a context; `transport` takes the place of the real one in tests."""

    def __init__(self, context: Context | None, transport: Answers | None = None) -> None:
        if transport is None:
            assert context is not None
            transport = Transport(context)
        self._transport = transport

    # What there is

    def version(self) -> str:
        """The version of the control service."""
        return str(self._get("/version")["flocker"])

    def nodes(self) -> list[Item]:
        """Every node that is known to be there, and those that are away since a short time."""
        return self._list("/state/nodes")

    def datasets(self) -> list[Item]:
        """Every dataset: what is configured of it, and `state`: what each node says of its copy."""
        states: dict[str, list[Item]] = {}
        for item in self._list("/state/datasets"):
            states.setdefault(item["dataset_id"], []).append(item)
        configured = self._list("/configuration/datasets")
        return [{**item, "state": states.get(item["dataset_id"], [])} for item in configured]

    def containers(self) -> list[Item]:
        """Every container: what is configured of it, and `state`: what each node says of it."""
        states: dict[str, list[Item]] = {}
        for item in self._list("/state/containers"):
            states.setdefault(item["name"], []).append(item)
        configured = self._list("/configuration/containers")
        return [
            {
                **item,
                "state": states.get(item["name"], []),
                "running": any(each.get("running") for each in states.get(item["name"], [])),
            }
            for item in configured
        ]

    def moves(self, **filters: str) -> list[Item]:
        """The moves, the newest first; `container`, `dataset_id` and `phase` leave out the rest."""
        return self._list("/state/moves", filters)

    def move(self, move_id: str) -> Item:
        """One move, or the newest of a dataset by the dataset's id."""
        found: Item = self._get(f"/state/moves/{quote(move_id, safe='')}")
        return found

    def events(self, since: int | None = None) -> Iterator[Item]:
        """What changes, from now on or since a generation; goes on for ever."""
        query = {} if since is None else {"since": str(since)}
        return self._transport.lines("/events", query)

    # What should be

    def create_dataset(self, host: str, **fields: Any) -> Item:
        """A new dataset with its primary on a node."""
        return self._post("/configuration/datasets", {"primary": host, **fields})

    def update_dataset(self, dataset_id: str, dry_run: bool = False, **fields: Any) -> Item:
        """Change some of a dataset; another `primary` is a move, of which a dry run tells."""
        query = {"dry_run": "1"} if dry_run else {}
        return self._post(f"/configuration/datasets/{quote(dataset_id, safe='')}", fields, query)

    def delete_dataset(self, dataset_id: str, purge: bool = False) -> Item:
        """Have a dataset destroyed; with `purge` have its record forgotten once it is."""
        query = {"purge": "true"} if purge else {}
        return self._delete(f"/configuration/datasets/{quote(dataset_id, safe='')}", query)

    def create_container(self, **fields: Any) -> Item:
        """A new container; `host`, `name` and `image` are needed."""
        return self._post("/configuration/containers", fields)

    def update_container(self, name: str, dry_run: bool = False, **fields: Any) -> Item:
        """Change some of a container; another `host` is a move, of which a dry run tells."""
        query = {"dry_run": "1"} if dry_run else {}
        return self._post(f"/configuration/containers/{quote(name, safe='')}", fields, query)

    def delete_container(self, name: str) -> None:
        """Have a container stopped and removed; its datasets stay."""
        self._delete(f"/configuration/containers/{quote(name, safe='')}")

    def cancel_move(self, move_id: str) -> Item:
        """Call a move off; Conflict once its data was handed over."""
        return self._delete(f"/state/moves/{quote(move_id, safe='')}")

    # Waiting

    def watch(
        self, path: str, timeout_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> Iterator[Any]:
        """A collection as it is now, and again each time that it has changed, or some time passed.

        TimedOut once `timeout_seconds` are over.
        """
        ends = clock() + timeout_seconds
        query: dict[str, str] = {}
        while True:
            found, headers = self._transport.ask("GET", path, None, query, POLL_SECONDS_MAX + 30)
            yield found
            left = ends - clock()
            if left <= 0:
                raise TimedOut(f"not within {timeout_seconds:g} s")
            generation = headers.get("X-Generation")
            query = {"timeout_seconds": f"{min(POLL_SECONDS_MAX, left):.1f}"}
            if generation is not None:
                query["wait_for"] = generation

    def follow_move(self, move_id: str, timeout_seconds: float) -> Iterator[Item]:
        """A move each time that there is news of it, to its end; TimedOut when it takes longer."""
        for moves in self.watch("/state/moves", timeout_seconds):
            found = next((item for item in moves if item.get("move_id") == move_id), None)
            if found is None:
                continue
            yield found
            if found["phase"] in OVER:
                return

    def _list(self, path: str, query: Mapping[str, str] | None = None) -> list[Item]:
        found: list[Item] = self._get(path, query)
        return found

    def _get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        return self._transport.ask("GET", path, None, query)[0]

    def _post(self, path: str, body: object, query: Mapping[str, str] | None = None) -> Item:
        found: Item = self._transport.ask("POST", path, body, query)[0]
        return found

    def _delete(self, path: str, query: Mapping[str, str] | None = None) -> Item:
        found: Item = self._transport.ask("DELETE", path, None, query)[0]
        return found
