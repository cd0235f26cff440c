"""What an answer says is wrong with a request, for a person to read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flocker_lite.control.http import openapi, problems
from flocker_lite.control.http.problems import Problem
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, Reply, RESTTestCase

DATASET = "dddddddd-0000-4000-8000-00000000000a"
OTHER = "dddddddd-0000-4000-8000-00000000000b"
CONTAINERS = "/configuration/containers"
DATASETS = "/configuration/datasets"
LEAST = {"host": ADDRESS_1, "name": "web", "image": "nginx"}
PORT = {"internal": 80, "external": 5432}


def of_container(body: Any) -> list[Problem]:
    """The problems of a container to create."""
    [create] = [o for o in openapi.load().operations() if o.name == "create_container"]
    return create.judged(body)[1]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"name": 1},
            "$.name: 1 is not a name of 1 to 128 letters, digits, hyphens and underscore",
        ),
        (
            {"host": None},
            "$.host: null is not the IP address of a node, its host name, or its UUID",
        ),
        (
            {"ports": [PORT, {"internal": True, "external": 1}]},
            "$.ports[1].internal: true is not a whole number from 1 to 65535",
        ),
        ({"ports": []}, "$.ports: [] is not a list of 1 to 256 ports, with those of ranges"),
        ({"cpu_shares": 1}, "$.cpu_shares: 1 is not a whole number from 2 to 1024"),
        ({"memory_limit": 2**20}, "$.memory_limit: 1048576 is not a whole number of bytes, 62914"),
        ({"memory_limits": 5}, "there is no key memory_limits here: did you mean memory_limit?"),
        ({"Restart-Policy": {}}, "did you mean restart_policy?"),
        ({"junk": 5}, "$.junk: there is no key junk here: allowed is host, name, image, ports"),
        ({"junk": 5}, " (see docs/containers.rst, Compose files)"),
        ({"restart_policy": {"name": "never", "junk": 1}}, "(see /v1/openapi.json)"),
        (
            {"restart_policy": {"name": "sometimes"}},
            '$.restart_policy.name: "sometimes" is not "never", "always" or "on-failure"',
        ),
        (
            {"restart_policy": "allways"},
            '$.restart_policy: "allways" is not "always", "unless-stopped", "on-failure", "on-fail',
        ),
        ({"restart_policy": "on-failure:0"}, '$.restart_policy: "on-failure:0" is not "always"'),
        ({"restart_policy": {}}, "$.restart_policy.name is missing: it should be"),
        ({"restart_policy": 5}, '$.restart_policy: 5 is not "always", "unless-stopped", "on-fail'),
        (
            {"restart_policy": {"nam": "always"}},
            "$.restart_policy.name is missing (there is nam): it should be",
        ),
        (
            {"restart_policy": {"name": "always", "maximum_retry_count": 5}},
            "$.restart_policy.maximum_retry_count cannot be combined with name",
        ),
        (
            {"restart_policy": {"name": "on-failure", "maximum_retry_count": 0}},
            "$.restart_policy.maximum_retry_count: 0 is not a whole number from 1 to 2147483647",
        ),
        ({"health_check": {}}, "is not an object with port, or port and path, or command"),
        (
            {"health_check": {"port": 80, "command": ["true"]}},
            "$.health_check.command cannot be combined with port",
        ),
        (
            {"health_check": {"port": 80, "timeout_seconds": 0}},
            "$.health_check.timeout_seconds: 0 is not a number of seconds over 0, at most 3600",
        ),
        ({"environment": {"A=B": "c"}}, '$.environment["A=B"]: "A=B" is not the name of a variab'),
        ({"environment": {"A": None}}, "$.environment.A: null is not a text without a NUL"),
        (
            {"environment": {"A": "x" * 200_000}},
            "$.environment.A: A is a variable of 200002 bytes; 131071 are possible",
        ),
        (
            {"volumes": [{"dataset_id": DATASET, "mountpoint": "/proc/./x"}]},
            '$.volumes[0].mountpoint: "/proc/./x" is not an absolute path in the container that is',
        ),
        (
            {"volumes": [{"dataset_id": DATASET, "mountpoint": "data"}]},
            '$.volumes[0].mountpoint: "data" is not an absolute path in the container that is',
        ),
    ],
)
def test_schema(more: dict[str, Any], message: str) -> None:
    """It is said which field it is, what was given as JSON, and what is allowed."""
    found = of_container({**LEAST, **more})
    assert [each for each in found if message in each["message"]], found


def test_missing() -> None:
    """Each key that is missing is named once."""
    assert [each["path"] for each in of_container({})] == ["$.host", "$.name", "$.image"]


def test_where_to_look() -> None:
    """Who is told no similar key is told where to find them all."""
    [none, here, elsewhere] = of_container(
        {**LEAST, "junk": 5, "memory_limits": 5, "mem_limit": 5, "labels": {"a": "b"}}
    )
    assert none["see"] == elsewhere["see"] == "docs/containers.rst, Compose files"
    assert none["message"].endswith(f" (see {none['see']})")
    assert (here["nearest"], elsewhere["nearest"]) == ("memory_limit", "memory_limit")
    assert "see" not in here


def test_no_object() -> None:
    """A body of another kind is a single problem."""
    assert [each["message"] for each in of_container([])] == ["$: [] is not an object"]


def test_long_values() -> None:
    """What was given is not quoted at length, however long it is."""
    [problem] = of_container({**LEAST, "image": "/" * 100_000})
    assert len(problem["message"]) < 500
    [problem] = of_container({**LEAST, "k" * 100_000: 1})
    assert len(problem["message"]) < 800


def test_many() -> None:
    """Of very many, only so many are told."""
    environment = {f"={number}": "" for number in range(1000)}
    found = of_container({**LEAST, "environment": environment})
    assert len(found) == problems.PROBLEMS_MAX


def schemas(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, dict | list):
            yield from schemas(each)


def test_words() -> None:
    """Whatever has a pattern or a format says in words what it allows."""
    for schema in schemas(openapi.load().content["components"]["schemas"]):
        if isinstance(schema.get("pattern"), str) or "patternProperties" in schema:
            is_asked = "x-words" in schema or "x-key-words" in schema
            is_excluded = set(schema) == {"pattern"}
            assert is_asked or is_excluded or "patternProperties" in schema, schema


class BrokenTests(RESTTestCase):
    """Bodies that are no JSON."""

    def told(self, body: bytes, **headers: str) -> Any:
        """The problem of a dataset to create."""
        headers = {"Content-Type": "application/json", **headers}
        reply = self.request("POST", f"/v1{DATASETS}", data=body, headers=headers)
        assert reply.status == 400
        [problem] = reply.body["problems"]
        return problem

    def test_place(self) -> None:
        """Line and column are told, counted from 1; in characters, not in bytes."""
        for body, line, column in (
            (b'{"primary": "a",}', 1, 17),
            (b'{\n  "primary": \n}', 3, 1),
            (b"{'primary': 1}", 1, 2),
            ('{"ü": NaN}'.encode(), 1, 7),
            (b'{"NaN": [1,\n -Infinity]}', 2, 2),
            (b'{"a": "\xff"}', 1, 8),
        ):
            problem = self.told(body)
            assert (problem["line"], problem["column"]) == (line, column), problem
            assert problem["message"].startswith(f"line {line}, column {column}: ")

    def test_without_a_place(self) -> None:
        """What is wrong without being at one place has words too."""
        for body, message in (
            (b"", "the body is empty"),
            (b" \n", "the body is empty"),
            (b'{"a": "\\ud800"}', "half of a surrogate pair"),
            (b"[" * 100_000, "nested too deeply"),
            (b'{"a": 1e999}', "too large"),
        ):
            assert message in self.told(body)["message"]

    def test_content_type(self) -> None:
        """What curl sends without the header is told with the remedy."""
        kind = "application/x-www-form-urlencoded"
        problem = self.told(b'{"a": 1}', **{"Content-Type": kind})
        assert kind in problem["message"]
        assert "send the header Content-Type: application/json" in problem["message"]


class ConflictTests(RESTTestCase):
    """What contradicts the rest of the configuration: who it is."""

    def setUp(self) -> None:
        super().setUp()
        for dataset_id in (DATASET, OTHER):
            self.created(DATASETS, {"dataset_id": dataset_id, "primary": ADDRESS_1})
        volume = {"dataset_id": DATASET, "mountpoint": "/data"}
        self.created(CONTAINERS, {**LEAST, "name": "pg", "ports": [PORT], "volumes": [volume]})

    def refused(self, reply: Reply, status: int, description: str) -> list[Problem]:
        """The problems of an answer, whose description is that of Flocker 0.4."""
        self.assert_refused(reply, status, description)
        found: list[Problem] = reply.body["problems"]
        return found

    def test_port(self) -> None:
        """Each external port that is taken, where it is asked for, and by which container."""
        reply = self.post(CONTAINERS, {**LEAST, "ports": [{**PORT, "external": 1}, PORT]})
        description = "A specified external port is already in use."
        assert self.refused(reply, 409, description) == [
            {
                "path": "$.ports[1].external",
                "given": "5432",
                "message": "external port 5432 is used by container pg",
                "used_by": "pg",
            }
        ]

    def test_port_twice(self) -> None:
        """One that the request itself has twice."""
        ports = [PORT, {**PORT, "internal": 81}]
        reply = self.post(f"{CONTAINERS}/pg", {"ports": ports})
        [problem] = self.refused(reply, 409, "A specified external port is already in use.")
        assert problem["message"] == "external port 5432 is named twice"

    def test_dataset(self) -> None:
        """A dataset that another container uses."""
        volumes = [{"dataset_id": DATASET.upper(), "mountpoint": "/x"}]
        reply = self.post(CONTAINERS, {**LEAST, "volumes": volumes})
        [problem] = self.refused(reply, 409, "The dataset is being used by another container.")
        assert problem["path"] == "$.volumes[0].dataset_id"
        assert problem["message"] == f"dataset {DATASET} is used by container pg"
        assert problem["used_by"] == "pg"

    def test_dataset_in_use(self) -> None:
        """One that is to be moved or deleted."""
        reply = self.delete(f"{DATASETS}/{DATASET}")
        [problem] = self.refused(
            reply, 409, "The dataset is being used by the container pg: delete the container first."
        )
        assert problem["used_by"] == "pg"

    def test_elsewhere(self) -> None:
        """A dataset that is on another node: on which."""
        volumes = [{"dataset_id": OTHER, "mountpoint": "/x"}]
        reply = self.post(CONTAINERS, {**LEAST, "host": ADDRESS_2, "volumes": volumes})
        [problem] = self.refused(reply, 409, "The dataset is on another node.")
        assert f"dataset {OTHER} is on {ADDRESS_1}" in problem["message"]

    def test_mountpoints(self) -> None:
        """One path is one path, however it is written."""
        for path in ("/data", "/data/", "//data", "/a/../data/."):
            volumes = [
                {"dataset_id": DATASET, "mountpoint": "/data"},
                {"dataset_id": OTHER, "mountpoint": path},
            ]
            reply = self.post(f"{CONTAINERS}/pg", {"volumes": volumes})
            description = "The mountpoints of a container's volumes must be unique."
            [problem] = self.refused(reply, 409, description)
            assert problem["message"] == "two volumes are at /data"

    def test_names(self) -> None:
        """A name and an id that are there already: where."""
        reply = self.post(CONTAINERS, {**LEAST, "host": ADDRESS_2, "name": "pg"})
        [problem] = self.refused(reply, 409, "The container name already exists.")
        assert problem["path"] == "$.name"
        assert problem["message"] == f"container pg is configured, on {ADDRESS_1}"
        reply = self.post(DATASETS, {"dataset_id": OTHER, "primary": ADDRESS_2})
        [problem] = self.refused(reply, 409, "The provided dataset_id is already in use.")
        assert problem["message"] == f"dataset {OTHER} is configured, on {ADDRESS_1}"
        self.delete(f"{DATASETS}/{OTHER}")
        reply = self.post(DATASETS, {"dataset_id": OTHER, "primary": ADDRESS_2})
        [problem] = self.refused(reply, 409, "The provided dataset_id is already in use.")
        assert "was deleted, and no id is used again" in problem["message"]

    def test_not_there(self) -> None:
        """What is not there: the nearest that is."""
        reply = self.post(f"{CONTAINERS}/Pg-", {"host": ADDRESS_2})
        [problem] = self.refused(reply, 404, "Container not found.")
        assert problem["nearest"] == "pg"
        assert problem["message"] == "there is no container Pg-: did you mean pg?"

    def test_no_node(self) -> None:
        """A node that is not part of the cluster: which there are."""
        reply = self.post(CONTAINERS, {**LEAST, "host": "10.77.0.99"})
        description = "The provided primary node is not part of the cluster."
        [problem] = self.refused(reply, 400, description)
        assert problem["path"] == "$.host"
        assert problem["message"].endswith(f"10.77.0.99: there are {ADDRESS_1}, {ADDRESS_2}")
        reply = self.post(CONTAINERS, {**LEAST, "host": "node-one"})
        [problem] = self.refused(reply, 400, description)
        assert "node-one" in problem["message"]


class QueryTests(RESTTestCase):
    """Query strings that somebody misspelt."""

    def test_dry_run(self) -> None:
        """A misspelt dry run changes nothing."""
        self.created(DATASETS, {"dataset_id": DATASET, "primary": ADDRESS_1})
        before = self.control.configuration
        for name in ("dryrun", "dry-run", "DRY_RUN", "dry_ru", "x"):
            path = f"{DATASETS}/{DATASET}?{name}=1"
            reply = self.post(path, {"primary": ADDRESS_2})
            assert reply.status == 400
            [problem] = reply.body["problems"]
            assert problem.get("nearest") == (None if name == "x" else "dry_run")
        assert self.control.configuration is before

    def test_any_bytes(self) -> None:
        """A query may have any bytes, escaped or not; names are compared as UTF-8."""
        for query, status in (
            ("%F1%81%BA%9F%C3", 200),
            ("after=%FF&limit=1", 200),
            ("dr%C3%BC=%E4", 200),
        ):
            assert self.request("GET", f"/v1{DATASETS}?{query}").status == status
        self.created(DATASETS, {"dataset_id": DATASET, "primary": ADDRESS_1})
        reply = self.post(f"{DATASETS}/{DATASET}?%FF=1", {"primary": ADDRESS_2})
        assert reply.body["errors"] == ["\N{REPLACEMENT CHARACTER}: unknown"]

    def test_form(self) -> None:
        """What a form in the body has is no part of the query."""
        kind = "application/x-www-form-urlencoded"
        path, headers = f"/v1{DATASETS}", {"Content-Type": kind}
        reply = self.request("POST", path, data=b"dryrun=1", headers=headers)
        assert "errors" not in reply.body

    def test_reads(self) -> None:
        """A read refuses a misspelt filter, of which it would answer everything."""
        for query, near in (
            ("hots=x", "host"),
            ("Deleted=1", "deleted"),
            ("wait-for=1", "wait_for"),
        ):
            reply = self.request("GET", f"/v1{DATASETS}?{query}")
            assert reply.status == 400
            assert reply.body["problems"][0]["nearest"] == near
        assert self.get(f"{DATASETS}?_=17&format=json") == []
