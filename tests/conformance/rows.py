"""What a row of the tables is: requests, what must be answered, and where Flocker 0.4 differs.

Rows run on services that are shared, so what they make has names of their own: in paths, bodies
and answers, "<d1>" stands for a dataset's UUID, "<c1>" for a container's name and "<p1>" for an
external port, all of them used by no other row.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NODE_1 = "11111111-1111-4111-8111-111111111111"
NODE_2 = "22222222-2222-4222-8222-222222222222"
ADDRESS_1 = "10.77.0.11"
ADDRESS_2 = "10.77.0.12"
UNKNOWN = "10.77.0.99"

DATASETS = "/v1/configuration/datasets"
CONTAINERS = "/v1/configuration/containers"
LEASES = "/v1/configuration/leases"
D1 = f"{DATASETS}/<d1>"
C1 = f"{CONTAINERS}/<c1>"

NOT_VALID = "The provided JSON doesn't match the required schema."
BAD_QUERY = "The query string has parameters with values that they cannot have."
UNKNOWN_NODE = "The provided primary node is not part of the cluster."

ANYTHING = object()
"""An answer of which only the status counts."""


@dataclass(frozen=True)
class Step:
    """One request and its answer.

    `sends` is JSON, or bytes as they are. One of these must hold of the body that is answered:
    it is `answer`; it has the `description` and nothing else; it has so many `errors`; it is a
    list that `has` these items (and `lacks` those). Beside a description and errors there may be
    `problems`, which explain them to a person.
    """

    method: str
    path: str
    status: int = 200
    sends: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: Any = ANYTHING
    description: str | None = None
    errors: int | None = None
    has: tuple[Any, ...] = ()
    lacks: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Row:
    """A row of a table of the API's description: `differs` says what Flocker 0.4 does instead."""

    table: str
    name: str
    steps: tuple[Step, ...]
    differs: str | None = None

    def __str__(self) -> str:
        return f"{self.table}: {self.name}"


def row(table: str, name: str, *steps: Step, differs: str | None = None) -> Row:
    """A row."""
    return Row(table, name, steps, differs)


def get(path: str, **expected: Any) -> Step:
    """GET."""
    return Step("GET", path, **expected)


def post(path: str, sends: Any, status: int = 200, **expected: Any) -> Step:
    """POST of a JSON value."""
    headers = {"Content-Type": "application/json", **expected.pop("headers", {})}
    return Step("POST", path, status, sends, headers, **expected)


def delete(path: str, status: int = 200, **expected: Any) -> Step:
    """DELETE."""
    return Step("DELETE", path, status, **expected)


def named(value: Any, row: Row) -> Any:
    """The value, with the names that are this row's own."""
    match value:
        case str():
            whole = re.fullmatch(r"<p(\d)>", value)
            if whole:
                return 1024 + 9 * (_number(row) % 7000) + int(whole[1])
            value = re.sub(r"<d(\d)>", lambda match: _dataset_id(row, match[1]), value)
            value = re.sub(r"<D(\d)>", lambda match: _dataset_id(row, match[1]).upper(), value)
            return re.sub(r"<c(\d)>", rf"c{_number(row)}-\1", value)
        case dict():
            return {named(key, row): named(item, row) for key, item in value.items()}
        case list():
            return [named(item, row) for item in value]
    return value


def _number(row: Row) -> int:
    return int(hashlib.sha256(str(row).encode()).hexdigest()[:10], 16)


def _dataset_id(row: Row, digit: str) -> str:
    return f"dddddddd-0000-4000-8{digit}00-{_number(row):012x}"


# What many rows begin with.

DATASET = {"dataset_id": "<d1>", "primary": ADDRESS_1}
DATASET_BODY = {**DATASET, "metadata": {}, "deleted": False}
CONTAINER = {"host": ADDRESS_1, "name": "<c1>", "image": "nginx:latest"}
CONTAINER_BODY = {**CONTAINER, "restart_policy": {"name": "never"}}
VOLUME = {"dataset_id": "<d1>", "mountpoint": "/data"}
LEASE = {"dataset_id": "<d1>", "node_uuid": NODE_1, "expires": None}

a_dataset = post(DATASETS, DATASET, 201)
a_container = post(CONTAINERS, CONTAINER, 201)
an_attached_dataset = post(CONTAINERS, {**CONTAINER, "volumes": [VOLUME]}, 201)
