"""Every operation of the REST API as a method, and methods that wait for changes."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote

from flocker_lite.client.contexts import Context
from flocker_lite.client.errors import TimedOut
from flocker_lite.client.transport import TAG_HEADER, Transport

Item: TypeAlias = dict[str, Any]

POLL_SECONDS_MAX = 15.0
"""How long one request waits for a change."""

OVER = ("done", "rolled back", "cancelled", "superseded")
"""The phases of a move that is over."""


class Client:
    """Talks to the control service of a context; tests pass a `transport` of their own."""

    def __init__(self, context: Context | None, transport: Transport | None = None) -> None:
        if transport is None:
            assert context is not None
            # It takes half of the time that the command needs to start, also for --help.
            from flocker_lite.client.http_transport import HTTPTransport

            transport = HTTPTransport(context)
        self._transport = transport

    # Reading

    def version(self) -> str:
        """The version of the control service."""
        return str(self._get("/version")["flocker"])

    def nodes(self) -> list[Item]:
        """Every node whose agent is connected, or was once: those that are `away` say so."""
        return self._list("/state/nodes")

    def configured_nodes(self) -> list[Item]:
        """Every node of the cluster, however long it has been away, and if it is `schedulable`."""
        return self._list("/configuration/nodes")

    def datasets(self) -> list[Item]:
        """Every dataset: its configuration, and in `state` what each node reports of its copy."""
        states: dict[str, list[Item]] = {}
        for item in self._list("/state/datasets"):
            states.setdefault(item["dataset_id"], []).append(item)
        configured = self._list("/configuration/datasets")
        return [{**item, "state": states.get(item["dataset_id"], [])} for item in configured]

    def configured_containers(self) -> list[Item]:
        """Every container as it is configured."""
        return self._list("/configuration/containers")

    def containers(self) -> list[Item]:
        """Every container: its configuration, and in `state` what each node reports of it.

        `running` says whether it runs; one that is configured not to is `stopped`.
        """
        states: dict[str, list[Item]] = {}
        for item in self._list("/state/containers"):
            states.setdefault(item["name"], []).append(item)
        configured = self.configured_containers()
        return [
            {
                **item,
                **({} if item.get("running", True) else {"stopped": True}),
                "state": states.get(item["name"], []),
                "running": any(each.get("running") for each in states.get(item["name"], [])),
            }
            for item in configured
        ]

    def moves(self, **filters: str) -> list[Item]:
        """The moves, newest first; filters are `container`, `dataset_id` and `phase`."""
        return self._list("/state/moves", filters)

    def move(self, move_id: str) -> Item:
        """One move by its id, or the newest move of a dataset by the dataset's id."""
        found: Item = self._get(f"/state/moves/{quote(move_id, safe='')}")
        return found

    def examine_control(self) -> Item:
        """What is wrong with the control service itself: its `findings`, each with a `remedy`."""
        found: Item = self._get("/state/doctor")
        return found

    def examine_node(self, node: str) -> Item:
        """What is wrong with a node, asked live; `node` is its address or UUID."""
        found: Item = self._get(f"/state/nodes/{quote(node, safe='')}/doctor")
        return found

    def usage(self, **filters: str) -> list[Item]:
        """What the nodes and their `containers` use, asked live; the filter is `host`."""
        return self._list("/state/usage", filters)

    def forgotten_nodes(self) -> list[Item]:
        """The nodes that were forgotten, and are refused until somebody lets them in again."""
        return self._list("/state/forgotten_nodes", {})

    def set_aside(self, **filters: str) -> list[Item]:
        """The copies that nodes have set aside; filters are `host` and `dataset_id`."""
        return self._list("/state/set_aside", filters)

    def audit(self, limit: int = 0, **filters: str) -> list[Item]:
        """Who changed what, newest first; the latest `limit` if it is not 0. A filter is `user`."""
        return self._list("/state/audit", {**filters, **({"limit": str(limit)} if limit else {})})

    def user(self) -> Item:
        """Who this client is, by its certificate, and what it may do."""
        found: Item = self._get("/user")
        return found

    def applications(self) -> list[Item]:
        """Every application, with its services and datasets."""
        return self._list("/configuration/applications")

    def tag(self) -> str:
        """The tag of the configuration as it is now; it changes with each edit."""
        headers = self._transport.request("GET", "/configuration/nodes")[1]
        return str(headers.get(TAG_HEADER, ""))

    def secrets(self) -> list[Item]:
        """The names of the secrets, and when each was created and changed; never a value."""
        return self._list("/configuration/secrets")

    def registries(self) -> list[Item]:
        """The registries that nodes log in to, and as which users; never a password."""
        return self._list("/configuration/registries")

    def events(self, since: int | None = None) -> Iterator[Item]:
        """Each change, from now on or since a generation; the iterator never ends."""
        query = {} if since is None else {"since": str(since)}
        return self._transport.stream("/events", query)

    def logs(self, name: str, tail: int, follow: bool = False) -> Iterator[bytes]:
        """The last lines that a container wrote, and with `follow` what it writes from now on."""
        query = {"tail": str(tail), "follow": "1" if follow else "0"}
        return self._transport.stream_bytes(f"/state/containers/{quote(name, safe='')}/logs", query)

    # Writing

    def create_dataset(self, host: str, **fields: Any) -> Item:
        """Create a dataset with its primary on a node."""
        return self._post("/configuration/datasets", {"primary": host, **fields})

    def update_dataset(self, dataset_id: str, dry_run: bool = False, **fields: Any) -> Item:
        """Change fields of a dataset; a new `primary` moves it. A dry run forecasts the move."""
        path = f"/configuration/datasets/{quote(dataset_id, safe='')}"
        return self._post(path, fields, _dry_run(dry_run))

    def delete_dataset(self, dataset_id: str, purge: bool = False) -> Item:
        """Destroy a dataset; with `purge` its record is forgotten once it is destroyed."""
        query = {"purge": "true"} if purge else {}
        return self._delete(f"/configuration/datasets/{quote(dataset_id, safe='')}", query)

    def drop_copy(self, dataset_id: str, host: str) -> Item:
        """Destroy a replica that nobody needs any more; `host` is its node."""
        path = f"/configuration/datasets/{quote(dataset_id, safe='')}/copies/{quote(host, safe='')}"
        return self._delete(path)

    def delete_set_aside(self, name: str, host: str) -> Item:
        """Destroy, for good, what a node has set aside under a name."""
        return self._delete(f"/state/set_aside/{quote(name, safe='')}", {"host": host})

    def adopt(
        self,
        host: str,
        container: str,
        name: str | None = None,
        dry_run: bool = False,
        **fields: Any,
    ) -> Item:
        """Adopt a container of Docker's on a node; `name` is what to call it.

        `move` are the options of the move that this is; the answer has its `move_id`. A dry run
        only says what the container would become.
        """
        named = {} if name is None else {"name": name}
        body = {"host": host, "container": container, **named, **fields}
        return self._post("/configuration/adoptions", body, _dry_run(dry_run))

    def adopt_data(self, host: str, dry_run: bool = False, **fields: Any) -> Item:
        """Make a `volume` of Docker's, a `directory` or a `filesystem` of a node a dataset."""
        return self._post("/configuration/adoptions", {"host": host, **fields}, _dry_run(dry_run))

    def release(
        self, container: str, name: str | None = None, dry_run: bool = False, **fields: Any
    ) -> Item:
        """Release a container to Docker alone; `name` is what to call it there.

        `move` are the options of the move that this is; the answer has its `move_id`. A dry run
        only says what the container would become.
        """
        named = {} if name is None else {"name": name}
        body = {"container": container, **named, **fields}
        return self._post("/configuration/releases", body, _dry_run(dry_run))

    def create_container(self, **fields: Any) -> Item:
        """Create a container; `host`, `name` and `image` are required."""
        return self._post("/configuration/containers", fields)

    def update_container(self, name: str, dry_run: bool = False, **fields: Any) -> Item:
        """Change fields of a container; a new `host` moves it. A dry run forecasts the move."""
        path = f"/configuration/containers/{quote(name, safe='')}"
        return self._post(path, fields, _dry_run(dry_run))

    def restart_container(self, name: str) -> Item:
        """Restart a container once; one that has ended is started."""
        return self._post(f"/configuration/containers/{quote(name, safe='')}/restart", None)

    def retry_container(self, name: str) -> Item:
        """Have what failed for a container tried again now, without the wait."""
        return self._post(f"/configuration/containers/{quote(name, safe='')}/retry", None)

    def fail_over_container(self, name: str, dry_run: bool = False, **fields: Any) -> Item:
        """Have a standby take over a container; fields are `host` and `force`.

        The answer is the failover, as a move; that of a dry run says what it would lose.
        """
        path = f"/configuration/containers/{quote(name, safe='')}/failover"
        return self._post(path, fields, _dry_run(dry_run))

    def fail_over_dataset(self, dataset_id: str, dry_run: bool = False, **fields: Any) -> Item:
        """The same for a dataset that no container uses."""
        path = f"/configuration/datasets/{quote(dataset_id, safe='')}/failover"
        return self._post(path, fields, _dry_run(dry_run))

    def delete_container(self, name: str) -> None:
        """Stop and remove a container; its datasets stay."""
        self._delete(f"/configuration/containers/{quote(name, safe='')}")

    def bring_up_application(
        self, dry_run: bool = False, tag: str | None = None, **fields: Any
    ) -> Item:
        """Make an application what a Compose document says; `name` and `compose` are required.

        The answer says what becomes of everything; with `dry_run` nothing is done. With a `tag`
        it is a Conflict if the configuration is another one by now.
        """
        return self._post("/configuration/applications", fields, _dry_run(dry_run), tag)

    def move_application(self, name: str, host: str, dry_run: bool = False, **fields: Any) -> Item:
        """Move all containers of an application to a node; `move` are the options of each move."""
        path = f"/configuration/applications/{quote(name, safe='')}"
        return self._post(path, {"host": host, **fields}, _dry_run(dry_run))

    def delete_application(self, name: str, dry_run: bool = False) -> Item:
        """Delete all containers of an application; the answer has the datasets that stay."""
        path = f"/configuration/applications/{quote(name, safe='')}"
        return self._delete(path, _dry_run(dry_run))

    def update_node(self, node: str, schedulable: bool) -> Item:
        """Cordon a node, or open it again; `node` is its address or UUID."""
        path = f"/configuration/nodes/{quote(node, safe='')}"
        return self._post(path, {"schedulable": schedulable})

    def readmit_node(self, node: str) -> Item:
        """Let a node in again that was forgotten; `node` is its UUID or its last address."""
        return self._post(f"/configuration/nodes/{quote(node, safe='')}", {"forgotten": False})

    def drain_node(self, node: str, dry_run: bool = False, **options: Any) -> Item:
        """Move everything on a node to others; the answer has the `drain` with its items.

        `options` are `parallel`, `deadline_seconds` and `max_pause_seconds`.
        """
        path = f"/configuration/nodes/{quote(node, safe='')}/drain"
        return self._post(path, options, _dry_run(dry_run))

    def stop_drain(self, node: str) -> Item:
        """Begin no more moves of a drain; Conflict if the node is not being drained."""
        return self._delete(f"/configuration/nodes/{quote(node, safe='')}/drain")

    def bring_back(self, node: str) -> Item:
        """Open a node again, and move back what its drain moved away."""
        return self._post(f"/configuration/nodes/{quote(node, safe='')}/return", None)

    def forget_node(self, node: str, force: bool = False, dry_run: bool = False) -> Item:
        """Forget a node that is gone for good; Conflict if it is connected, or has anything.

        With `force` what is only there goes with it; `lost` in the answer says what that is.
        """
        query = {**({"force": "true"} if force else {}), **_dry_run(dry_run)}
        return self._delete(f"/configuration/nodes/{quote(node, safe='')}", query)

    def create_secret(self, name: str, value: bytes) -> Item:
        """Keep a value under a new name; Conflict if there is a secret of that name."""
        return self._post("/configuration/secrets", {"name": name, "base64": _base64(value)})

    def update_secret(self, name: str, value: bytes) -> Item:
        """Change the value of a secret; the containers that use it are replaced."""
        return self._post(
            f"/configuration/secrets/{quote(name, safe='')}", {"base64": _base64(value)}
        )

    def delete_secret(self, name: str) -> None:
        """Forget a secret; Conflict while a container uses it."""
        self._delete(f"/configuration/secrets/{quote(name, safe='')}")

    def set_registry(self, registry: str, user: str, password: str) -> Item:
        """Have nodes log in to a registry for the images that they pull from it."""
        return self._post(
            "/configuration/registries",
            {"registry": registry, "user": user, "password": password},
        )

    def delete_registry(self, registry: str) -> None:
        """Have nodes log in to a registry no more."""
        self._delete(f"/configuration/registries/{quote(registry, safe='')}")

    def cancel_move(self, move_id: str) -> Item:
        """Cancel a move; Conflict once its data was handed over.

        An adoption is over later, once its node has put everything back.
        """
        return self._delete(f"/state/moves/{quote(move_id, safe='')}")

    # Waiting

    def watch(
        self, path: str, timeout_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> Iterator[Any]:
        """Yield a collection now, after each change, and at least every `POLL_SECONDS_MAX`.

        Raises TimedOut after `timeout_seconds`.
        """
        ends = clock() + timeout_seconds
        query: dict[str, str] = {}
        while True:
            found, headers = self._transport.request(
                "GET", path, None, query, POLL_SECONDS_MAX + 30
            )
            yield found
            left = ends - clock()
            if left <= 0:
                raise TimedOut(f"not within {timeout_seconds:g} s")
            generation = headers.get("X-Generation")
            query = {"timeout_seconds": f"{min(POLL_SECONDS_MAX, left):.1f}"}
            if generation is not None:
                query["wait_for"] = generation

    def follow_move(self, move_id: str, timeout_seconds: float) -> Iterator[Item]:
        """Yield a move at each change until it is over; TimedOut if that takes too long."""
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
        return self._transport.request("GET", path, None, query)[0]

    def _post(
        self,
        path: str,
        body: object,
        query: Mapping[str, str] | None = None,
        tag: str | None = None,
    ) -> Item:
        found: Item = self._transport.request("POST", path, body, query, tag=tag)[0]
        return found

    def _delete(self, path: str, query: Mapping[str, str] | None = None) -> Item:
        found: Item = self._transport.request("DELETE", path, None, query)[0]
        return found


def _dry_run(is_one: bool) -> dict[str, str]:
    return {"dry_run": "1"} if is_one else {}


def _base64(value: bytes) -> str:
    return b64encode(value).decode()
