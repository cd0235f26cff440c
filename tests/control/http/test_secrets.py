"""/v1/configuration/secrets: users write, and nobody reads."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from flocker_lite.control.http.app import site
from flocker_lite.control.http.resources import COLLECTIONS
from tests.control.http.container_bodies import ContainersTestCase
from tests.control.http.test_events import Reader

SECRETS = "/configuration/secrets"
VALUE = "hunter2"
OTHER = "correct-horse"


class SecretsTests(ContainersTestCase):
    """A secret `pg`; `write` remembers all answers to writes."""

    def setUp(self) -> None:
        super().setUp()
        self.generation = self.control.change_feed.generation
        self.said = b""
        self.write(201, SECRETS, {"name": "pg", "value": VALUE})

    def write(self, status: int, path: str, body: Any) -> Any:
        """POST, with this outcome."""
        reply = self.post(path, body)
        assert reply.status == status, reply.content
        self.said += reply.content
        return reply.body

    def assert_unsaid(self) -> None:
        """No answer has a value, in any form."""
        reader = Reader(site(self.api()))
        reader.get(f"/v1/events?since={self.generation}")
        said = self.said + reader.body.encode()
        reader.hang_up()
        said += b"".join(self.request("GET", f"/v1/{path}").content for path in COLLECTIONS)
        said += self.request("GET", f"/v1{SECRETS}/pg").content
        for value in (VALUE, OTHER):
            assert value.encode() not in said
            assert b64encode(value.encode()) not in said

    def test_names_and_times(self) -> None:
        """That is all there is to read."""
        expected = {"name": "pg", "created_at": 1.7e9, "changed_at": 1.7e9}
        assert self.get(SECRETS) == [expected]
        self.clock.advance(10)
        self.write(200, f"{SECRETS}/pg", {"value": OTHER})
        assert self.get(f"{SECRETS}/pg") == {**expected, "changed_at": 1.7e9 + 10}
        self.assert_unsaid()

    def test_bytes(self) -> None:
        """What is no text comes in base64."""
        self.write(201, SECRETS, {"name": "key", "base64": b64encode(b"\xff\0").decode()})
        assert self.control.configuration.secrets["key"].data == b64encode(b"\xff\0").decode()

    def test_refused(self) -> None:
        """What is wrong is not quoted, wherever the value is in it."""
        for body in (
            {"name": "new", "value": ""},
            {"name": "new", "value": [VALUE]},
            {"name": "new", "value": VALUE, "base64": "eA=="},
            {"name": "new", "base64": VALUE},
            {"name": "new"},
            {"name": "new", VALUE: VALUE},
            {"name": f"{VALUE}/", "value": VALUE},
            {"name": "new", "valeu": VALUE},
            [VALUE],
            VALUE,
        ):
            self.write(400, SECRETS, body)
            self.write(400, f"{SECRETS}/pg", body)
        reply = self.request(
            "POST",
            f"/v1{SECRETS}",
            data=b'{"name": "new", "value": "hunter2',
            headers={"Content-Type": "application/json"},
        )
        assert reply.status == 400
        self.said += reply.content
        self.write(409, SECRETS, {"name": "pg", "value": OTHER})
        self.write(404, f"{SECRETS}/none", {"value": OTHER})
        assert set(self.control.configuration.secrets) == {"pg"}
        self.assert_unsaid()

    def test_too_long(self) -> None:
        """There is a limit."""
        self.write(400, f"{SECRETS}/pg", {"value": "\N{SNOWMAN}" * 30_000})
        self.write(200, f"{SECRETS}/pg", {"value": "x" * 65_536})

    def test_containers(self) -> None:
        """A container says which it gets, and how; its answers have the names alone."""
        body = self.container(
            environment_secret={"PASSWORD": "pg"},
            secrets=["pg", {"secret": "pg", "path": "/etc/key", "mode": "0400", "uid": 999}],
        )
        assert body["environment_secret"] == {"PASSWORD": "pg"}
        usual = {"secret": "pg", "path": "/run/secrets/pg", "mode": "0444", "uid": 0, "gid": 0}
        other = {"secret": "pg", "path": "/etc/key", "mode": "0400", "uid": 999, "gid": 0}
        assert body["secrets"] == [usual, other]
        self.said += json.dumps(body).encode()
        self.assert_unsaid()
        reply = self.delete(f"{SECRETS}/pg")
        assert reply.status == 409
        assert reply.body["problems"][0]["used_by"] == "web"
        self.delete("/configuration/containers/web")
        assert self.delete(f"{SECRETS}/pg").status == 200
        assert self.get(SECRETS) == []

    def test_refused_in_containers(self) -> None:
        """What there is not, or cannot be, is refused."""
        for fields, status in (
            ({"environment_secret": {"A": "none"}}, 404),
            ({"secrets": ["none"]}, 404),
            ({"environment": {"A": "b"}, "environment_secret": {"A": "pg"}}, 409),
            ({"secrets": ["pg", "pg"]}, 409),
            ({"secrets": [{"secret": "pg", "path": "relative"}]}, 400),
            ({"secrets": [{"secret": "pg", "mode": "rw"}]}, 400),
            ({"secrets": [{"path": "/a"}]}, 400),
            ({"environment_secret": {"A": ""}}, 400),
        ):
            assert self.create(**fields).status == status, fields
        self.assert_nothing()
